"""Shares and differences with their intervals, for items that may come in groups."""
