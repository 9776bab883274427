"""Files that people write: TOML, and places in a text."""
