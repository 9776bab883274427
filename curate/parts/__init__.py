"""Curating in parts: the same steps over partitions, on the cores of one machine or on a Ray cluster."""
