"""Commands on a run whose curate folder is in parts do what they do on the one in one piece."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth.curate import read_ledger, read_split

from ..conftest import pair
from ..curate.in_parts import cut
from ..reports.described import assert_described

# What differs from one call to the next, and from one project folder to another.
TIMES = ("seconds", "first_second", "tokens_per_second", "minutes", "time", "created", "provenance")


@pytest.fixture
def both(command: Callable[..., Any], project: Path) -> Callable[[str], tuple[Path, Path]]:
    """The project, curated; and a copy of it whose run is in three parts."""

    def make(table: str = "") -> tuple[Path, Path]:
        lines = [pair(n) for n in range(60)]
        for place in (11, 30, 31, 40, 50):  # in two parts, and more than a report shows of one rule
            lines[place] = {**lines[10], "id": f"again-{place}"}
        lines[12] = {"input": "", "output": "nothing asked"}
        write(project / "pairs.jsonl", lines)
        toml = project / "tuneworth.toml"
        text = toml.read_text().partition("[roi]")[0]
        toml.write_text(text.partition("guide =")[0] + table if table else text)
        assert command("curate", project, "--quiet").code == 0
        (run,) = (project / "runs").iterdir()
        other = project / "in-parts"
        shutil.copytree(project, other, ignore=shutil.ignore_patterns("runs", "in-parts"))
        cut(run, other / "runs" / run.name, [20, 21])
        return run, other / "runs" / run.name

    return make


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def plain(value: Any) -> Any:
    """The value without times, and without the number of parts."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in (*TIMES, "parts")}
    return [plain(item) for item in value] if isinstance(value, list) else value


def lines_of(path: Path) -> Any:
    return plain([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])


def pages(run: Path) -> list[str]:
    """The report's files; where the tables lie is all that may differ."""
    found = []
    for name in ("report.html", "report.md", "junit.xml"):
        text = (run / name).read_text(encoding="utf-8")
        for table in ("train", "validation", "test", "set_aside", "ledger"):
            for suffix in (".jsonl", ".parquet"):
                text = text.replace(f"curate/{table}{suffix}", f"curate/{table}")
        found.append(text)
    return found


@pytest.mark.slow
def test_a_curated_run_is_reported_alike(command, both):
    whole, parts = both()
    assert [command("report", run, "--quiet").code for run in (whole, parts)] == [0, 0]
    assert pages(parts) == pages(whole)
    assert "curate/ledger.parquet" in (whole / "report.html").read_text()
    assert "curate/ledger.parquet" not in (parts / "report.html").read_text()
    told = [command("why", run, "again-31", "--json").json for run in (whole, parts)]
    assert told[0] == told[1]
    assert told[0]["outcome"] == "duplicate"
    said = [command("why", run, "row 13").out for run in (whole, parts)]
    assert ["curate/ledger.parquet" in text for text in said] == [True, False]
    assert "curate/ledger" in said[1]


@pytest.mark.slow
def test_outputs_are_judged_alike(command, both, project):
    whole, parts = both('outputs = "prompted.jsonl"\n[evaluate.tuned]\noutputs = "tuned.jsonl"\n')
    held_out = [int(name[1:]) for split in ("validation", "test") for name in read_split(whole, split)["id"]]
    for run in (whole, parts):
        folder = run.parent.parent
        for name, good in (("prompted", 3), ("tuned", 6)):
            rows = [{"id": f"p{n}", "output": pair(n)["output"] if n % 7 < good else "A bag."} for n in held_out]
            write(folder / f"{name}.jsonl", rows)
        done = command("evaluate", folder, "--json")
        assert done.code == 0, done.err
    results = [json.loads((run / "results.json").read_text(encoding="utf-8")) for run in (whole, parts)]
    assert results[1]["data"]["parts"] == 3
    assert_described(results[1])
    assert plain(results[1]) == plain(results[0])
    outputs = [lines_of(run / "evaluate" / "outputs.jsonl") for run in (whole, parts)]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 18  # the untuned model's among them


@pytest.mark.slow
def test_the_test_pairs_of_a_run_in_parts_are_read_as_a_folder(command, both, style_file, tmp_path):
    whole, parts = both()
    hint = command("export", parts, "--format", "csv").out
    assert f"--pairs {parts / 'curate' / 'test'} " in hint
    write(tmp_path / "o.jsonl", [{"id": name, "output": "Box"} for name in read_split(whole, "test")["id"]])
    judged = []
    for name, pairs in (("a", whole / "curate" / "test.jsonl"), ("b", parts / "curate" / "test")):
        words = ("--outputs", f"tuned={tmp_path / 'o.jsonl'}", "--style", style_file, "--out", tmp_path / name)
        done = command("evaluate", "--pairs", pairs, *words, "--json")
        assert done.code == 0, done.err
        judged.append(done.json["quality"])
    assert judged[0] == judged[1]
    refused = [command("curate", folder, "--out", tmp_path / "c").err for folder in (parts, parts / "curate")]
    assert f"such as {parts.name}/curate/train\n" in refused[0]
    assert "such as train\n" in refused[1]


@pytest.mark.slow
def test_a_run_in_parts_is_trained_alike(command, both):
    whole, parts = both()
    for run in (whole, parts):
        folder = run.parent.parent
        toml = folder / "tuneworth.toml"
        toml.write_text(toml.read_text().replace("rank = 2", 'rank = 2\ndtype = "float32"'))
        assert command("train", folder, "--quiet").code == 0
    for name in ("train/adapter/adapter_model.safetensors", "train/pair_losses.jsonl"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()
    assert lines_of(parts / "train" / "log.jsonl") == lines_of(whole / "train" / "log.jsonl")


@pytest.mark.slow
def test_curating_the_run_anew_leaves_one_piece(command, both):
    whole, parts = both()
    assert command("curate", parts.parent.parent, "--run", parts.name, "--quiet").code == 0
    assert sorted(path.name for path in (parts / "curate").iterdir()) == [
        "ledger.parquet", "set_aside.jsonl", "summary.json", "test.jsonl", "train.jsonl", "validation.jsonl",
    ]  # fmt: skip
    assert read_ledger(parts).equals(read_ledger(whole))
