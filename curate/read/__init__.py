"""Files in any of the known formats to one table of pairs."""
