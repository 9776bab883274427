"""The search for a better prompt in a project: its plan, its outputs, its result."""
