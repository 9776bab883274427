"""Outputs against the style schema and beside what people wrote."""
