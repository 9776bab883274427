"""Every scan of a text does work in proportion to its length, whatever piece the text repeats.

Counted are the calls of functions, Python's own and those of extensions: a loop over matches within a loop over matches
shows, and the count is the same on every machine. What happens within one call (a search by a regular expression, a copy)
is measured by `benchmarks/linear_scans.py`.
"""

import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style.facts.numbers import facts_in

from .bounded import BOUNDED
from .commands import COMMANDS
from .reached import reached, scanning
from .repeats import REPEATS, SYMBOLS, repeated, varied
from .scans import SCANS, Scan

MOST_GROWTH = 2.5  # of the work when the text is twice as long
SHORT = 2_000  # characters
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


def grows_too_fast(scan: Scan, piece: str, text: Callable[[str, int], str] = repeated) -> list[int]:
    """The calls for texts of growing length if they grow faster than the text; else none."""
    scan(text(piece, SHORT))  # fills caches
    counts = [calls(scan, text(piece, times * SHORT)) for times in (1, 2, 4)]
    fast = all(after > MOST_GROWTH * before + FREE for before, after in pairwise(counts))
    return counts if fast else []


pieces = st.sampled_from(sorted(REPEATS.values())) | st.text(SYMBOLS, min_size=1, max_size=4)
texts = st.sampled_from([repeated, varied])


@pytest.mark.slow
@settings(max_examples=50)
@given(st.sampled_from(sorted(SCANS)), pieces, texts)
def test_the_calls_of_a_scan_grow_with_the_text_alone(name: str, piece: str, text: Callable[[str, int], str]):
    counts = grows_too_fast(SCANS[name], piece, text)
    assert not counts, f"{name}: the calls at {SHORT}, {2 * SHORT} and {4 * SHORT} characters are {counts}"


@pytest.mark.slow
@settings(max_examples=1)
@pytest.mark.parametrize("name", COMMANDS)
@given(pieces, texts)
def test_the_calls_of_a_command_grow_with_the_text_alone(name: str, piece: str, text: Callable[[str, int], str]):
    assert not grows_too_fast(COMMANDS[name], piece, text)


def test_an_output_with_as_many_values_as_its_request_is_checked_once_for_each():
    """Each was compared with all values of the request."""
    assert not grows_too_fast(SCANS["check allowed field: package, separator: ', ', fields"], "5 V, ", varied)


PROSE = """Sure, here is the text: Die LDO box (SOT-23) has 5 V, 1,000 mA and 10^6 cycles; v1.2.3 at 12:30 on 3 May 2026 or
03/04/2026, 5 m² ½ "red" — it's www.a.b/c a@b.de, (555) 123-4567, +49 30 123456. Not for 7 V! Great! Great!
- item one: 10 % box
1. item 2: 20 %
# Part
Part: box, {part} {{x}} [TODO] &amp; %20 Ã¼ as requested. Let me know if you need more!
```x```
<p class='x'>a &amp; b</p><ul><li>a</li></ul>
Key: value

A Title In Title Case Without red box AND big letters; colour color e-mail email GitHub Github
"""
READ = (
    PROSE, '{"b": {"c": [1, "red", 2.50]}, "size": "5 V"}', '{"a": 1, "b": 2, "a": 3} x',
    "The part box works. The part box works: SOT-89, 5 V", "[" * 201 + '"', "inform(a='x',b=y)", "name[a], size[b]",
    "Anna: hi\nBob: hello",
)  # fmt: skip


@pytest.mark.slow
def test_every_function_that_searches_a_text_is_reached_or_its_texts_are_bounded():
    """Add a scan to SCANS for a new function, or its reason to BOUNDED."""
    runs = [(scan, text) for scan in SCANS.values() for text in READ]
    runs += [(command, PROSE) for command in COMMANDS.values()]
    left = scanning() - reached(lambda: [run(text) for run, text in runs])
    unknown = {(file, name) for file, name in left if not {name, "*"} & BOUNDED.get(file, {}).keys()}
    assert not unknown
    needless = {
        (file, name)
        for file, names in BOUNDED.items()
        for name in names
        if (file, name) not in left and not (name == "*" and any(other == file for other, _ in left))
    }
    assert sorted(needless) == []


def test_the_counter_sees_a_loop_within_a_loop():
    assert grows_too_fast(lambda text: [text.find(a) for _ in range(len(text) // 100) for a in text], "ab")


@pytest.mark.parametrize("text", ["abc-" * 400 + "é1", "é1" + "-abc" * 400 + "é", "abc." * 400 + "é1"])
def test_words_around_a_code_are_read_in_one_way(text: str):
    """With two ways for each word, these would be read two to the power of 400 times."""
    assert [fact.kind for fact in facts_in(text)] == ["codes"]
