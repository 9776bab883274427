"""Splits that cannot leak, and the certificate that they do not."""
