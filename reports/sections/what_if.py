"""The section in which a reader changes the numbers of the money and sees what follows."""

from typing import Any

from ..stored import StoredRun

__all__ = ["lead", "page_data"]


def lead(run: StoredRun) -> str:
    """The sentence that opens the section."""
    return "Change what you do not believe, and see what follows."


def page_data(run: StoredRun) -> dict[str, Any] | None:
    """What the page's script needs to count the money again; None where there is no money to count."""
    return None
