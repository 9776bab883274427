"""Rows that a rule dropped keep their place in splits.jsonl, without counting as rows of a split."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, Override, PinnedSplits, curate, read_splits, write_splits
from tuneworth.curate.split.pinned import placed_again
from tuneworth.style import parse_style

STYLE = parse_style("name: t\nchecks:\n  - {kind: punctuation, end: none, id: no-stop}\n")


def rows(n: int = 120) -> list[dict[str, str]]:
    """Every second output breaks the rule."""
    return [{"id": f"r{i}", "input": f"{i * 7919} is a thing", "output": f"o {i}{'.' * (i % 2)}"} for i in range(n)]


def dropped(pinned: PinnedSplits) -> dict[str, str]:
    return dict(pinned.lines.filter("dropped").select("id", "split").iter_rows())


def kept(pinned: PinnedSplits) -> dict[str, str]:
    return dict(pinned.lines.filter(~pl.col("dropped")).select("id", "split").iter_rows())


def test_the_ledger_says_where_a_row_was_placed_before_a_rule_dropped_it():
    done = curate(rows(), STYLE)
    invalid = done.ledger.filter(outcome="invalid")
    assert set(invalid["placed"]) == {"train", "validation"}
    assert invalid["split"].null_count() == len(invalid) > 30
    good = done.ledger.filter(outcome="kept")
    assert good["placed"].to_list() == good["split"].to_list()
    pinned = PinnedSplits().grown(done.ledger)
    assert dropped(pinned) == dict(invalid.select("id", "placed").iter_rows())
    assert kept(pinned) == dict(good.select("id", "split").iter_rows())


@pytest.mark.slow
def test_no_failing_row_moves_into_test_in_place_of_dropped_ones():
    first = curate(rows(), STYLE)
    test = first.splits["test"]["id"].to_list()
    decided = [Override(id=name, decision="drop") for name in test[:10]]
    again = curate(rows(), STYLE, pinned=PinnedSplits().grown(first.ledger), overrides=decided)
    assert again.splits["test"]["id"].to_list() == test[10:]
    assert again.splits["train"].equals(first.splits["train"])


@pytest.mark.slow
def test_a_row_that_passes_later_is_kept_where_it_was_placed_and_its_line_with_it():
    first = curate(rows(), STYLE)
    pinned = PinnedSplits().grown(first.ledger)
    again = curate(rows(), pinned=pinned)
    assert dict(again.kept.select("id", "split").iter_rows()) == kept(pinned) | dropped(pinned)
    grown = pinned.grown(again.ledger)
    assert not dropped(grown)
    assert kept(grown) == kept(pinned) | dropped(pinned)
    # And a row that fails later keeps the line that it has.
    assert kept(grown.grown(first.ledger)) == kept(grown)
    assert not dropped(grown.grown(first.ledger))


@pytest.mark.slow
def test_a_clean_copy_is_not_displaced_by_a_failing_row_that_was_placed_before():
    pairs = [
        {"id": f"r{i}", "input": f"{i * 7919} is a thing", "output": f"a long text about one thing {i}."}
        for i in range(80)
    ]
    good = [
        {"id": f"g{i}", "input": f"{i * 104729} other", "output": f"a long text of another kind {i}"} for i in range(80)
    ]
    first = curate([*pairs, *good], STYLE)
    failing = first.ledger.filter(outcome="invalid", placed="train")["id"][0]
    row = next(row for row in pairs if row["id"] == failing)
    clean = {**row, "id": "clean", "output": row["output"].rstrip(".")}
    pinned = PinnedSplits().grown(first.ledger)
    again = curate([*pairs, *good, clean], STYLE, settings=CurateSettings(near_duplicate=0.8), pinned=pinned)
    assert again.ledger.filter(id="clean").select("outcome", "split").row(0) == ("kept", "train")


def test_the_file_is_read_as_written_and_lines_of_earlier_versions_too(tmp_path: Path):
    pinned = PinnedSplits().grown(curate(rows(), STYLE).ledger)
    path = tmp_path / "splits.jsonl"
    write_splits(path, pinned)
    assert read_splits(path).lines.equals(pinned.lines)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {tuple(line) for line in lines} == {("content", "id", "split"), ("content", "id", "split", "dropped")}
    old = [{key: line[key] for key in ("content", "id", "split")} for line in lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in old))
    assert kept(read_splits(path)) == kept(pinned) | dropped(pinned)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 2), st.integers(-1, 1)), min_size=1, max_size=20))
def test_only_free_rows_follow_and_all_of_a_component_to_one_side(table):
    component, sides, hints = (np.array(column) for column in zip(*table, strict=True))
    component = np.unique(component, return_inverse=True)[1]
    found = placed_again(component, sides, hints)
    assert (found[sides >= 0] == sides[sides >= 0]).all()
    for part in np.unique(component):
        here = component == part
        hinted = hints[here & (hints >= 0)]
        assert set(found[here & (sides < 0)]) <= ({hinted.min()} if len(hinted) else {-1})
