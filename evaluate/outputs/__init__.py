"""Outputs from files, local models and endpoints, as rows of one table."""
