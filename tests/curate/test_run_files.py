"""A run in parts is read, written and asked as the one in one piece."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.curate import (
    CurateSettings,
    Override,
    curate,
    export_pairs,
    parts_of_ids,
    read_ledger,
    read_pairs,
    read_split,
    set_aside_files,
    split_files,
    table_name,
    why,
    write_curated,
)
from tuneworth.curate.decisions.why import nearest_kept
from tuneworth.curate.run_files import LINES, ledger_rows, pair_lines
from tuneworth.curate.write import (
    curated_folder,
    part_files,
    read_original,
    read_set_aside,
    write_part,
)  # fmt: skip
from tuneworth.examples import example_path
from tuneworth.style import read_style

from .in_parts import cut

SPLITS = ("train", "validation", "test")
SOURCE = example_path("components")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The shipped example with rows of every outcome: dropped by a person, unreadable, repeated, in conflict."""
    folder = tmp_path_factory.mktemp("whole")
    lines = (SOURCE / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    lines = [*lines[:480], *lines[:20]]
    lines[40] = "{"
    (folder / "pairs.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    raw = read_pairs(folder / "pairs.jsonl")
    dropped = [Override(id=name, decision="drop", who="", why="") for name in raw.pairs["id"][[3, 333]].to_list()]
    rules = CurateSettings(conflicts="quarantine", fix="safe")
    write_curated(curate(raw, read_style(SOURCE / "style.yaml"), settings=rules, overrides=dropped), folder)
    return folder


@pytest.fixture(scope="module")
def parts(whole, tmp_path_factory):
    return cut(whole, tmp_path_factory.mktemp("parts") / "run", [41, 200, 201])


def joined(run: Path, name: str) -> bytes:
    files = set_aside_files(run) if name == "set_aside" else split_files(run, name)
    return b"".join(file.read_bytes() for file in files)


@pytest.mark.slow
def test_a_run_in_parts_reads_as_the_one_in_one_piece(whole, parts):
    assert [len(split_files(run, "train")) for run in (whole, parts)] == [1, 4]
    assert {name: joined(whole, name) for name in LINES} == {name: joined(parts, name) for name in LINES}
    assert all(read_split(parts, split).equals(read_split(whole, split)) for split in SPLITS)
    assert read_set_aside(parts).equals(read_set_aside(whole))
    assert read_ledger(parts).equals(read_ledger(whole))


@pytest.mark.slow
def test_every_row_is_explained_alike(whole, parts):
    asked = [str(row) for row in range(1, 501)]
    assert [why(parts, f"row {row}") for row in asked[::7]] == [why(whole, f"row {row}") for row in asked[::7]]
    ids = read_ledger(whole)["id"].drop_nulls().gather_every(13)
    assert [why(parts, name) for name in ids] == [why(whole, name) for name in ids]
    assert {"kept", "invalid", "duplicate"} <= {why(parts, f"row {row}").outcome for row in (41, 4, *asked[::7])}
    with pytest.raises(DataError, match="Row numbers go from 1 to 500"):
        why(parts, "LM0")


@pytest.mark.slow
def test_the_nearest_kept_row_is_looked_for_in_all_parts(whole, parts):
    pair = json.loads(joined(whole, "test").splitlines()[0])
    assert nearest_kept(parts, pair) == nearest_kept(whole, pair)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["openai", "trl", "csv", "parquet"])
def test_exports_are_the_same_bytes(whole, parts, tmp_path, format):
    files = [export_pairs(run, format, tmp_path / run.name) for run in (whole, parts)]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    assert len(files[0]) == 3


@pytest.mark.slow
def test_the_ledger_is_asked_by_column_and_row(whole, parts):
    where = pl.col("row").is_between(41, 42)
    for run in (whole, parts):
        found = read_ledger(run, ["row", "outcome"], where)
        assert found.columns == ["row", "outcome"]
        assert found["row"].to_list() == [41, 42]
        assert found.equals(read_ledger(whole).filter(where).select("row", "outcome"))
    assert ledger_rows(parts, where)["part"].to_list() == [0, 1]
    assert ledger_rows(whole, where)["part"].to_list() == [0, 0]
    ids = read_ledger(whole, where=pl.col("row").is_in([1, 201, 500]))["id"].to_list()
    assert parts_of_ids(parts, ids) == [0, 2, 3]


# --- written in parts ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables(whole):
    """What a run in parts has of its rows: all pairs as written, the repairs, the ledger, and the decisions."""
    kept = pl.concat([read_split(whole, split) for split in SPLITS])
    pairs = pl.concat([kept, read_set_aside(whole).select(kept.columns)]).sort("row")
    ledger = read_ledger(whole).sort("row")
    decisions = ledger.select("row", "outcome", "split", "rule", "fixed")
    lines = [json.loads(line) for name in LINES for line in joined(whole, name).splitlines()]
    written = {line["row"]: line["written"] for line in lines if line["written"] is not None}
    assert len(written) > 20
    repairs = pairs.filter(pl.col("row").is_in(list(written))).select("row", "output")
    pairs = pairs.with_columns(
        output=pl.col("row").replace_strict(written, default=pl.col("output")), written=pl.lit(None, pl.String)
    )
    return (
        pairs,
        repairs,
        ledger,
        decisions.join(pairs.select("row", "component", "reference_ok"), on="row", how="left"),
    )


def files_of(pairs, repairs, ledger, decisions):
    """The files of a part by name."""
    places = pairs.select("row").with_row_index()
    repairs = repairs.join(places, on="row").select("index", "output")
    table = part_files(pairs, pairs.clear(), repairs, ledger=ledger, decisions=decisions).read()
    return dict(table.iter_rows())


@pytest.mark.slow
@settings(max_examples=15)
@given(after=st.sets(st.integers(1, 499), max_size=6))
def test_parts_are_written_as_the_whole_wherever_it_is_cut(whole, tables, after):
    edges = [0, *sorted(after), 500]
    lines = dict.fromkeys(LINES, b"")
    for first, last in pairwise(edges):
        mine = pl.col("row").is_between(first + 1, last)
        for name, content in files_of(*(table.filter(mine) for table in tables)).items():
            if name != "ledger":
                lines[name] += content
    assert lines == {name: joined(whole, name) for name in LINES}


def write_parts(run: Path, *tables: pl.DataFrame, size: int, last: int | None = None) -> None:
    with curated_folder(run) as folder:
        for number in range(-(-500 // size)):
            mine = pl.col("row").is_between(number * size + 1, (number + 1) * size)
            write_part(folder, number, files_of(*(table.filter(mine) for table in tables)))
            if number == last:
                raise KeyboardInterrupt
        summary = json.dumps({"identifiers": [], "parts": number + 1})
        (folder / "summary.json").write_text(summary, encoding="utf-8")


@pytest.mark.slow
def test_a_folder_in_parts_takes_the_place_of_one_in_one_piece_and_back(whole, tables, tmp_path):
    write_curated(curate(read_split(whole, "train")), tmp_path)
    write_parts(tmp_path, *tables, size=150)
    assert sorted(path.name for path in (tmp_path / "curate").iterdir()) == sorted([*LINES, "ledger", "summary.json"])
    assert json.loads((tmp_path / "curate" / "summary.json").read_text())["parts"] == 4
    assert {name: joined(tmp_path, name) for name in LINES} == {name: joined(whole, name) for name in LINES}
    assert read_ledger(tmp_path).equals(read_ledger(whole))
    write_parts(tmp_path, *tables, size=300)
    assert len(list((tmp_path / "curate" / "ledger").iterdir())) == 2
    write_curated(curate(read_split(whole, "train")), tmp_path)
    assert not (tmp_path / "curate" / "train").exists()
    assert len(split_files(tmp_path, "train")) == 1


def test_a_folder_that_was_not_written_to_its_end_is_not_there(tables, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_parts(tmp_path, *tables, size=100, last=2)
    assert list(tmp_path.iterdir()) == []


# --- what is missing ----------------------------------------------------------------------------------------------


def test_a_part_that_is_gone_is_named(whole, tmp_path):
    run = cut(whole, tmp_path / "run", [100, 300])
    (run / "curate" / "train" / "part-00001.jsonl").unlink()
    with pytest.raises(DataError, match=r"part-00001\.jsonl is missing, with 1 of the 3 parts"):
        read_split(run, "train")
    (run / "curate" / "ledger" / "part-00002.parquet").unlink()
    with pytest.raises(DataError, match=r"part-00002\.parquet is missing"):
        why(run, "1")


def test_parts_without_a_summary_are_no_whole_run(whole, tmp_path):
    run = cut(whole, tmp_path / "run", [100])
    (run / "curate" / "summary.json").unlink()
    with pytest.raises(DataError, match="is incomplete"):
        read_ledger(run)


def test_a_damaged_part_of_the_ledger_is_an_error_of_data(whole, tmp_path):
    run = cut(whole, tmp_path / "run", [100])
    (run / "curate" / "ledger" / "part-00001.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DataError, match="not readable as a ledger"):
        read_ledger(run)
    with pytest.raises(DataError, match="not readable as a ledger"):
        why(run, "7")


def test_a_run_that_was_not_curated_has_no_files(tmp_path):
    assert split_files(tmp_path, "train") == []
    assert table_name(tmp_path, "curate/train.jsonl") is None
    with pytest.raises(DataError, match="there is no ledger"):
        read_ledger(tmp_path)


@pytest.mark.parametrize("table", ["train", "validation", "test", "set_aside"])
def test_a_table_that_was_cut_at_the_end_of_a_line_is_named(whole, tmp_path, table):
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    file = run / "curate" / f"{table}.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    for read in (lambda: list(pair_lines(run)), lambda: read_original(run)):
        with pytest.raises(DataError, match=rf"{table}\.jsonl: .*: it was cut or changed"):
            read()
