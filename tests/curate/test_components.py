"""The shipped example, whose counts were taken by another program."""

import json

import numpy as np
import pytest

from tuneworth.core import ConfigError, DataError
from tuneworth.curate import (
    CurateSettings,
    DataSettings,
    curate,
    export_pairs,
    read_ledger,
    read_pairs,
    read_split,
    why,
)
from tuneworth.curate import write_curated as write
from tuneworth.examples import example_path
from tuneworth.style import read_style

FOLDER = example_path("components")
DATA = DataSettings(path="", group="family", identifiers=("part",))


@pytest.fixture(scope="module")
def raw():
    return read_pairs(FOLDER / "pairs.jsonl", DATA)


@pytest.fixture(scope="module")
def run(raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write(curate(raw, read_style(FOLDER / "style.yaml"), identifiers=["part"]), folder)
    return folder


@pytest.mark.slow
def test_copies_and_repeats_are_those_counted_elsewhere(raw):
    done = curate(raw, settings=CurateSettings(conflicts="report"), identifiers=["part"])
    assert done.summary["outcomes"]["duplicate"] == 147
    assert len(done.ledger) - done.ledger["content"].n_unique() == 147
    assert done.summary["rows_read"] == 2966
    assert done.summary["groups"] == 1067


@pytest.mark.slow
def test_the_split_has_its_sizes_and_cannot_leak(raw):
    done = curate(raw, identifiers=["part"], settings=CurateSettings(stratify="category"))
    n = len(done.kept)
    shares = np.array(list(done.summary["splits"].values())) / n
    assert np.abs(shares - [0.7, 0.1, 0.2]).max() < 0.02
    assert done.summary["certificate"]["pairs_at_or_above"] == 0
    assert done.kept.group_by("group").agg(sides=done.kept["split"].n_unique()).height == done.kept["group"].n_unique()
    assert done.kept.select("group", "split").unique().height == done.kept["group"].n_unique()


@pytest.mark.slow
def test_a_written_run_reads_back_as_it_was(run):
    ledger = read_ledger(run)
    splits = {split: read_split(run, split) for split in ("train", "validation", "test")}
    assert sum(map(len, splits.values())) == (ledger["outcome"] == "kept").sum()
    assert splits["train"]["reference_ok"].all()
    assert not splits["test"]["reference_ok"].all()
    assert {"part", "category"} <= set(json.loads(splits["train"]["fields"][0]))
    assert sorted(p.name for p in (run / "curate").iterdir()) == [
        "ledger.parquet", "set_aside.jsonl", "summary.json", "test.jsonl", "train.jsonl", "validation.jsonl",
    ]  # fmt: skip


@pytest.mark.slow
def test_why_shows_the_row_beside_the_other(run):
    entry = read_ledger(run).filter(outcome="duplicate").row(0, named=True)
    found = why(run, entry["id"])
    assert found == why(run, str(entry["row"]))
    assert found.other_id == entry["other_id"]
    assert found.other_output
    assert found.output
    assert "duplicate" in str(found)
    assert f'Compared with "{entry["other_id"]}"' in str(found)


@pytest.mark.slow
def test_why_of_an_unknown_row_names_the_nearest(run):
    with pytest.raises(DataError, match=r'similar ids: "Diode/LL43"(.|\n)*Row numbers go from 1 to 2966'):
        why(run, "Diode/LL4")
    with pytest.raises(DataError, match="there is no ledger"):
        why(run / "elsewhere", "1")


@pytest.mark.slow
@pytest.mark.parametrize("format", ["openai", "trl", "csv", "parquet", "datasets"])
def test_every_export_reads_back_with_all_pairs(run, tmp_path, format):
    written = export_pairs(run, format, tmp_path / "out")
    kept = (read_ledger(run)["outcome"] == "kept").sum()
    raw = [read_pairs(path) for path in written]
    assert sum(len(r.pairs) for r in raw) == kept
    assert not any(len(r.rejected) for r in raw)
    assert raw[0].pairs["output"][0] == read_split(run, "train")["output"][0]


def test_an_unknown_format_and_a_run_without_splits_are_errors(tmp_path):
    with pytest.raises(ConfigError, match="openai, trl, csv"):
        export_pairs(tmp_path, "xml", tmp_path)
    with pytest.raises(DataError, match="tuneworth curate"):
        export_pairs(tmp_path, "csv", tmp_path)


def test_an_unknown_field_to_stratify_by_is_named(raw):
    with pytest.raises(ConfigError, match='did you mean "category"'):
        curate(raw, identifiers=["part"], settings=CurateSettings(stratify="categori"))
