"""The risks of a tuned model, each measured or marked as not checked."""
