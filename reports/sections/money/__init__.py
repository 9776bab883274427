"""The report's sections about money: what it costs, where each figure comes from, what if it changes."""
