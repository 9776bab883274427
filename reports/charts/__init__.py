"""Charts as inline SVG, each with a title, a text alternative and its numbers in a table."""
