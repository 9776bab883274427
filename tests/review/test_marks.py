"""Marked texts: the pieces make the text again, and what is marked is what differs or is broken."""

import itertools
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from tuneworth.review.queue.marks import mark_broken, mark_differences

WORDS = st.lists(
    st.sampled_from(["12", "V", "relay", "relay,", "SOT-23-5", "SOT-23", "für", "中文", "\n"]), max_size=12
)


def text_of(spans, without: str = "") -> str:
    return "".join(text for text, mark in spans if not without or mark != without)


@given(WORDS, WORDS)
def test_the_pieces_make_the_texts_and_what_is_not_marked_is_the_same_in_both(left, right):
    a, b = " ".join(left), " ".join(right)
    one, two = mark_differences(a, b)
    assert (text_of(one), text_of(two)) == (a, b)
    # What is marked may have stood between two words.
    same, same_there = (" ".join(text for text, mark in spans if mark != "differs").split() for spans in (one, two))
    assert same == same_there
    assert all(x[1] != y[1] for spans in (one, two) for x, y in itertools.pairwise(spans))


@given(st.text("一二三", max_size=8), st.text("一二三", max_size=8))
def test_as_little_is_marked_as_can_be(left, right):
    @cache
    def common(n: int, m: int) -> int:
        if not n or not m:
            return 0
        if left[n - 1] == right[m - 1]:
            return common(n - 1, m - 1) + 1
        return max(common(n - 1, m), common(n, m - 1))

    one, two = mark_differences(left, right)
    assert len(text_of(one, "differs")) == len(text_of(two, "differs")) == common(len(left), len(right))


def test_equal_texts_have_no_mark():
    assert mark_differences("the same", "the same") == ((("the same", ""),),) * 2
    assert mark_differences("", "new") == ((), (("new", "differs"),))


def test_codes_are_marked_as_a_whole_and_neighbours_as_one():
    one, two = mark_differences("Amplifier, SOT-23 5 V", "Amplifier, SOT-23-5 with 5 V")
    assert one == (("Amplifier, ", ""), ("SOT-23", "differs"), (" 5 V", ""))
    assert "".join(text for text, mark in two if mark).split() == ["SOT-23-5", "with"]


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(-2, 35), st.integers(-2, 35)), max_size=5))
def test_broken_places_are_marked_letter_by_letter(text, places):
    spans = mark_broken(text, places)
    inside = [any(start <= n < end for start, end in places) for n in range(len(text))]
    assert [mark == "broken" for piece, mark in spans for _ in piece] == inside
    assert text_of(spans) == text


def test_a_word_that_is_added_is_marked_without_the_space_after_it():
    one, two = mark_differences("It is near The Bakers", "It is located near The Bakers")
    assert one == (("It is near The Bakers", ""),)
    assert two == (("It is", ""), (" located", "differs"), (" near The Bakers", ""))


def test_very_long_texts_are_marked_between_what_they_share():
    a, b = "same start " + "a b " * 20_000 + "end", "same start " + "c d " * 20_000 + "end"
    one, two = mark_differences(a, b)
    assert one[0] == two[0] == ("same start ", "")
    assert len(one) == 3
