"""What a job would take, from a sample run through the stages."""
