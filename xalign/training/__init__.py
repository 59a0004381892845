"""Training: masking, losses, corpora as memory-mapped arrays, and one loop for both stages."""
