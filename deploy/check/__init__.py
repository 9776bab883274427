"""Finds out whether what an endpoint serves is what was judged, and if not, why."""
