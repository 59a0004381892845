"""Values and arithmetic on links; nothing in here imports torch."""
