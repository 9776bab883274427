"""The rows of a run that wait for a person: which there are, what each looks like, and what an action decides."""
