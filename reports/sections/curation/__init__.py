"""The report's sections about the data: what was read, what was dropped and why, and that nothing leaks."""
