"""An open run: its tables are read once, and it prints its outcome."""

import json
import re
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tuneworth import DataError, GateFailed, Run, curate_project, evaluate_run, explain_row, judge_outputs, run_project
from tuneworth.core import adopt, as_json, changing, check_digests, read_manifest
from tuneworth.evaluate import variants as planning

from ..shared import unsealed

face = import_module("tuneworth.curate")  # splits are read through it, when a run is asked for one
ROOT = Path(__file__).parents[2]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts how often each split was read as a table."""
    counts: Counter[str] = Counter()
    read = face.read_split

    def counted(run: Path, split: str) -> pl.DataFrame:
        counts[split] += 1
        return read(run, split)

    monkeypatch.setattr(face, "read_split", counted)
    return counts


def test_a_project_without_a_run_names_the_command_that_makes_one(tmp_path: Path) -> None:
    (tmp_path / "tuneworth.toml").touch()
    with pytest.raises(DataError, match=f"has no run yet\nCreate one: tuneworth curate {tmp_path}"):
        Run(tmp_path)
    with pytest.raises(DataError, match="neither a run"):
        Run(tmp_path / "elsewhere")


def test_splits_are_read_only_through_a_run() -> None:
    files = [file for folder in ("project", "cli") for file in (ROOT / folder).rglob("*.py")]
    users = [file.name for file in files if re.search(r"\bread_split\b", file.read_text(encoding="utf-8"))]
    assert users == ["run.py"]


@pytest.mark.slow
def test_a_whole_run_reads_each_split_once_and_chooses_its_examples_once(
    project: Path, parsed: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = []
    choose = planning.choose_examples

    def counted(train: pl.DataFrame, count: int, *, seed: int) -> Any:
        if count and len(train):
            chosen.append(count)
        return choose(train, count, seed=seed)

    monkeypatch.setattr(planning, "choose_examples", counted)
    file = project / "tuneworth.toml"
    file.write_text(file.read_text().replace("few_shot = 0", "few_shot = 1").replace("max_pairs = 6", "max_pairs = 2"))
    run = run_project(project)
    assert (parsed, chosen) == ({"train": 1, "validation": 1, "test": 1}, [1])
    assert set(run.results.quality) >= {"plain", "prompted", "tuned"}


def test_a_table_is_read_once_until_its_file_changes(labels: Path, parsed: Counter[str]) -> None:
    curate_project(labels)
    run = Run(labels)
    assert run.train is run.train
    assert parsed == {"train": 1}
    file = run.folder / "curate" / "train.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace("Box with", "Box holding"), encoding="utf-8")
    assert run.train["output"].str.contains("Box holding").all()


@pytest.mark.slow
def test_the_tables_of_a_run_are_those_of_its_files(labels: Path) -> None:
    curate_project(labels)
    run = evaluate_run(labels)
    counts = run.curation["splits"]
    assert {name: len(getattr(run, name)) for name in counts} == counts
    assert run.ledger.equals(pl.read_parquet(run.folder / "curate" / "ledger.parquet"))
    assert as_json(run.results) == json.loads((run.folder / "results.json").read_text(encoding="utf-8"))
    assert Run(labels).results == run.results
    assert dict(run.outputs.group_by("variant").len().rows()) == dict.fromkeys(run.results.variants, counts["test"])


def test_stages_that_have_not_run_are_empty(labels: Path) -> None:
    run = curate_project(labels)
    assert (run.results, len(run.outputs)) == (None, 0)
    (labels / "runs" / "later").mkdir()
    (labels / "runs" / "later" / "run.json").write_text('{"seed": 3}', encoding="utf-8")
    bare = Run(labels / "runs" / "later")
    assert (bare.curation, bare.seed) == ({}, 3)
    assert "Nothing has been curated" in repr(bare)
    with pytest.raises(DataError):
        _ = bare.train


def test_a_damaged_summary_is_named(labels: Path) -> None:
    run = curate_project(labels)
    (run.folder / "curate" / "summary.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"summary\.json: it has 1 bytes instead of"):
        Run(run.folder)
    with pytest.raises(DataError, match=r"summary\.json: not readable as JSON"):
        _ = Run(unsealed(run.folder)).curation


@pytest.mark.slow
def test_a_run_prints_counts_and_then_its_verdict(labels: Path) -> None:
    run = curate_project(labels)
    assert "60 rows read: 60 kept" in repr(run)
    assert "<table" in run._repr_html_()
    judged = evaluate_run(labels)
    assert judged.results.verdict.sentence.split()[0] in repr(judged)
    assert "100%" in repr(judged)


def test_data_is_never_html_in_a_notebook(labels: Path) -> None:
    pairs = labels / "pairs.jsonl"
    pairs.write_text(pairs.read_text(encoding="utf-8").replace("Box with", "Box <script>alert(1)</script> with"))
    run = curate_project(labels)
    assert run.train["output"].str.contains("<script>").all()
    for shown in (run, explain_row(run, 1)):  # as a table, and as a text
        assert "<script>alert" not in shown._repr_html_()
        assert "&lt;script&gt;" in shown._repr_html_()


@pytest.mark.slow
def test_gates_are_checked_on_request_and_from_the_stored_results(labels: Path) -> None:
    curate_project(labels)
    run = evaluate_run(
        labels, gates=["quality.tuned.acceptable.share >= 0.9", "quality.prompted.acceptable.share > 0.9"]
    )
    assert [gate.holds for gate in run.results.gates] == [True, False]
    for each in (run, Run(labels)):
        with pytest.raises(GateFailed, match=r"prompted\.acceptable\.share > 0\.9: it is 0"):
            each.check_gates()
    evaluate_run(labels, gates=["quality.tuned.acceptable.share >= 0.9"]).check_gates()


def _lines(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.slow
def test_outputs_are_checked_for_the_values_of_all_pairs_of_the_run(labels: Path) -> None:
    parts = ["train"] * 42 + ["validation"] * 6 + ["test"] * 12
    colours = ["blue" if n % 2 and part == "train" else "red" for n, part in enumerate(parts)]
    pairs = [
        {"id": f"p{n}", "input": {"colour": colour, "item": f"lamp{n}x"}, "output": f"A {colour} lamp{n}x", "split": part,
         "family": f"f{n}"}
        for n, (colour, part) in enumerate(zip(colours, parts, strict=True))
    ]  # fmt: skip
    test = pairs[48:]
    _lines(labels / "pairs.jsonl", pairs)
    _lines(labels / "prompted.jsonl", [{"id": pair["id"], "output": "A blue lamp"} for pair in test])
    _lines(labels / "tuned.jsonl", [{"id": pair["id"], "output": pair["output"]} for pair in test])
    (labels.parent / "style.yaml").write_text("checks: [{kind: contradicts, field: colour}]", encoding="utf-8")
    (labels / "collected.jsonl").write_text((labels / "prompted.jsonl").read_text(), encoding="utf-8")
    _lines(labels / "test.jsonl", test)
    curate_project(labels)
    run = evaluate_run(labels)
    assert run.style.checks[0].parameters.values == ("red", "blue")
    shares = {name: quality.acceptable.share for name, quality in run.results.quality.items()}
    assert (shares["prompted"], shares["tuned"]) == (0, 1)
    judged = judge_outputs(labels / "test.jsonl", {"tuned": labels / "collected.jsonl"}, project=labels)
    assert judged.results.quality["tuned"].acceptable.share == 0


def test_a_newer_run_without_its_run_json_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "tuneworth.toml").touch()
    for name in ("20260101-000000-aaaa", "20260102-000000-bbbb"):
        (tmp_path / "runs" / name / "curate").mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text("{}", encoding="utf-8")
    newest = tmp_path / "runs" / "20260102-000000-bbbb"
    assert Run(tmp_path).folder == newest
    (newest / "run.json").unlink()
    with pytest.raises(DataError, match=r"bbbb/run\.json: the file is missing\nRestore it from a copy"):
        Run(tmp_path)
    (newest / "curate").rmdir()  # a folder that a killed command began
    assert Run(tmp_path).folder.name == "20260101-000000-aaaa"


@pytest.mark.slow
def test_curating_again_keeps_what_belongs_to_the_same_splits_and_moves_the_rest_aside(labels: Path) -> None:
    run = curate_project(labels).folder
    evaluated = evaluate_run(labels, run=run.name)
    (run / "train" / "adapter").mkdir(parents=True)
    (run / "train" / "adapter" / "weights").write_text("weights")
    (run / "train" / "summary.json").write_text("{}")
    (run / "train" / "log.jsonl").write_text("{}\n")
    with changing(run) as stage:
        adopt(stage, "train")
    curate_project(labels, run=run.name)
    assert (run / "train" / "adapter" / "weights").exists()
    assert Run(run).results == evaluated.results
    assert not (run / "report.html").exists()
    pairs = labels / "pairs.jsonl"
    pairs.write_text("".join(pairs.read_text().splitlines(keepends=True)[5:]))
    curate_project(labels, run=run.name)
    assert Run(run).results is None
    assert not (run / "train").exists()
    aside = {path.relative_to(run / "train-1").as_posix() for path in (run / "train-1").rglob("*") if path.is_file()}
    assert aside >= {"adapter/weights", "summary.json", "log.jsonl", "results.json", "evaluate/outputs.jsonl"}
    (run / "manifest.json").write_text("{")
    curate_project(labels, run=run.name)
    check_digests(run)


@pytest.mark.parametrize("made", ["curated", "judged"])
def test_a_run_of_an_earlier_version_has_the_files_that_a_manifest_would_list(labels: Path, made: str) -> None:
    curate_project(labels)
    run = (evaluate_run if made == "judged" else Run)(labels).folder
    listed = read_manifest(run)
    with changing(unsealed(run)):
        pass
    assert listed is not None
    assert read_manifest(run).files.keys() == listed.files.keys()
