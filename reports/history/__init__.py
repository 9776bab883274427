"""Pages and texts about several runs."""
