"""The `tuneworth` command."""

from .main import main

__all__ = ["main"]
