"""Files on the disk: regular ones, written whole, appended to, one writer at a time."""
