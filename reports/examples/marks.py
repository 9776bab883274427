"""An output as text with its violations marked at their place."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

__all__ = ["clip", "mark_text", "placed_numbers"]


def clip(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters and how many were left off."""
    return text[:limit], max(0, len(text) - limit)


def mark_text(text: str, violations: Sequence[Mapping[str, Any]], *, anchor: str | None = None) -> Markup:
    """The text with each place of a violation in `<mark>`, numbered as the violations are (from 1).

    Places are code points, end excluded. Where two overlap, the text is cut at their ends and the shared
    piece carries both numbers. Violations without a place, or beyond the text, mark nothing. With `anchor`
    each number is a link: 2 has the id `pANCHOR-2` and leads to `nANCHOR-2`, where the list says what was expected.
    Without it there are no numbers.
    """
    placed = _places(text, violations)
    cuts = sorted({0, len(text)} | {edge for start, end, _ in placed for edge in (start, end)})
    pieces = Markup("")
    for start, end in itertools.pairwise(cuts):
        inside = [number for first, last, number in placed if first <= start and end <= last]
        piece = text[start:end]
        if not inside:
            pieces += Markup("{}").format(piece)
            continue
        closing = [number for _, last, number in placed if last == end and number in inside and anchor is not None]
        links = [Markup('<a href="#n{0}-{1}" id="p{0}-{1}">{1}</a>').format(anchor, number) for number in closing]
        numbers = Markup("<sup>{}</sup>").format(Markup(" ").join(links)) if closing else Markup("")
        pieces += Markup("<mark>{}{}</mark>").format(piece, numbers)
    return pieces


def placed_numbers(text: str, violations: Sequence[Mapping[str, Any]]) -> frozenset[int]:
    """The numbers (from 1) of the violations that `mark_text` marks in this text."""
    return frozenset(number for _, _, number in _places(text, violations))


def _places(text: str, violations: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, int]]:
    """(start, end, number) of each violation that lies in the text."""
    placed = []
    for number, violation in enumerate(violations, start=1):
        start, end = violation.get("start"), violation.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < min(end, len(text)):
            placed.append((start, min(end, len(text)), number))
    return placed
