"""Evaluating in a project: outputs judged, gates, people's judgements, verdicts given again, the report."""
