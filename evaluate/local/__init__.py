"""Outputs of models on this machine."""
