"""Marks the violations in the text of an output."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup


def clip(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters and the number of characters cut."""
    return text[:limit], max(0, len(text) - limit)


def mark_text(
    text: str, violations: Sequence[Mapping[str, Any]], *, numbers: Sequence[int] | None = None, anchor: str | None = None
) -> Markup:  # fmt: skip
    """The text with each violation in `<mark>`, numbered like the violations (from 1, or by `numbers`).

    Positions are code points, end excluded. Where two overlap, the text is cut at their ends and the shared piece has
    both numbers. Violations without a position, or beyond the text, mark nothing. With `anchor`, each number is a link:
    2 has the id `pANCHOR-2` at its first occurrence and leads to `nANCHOR-2`, where the list says what was expected.
    Without `anchor` there are no numbers, and neighbouring marks are one.
    """
    placed = _places(text, violations, numbers)
    if anchor is None:
        placed = [(start, end, 0) for start, end in _joined(placed)]
    cuts = sorted({0, len(text)} | {edge for start, end, _ in placed for edge in (start, end)})
    opened, closing = Counter(start for start, _, _ in placed), defaultdict[int, set[int]](set)
    closed = Counter(end for _, end, _ in placed)
    for _, end, number in placed:
        closing[end].add(number)
    pieces, named, inside = list[Markup](), set[int](), 0
    for start, end in itertools.pairwise(cuts):
        piece = text[start:end]
        inside += opened[start] - closed[start]
        if not inside:
            pieces.append(Markup("{}").format(piece))
            continue
        numbers_here = sorted(closing[end])
        links = [] if anchor is None else [_link(anchor, number, first=number not in named) for number in numbers_here]
        named.update(numbers_here)
        shown = Markup("<sup>{}</sup>").format(Markup(" ").join(links)) if links else Markup("")
        pieces.append(Markup("<mark>{}{}</mark>").format(piece, shown))
    return Markup("").join(pieces)


def _joined(placed: Sequence[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """The marked stretches, those that touch or overlap joined."""
    joined: list[tuple[int, int]] = []
    for start, end, _ in sorted(placed):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _link(anchor: str, number: int, *, first: bool) -> Markup:
    name = Markup(' id="p{}-{}"').format(anchor, number) if first else Markup("")
    return Markup('<a href="#n{0}-{1}"{2}>{1}</a>').format(anchor, number, name)


def placed_numbers(
    text: str, violations: Sequence[Mapping[str, Any]], *, numbers: Sequence[int] | None = None
) -> frozenset[int]:  # fmt: skip
    """The numbers of the violations that `mark_text` marks in this text."""
    return frozenset(number for _, _, number in _places(text, violations, numbers))


def _places(
    text: str, violations: Sequence[Mapping[str, Any]], numbers: Sequence[int] | None
) -> list[tuple[int, int, int]]:  # fmt: skip
    """(start, end, number) of each violation that lies in the text."""
    placed = []
    for number, violation in zip(numbers or range(1, len(violations) + 1), violations, strict=True):
        start, end = violation.get("start"), violation.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < min(end, len(text)):
            placed.append((start, min(end, len(text)), number))
    return placed
