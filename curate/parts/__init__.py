"""Curation cut into parts: tasks, storage, a pool of processes, Ray."""
