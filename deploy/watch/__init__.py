"""Watches a served model: checks by a sequential test, live logs by the rules of the style, drift of the requests."""
