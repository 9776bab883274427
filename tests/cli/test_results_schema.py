"""evaluate/results.schema.json is true of a run that curates, trains and evaluates, and of what it curated."""

import json

import jsonschema
import pytest

from ..reports.described import SCHEMA, assert_described, undescribed


@pytest.mark.slow
def test_a_whole_run_keeps_the_schema(command, project):
    done = command("run", project, "--json", "--gate", "training.steps >= 1")
    assert done.code == 0, done.err
    results = json.loads((next((project / "runs").iterdir()) / "results.json").read_text())
    assert results["data"]["certificate"]["pairs_at_or_above"] == 0
    assert results["training"]["steps"] == 4
    assert_described(results)


def test_what_curate_says_keeps_the_schema_of_its_part(command, pairs_file, style_file, tmp_path):
    (tmp_path / "tuneworth.toml").write_text('[data]\npath = "pairs.jsonl"\ngroup = "family"\n')
    done = command("curate", tmp_path, "--json", "--threshold-table")
    assert done.code == 0, done.err
    summary = json.loads(next((tmp_path / "runs").rglob("summary.json")).read_text())
    part = {**SCHEMA["properties"]["data"], "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator(part).validate(summary)
    assert summary["threshold_table"]
    assert set(undescribed(summary, part)) == set()
