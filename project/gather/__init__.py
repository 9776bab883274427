"""The outputs that an evaluation judges: what is wanted, asked of endpoints or generated here, and probed beyond the test."""
