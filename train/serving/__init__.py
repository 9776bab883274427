"""Writes what a server needs to serve a tuned model as it was judged: template, stops, commands."""
