"""Which parts of the requests moved: groups, field values, lengths, corrected for looking at many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from tuneworth.core import as_json
from tuneworth.evaluate.history.moved import LEAST_ROWS, moved_slices, slices_of

from .judged_sides import compared, outcomes, pairs, side


def rows(n, colour=lambda at: "red", **more):
    return [
        {"id": f"r{at}", "input": "x" * (at + 1), "fields": {"colour": colour(at), "part": f"p{at}"}}
        | {key: of(at) for key, of in more.items()}
        for at in range(n)
    ]  # fmt: skip


def found(before, after, asked):
    return compared(side("A", outcomes(before), rows=asked), side("B", outcomes(after), rows=asked))


def test_the_value_of_a_field_that_got_worse_is_found():
    asked = rows(120, lambda at: "blue" if at % 4 == 0 else "red")
    result = found([1] * 120, [at % 4 != 0 for at in range(120)], asked)
    moved = {(row["kind"], row["field"], row["value"]): row["moved"] for row in result["slices"]}
    assert moved["field", "colour", "blue"] == "worse"
    assert moved["field", "colour", "red"] is None
    assert ("field", "part", "p1") not in moved


def test_p_values_are_those_of_the_paired_test_corrected_for_all_parts():
    asked = rows(90, lambda at: ["blue", "red", "green"][at % 3])
    rng = np.random.default_rng(1)
    before, after = rng.random(90) < 0.7, rng.random(90) < 0.5
    result = found(before.tolist(), after.tolist(), asked)["slices"]
    for row in result:
        if row["kind"] == "field":
            at = [place for place in range(90) if asked[place]["fields"]["colour"] == row["value"]]
            only = int(sum(after[at] & ~before[at])), int(sum(before[at] & ~after[at]))
            assert row["p_value"] == pytest.approx(mcnemar([[0, only[1]], [only[0], 0]], exact=True).pvalue)
    adjusted = multipletests([row["p_value"] for row in result], method="holm")[1]
    assert [row["p_holm"] for row in result] == pytest.approx(adjusted.tolist())


def test_small_parts_are_counted_and_not_judged():
    asked = rows(60, lambda at: "rare" if at < LEAST_ROWS - 1 else "red")
    result = found([1] * 60, [0] * 60, asked)
    assert {row["value"] for row in result["slices"] if row["kind"] == "field"} == {"red"}
    assert result["slices_small"] == 1 + 60  # the rare colour, and each part


def test_a_part_of_which_few_requests_were_scored_is_not_judged():
    asked = rows(60, lambda at: "blue" if at < 25 else "red")
    result = found([None] * 10 + [1] * 50, [0] * 60, asked)
    assert [row["value"] for row in result["slices"] if row["kind"] == "field"] == ["red"]


def test_a_group_is_judged_by_its_own_requests():
    asked = rows(60, group=lambda at: f"g{at // 30}")
    result = found([1] * 60, [0] * 30 + [1] * 30, asked)
    group = next(row for row in result["slices"] if row["kind"] == "group" and row["value"] == "g0")
    assert (group["moved"], group["n"], group["groups"]) == ("worse", 30, None)


def test_a_request_without_the_field_is_a_part_too():
    asked = rows(60, lambda at: "" if at % 2 else "red")
    values = {row["value"] for row in found([1] * 60, [1] * 60, asked)["slices"] if row["field"] == "colour"}
    assert values == {"red", None}


def test_parts_of_the_same_requests_are_one():
    asked = [
        row | {"fields": {**row["fields"], "paint": row["fields"]["colour"].upper()}}
        for row in rows(60, lambda at: "blue" if at % 2 else "red")
    ]
    result = found([1] * 60, [1] * 60, asked)
    colours = [row for row in result["slices"] if row["kind"] == "field"]
    assert sorted((row["value"], row["also"][0]["value"]) for row in colours) == [("blue", "BLUE"), ("red", "RED")]


def test_the_length_of_the_request_is_cut_into_thirds():
    result = found([1] * 90, [1] * 60 + [0] * 30, rows(90))
    lengths = {row["value"]: (row["n"], row["moved"]) for row in result["slices"] if row["kind"] == "length"}
    assert lengths == {"short": (30, None), "middle": (30, None), "long": (30, "worse")}


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), min_size=40, max_size=80))
def test_the_other_order_mirrors_every_part(drawn):
    asked = pairs(rows(len(drawn), lambda at: drawn[at][0]))
    slices, _ = slices_of(asked, asked)
    first, second = (np.array([row[at] for row in drawn], dtype=float) for at in (1, 2))
    there, back = (as_json(moved_slices(slices, *both, None)) for both in ((first, second), (second, first)))
    by_value = {(row["kind"], row["value"]): row for row in back}
    for row in there:
        other = by_value[row["kind"], row["value"]]
        assert row["p_holm"] == other["p_holm"]
        assert row["difference"]["value"] == pytest.approx(-other["difference"]["value"])


@pytest.mark.slow
def test_looking_at_many_parts_raises_few_false_alarms():
    """Of 80 pairs of runs that differ by chance alone, at most 5% show any part that moved, within chance."""
    asked = pairs(rows(200, lambda at: "abcde"[at % 5], group=lambda at: f"g{at % 7}"))
    slices, _ = slices_of(asked, asked)
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(80):
        first, second = (rng.random((2, 200)) < 0.6).astype(float)
        alarms += any(row.moved for row in moved_slices(slices, first, second, None))
    assert len(slices) == 15
    assert alarms <= 9  # the 99% point of 80 draws at 5%
