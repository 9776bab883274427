"""The text that commands print about their results."""
