"""Evaluation in a project: judging outputs, gates, people's judgements, updated verdicts, the report."""
