"""Sizes, strata and components of the split."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError, DataError, RunBroken
from tuneworth.curate import CurateSettings, PinnedSplits, SplitShares, curate, pin_splits, read_frame, read_splits
from tuneworth.curate.part import find_values
from tuneworth.curate.read.dates import UNDATED, pair_dates
from tuneworth.curate.split.assign import split_components, split_targets

SHARES = SplitShares(train=0.7, validation=0.1, test=0.2)


def place(component, strata=None, shares=SHARES):
    n = len(component)
    return split_components(np.array(component), np.arange(n), strata or [None] * n, np.full(n, -1), shares=shares)


@given(st.integers(0, 2000))
def test_targets_are_whole_and_add_up(n):
    targets = split_targets(n, SHARES)
    assert targets.sum() == n
    assert np.abs(targets - np.array([0.7, 0.1, 0.2]) * n).max() <= 1


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_rows_without_ties_get_the_sizes_asked_for(n):
    assert np.bincount(place(range(n)), minlength=3).tolist() == split_targets(n, SHARES).tolist()


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60))
def test_a_component_is_never_divided(component):
    side = place(component)
    assert all(len(set(side[np.array(component) == c])) == 1 for c in set(component))


def test_large_components_find_their_place_first():
    component = [*range(10), *[10] * 10]
    side = place(component, shares=SplitShares(train=0.5, test=0.5))
    assert np.bincount(side, minlength=3).tolist() == [10, 0, 10]


def test_strata_are_divided_alike_and_small_ones_do_not_all_go_to_train():
    strata = ["a"] * 100 + ["b"] * 50 + [f"tiny{i // 2}" for i in range(100)]
    side = place(range(250), strata)
    assert np.bincount(side[:100]).tolist() == [70, 10, 20]
    assert np.bincount(side[100:150]).tolist() == [35, 5, 10]
    assert np.bincount(side).tolist() == [175, 25, 50]


def test_a_huge_component_is_named_with_what_joins_it():
    rows = [
        {"input": f"{i} is number {i * 31}", "output": f"o{i}", "group": "all" if i < 60 else f"g{i}"}
        for i in range(100)
    ]
    warnings = {w["code"]: w["text"] for w in curate(rows).summary["warnings"]}
    assert "60 of 100 pairs" in warnings["huge_component"]
    assert "1 group" in warnings["huge_component"]


def test_sizes_that_cannot_be_met_are_said():
    rows = [{"input": f"{i} is number {i * 31}", "output": f"o{i}", "group": f"g{i % 2}"} for i in range(50)]
    summary = curate(rows).summary
    assert "split_size" in {w["code"] for w in summary["warnings"]}
    assert "few_groups" in {w["code"] for w in summary["warnings"]}


def test_siblings_are_tied_from_where_no_component_swallows_a_fifth():
    # Each text differs from the next in one number only: all are siblings of all at 0.8.
    rows = [
        {"input": f"a long line about one electronic part with rating {i}V in it", "output": f"o {i}"}
        for i in range(100)
    ]
    auto = curate(rows).summary
    assert auto["certificate"]["siblings_tied_from"] > 0.8
    assert auto["certificate"]["siblings_at_or_above"] > 0
    always = CurateSettings(tie_siblings=True, split=SplitShares(train=1))
    assert curate(rows, settings=always).summary["largest_component"] == 100
    never = curate(rows, settings=CurateSettings(tie_siblings=False)).summary
    assert never["certificate"]["siblings_tied_from"] is None


def test_outputs_tie_only_where_asked():
    rows = [
        {"input": f"{i} thing {i * 77}", "output": "one answer for many" if i < 30 else f"o {i}"} for i in range(60)
    ]
    assert curate(rows).summary["largest_component"] == 1
    assert curate(rows, settings=CurateSettings(tie_outputs=True)).summary["largest_component"] >= 30


@pytest.mark.slow
def test_another_seed_gives_another_split_of_the_same_sizes():
    rows = [{"input": f"{i} thing {i * 77}", "output": f"o {i}"} for i in range(60)]
    one, other = curate(rows, seed=0), curate(rows, seed=1)
    assert one.summary["splits"] == other.summary["splits"]
    assert not one.kept["split"].equals(other.kept["split"])


def dated(n, **more):
    """Rows of which the first is the oldest."""
    return [
        {
            "id": f"{i:03}",
            "input": f"{i} thing {i * 7919}",
            "output": f"o {i}",
            "created": f"2024-01-{i + 1:02}",
            **more,
        }
        for i in range(n)
    ]


def test_the_newest_go_to_test_and_those_before_them_to_validation():
    rows = dated(30)
    done = curate(rows[::-1], date="created")
    sides = [done.kept.filter(id=row["id"])["split"].item() for row in rows]
    assert sides == ["train"] * 21 + ["validation"] * 3 + ["test"] * 6
    notes = (
        "By date: test 2024-01-25 to 2024-01-30, validation 2024-01-22 to 2024-01-24, train 2024-01-01 to 2024-01-21."
    )
    assert notes in done.summary["split_notes"]


def test_a_component_is_as_new_as_its_newest_row():
    rows = dated(30)
    rows[0]["group"] = rows[29]["group"] = "g"
    done = curate(rows, date="created")
    assert set(done.kept.filter(group="g")["split"]) == {"test"}
    train = done.kept.filter(split="train")["id"].max()
    assert all(row["id"] > train for row in done.kept.filter(split="test").rows(named=True) if row["group"] is None)


def test_rows_without_a_date_count_as_the_oldest_and_are_said():
    rows = dated(30)
    rows[29]["created"], rows[28]["created"] = "soon", None
    done = curate(rows, date="created")
    assert set(done.kept.filter(done.kept["id"].is_in(["028", "029"]))["split"]) == {"train"}
    assert any("2 pairs have no readable date" in note and '"soon"' in note for note in done.summary["split_notes"])


def test_rows_of_one_moment_are_divided_alike_in_any_order():
    rows = [{**row, "created": "2024-05-01"} for row in dated(30)]
    one, other = (curate(table, date="created").kept.sort("id") for table in (rows, rows[::-1]))
    assert one["split"].equals(other["split"])
    assert one["split"].value_counts().sort("split")["count"].to_list() == [6, 21, 3]


def dates_of(rows):
    return pair_dates(find_values(read_frame(rows).pairs, "on")[0], "on")


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2024-12-31", "2024-12-31"),
        ("2024-12-31T23:30:00-02:00", "2025-01-01"),
        ("2024-12-31 10:00:00", "2024-12-31"),
        ("20241231", "2024-12-31"),
        ("2024/12/31", "2024-12-31"),
        ("31.12.2024", "2024-12-31"),
        ("1.2.2024 10:30", "2024-02-01"),
        ("12/31/2024", "2024-12-31"),
        ("2024-05", "2024-05-01"),
        ("2024", "2024-01-01"),
        ("1735603200", "2024-12-31"),
        ("1735603200000", "2024-12-31"),
        ("Tue, 31 Dec 2024 10:00:00 +0000", "2024-12-31"),
    ],
)
def test_dates_are_read(value, day):
    moments, notes = dates_of([{"input": "a", "output": "b", "on": value}])
    assert str(np.datetime64(int(moments[0]), "us"))[:10] == day
    assert notes == []


@pytest.mark.parametrize("value", ["soon", "12", "2024-13-01", "99.99.2024", "", "1e5", "123456", "31/12"])
def test_what_is_no_date_is_none(value):
    rows = [{"input": "a", "output": "b", "on": value}, {"input": "c", "output": "d", "on": "2024-01-01"}]
    moments, notes = dates_of(rows)
    assert moments[0] == UNDATED if value != "123456" else moments[0] > UNDATED
    assert len(notes) == (value != "123456")


def test_dates_that_could_be_two_or_are_none_are_refused():
    def read(*values):
        return dates_of([{"input": f"a {v}", "output": "b", "on": v} for v in values])

    with pytest.raises(ConfigError, match='"01/02/2024" in "on" is ambiguous'):
        read("01/02/2024")
    assert str(np.datetime64(int(read("01/02/2024", "25/12/2024")[0][0]), "us"))[:10] == "2024-02-01"
    assert str(np.datetime64(int(read("01/02/2024", "12/25/2024")[0][0]), "us"))[:10] == "2024-01-02"
    with pytest.raises(DataError, match="is not a date; write dates as 2024-12-31"):
        read("yesterday")
    with pytest.raises(ConfigError, match=r'\[data\] date: no pair has .* "when"'):
        curate([{"input": "a", "output": "b", "on": "2024"}], date="when")
    with pytest.raises(ConfigError, match="cannot be combined"):
        curate(dated(9), date="created", settings=CurateSettings(stratify="created"))


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_rows_train_on_something(n):
    done = curate(dated(n))
    assert done.summary["splits"]["train"] >= 1
    assert sum(done.summary["splits"].values()) == n
    assert curate(dated(n), date="created").summary["splits"]["train"] >= 1


def test_one_component_and_a_split_without_share():
    done = curate(dated(12, group="all"))
    assert done.summary["splits"] == {"train": 12, "validation": 0, "test": 0}
    said = " ".join(done.summary["split_notes"])
    assert '"000", "001", "002" and 9 more are in the group "all"' in said
    assert "test 0 of 2" in said
    shares = CurateSettings(split=SplitShares(train=0.5, test=0.5))
    assert curate(dated(12), settings=shares).summary["splits"] == {"train": 6, "validation": 0, "test": 6}


def test_the_reason_for_other_sizes_names_alike_pairs():
    text = "a long line about one electronic part with rating {}V in it"
    rows = [{"id": f"{i:02}", "input": text.format(i), "output": f"o {i}"} for i in range(40)]
    done = curate(rows, settings=CurateSettings(tie_siblings=True))
    note = " ".join(done.summary["split_notes"])
    assert "The largest component holds 40 pairs" in note
    assert "and different facts" in note


def test_a_given_split_is_not_blamed_on_ties():
    rows = [{**row, "split": "test" if i < 20 else "train"} for i, row in enumerate(dated(30))]
    assert "sizes come from the given split" in " ".join(curate(rows).summary["split_notes"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from("abc")), min_size=1, max_size=60), st.data())
def test_the_order_of_rows_decides_no_split_of_components(rows, data):
    component, strata = np.array([c for c, _ in rows]), [s for _, s in rows]
    keys = np.arange(len(rows))
    shuffled = data.draw(st.permutations(range(len(rows))))
    free = np.full(len(rows), -1)
    one = split_components(component, keys, strata, free, shares=SHARES)
    other = split_components(component[shuffled], keys[shuffled], [strata[i] for i in shuffled], free, shares=SHARES)
    assert one[shuffled].tolist() == other.tolist()


def spread(n):
    return [{"id": f"s{i}", "input": f"{i * 7919} of {i}", "output": f"o{i * 31}"} for i in range(n)]


def test_other_shares_than_before_are_explained_with_the_way_to_split_again():
    before = curate(spread(100))
    pinned = PinnedSplits().grown(before.ledger)
    shares = SplitShares(train=0.4, validation=0.2, test=0.4)
    again = curate(spread(100), settings=CurateSettings(split=shares), pinned=pinned)
    said = " ".join(again.summary["split_notes"])
    assert "100 pairs keep their split from splits.jsonl." in said
    assert "The sizes come from splits.jsonl, not from the shares in [curate] split: train 70 of 40" in said
    assert "delete splits.jsonl" in said
    assert "split_size" not in {w["code"] for w in again.summary["warnings"]}


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (1, "1 pair is too few for the requested shares: validation and test would be empty."),
        (2, "2 pairs are too few for the requested shares: validation and test would be empty."),
    ],
)
def test_an_empty_test_set_is_never_silent(n, words):
    summary = curate(spread(n)).summary
    assert words in summary["split_notes"]
    assert words in {w["text"] for w in summary["warnings"]}


def test_a_split_that_is_asked_for_nothing_may_be_empty():
    shares = SplitShares(train=0.8, test=0.2)
    assert curate(spread(40), settings=CurateSettings(split=shares)).summary["split_notes"] == []


@pytest.mark.parametrize(("names", "used"), [(["Train", "VAL", " test "], True), (["train", "eval", "test"], False)])
def test_a_column_of_splits_is_used_or_said_not_to_be(names, used):
    rows = [{**row, "split": names[i % 3]} for i, row in enumerate(spread(60))]
    done = curate(rows)
    warnings = {w["code"]: w["text"] for w in done.summary["warnings"]}
    if used:
        assert done.summary["splits"] == {"train": 20, "validation": 20, "test": 20}
    else:
        assert 'Column "split" is not used, because it contains "eval"' in warnings["split_not_used"]
        assert done.summary["splits"] == {"train": 42, "validation": 6, "test": 12}
    assert ("split_not_used" in warnings) is not used


def test_a_column_split_that_is_about_something_else_is_let_be():
    rows = [{**row, "split": ["mono", "multi"][i % 2]} for i, row in enumerate(spread(40))]
    assert "split_not_used" not in {w["code"] for w in curate(rows).summary["warnings"]}


def test_a_new_copy_does_not_take_the_place_of_a_row_that_was_placed():
    # Identifiers apart they are equal, so splits.jsonl knows both by their content.
    rows = [
        {"id": f"m{i}", "input": {"sku": f"m{i}", "text": f"{i} of {i * 7919}"}, "output": f"o{i}"} for i in range(40)
    ]
    before = curate(rows, identifiers=["sku"])
    copies = [{**row, "id": f"a{i}", "input": {**row["input"], "sku": f"a{i}"}} for i, row in enumerate(rows)]
    after = curate([*copies, *rows], identifiers=["sku"], pinned=PinnedSplits().grown(before.ledger))
    assert after.kept.select("id", "split").sort("id").equals(before.kept.select("id", "split").sort("id"))
    assert set(after.ledger.filter(outcome="duplicate")["id"]) == {row["id"] for row in copies}


def test_two_groups_of_one_size_leave_no_empty_test_set():
    rows = [{**row, "group": f"g{i % 2}"} for i, row in enumerate(spread(60))]
    assert curate(rows).summary["splits"] == {"train": 30, "validation": 0, "test": 30}


@pytest.mark.slow
@pytest.mark.parametrize(
    "odd", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "NaN", "1e400", "0000-00-00"]
)
def test_dates_at_the_ends_of_time_are_read_or_counted(odd):
    rows = [{**row, "when": odd if i == 7 else f"2024-01-{i % 28 + 1:02d}"} for i, row in enumerate(spread(40))]
    notes = " ".join(curate(rows, date="when").summary["split_notes"])
    assert "By date: test" in notes
    assert ("1 pair has no readable date" in notes) == ("T" not in odd)


def test_two_runs_at_once_lose_no_placed_row(tmp_path):
    path = tmp_path / "splits.jsonl"
    first, second = curate(spread(80)[:40]), curate(spread(80)[40:])
    for done in (first, second):  # both began where there was no file
        pin_splits(path, PinnedSplits(), done.ledger)
    assert len(read_splits(path).lines) == 80
    turned = second.ledger.with_columns(split=pl.lit("test"))
    before = path.read_bytes()
    with pytest.raises(RunBroken, match="another run put 32 of these rows"):
        pin_splits(path, PinnedSplits(), turned)
    assert path.read_bytes() == before


def test_small_strata_of_tied_rows_do_not_all_go_to_train():
    component = [i // 3 for i in range(300)]  # three rows tied, each of a stratum of its own pair
    strata = [f"s{i % 150}" for i in range(300)]
    side = place(component, strata)
    assert np.abs(np.bincount(side, minlength=3) - split_targets(300, SHARES)).max() <= 6


def test_a_line_of_splits_that_no_row_has_ends_reading(tmp_path: Path) -> None:
    file = tmp_path / "splits.jsonl"
    file.write_text('{"content": "c", "id": "a", "split": "train"}\n' + "x" * 1_000_000 + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"splits\.jsonl, line 2: it has 1,000,000 bytes or more\n"):
        read_splits(file)
