"""What can go wrong with a tuned model, each measured or not checked."""
