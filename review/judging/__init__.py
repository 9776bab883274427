"""Outputs judged blind by several people, in the files that the report's page writes too."""
