"""One entry of the section about methods, and how its numbers are written."""

from dataclasses import dataclass
from typing import Any, TypeGuard

from ...core import unbroken as say

__all__ = ["MethodEntry", "number", "p_words"]


@dataclass(frozen=True)
class MethodEntry:
    """A method that this run used: its anchor without the `m-`, its heading, its sentences in paragraphs."""

    id: str
    title: str
    paragraphs: tuple[str, ...]


def p_words(p: Any) -> str:
    """`p = 0.012`, `p < 0.0001`; empty where there is none."""
    if not number(p):
        return ""
    return f"p{say.gap}<{say.gap}0.0001" if p < 0.0001 else f"p{say.gap}={say.gap}{p:.4f}"


def number(value: Any) -> TypeGuard[float]:
    """Whether this is a number that can be said."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
