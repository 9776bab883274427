"""What a reader sees in the first ten seconds."""
