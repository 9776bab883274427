"""The section behind the verdict: its reasons, and what would change it."""

from ..stored import StoredRun

__all__ = ["lead"]


def lead(run: StoredRun) -> str:
    """The sentence that opens the section."""
    return "The reasons behind the verdict, and what would change it."
