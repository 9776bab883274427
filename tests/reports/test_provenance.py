"""What a run was made of, and the commands that make it again: they are run."""

import json
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tuneworth.cli import main
from tuneworth.core import DataError
from tuneworth.curate import Curation, curate, read_ledger, write_curated
from tuneworth.evaluate.results import ModelFacts, Provenance
from tuneworth.examples import example_path
from tuneworth.reports import read_run, write_report
from tuneworth.reports.sections.provenance import (
    commands,
    fingerprints,
    lead,
    origin_facts,
    reuse_warning,
    what_repeats,
    where,
)
from tuneworth.reports.stored import StoredCuration, StoredRun, read_curation

from ..shared import record_of, results_of

ORIGIN = {"versions": {"tuneworth": "0.1.0"}, "seed": 3, "seconds": {"curate": 1.0, "train": 200}, "test_set_used": 1}


def origin(**keys: Any) -> Provenance:
    return record_of(ORIGIN | keys, Provenance)


def run(command: str, results: dict[str, Any] | None = None, **keys: Any) -> StoredRun:
    known = {
        "command": command,
        "project": "lines",
        "seed": 3,
        "versions": {"tuneworth": "0.1.0"},
        "config": {"data": {}},
    }
    return StoredRun(Path("r"), results_of(results or {}), {}, {}, known | keys)


def called(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as left:
        main([*shlex.split(line)[1:], "--quiet"])
    assert left.value.code in (0, None)


@pytest.mark.slow
def test_the_printed_commands_give_the_same_results_again(evaluated_run, tmp_path, monkeypatch):
    first = evaluated_run(n=28, roi=None)
    lines = commands(read_run(first))
    assert lines[0] == "pip install .  # in a clone of Tuneworth 0.1.0"
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for file in (tmp_path / "real" / "project" / "pairs.jsonl", *(tmp_path / "real").glob("*.jsonl")):
        (folder / file.name).write_bytes(file.read_bytes())
    (tmp_path / "real" / "project").rename(folder / "project")
    called(lines[1], folder, monkeypatch)
    before, after = (json.loads((path / "results.json").read_text()) for path in (first, folder / "again"))
    for key in ("quality", "comparison", "verdict", "risks", "tokens", "variants"):
        assert before[key] == after[key], key


@pytest.mark.slow
def test_a_curated_file_is_curated_again_by_its_printed_command(tmp_path, monkeypatch):
    source = example_path("components")
    for name in ("pairs.jsonl", "style.yaml", "words.txt"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    line = "tuneworth curate pairs.jsonl --style style.yaml --identifier part --group family --near-duplicate 0.9"
    line += " --tie-outputs false --fix safe --out first"
    called(line, tmp_path, monkeypatch)
    printed = commands(read_curation(tmp_path / "first"))[-1]
    assert "--out again --seed 0" in printed
    called(printed, tmp_path, monkeypatch)
    first, again = (
        json.loads((tmp_path / name / "curate" / "summary.json").read_text()) for name in ("first", "again")
    )
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    assert read_ledger(tmp_path / "first").equals(read_ledger(tmp_path / "again"))
    assert "--splits" not in printed
    called(line, tmp_path, monkeypatch)
    assert "--splits splits.jsonl" in commands(read_curation(tmp_path / "first"))[-1]


BASE, TRAIN = (
    "pip install .  # in a clone of Tuneworth 0.1.0",
    "pip install '.[train]'  # in a clone of Tuneworth 0.1.0",
)
LOCAL = {"variants": {"tuned": {"source": "adapter"}}, "training": {"threads": 2}}


@pytest.mark.parametrize(("stored", "lines"), [
    (run("tuneworth run", LOCAL), [TRAIN, "tuneworth run lines --seed 3"]),
    (run("tuneworth curate", LOCAL), [TRAIN, "tuneworth curate lines --seed 3",
                                      "tuneworth train lines --seed 3", "tuneworth evaluate lines --seed 3"]),
    (run("something else"), []),
    (run("tuneworth run", project="a b; rm -rf ~", versions={}), ["pip install .  # in a clone of Tuneworth",
                                                                    "tuneworth run 'a b; rm -rf ~' --seed 3"]),
    (run("tuneworth run", project="/home/ann/-x"), [BASE, "tuneworth run ./-x --seed 3"]),
])  # fmt: skip
def test_the_commands_follow_from_how_the_run_was_begun(stored: StoredRun, lines: list[str]):
    assert commands(stored) == lines
    assert bool(where(stored)) == bool(lines)


def test_what_repeats_says_what_may_not():
    assert any("2 threads" in line for line in what_repeats(run("tuneworth run", LOCAL)))
    endpoint = {"variants": {"prompted": {"source": "endpoint"}}}
    assert any("another day" in line for line in what_repeats(run("tuneworth run", endpoint)))
    imported = {"variants": {"prompted": {"source": "outputs"}}}
    assert not any("bit-for-bit" in line for line in what_repeats(run("tuneworth evaluate --pairs", imported)))
    curated = StoredCuration(Path("r"), record_of({}, Curation), pl.DataFrame(), {})
    assert what_repeats(curated)[0].endswith("Only times vary.")


@pytest.mark.parametrize(("used", "end", "warned"), [
    (1, "on a test set used for the first time.", False), (3, "on a test set used for the third time.", False),
    (4, "on a test set used for the 4th time, which makes its result less reliable.", True),
    (22, "on a test set used for the 22nd time, which makes its result less reliable.", True), (None, "in 3 min 21 s.", False),
])  # fmt: skip
def test_a_worn_test_set_is_warned_of(used: int | None, end: str, warned: bool):
    made = origin(test_set_used=used)
    assert lead(made).replace("\xa0", " ").endswith(end)
    assert bool(reuse_warning(made)) == warned


def test_no_folder_of_the_disk_stands_in_facts_fingerprints_or_page(make_run):
    secret = "/home/ann/secret-project"
    model = {"name": f"{secret}/models/small", "sha256": "ab" * 32}
    inputs = [{"path": f"{secret}/pairs.jsonl", "sha256": "cd" * 32}]
    made = origin(model=record_of(model, ModelFacts), inputs=inputs)
    assert ("pairs.jsonl", "cd" * 32) in fingerprints(made)
    assert ("Base model", "small") in [(row.label, row.value) for row in origin_facts(made)]

    def change(results: dict[str, Any]) -> None:
        results["provenance"] |= {"model": model, "inputs": inputs, "command": f"tuneworth run {secret}"}
        results["variants"]["tuned"] |= {"model": f"{secret}/models/small", "file": f"{secret}/out.jsonl"}
        results["learning_curve"] = {"sentence": f"see {secret}/x"}

    html = write_report(make_run(change=change))[0].read_text(encoding="utf-8")
    parts = html[html.index('id="training"') :]
    assert "secret-project" not in parts


def test_a_page_names_the_files_that_are_there(make_run):
    html = write_report(make_run())[0].read_text(encoding="utf-8")
    part = html[html.index('id="provenance"') :]
    assert "evaluate/outputs.jsonl</code>" in part
    assert "train/adapter</code>" not in part


def test_a_curated_page_says_how_to_make_it_again(tmp_path):
    write_curated(curate([{"input": f"i{n} {n * n}", "output": f"o{n}"} for n in range(40)]), tmp_path)
    known = {"command": "tuneworth curate", "seed": 0, "project": "pairs", "versions": {"tuneworth": "0.1.0"},
             "config": {"data": {"path": "/home/ann/pairs <b>.jsonl"}, "curate": {"mask": True}}}  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(known), encoding="utf-8")
    html = write_report(tmp_path)[0].read_text(encoding="utf-8")
    assert "tuneworth curate &#39;pairs &lt;b&gt;.jsonl&#39; --mask --out again --seed 0" in html
    assert "/home/ann" not in html


def test_a_damaged_run_json_is_named_and_one_that_is_not_there_is_no_matter(make_run):
    folder = make_run()
    assert read_run(folder).facts == {}
    (folder / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"run\.json"):
        read_run(folder)
    (folder / "run.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(DataError, match=r"run\.json: it is a list; expected an object"):
        read_run(folder)
