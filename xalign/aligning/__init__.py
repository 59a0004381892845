"""From text to links: the aligner and its parts."""
