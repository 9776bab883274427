"""The server behind the page: the desk of one run, its addresses, and who may ask."""
