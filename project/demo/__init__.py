"""The demo: the included example as a project, at a size that fits the machine."""
