"""Gathers the outputs that an evaluation needs, from files, endpoints and local models, and those of extra probes."""
