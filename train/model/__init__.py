"""Models: loading, chat templates, adapters, kernels, merging, GGUF, devices."""
