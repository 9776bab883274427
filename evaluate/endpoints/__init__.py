"""Outputs of OpenAI-compatible endpoints: what would be sent, what it costs, what came."""
