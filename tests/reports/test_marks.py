import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.reports.sections.examples.marks import clip, mark_text, placed_numbers

TEXTS = st.text(alphabet=st.sampled_from("ab <>&\"'\n0\U0001f600é"), max_size=30)
EDGES = st.one_of(st.none(), st.integers(-3, 40))
PLACES = st.lists(st.fixed_dictionaries({"check": TEXTS, "start": EDGES, "end": EDGES}), max_size=6)


def shown(marked: str) -> str:
    """The words of the text, its numbers left out."""
    return html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<sup>.*?</sup>", "", marked)))


@given(TEXTS, PLACES)
def test_marks_leave_the_text_as_it_is(text: str, violations: list[dict[str, Any]]):
    assert shown(mark_text(text, violations, anchor="0-1")) == text


@given(TEXTS, PLACES)
def test_each_number_that_is_placed_is_one_link_to_its_note(text: str, violations: list[dict[str, Any]]):
    links = re.findall(r'<a href="#n3-1-(\d+)" id="p3-1-(\d+)">(\d+)</a>', mark_text(text, violations, anchor="3-1"))
    assert sorted(int(number) for number, _, _ in links) == sorted(placed_numbers(text, violations))
    assert all(len({*link}) == 1 for link in links)


@given(TEXTS, PLACES)
def test_marked_is_what_lies_in_a_place_and_nothing_else(text: str, violations: list[dict[str, Any]]):
    marked = [
        any(start <= at < end for start, end in ((v["start"], v["end"]) for v in violations)
            if start is not None and end is not None and 0 <= start < len(text))
        for at in range(len(text))
    ]  # fmt: skip
    found = re.sub(r"<sup>.*?</sup>", "", mark_text(text, violations))
    inside = []
    for piece in re.split(r"(<mark>.*?</mark>)", found, flags=re.DOTALL):
        inside += [piece.startswith("<mark>")] * len(shown(piece))
    assert inside == marked


@given(TEXTS, PLACES)
def test_places_of_one_number_lead_to_one_note_and_the_first_has_the_name(text: str, violations: list[dict[str, Any]]):
    marked = mark_text(text, violations, numbers=[7] * len(violations), anchor="0-0")
    links = re.findall(r'<a href="#n0-0-7"( id="p0-0-7")?>7</a>', marked)
    assert [bool(name) for name in links] == [True] * bool(links) + [False] * (len(links) - 1)
    assert bool(links) == (placed_numbers(text, violations, numbers=[7] * len(violations)) == {7})
    assert shown(marked) == text


@pytest.mark.parametrize(
    "place", [(None, None), (-1, 2), (3, 3), (4, 2), (9, 12), (2.0, 4.0), ("1", "2"), (True, None)]
)
def test_a_place_that_is_none_marks_nothing(place: tuple[Any, Any]):
    violation = {"check": "x", "start": place[0], "end": place[1]}
    assert mark_text("abcde", [violation]) == "abcde"
    assert placed_numbers("abcde", [violation]) == frozenset()


def test_a_place_that_the_shortened_text_cuts_ends_with_it():
    assert mark_text("abcde", [{"start": 3, "end": 90}], anchor="0-0") == (
        'abc<mark>de<sup><a href="#n0-0-1" id="p0-0-1">1</a></sup></mark>'
    )


@given(TEXTS, st.integers(0, 40))
def test_what_is_clipped_is_counted(text: str, limit: int):
    kept, left_off = clip(text, limit)
    assert text.startswith(kept)
    assert len(kept) + left_off == len(text)
