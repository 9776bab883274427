"""Turns a finished run into one HTML page and one Markdown page that a stakeholder can read."""

from .report import write_report

__all__ = ["write_report"]
