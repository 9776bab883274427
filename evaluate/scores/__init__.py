"""Scores of outputs: against the style schema and compared with the references."""
