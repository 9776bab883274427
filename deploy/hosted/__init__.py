"""Trains at a provider: the bill first, each job once, and the adapter that comes back."""
