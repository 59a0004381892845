"""Text to values and back; nothing in here imports torch."""
