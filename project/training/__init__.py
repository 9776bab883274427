"""Training in a project, here or at a provider, and its learning curve."""
