"""The files of a run: their schemas, reading them, and damage in words."""
