"""What requests cost, what a change saves, and when it pays back; each figure with its derivation."""
