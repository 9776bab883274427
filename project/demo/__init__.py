"""The demo: the shipped example as a project, at sizes that fit the machine."""
