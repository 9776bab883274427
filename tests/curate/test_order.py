"""Order never decides: rows, files and parts in another order give every row, by id, the same outcome, split and evidence."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.curate import CurateSettings, Override, PinnedSplits, SplitShares, curate, read_pairs
from tuneworth.examples import example_path
from tuneworth.style import parse_style

from .parts.both_ways import in_parts, on_one_machine

STYLE = parse_style("""
name: t
checks:
  - {kind: punctuation, end: none, id: no-stop}
  - {kind: length, unit: words, max: 9, id: short, level: should}
""")
INPUTS = [
    "a red handle for cars with 5V",
    "a red handle for cars with 6V",
    "a blue part for boats and cars",
    "USB part 12",
]
OUTPUTS = [
    "one long text about a red handle for cars",
    "one long text about a red handle for boats",
    "a label",
    "5V part.",
]


def disguised(text: str, chance: random.Random) -> str:
    """The text, or one that is equal after normalisation."""
    return chance.choice([text, text, text.upper(), text.replace(" ", "  "), f" {text}"])


def equal_rows(seed: int, n: int, *, given_splits: bool = False) -> list[dict[str, Any]]:
    """Rows of which most are equal after normalisation, as written or not, to several others; the ids say nothing."""
    chance = random.Random(seed)
    rows = []
    for number in chance.sample(range(1000), n):
        # Every third input is its own, so that not all rows are one component.
        own = f" item {chance.randrange(n)}" if chance.random() < 0.4 else ""
        row = {
            "id": f"r{number}",
            "input": disguised(chance.choice(INPUTS) + own, chance),
            "output": disguised(chance.choice(OUTPUTS), chance),
            "group": chance.choice([None, None, None, f"g{chance.randrange(5)}"]),
            "note": chance.choice(["x", "y"]),
        }
        if rows and chance.random() < 0.4:
            row = {**chance.choice(rows), "id": row["id"]}  # equal in all but its id
        elif given_splits:
            row["split"] = chance.choice([None, None, "train", "validation", "test"])
        rows.append(row)
    return [*rows, {"id": "last", "input": "something else to train on", "output": "fine", "group": None, "note": "x"}]


def outcomes(rows: Any, **options: Any) -> "tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame] | str":
    """Ledger, kept and dropped rows by id, without their numbers; or the error."""
    named = {key: options.pop(key) for key in ("overrides", "pinned", "identifiers") if key in options}
    shares = SplitShares(train=0.5, validation=0.2, test=0.3)
    try:
        done = curate(rows, STYLE, settings=CurateSettings(split=shares, **options), **named)
    except DataError as error:
        return str(error)
    tables = (done.ledger, done.kept, done.dropped)
    ledger, kept, dropped = (table.drop("row").sort("id") for table in tables)
    return ledger, kept, dropped


def plain(found: Any) -> Any:
    """The tables as rows; of an error only that it is one, as its example may be another row."""
    return "error" if isinstance(found, str) else [table.to_dicts() for table in found]


OPTIONS = st.fixed_dictionaries(
    {
        "keep": st.sampled_from(["best style", "longest"]),
        "conflicts": st.sampled_from(["quarantine", "report", "keep best"]),
        "tie_siblings": st.sampled_from(["auto", True, False]),
        "tie_outputs": st.sampled_from(["auto", True, False]),
        "fix": st.sampled_from(["off", "safe"]),
        "method": st.sampled_from(["exact", "candidates"]),
    }
)


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(4, 40), OPTIONS, st.booleans(), st.randoms(use_true_random=False))
def test_rows_in_another_order_have_the_same_outcomes(seed, n, options, given_splits, chance):
    rows = equal_rows(seed, n, given_splits=given_splits)
    assert plain(outcomes(rows, **options)) == plain(outcomes(chance.sample(rows, len(rows)), **options))


@pytest.mark.slow
@given(st.integers(0, 10**6), OPTIONS, st.randoms(use_true_random=False))
def test_nor_with_decisions_and_pinned_splits(seed, options, chance):
    rows = equal_rows(seed, 30)
    first = outcomes(rows[::2], **options)
    if isinstance(first, str):
        return
    decisions = ("keep", "drop", "train", "test")
    named = {
        "pinned": PinnedSplits().grown(first[0]),
        "overrides": [Override(id=row["id"], decision=chance.choice(decisions)) for row in rows[::7]],
    }
    shuffled = chance.sample(rows, len(rows))
    assert plain(outcomes(rows, **options, **named)) == plain(outcomes(shuffled, **options, **named))


@pytest.mark.slow
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_first_decides_between_different_rows_only(seed, chance):
    """Rows that are equal after normalisation change places with each other, and nothing else changes."""
    rows = equal_rows(seed, 30)
    places: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(tuple(" ".join(row[key].lower().split()) for key in ("input", "output")), []).append(place)
    turned = list(rows)
    for equal in places.values():
        for place, other in zip(equal, chance.sample(equal, len(equal)), strict=True):
            turned[place] = rows[other]
    assert plain(outcomes(rows, keep="first")) == plain(outcomes(turned, keep="first"))


def test_first_keeps_the_row_that_is_read_first():
    rows = [
        {"id": str(n), "input": "a red handle for cars", "output": f"a long handle for red cars and boats{'!' * n}"}
        for n in (0, 1)
    ]
    rows += [{"id": f"x{n}", "input": f"number {n * 7919}", "output": f"o {n}"} for n in range(20)]
    for order in (rows, rows[::-1]):
        ledger = curate(order, settings=CurateSettings(keep="first")).ledger
        kept = ledger.filter(pl.col("id").is_in(["0", "1"]), outcome="kept")["id"].to_list()
        assert kept == [next(row["id"] for row in order if row["id"] in "01")]


def test_equal_rows_go_by_what_is_written_then_by_id():
    rows = [{"id": name, "input": "a red handle", "output": "part"} for name in ("b", "a", "c")]
    rows += [{"id": f"x{n}", "input": f"number {n * 7919}", "output": f"o {n}"} for n in range(20)]
    kept = curate(rows).ledger.filter(pl.col("id").is_in(["a", "b", "c"]), outcome="kept")["id"]
    assert kept.to_list() == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_files_under_other_names_and_other_parts_have_the_same_outcomes(seed: int, tmp_path: Path):
    chance, rows = random.Random(seed), equal_rows(seed, 120, given_splits=seed == 1)
    found = []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        pieces = [rows[start : start + 31] for start in range(0, len(rows), 31)]
        for name, piece in enumerate(chance.sample(pieces, len(pieces))):
            lines = "".join(json.dumps(row) + "\n" for row in piece)
            (folder / f"{name}.jsonl").write_text(lines)
        way = on_one_machine if number % 2 else in_parts
        cut = {} if number % 2 else {"most_bytes": 700 * (number + 1), "buckets": number + 1}
        result = way(folder, folder.with_name(f"run{number}"), style=STYLE, fix="safe", **cut)
        assert not isinstance(result, str)
        found.append(result[0].drop("row", "file").sort("id").to_dicts())
    assert found[0] == found[1] == found[2] == found[3]
    assert {"exact_duplicate"} <= {row["rule"] for row in found[0]}


@pytest.mark.slow
def test_the_example_in_another_order_has_the_same_outcomes(tmp_path: Path):
    lines = (example_path("components") / "pairs.jsonl").read_text().splitlines()
    chance = random.Random(7)
    found = []
    for number in range(2):
        path = tmp_path / f"{number}.jsonl"
        path.write_text("\n".join(chance.sample(lines, len(lines)) if number else lines) + "\n")
        found.append(outcomes(read_pairs(path), identifiers=["part"]))
    assert plain(found[0]) == plain(found[1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_repeated_ids_are_named_in_the_order_of_rows_and_decide_no_outcome(seed: int):
    chance, rows = random.Random(seed), equal_rows(seed, 30, given_splits=seed % 3 == 0)
    for row in rows[::3]:
        row["id"] = f"same{chance.randrange(3)}"
    found = []
    for order in (rows, chance.sample(rows, len(rows))):
        tables = outcomes(order)
        assert not isinstance(tables, str)
        texts = ["input", "output", "group", "meta"]
        kept, dropped = tables[1].select(*texts, "split"), tables[2].select(*texts, "outcome", "rule")
        found.append([sorted(table.fill_null("").rows()) for table in (kept, dropped)])
    assert found[0] == found[1]
