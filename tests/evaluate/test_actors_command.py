"""`tuneworth evaluate --cluster`: the run is the same as with one process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def with_cluster(project: Path, cluster: str) -> Path:
    """The project with a section [cluster]."""
    with (project / "tuneworth.toml").open("a") as file:
        file.write(cluster)
    return project


@pytest.mark.cluster
def test_one_process_reuses_every_output_of_the_cluster_with_the_same_results(
    command: Callable[..., Any], trained: Path
) -> None:
    project = with_cluster(trained, '[cluster]\naddress = "local"\nworkers = 2\n')
    words = [sys.executable, "-m", "tuneworth.cli", "evaluate", str(project), "--cluster", "--json"]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert "2 workers with 1 core each, float32" in done.stderr
    assert ", summed over all workers" in done.stderr
    (store,) = project.glob("runs/*/evaluate/generated.jsonl")
    written, said = store.read_bytes(), json.loads(done.stdout)
    again = command("evaluate", project, "--json")
    assert again.code == 0, again.err
    assert store.read_bytes() == written
    for part in ("verdict", "quality", "comparison", "risks", "rivals"):
        assert again.json[part] == said[part]


@pytest.mark.parametrize(
    ("cluster", "said"),
    [("", "needs a section [cluster] in"), ('[cluster]\naddress = "processes"', "is for curating")],
)
def test_without_a_ray_cluster_there_is_one_clear_error(
    command: Callable[..., Any], trained: Path, cluster: str, said: str
) -> None:
    done = command("evaluate", with_cluster(trained, cluster), "--cluster")
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_collected_outputs_use_no_model_on_a_cluster(command: Callable[..., Any]) -> None:
    done = command("evaluate", "--cluster", "--pairs", "a.jsonl", "--outputs", "x=b.jsonl")
    assert done.code == 2
    assert "--cluster generates outputs with a project's models" in done.err
