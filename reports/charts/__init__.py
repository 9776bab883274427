"""Inline SVG by a few functions: each chart with its title, a text alternative and its numbers in a table."""
