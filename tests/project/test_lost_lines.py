"""Lines that splits.jsonl or overrides.jsonl lost between two curations are noticed, and test rows stay test rows."""

import json
from pathlib import Path

import polars as pl
import pytest

from tuneworth.curate import curate
from tuneworth.project import curate_pairs

from ..conftest import pair, write_pairs
from ..faults.situations import judged_project

ROWS = [{**pair(n), "id": f"p{n}"} for n in range(60)]


def curated(out: Path, rows: list = ROWS) -> tuple[dict[str, str], dict[str, str]]:
    """The split of each kept row, and the warnings by code."""
    done = curate_pairs(rows, out=out)
    placed = dict(done.ledger.filter(pl.col("outcome") == "kept").select("id", "split").iter_rows())
    return placed, {warning["code"]: warning["text"] for warning in done.summary["warnings"]}


def keep_lines(file: Path, count: int) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:count]))


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 30, 59])
def test_rows_that_splits_lost_keep_their_splits(tmp_path: Path, count: int) -> None:
    placed, _ = curated(tmp_path / "clean")
    lines = (tmp_path / "clean" / "splits.jsonl").read_bytes()
    keep_lines(tmp_path / "clean" / "splits.jsonl", count)
    again, warnings = curated(tmp_path / "clean")
    assert again == placed
    assert f"{60 - count} fewer than when {tmp_path / 'clean'} was curated" in warnings["splits_lost"]
    assert set((tmp_path / "clean" / "splits.jsonl").read_bytes().splitlines()) == set(lines.splitlines())
    assert "splits_lost" not in curated(tmp_path / "clean")[1]


def test_a_lost_row_that_the_data_lack_now_is_pinned_again_too(tmp_path: Path) -> None:
    curated(tmp_path / "clean")
    keep_lines(tmp_path / "clean" / "splits.jsonl", 20)
    curated(tmp_path / "clean", ROWS[:50])
    assert len((tmp_path / "clean" / "splits.jsonl").read_bytes().splitlines()) == 60


@pytest.mark.slow
def test_what_no_ledger_knows_is_counted(tmp_path: Path) -> None:
    curated(tmp_path / "clean")
    curated(tmp_path / "clean", ROWS[:50])  # its ledger has 50 rows, splits.jsonl 60
    keep_lines(tmp_path / "clean" / "splits.jsonl", 0)
    _, warnings = curated(tmp_path / "clean", ROWS[:50])
    assert "50 rows of that run are placed as in its ledger. 10 others get new splits" in warnings["splits_lost"]


def test_without_the_file_all_rows_are_split_anew(tmp_path: Path) -> None:
    curated(tmp_path / "clean")
    (tmp_path / "clean" / "splits.jsonl").unlink()
    assert "splits_lost" not in curated(tmp_path / "clean")[1]


@pytest.mark.slow
def test_the_newest_run_of_a_project_is_what_counts(command, tmp_path: Path) -> None:
    judged_project(tmp_path)
    for _ in range(2):
        assert command("curate", tmp_path).code == 0
    keep_lines(tmp_path / "splits.jsonl", 40)
    done = command("curate", tmp_path)
    assert done.code == 0
    assert "40 lines, 20 fewer than when" in done.err


@pytest.mark.slow
def test_fewer_decisions_than_at_the_last_curation_are_noted(command, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl")
    clean = ("curate", tmp_path / "pairs.jsonl", "--out", tmp_path / "clean")
    assert command(*clean).code == 0
    for name in ("p1", "p2", "p3"):
        decide = ("--decide", "drop", "--who", "someone", "--because", "a copy")
        assert command("why", tmp_path / "clean", name, *decide).code == 0
    assert "fewer than when" not in command(*clean).err
    keep_lines(tmp_path / "clean" / "overrides.jsonl", 1)
    assert "holds 1 decision, 2 fewer than when" in command(*clean).err
    assert "fewer than when" not in command(*clean).err


def test_a_result_that_is_not_written_counts_no_lines() -> None:
    assert "lines" not in json.loads(json.dumps(curate(ROWS).summary))
