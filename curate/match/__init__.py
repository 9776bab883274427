"""Rows beside each other: the exact join, duplicates, conflicts, siblings."""
