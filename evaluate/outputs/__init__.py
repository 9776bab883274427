"""Outputs from files, local models and endpoints, in one kind of row."""
