"""Which five requests the short report shows, and how much of their texts."""

import re
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.reports.sections.examples.examples import OUTPUT, Telling, choose_telling, telling_lead
from tuneworth.reports.sections.examples.gallery import example_anchor
from tuneworth.reports.stored import StoredRun

from ..shared import results_of

CHECKS = {name: {"sentence": f"Keep {name}.", "level": "must"} for name in ("order", "units", "length")}
CHECKS["tone"] = {"sentence": "Keep the tone.", "level": "should"}


def line(*broken: str, text: str = "a short answer", acceptable: bool | None = None) -> dict[str, Any]:
    good = not [check for check in broken if check != "tone"] if acceptable is None else acceptable
    found = [{"check": check, "found": "short", "start": 2, "end": 7, "expected": ""} for check in broken]
    return {"output": text, "acceptable": good, "violations": found}


def stored(rows: list[tuple[dict[str, Any], dict[str, Any]]], **pair: Any) -> StoredRun:
    """A run with these outputs of prompted and tuned, one pair of lines for each request."""
    results = {
        "quality": {"prompted": {}, "tuned": {}}, "comparison": {"baseline": "prompted", "candidate": "tuned"},
        "style": {"checks": CHECKS},
    }  # fmt: skip
    pairs = {f"p{n}": {"input": "a request", "output": "a reference", **pair} for n in range(len(rows))}
    outputs = {
        (f"p{n}", name): side for n, (one, two) in enumerate(rows) for name, side in (("prompted", one), ("tuned", two))
    }
    return StoredRun(Path("nowhere"), results_of(results), pairs, outputs)


def chosen(run: StoredRun) -> tuple[Telling, ...]:
    return choose_telling(run, list(run.pairs))


def test_each_cause_comes_once_before_one_comes_twice_and_none_comes_three_times() -> None:
    lost = [(line(), line("order"))] * 9 + [(line(), line("units"))] * 3 + [(line(), line("length", "tone"))]
    causes = [row.cause for row in chosen(stored(lost))]
    assert len(chosen(stored(lost[:9]))) == 2
    assert causes == [f"tuned breaks “Keep {name}”." for name in ("order", "units", "length", "order", "units")]


def test_both_directions_are_shown_by_their_numbers_and_each_at_least_once() -> None:
    won = [(line(name), line()) for name in ("order", "units", "length")] * 5
    rows = chosen(stored([*won, (line(), line("order"))]))
    assert [row.kind for row in rows] == ["lost", "won", "won", "won", "won"]
    even = [(line(), line("order")), (line(), line("units")), (line("order"), line()), (line("units"), line())]
    assert Counter(row.kind for row in chosen(stored(even))) == {"lost": 2, "won": 2}


def test_places_that_differences_leave_go_to_requests_that_both_fail_and_then_to_those_that_both_meet() -> None:
    rows = chosen(stored([(line(), line("order")), *[(line("units"), line("units"))] * 3, *[(line(), line())] * 4]))
    assert [row.kind for row in rows] == ["lost", "neither", "neither", "both", "both"]
    assert telling_lead(stored([(line(), line())]), rows).startswith("On the first, only one side is acceptable")


def test_a_request_without_outcome_is_never_shown() -> None:
    unscored = {"output": "x", "acceptable": None, "violations": []}
    assert chosen(stored([(line(), unscored)] * 3)) == ()


def test_of_one_cause_the_request_with_the_fewest_broken_rules_and_the_shortest_texts_is_shown() -> None:
    texts = [
        line("order", text="a short answer, and longer"),
        line("order", "units"),
        line("order"),
        line("order", "tone"),
    ]
    assert [row.id for row in chosen(stored([(line(), one) for one in texts]))][:2] == ["p2", "p0"]


def test_a_failure_of_the_whole_output_is_its_own_cause() -> None:
    (row,) = chosen(stored([(line(), line("cut at the token limit"))]))
    assert row.cause == "tuned: Cut at the token limit."


@given(st.text(max_size=900), st.integers(0, 3))
def test_a_text_is_whole_or_says_how_much_is_missing(text: str, sentences: int) -> None:
    text = "A sentence of a few words. " * sentences * 8 + text
    (row,) = chosen(stored([(line(), line("order", text=text))], output=text, input=text))
    shown = unescape(re.sub(r"</?mark>", "", str(row.sides[1].text)))
    for seen, left_off in ((shown, row.sides[1].left_off), (row.reference, row.reference_left_off)):
        assert text.startswith(seen)
        assert len(seen) + left_off == len(text)


def test_a_long_text_ends_at_a_sentence_or_else_at_a_word() -> None:
    sentence = "Every sentence of this answer has exactly nine words. "
    (row,) = chosen(stored([(line(), line("order", text=sentence * 20))]))
    assert str(row.sides[1].text).endswith("nine words.")
    assert row.sides[1].left_off == 20 * len(sentence) - len(re.sub("</?mark>", "", str(row.sides[1].text)))
    (row,) = chosen(stored([(line(), line("order", text="word " * 200))]))
    assert str(row.sides[1].text).endswith("word")
    (row,) = chosen(stored([(line(), line("order", text="W" * 1000))]))
    assert row.sides[1].left_off == 1000 - OUTPUT


def test_fields_are_shown_as_far_as_there_is_room() -> None:
    fields = {"name": "a lamp", **{f"field {n}": "some words " * 9 for n in range(30)}}
    (row,) = chosen(stored([(line(), line("order"))], fields=fields))
    shown = sum(len(text) for _, text in row.request)
    assert row.request[0] == ("name", "a lamp")
    assert 300 < shown < 500
    assert shown + row.request_left_off <= sum(map(len, map(str, fields.values())))


@pytest.mark.parametrize("id_", ["Diode/1N4148", "row-7", "a:b.c+d"])
def test_an_id_that_fits_an_address_is_part_of_it(id_: str) -> None:
    assert example_anchor(id_) == f"example-{id_}"


@pytest.mark.parametrize("id_", ["two words", 'a"b', "<i>", "ä", "x" * 200, "", "50%", "\ud800"])
def test_any_other_id_is_hashed(id_: str) -> None:
    assert re.fullmatch(r"example-[0-9a-f]{12}", example_anchor(id_))
