"""Facts that a text states: numbers with units, dates, names."""
