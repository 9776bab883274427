"""What a run was made of, and how to make it again."""

from collections.abc import Mapping
from typing import Any

__all__ = ["lead"]


def lead(origin: Mapping[str, Any] | None) -> str:
    """The sentence that opens the section."""
    return "What this run was made of, so that anybody can make it again."
