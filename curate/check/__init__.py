"""Each row alone: text for comparison, facts, quality, personal data, the style."""
