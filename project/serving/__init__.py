"""Serving the tuned model of a run: exporting it, checking what is served, watching it."""
