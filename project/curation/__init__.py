"""Curation in a project: checking, curating, planning and repairing pairs, and decisions about single rows."""
