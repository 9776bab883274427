"""Marks pieces of texts: the words in which two texts differ, the places where an output breaks a rule."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from rapidfuzz.distance import Indel

from ...style import UNSPACED
from .items import Spans

# A word keeps what joins its parts, as in SOT-23-5, 3.3 or don't; scripts without spaces are compared letter by letter.
_WORDS = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+(?:[-.,:/'’][^\W{UNSPACED}]+)*|\s+|.", re.DOTALL)
_MOST = 4e8  # pairs of words compared, about a tenth of a second and 50 MB; longer texts are marked as a whole


def mark_differences(left: str, right: str) -> tuple[Spans, Spans]:
    """Both texts with the words marked that only one of them has, where the rest is in the same order."""
    a, b = _WORDS.findall(left), _WORDS.findall(right)
    start = _shared(a, b)
    stop = _shared(a[start:][::-1], b[start:][::-1])
    one, two = [False] * len(a), [False] * len(b)
    for _, i, j, k, m in _changes(a[start : len(a) - stop], b[start : len(b) - stop]):
        one[start + i : start + j] = [True] * (j - i)
        two[start + k : start + m] = [True] * (m - k)
    return _spans(a, one), _spans(b, two)


def mark_broken(text: str, places: Iterable[tuple[int, int]]) -> Spans:
    """The text with these places marked (start, end in code points, end excluded); they may overlap."""
    broken = [False] * len(text)
    for start, end in places:
        for n in range(max(start, 0), min(end, len(text))):
            broken[n] = True
    return _pieces(text, broken, "broken")


def _shared(a: Sequence[str], b: Sequence[str]) -> int:
    """How many words two texts begin with in common."""
    return next((n for n, (one, two) in enumerate(zip(a, b, strict=False)) if one != two), min(len(a), len(b)))


def _changes(a: Sequence[str], b: Sequence[str]) -> Iterable[tuple[str, int, int, int, int]]:
    if len(a) * len(b) > _MOST:
        return [("replace", 0, len(a), 0, len(b))]
    return [
        (change.tag, change.src_start, change.src_end, change.dest_start, change.dest_end)
        for change in Indel.opcodes(a, b)
        if change.tag != "equal"
    ]


def _spans(words: Sequence[str], differs: list[bool]) -> Spans:
    """The text in pieces. White space between two words that differ belongs to the difference, that after it does not."""
    joined = _slid(words, differs)
    for n in range(1, len(words) - 1):
        if words[n].isspace() and differs[n - 1] and differs[n + 1]:
            joined[n] = True
    return _pieces(words, joined, "differs")


def _slid(words: Sequence[str], differs: Sequence[bool]) -> list[bool]:
    """Differences that end with white space moved to the same white space before them, where there is some."""
    moved = list(differs)
    for last in range(1, len(words)):
        ends = moved[last] and words[last].isspace() and not (last + 1 < len(words) and moved[last + 1])
        if ends:
            first = last
            while first and moved[first - 1]:
                first -= 1
            if first and words[first - 1] == words[last]:
                moved[first - 1], moved[last] = True, False
    return moved


def _pieces(units: Sequence[str], marked: Sequence[bool], mark: str) -> Spans:
    runs = groupby(zip(units, marked, strict=True), lambda unit: unit[1])
    return tuple(("".join(text for text, _ in run), mark if is_marked else "") for is_marked, run in runs)
