"""The network: tensors in, tensors out; no files, clock, global seed, tokenizer or device choice."""
