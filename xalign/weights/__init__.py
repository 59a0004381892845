"""Files to models: the embedded encoder, encoders of other projects, our own model folders."""
