"""Watches a served model: looks by a sequential test, live logs by the schema, drift of the requests."""
