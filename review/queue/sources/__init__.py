"""Where the items of the queue come from: one module for each file of a run that names some."""
