"""Compares evaluated runs: rows that changed, rules and slices that moved, the change in cost."""
