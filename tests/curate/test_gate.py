"""What is said before any output exists, and that the verdict then says the same."""

import doctest
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, Curation, curate, enough_cases, gate, obstacles, read_frame
from tuneworth.evaluate import decide
from tuneworth.style import parse_style

from ..evaluate.situations import situation, whole
from ..shared import record_of

GOOD = {"own": 0.95, "shuffled": 0.1, "fields_only": 0.0, "rows": 100, "by_check": {}}
RULE = {"short": {"kind": "length", "level": "must", "about": "form", "sentence": "Write little."}}


def test_the_examples_in_the_docstrings_are_true():
    found = doctest.testmod(gate)
    assert (found.attempted, found.failed) == (2, 0)


@given(
    leaked=st.integers(0, 2), own=st.floats(0, 1), shuffled=st.floats(0, 1), level=st.sampled_from(["must", "should"]),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
)  # fmt: skip
def test_no_outputs_get_another_verdict_than_the_one_that_was_foreseen(leaked, own, shuffled, level, sizes):
    """Outputs that would be a clear success, on pairs with and without faults."""
    tested = sum(sizes)
    groups = None if max(sizes) == 1 else [group for group, size in enumerate(sizes) for _ in range(size)]
    style = {
        "name": "s", "reviewed": True, "checks": {"short": {**RULE["short"], "level": level}},
        "discrimination": None if level == "should" else {**GOOD, "own": own, "shuffled": shuffled},
    }  # fmt: skip
    data = {
        "rows_read": 5 * tested, "outcomes": {"kept": 5 * tested}, "test_groups": len(sizes),
        "splits": {"train": 4 * tested, "validation": 0, "test": tested}, "style": style,
        "certificate": {"threshold": 0.8, "pairs_at_or_above": leaked, "nearest": []},
    }  # fmt: skip
    found = obstacles(record_of(data, Curation))
    kinds = [each.what for each in found]
    assert ("data" in kinds) == (leaked > 0)
    assert ("cases" in kinds) == (not enough_cases(tested, groups=len(sizes)).enough)
    made = whole(situation((0, tested, 0, 0), groups=groups, style=style, data=data))
    verdict = decide(made)
    assert verdict is not None
    if found:
        expected = "cannot tell yet" if kinds[0] == "cases" else "fix first"
        assert verdict.decision == expected
        assert expected in found[0].sentence
    else:
        assert verdict.rule > 1


def pairs(broken: int, count: int = 300) -> pl.DataFrame:
    """Pairs of which some break the rule that an output has at most three words."""
    words = [f"{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(count)]
    return pl.DataFrame({
        "input": [f"Name the bolt {word * 3} with head {word[::-1] * 4}" for word in words],
        "output": [f"Bolt {word * 3}" + (" of some more words" if n < broken else "") for n, word in enumerate(words)],
    })  # fmt: skip


def curated(reviewed: bool, **settings: Any):
    style = parse_style(
        f"name: s\nreviewed: {str(reviewed).lower()}\nchecks: [{{id: short, kind: length, unit: words, max: 3}}]",
        where="test",
    )
    return curate(read_frame(pairs(40)), style, settings=CurateSettings(**settings))


def test_a_style_that_has_not_been_reviewed_drops_nothing_and_says_what_it_would():
    unread, read = curated(False), curated(True)
    failing = read.summary["outcomes"]["invalid"]
    assert failing > 20
    assert read.summary["rules"] == {"style:short": failing}
    assert (unread.summary["outcomes"]["kept"], unread.summary["rules"]) == (300, {})
    assert unread.summary["checks"] == read.summary["checks"]
    kept = unread.summary["references_failing"]
    assert kept["train"] + kept["validation"] == failing
    said = {warning["code"]: warning["text"] for warning in unread.summary["warnings"]}
    assert f"{failing} rows of train and validation break a must rule" in said["unreviewed_rules"]
    assert "unreviewed_rules" not in {warning["code"] for warning in read.summary["warnings"]}


def test_quality_drops_rows_whatever_the_style_says():
    style = parse_style(
        "name: s\nreviewed: false\nchecks: [{kind: clean}, {id: short, kind: length, unit: words, max: 3}]",
        where="test",
    )
    table = pairs(0).with_row_index().with_columns(
        output=pl.when(pl.col("index") < 5).then(pl.lit("I'm sorry, but I can't help with that request.")).otherwise("output")
    ).drop("index")  # fmt: skip
    found = curate(read_frame(table), style)
    assert set(found.summary["rules"]) <= {"quality:refusal", "exact_duplicate", "conflict", "near_duplicate"}
    assert "quality:refusal" in found.summary["rules"]
