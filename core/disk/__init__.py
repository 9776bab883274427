"""Files on disk: opened only if regular, written atomically, appended to by one process at a time."""
