"""The same request under another id is not another case: equal requests are groups of the statistics."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.evaluate import groups_by_id, groups_of
from tuneworth.evaluate.results import Requests
from tuneworth.evaluate.scores.groups import LARGEST, grouped_requests
from tuneworth.evaluate.statistics.intervals import share_interval
from tuneworth.evaluate.statistics.paired import compare
from tuneworth.project import judge_outputs

STYLE = "name: t\nchecks:\n  - {kind: ends_with, any: [good], id: good}\n"
PRICES = {"price_input": 5, "price_output": 20}


def pairs(inputs: list[str], **columns: Any) -> pl.DataFrame:
    table = {"id": [f"p{row}" for row in range(len(inputs))], "input": inputs, "fields": None, "group": None, **columns}
    return pl.DataFrame(table, schema_overrides=dict.fromkeys(("fields", "group", "component"), pl.String))


def sets(groups: np.ndarray | None) -> list[list[int]]:
    """The rows of each group of two or more."""
    found: dict[Any, list[int]] = {}
    for row, group in enumerate([] if groups is None else groups.tolist()):
        found.setdefault(row if group is None else group, []).append(row)
    return sorted(rows for rows in found.values() if len(rows) > 1)


FILLER = [f"another question {row}" for row in range(20)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Describe the part.", "  describe\u00a0the PART. "),
        ("a: 1\nb: 2", "b: 2\na: 1"),
        ("**Describe** the part.", "Describe the part."),
    ],
)
def test_requests_are_equal_as_in_curation(one: str, other: str):
    assert sets(groups_of(pairs([one, *FILLER, other]))) == [[0, 21]]
    assert groups_of(pairs([one, *FILLER])) is None


def test_identifiers_do_not_make_a_request_another_one():
    fields = [json.dumps({"part": f"X{row}", "package": "SO8" if row < 2 else f"P{row}"}) for row in range(12)]
    table = pairs([f"request {row}" for row in range(12)], fields=fields)
    assert groups_of(table) is None
    assert sets(groups_of(table, ["part"])) == [[0, 1]]


def test_equal_requests_join_stated_groups_and_tied_sets():
    inputs = ["a b c", "d e f", "a b c", *FILLER]
    for column in ("group", "component"):
        stated = pairs(inputs, **{column: ["g", "g", "h", "h", *[f"n{row}" for row in range(19)]]})
        groups = groups_of(stated)
        assert groups is not None
        assert sets(groups) == [[0, 1, 2, 3]]
        assert set(groups[:4]) == {"g"}
        assert sets(groups_of(stated.with_columns(input=pl.Series(map(str, range(23)))))) == [[0, 1], [2, 3]]


def test_a_request_in_more_than_a_fifth_of_the_pairs_is_not_tied_but_counted():
    groups, requests = grouped_requests(pairs(["the same"] * 6 + FILLER + ["twice", "twice"]))
    assert sets(groups) == [[26, 27]]
    assert requests == Requests(n=28, distinct=22, largest=6, untied=6)
    assert grouped_requests(pairs(["the same"] * 5 + FILLER))[1] == Requests(n=25, distinct=21, largest=5, untied=0)
    everything, requests = grouped_requests(pairs(["the same"] * 30))
    assert everything is None
    assert requests == Requests(n=30, distinct=1, largest=30, untied=30)


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=60),
    st.lists(st.integers(0, 5) | st.none(), min_size=60, max_size=60),
)
def test_groups_hold_what_is_stated_and_no_request_joins_more_than_a_fifth(
    requests: list[int], stated: list[int | None]
):
    given_groups = [None if one is None else f"g{one}" for one in stated[: len(requests)]]
    table = pairs([f"question number {one}" for one in requests], group=given_groups)
    groups = groups_of(table)
    labels = [
        row if label is None else label for row, label in enumerate([None] * len(table) if groups is None else groups)
    ]
    for one in range(len(table)):
        for other in range(one):
            if given_groups[one] is not None and given_groups[one] == given_groups[other]:
                assert labels[one] == labels[other]
    for rows in sets(groups):
        joins_more = len({given_groups[row] or row for row in rows}) > 1
        assert not joins_more or len(rows) <= LARGEST * len(table)
    by_id = groups_by_id({**row, "fields": {}} for row in table.iter_rows(named=True))
    assert [by_id[f"p{row}"] for row in range(len(table))] == (
        [None] * len(table) if groups is None else groups.tolist()
    )


def judged(folder: Path, distinct: int, copies: int) -> dict[str, Any]:
    chance = np.random.default_rng(2)
    good = {"prompted": chance.random(distinct) < 0.7, "tuned": chance.random(distinct) < 0.94}
    rows = [(f"r{row}c{copy}", row) for row in range(distinct) for copy in range(copies)]
    table = [{"id": id, "input": f"Describe part {row * 37}." + " " * (row % 2)} for id, row in rows]
    outputs = {
        name: [{"id": id, "output": f"{name} {row} " + ("good" if right[row] else "bad"), "output_tokens": 150,
                "input_tokens": 650 if name == "prompted" else 150} for id, row in rows]
        for name, right in good.items()
    }  # fmt: skip
    roi = {"requests_per_day": 5000, "investment": {"compute": 200}, "running": {"per_month": 0}}
    (folder / "style.yaml").write_text(STYLE)
    roi |= {"prompted": PRICES, "tuned": PRICES}
    run = judge_outputs(
        [{**pair, "output": "good"} for pair in table], outputs, folder / "style.yaml", roi=roi, out=folder / "run"
    )
    assert "distinct requests" in (run.folder / "report.html").read_text() or copies == 1
    return json.loads((run.folder / "results.json").read_text())


@pytest.mark.slow
def test_thirty_requests_under_three_hundred_ids_count_as_about_thirty(tmp_path: Path):
    (tmp_path / "once").mkdir()
    found, once = judged(tmp_path, 30, 10), judged(tmp_path / "once", 30, 1)
    assert found["requests"] == {"n": 300, "distinct": 30, "largest": 10, "untied": 0}
    comparison = found["comparison"]
    assert (comparison["n"], comparison["groups"]) == (300, 30)
    assert comparison["n_effective"] == pytest.approx(30)
    assert (found["verdict"]["decision"], found["verdict"]["confidence"]["level"]) != ("fine-tune", "high")
    assert "300 test cases come from only 30 distinct requests" in found["verdict"]["doubt"]
    difference, alone = comparison["difference"], once["comparison"]["difference"]
    assert difference["value"] == pytest.approx(alone["value"])
    assert difference["high"] - difference["low"] > 0.9 * (alone["high"] - alone["low"])


@pytest.mark.slow
def test_few_requests_that_are_too_frequent_to_count_once_are_a_doubt(tmp_path: Path):
    found = judged(tmp_path, 4, 30)
    assert found["requests"]["untied"] == 120
    assert "too frequent to count once (4 distinct requests in all)" in json.dumps(found["verdict"])
    assert found["verdict"]["confidence"]["level"] != "high"


def copied(n: int, copies: int) -> np.ndarray:
    """The groups of n requests under so many ids each, all copies of a request one after the other."""
    groups = groups_of(pairs([f"ask for part {row}" for row in range(n) for _ in range(copies)]))
    assert groups is not None
    return groups


@pytest.mark.slow
def test_a_worse_candidate_rarely_passes_as_not_worse_on_repeated_requests():
    """6 points worse, 30 requests ten times each: 18% of the sets pass if every id counts, 2% with groups."""
    chance, worlds = np.random.default_rng(0), 400
    passed = {"groups": 0, "ids": 0}
    for _ in range(worlds):
        outcomes = [(chance.random(30) < share).astype(float).repeat(10) for share in (0.9, 0.84)]
        for key, groups in (("groups", copied(30, 10)), ("ids", None)):
            low = compare(*outcomes, groups).low_one_sided
            passed[key] += low is not None and low > -0.03
    assert passed["groups"] <= 0.05 * worlds
    assert passed["ids"] >= 0.12 * worlds


def width(interval: Any) -> float:
    return interval.high - interval.low


@pytest.mark.slow
def test_copies_of_every_request_make_no_interval_narrower_than_one_copy_has():
    """Shares exactly; a difference by 5% at most, as the correlation of groups is corrected in another way."""
    chance, widths = np.random.default_rng(1), []
    for _ in range(200):
        n, copies = int(chance.integers(20, 60)), int(chance.integers(2, 12))
        once = [(chance.random(n) < share).astype(float) for share in chance.uniform(0.5, 1.0, 2)]
        many, groups = [side.repeat(copies) for side in once], copied(n, copies)
        found, alone = compare(*many, groups), compare(*once)
        assert found.n_effective == pytest.approx(n)
        assert width(share_interval(many[0], groups)) >= width(share_interval(once[0]))
        widths.append(width(found) / width(alone))
    assert min(widths) > 0.95
    assert np.mean(widths) > 1
