"""The section of examples: the sentence that opens it."""

from ..stored import StoredRun

__all__ = ["lead"]


def lead(run: StoredRun) -> str:
    """The sentence that opens the section."""
    return "The same request answered by each side, with every broken rule marked where it stands."
