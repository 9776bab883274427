"""The style at the desk: what an edit of the style file would change, and the file with its comments kept."""
