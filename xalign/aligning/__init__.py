"""Text to links: an aligner and what it needs."""
