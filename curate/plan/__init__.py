"""Estimates the cost of a job from a sample run through the stages."""
