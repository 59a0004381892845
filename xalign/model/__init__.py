"""The network: tensors in, tensors out; no files, clock, global seed or choice of device."""
