"""`tuneworth train` in two processes, as the launchers start it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
TORCHRUN = [str(BIN / "torchrun"), "--standalone", "--nproc-per-node", "2", "--no-python"]
# Port 0: a free one. Without --multi_gpu, accelerate starts one process on a machine without GPUs.
ACCELERATE = [
    str(BIN / "accelerate"),
    "launch",
    "--multi_gpu",
    "--num_processes",
    "2",
    "--main_process_port",
    "0",
    "--no_python",
]


def launched(launcher: list[str], *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*launcher, str(BIN / "tuneworth"), *map(str, words)], capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def log_of(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "train" / "log.jsonl").read_text().splitlines()]
    return [line[name] or 0.0 for line in lines for name in ("step", "train_loss", "validation_loss")]


@pytest.mark.cluster
def test_train_in_two_processes_answers_once_and_as_alone(command: Callable[..., Any], project: Path) -> None:
    settings = project / "tuneworth.toml"
    settings.write_text(settings.read_text().replace("rank = 2", 'rank = 2\ndtype = "float32"'))
    assert command("curate", project).code == 0
    (alone,) = (project / "runs").iterdir()
    both = shutil.copytree(alone, alone.with_name("both"))
    assert command("train", project, "--run", alone.name).code == 0
    done = launched(ACCELERATE, "train", project, "--run", "both", "--json", "--merge")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 4  # one answer: two would be no JSON
    assert done.stderr.count("train: step 4 of 4") == 1
    assert log_of(both) == pytest.approx(log_of(alone), rel=1e-5)
    assert json.loads((both / "run.json").read_text())["model"]["dtype"] == "float32"
    assert (both / "train" / "adapter" / "adapter_model.safetensors").is_file()
    assert (both / "train" / "merged" / "model.safetensors").is_file()


@pytest.mark.cluster
def test_an_error_of_all_processes_is_told_once(command: Callable[..., Any], project: Path, tmp_path: Path) -> None:
    assert command("curate", project).code == 0
    settings = project / "tuneworth.toml"
    (tmp_path / "empty").mkdir()
    settings.write_text(settings.read_text().replace('model = "', 'model = "empty"  # "'))
    done = launched(TORCHRUN, "train", project)
    assert done.returncode != 0
    said = done.stderr.partition("ChildFailedError")[0]
    assert said.count("tuneworth: ") == 1, said
    assert 'The model "' in said
    assert done.stdout == ""


@pytest.mark.cluster
def test_only_training_shares_its_work(project: Path) -> None:
    done = launched(TORCHRUN, "run", project)
    assert done.stderr.count("only `tuneworth train` can share its work") == 1
    assert not (project / "runs").exists()
