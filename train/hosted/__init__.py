"""Trains at a hosted provider: file rules, the bill, jobs that survive a crash."""
