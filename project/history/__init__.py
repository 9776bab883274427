"""The runs of a project over time: listed, compared, pruned."""
