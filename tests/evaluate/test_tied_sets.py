"""The tied sets of the split are the groups of an evaluation without groups: intervals, tests and recomputed money alike."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tuneworth.core import as_json
from tuneworth.curate import curate, read_pairs, read_split, read_tested, write_curated
from tuneworth.evaluate import Raw, Variant, VariantSettings, evaluate_outputs, groups_by_id, groups_of, write_evaluated
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.style import parse_style

STYLE = parse_style("name: t\nchecks:\n  - {kind: ends_with, any: [good], id: good}\n")
N, SETS = 120, 12


def pairs(**columns: Any) -> pl.DataFrame:
    table = {"id": [f"p{row}" for row in range(N)], "input": [f"question {row}" for row in range(N)], "fields": None,
             "output": "good", "group": None, "component": None, "reference_ok": True, **columns}  # fmt: skip
    return pl.DataFrame(table, schema_overrides=dict.fromkeys(("fields", "group", "component"), pl.String))


def results_of(table: pl.DataFrame, **more: Any) -> dict[str, Any]:
    """Outcomes that agree within each of the twelve sets, so that the sets are the independent cases."""
    rng = np.random.default_rng(3)
    good = {"prompted": rng.random(SETS) < 0.5, "tuned": rng.random(SETS) < 0.8}
    raw = []
    for name, right in good.items():
        texts = ["good" if right[row % SETS] else "bad" for row in range(N)]
        known = {
            "id": table["id"].to_list(),
            "variant": [name] * N,
            "sample": [0] * N,
            "output": texts,
            "output_tokens": [7] * N,
            "input_tokens": [9] * N,
        }
        outputs = pl.DataFrame(known, schema_overrides=OUTPUT_SCHEMA).select(
            pl.col(key) if key in known else pl.lit(None, kind).alias(key) for key, kind in OUTPUT_SCHEMA.items()
        )
        raw.append(Raw(Variant(name, "outputs", settings=VariantSettings()), outputs))
    evaluated = evaluate_outputs(table, raw, STYLE, baseline="prompted", candidate="tuned", margin=0.03, **more)
    return {"results": as_json(evaluated.results), "evaluated": evaluated}


SETS_OF_ROWS = [f"p{row % SETS}" for row in range(N)]


@pytest.mark.slow
def test_tied_sets_count_as_groups_where_none_are_stated():
    tied = results_of(pairs(component=SETS_OF_ROWS))["results"]
    grouped = results_of(pairs(group=SETS_OF_ROWS))["results"]
    alone = results_of(pairs())["results"]
    for part in ("quality", "comparison", "reference"):
        assert tied[part] == grouped[part]
    assert tied["comparison"]["groups"] == SETS
    assert tied["comparison"]["n_effective"] < N / 3
    assert alone["comparison"]["groups"] is None
    width = [r["comparison"]["difference"]["high"] - r["comparison"]["difference"]["low"] for r in (tied, alone)]
    assert width[0] > 1.5 * width[1]
    assert f"come from {SETS} groups of similar cases" in json.dumps(tied["verdict"])


def test_stated_groups_come_first_and_sets_of_one_are_no_groups():
    both = pairs(group=[f"g{row}" for row in range(N)], component=SETS_OF_ROWS)
    assert groups_of(both).tolist() == both["group"].to_list()
    assert groups_of(pairs(component=[f"p{row}" for row in range(N)])) is None
    assert groups_of(pairs()) is None
    assert groups_of(pairs().drop("component")) is None
    some = [None, "p1", "p1", *[None] * (N - 3)]
    assert groups_of(pairs(component=some)).tolist() == some
    assert groups_by_id(pairs(component=some).to_dicts())["p2"] == "p1"
    assert groups_by_id([{"id": "a"}, {"id": "b", "group": "g"}]) == {"a": None, "b": "g"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A curated run of products whose sizes share a description, without groups."""
    folder = tmp_path_factory.mktemp("run")
    rows = [
        {"id": f"{n}-{size}", "input": f"{n * 7919} item in {size * n} of {n}{size}",
         "output": f"{chr(97 + n % 26) * 9} a long text about thing {n}"}
        for n in range(60) for size in range(4)
    ]  # fmt: skip
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_curated(curate(read_pairs(folder / "pairs.jsonl")), folder)
    return folder


def test_a_run_carries_its_tied_sets_and_its_lines_read_as_pairs_keep_them(run: Path):
    test = read_split(run, "test")
    sets = test["component"].value_counts()["count"].to_list()
    assert sets == [4] * (len(test) // 4)
    assert len(np.unique(groups_of(test))) == len(test) // 4
    again = read_pairs(run / "curate" / "test.jsonl").pairs
    assert again["component"].to_list() == test["component"].to_list()
    assert again["meta"].null_count() == len(again)
    for split in ("train", "validation"):
        assert not set(read_split(run, split)["component"]) & set(test["component"])


def test_a_run_of_an_earlier_version_still_loads_and_has_no_groups(run: Path, tmp_path: Path):
    (tmp_path / "curate").mkdir()
    lines = [json.loads(line) for line in (run / "curate" / "test.jsonl").read_text().splitlines()]
    old = [{key: value for key, value in line.items() if key != "component"} for line in lines]
    (tmp_path / "curate" / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old))
    test = read_split(tmp_path, "test")
    assert len(test) == len(old)
    assert groups_of(test) is None


def test_stored_pairs_have_the_tied_sets(tmp_path: Path):
    table = pairs(component=SETS_OF_ROWS)
    write_evaluated(results_of(table)["evaluated"], tmp_path)
    other = {"system": None, "row": 0, "split": "test", "meta": None}
    lines = [json.dumps({**other, **row}) + "\n" for row in table.iter_rows(named=True)]
    (tmp_path / "evaluate" / "pairs.jsonl").write_text("".join(lines))
    groups = groups_of(read_tested(tmp_path))
    assert groups is not None
    assert groups.tolist() == SETS_OF_ROWS
