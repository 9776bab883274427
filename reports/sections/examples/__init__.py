"""The report's examples: which requests are shown, and their outputs with the broken rules marked."""
