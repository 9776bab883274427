"""Every scan of a text does work in proportion to its length, whatever piece the text repeats.

Counted are the calls of functions, Python's own and those of extensions: a loop over matches within a loop over matches
shows, and the count is the same on every machine. What happens within one call (a search by a regular expression, a copy)
is measured by `benchmarks/linear_scans.py`.
"""

import sys
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style.facts.numbers import facts_in

from .repeats import REPEATS, repeated
from .scans import SCANS, Scan

MOST_GROWTH = 2.5  # of the work when the text is twice as long
SHORT = 1_000  # characters
FREE = 3_000  # calls that do not depend on the text, such as those that fill a cache


def calls(scan: Scan, text: str) -> int:
    """The number of calls that a scan of a text makes."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        scan(text)
    finally:
        sys.setprofile(None)
    return count


def grows_too_fast(scan: Scan, piece: str) -> list[int]:
    """The calls for texts of growing length if they grow faster than the text; else none."""
    scan(repeated(piece, SHORT))  # fills caches
    counts = [calls(scan, repeated(piece, times * SHORT)) for times in (1, 2, 4)]
    fast = all(after > MOST_GROWTH * before + FREE for before, after in pairwise(counts))
    return counts if fast else []


@pytest.mark.slow
@settings(max_examples=75)
@given(st.sampled_from(sorted(SCANS)), st.lists(st.sampled_from(sorted(REPEATS)), min_size=2, max_size=2, unique=True))
def test_the_calls_of_a_scan_grow_with_the_text_alone(name: str, pieces: list[str]):
    found = {piece: counts for piece in pieces if (counts := grows_too_fast(SCANS[name], REPEATS[piece]))}
    assert not found, f"{name}: the calls at {SHORT}, {2 * SHORT} and {4 * SHORT} characters"


def test_the_counter_sees_a_loop_within_a_loop():
    assert grows_too_fast(lambda text: [text.find(a) for _ in range(len(text) // 100) for a in text], "ab")


@pytest.mark.parametrize("text", ["abc-" * 400 + "é1", "é1" + "-abc" * 400 + "é", "abc." * 400 + "é1"])
def test_words_around_a_code_are_read_in_one_way(text: str):
    """With two ways for each word, these would be read two to the power of 400 times."""
    assert [fact.kind for fact in facts_in(text)] == ["codes"]
