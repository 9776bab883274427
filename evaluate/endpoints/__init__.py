"""Outputs from OpenAI-compatible endpoints: what is requested, sent, counted and stored."""
