"""Files that people write: reading text and TOML, with line numbers for messages."""
