"""The search for a better prompt without training: its settings, its candidates, two ways to search, the result."""
