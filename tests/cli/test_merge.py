import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tuneworth.core import DataError, ModelError, say
from tuneworth.project import Project, Run, read_project
from tuneworth.project.training.training import merge_run, merge_text
from tuneworth.train import TrainSettings, fit, load_model

QUICK = TrainSettings(rank=4, alpha=8, max_steps=6, batch_size=4, learning_rate=2e-2, checkpoint_steps=0)
WORDS = ["resistor", "diode", "relay", "fuse", "lamp", "switch"]


@pytest.fixture
def project(tiny_folder: Path, tmp_path: Path) -> Project:
    """A project of the tiny model with one curated run."""
    (tmp_path / "style.yaml").write_text("name: Line\nchecks:\n  - kind: length\n    unit: words\n    max: 20\n")
    (tmp_path / "pairs.jsonl").write_text('{"input": "a", "output": "b"}\n')
    settings = f'[data]\npath = "pairs.jsonl"\n[train]\nmodel = "{tiny_folder}"\ndtype = "float32"\n'
    (tmp_path / "tuneworth.toml").write_text(settings)
    curated = tmp_path / "runs" / "one" / "curate"
    curated.mkdir(parents=True)
    rest = {
        "fields": None,
        "system": None,
        "group": None,
        "row": 1,
        "split": "train",
        "reference_ok": True,
        "meta": None,
    }
    lines = [json.dumps({"id": word, "input": word, "output": f"yes, {word}", **rest}) for word in WORDS]
    (curated / "train.jsonl").write_text("\n".join(lines) + "\n")
    (curated / "validation.jsonl").write_text("")
    (curated.parent / "run.json").write_text('{"seed": 0}')
    return read_project(tmp_path)


@pytest.fixture
def run(project: Project, tiny_model: Any) -> Path:
    pairs = pl.DataFrame({"id": WORDS, "input": WORDS, "output": [f"yes, {word}" for word in WORDS]})
    fit(pairs, pairs[:0], model=tiny_model, settings=QUICK, out=project.runs / "one" / "train")
    return project.runs / "one"


@pytest.mark.slow
def test_a_runs_adapter_is_merged_and_the_summary_is_json(project: Project, run: Path) -> None:
    summary = merge_run(Run(run, project=project))
    assert load_model(str(run / "train" / "merged"), dtype="float32").dtype == "float32"
    assert json.loads(json.dumps(summary))["merged"]["agreement"]["rows"] == 6
    assert merge_text(summary) == f"merged: {run}/train/merged, {say.size(summary['merged']['bytes'])} in float32"


@pytest.mark.slow
def test_a_model_that_came_from_no_gguf_gets_the_command_of_llama_cpp(
    project: Project, run: Path, tiny_model: Any
) -> None:
    summary = merge_run(Run(run, project=project), gguf=True, loaded=tiny_model)
    assert summary["gguf"] is None
    assert summary["gguf_command"].startswith(f"python convert_hf_to_gguf.py {run}/train/merged ")
    assert summary["gguf_command"] in merge_text(summary)
    assert not (run / "train" / "gguf").exists()


def test_without_an_adapter_the_next_command_is_named(project: Project) -> None:
    with pytest.raises(DataError, match=f"tuneworth train {project.folder}"):
        merge_run(Run(project.runs / "one", project=project))


def test_another_model_in_the_project_file_is_named(project: Project, run: Path, tmp_path: Path) -> None:
    record = json.loads((run / "train" / "adapter" / "tuneworth.json").read_text())
    record["base"]["sha256"] = "0" * 64
    (run / "train" / "adapter" / "tuneworth.json").write_text(json.dumps(record))
    with pytest.raises(ModelError, match="was not made for the weights of"):
        merge_run(Run(run, project=project))
    assert not (run / "train" / "merged").exists()
