"""`tuneworth evaluate --cluster`: the run is the same as with one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STYLE = """
name: Label
about: One label for one box.
checks:
  - {kind: starts_with, any: [Box], id: starts}
  - {kind: punctuation, end: none, id: no-stop}
"""


def project_of(folder: Path, model: Path, *, cluster: str) -> Path:
    """A project of 60 pairs with an untrained model, which runs in seconds."""
    words, colours = ["lamp", "chair", "table", "shelf", "clock", "mirror", "basket"], ["red", "blue", "green", "white"]
    things = [f"{colours[n % 4]} {words[n % 7]} {words[n // 7 % 7]} {chr(97 + n % 26)}{n}" for n in range(60)]
    pairs = [{"id": f"p{n}", "input": thing, "output": f"Box with a {thing}"} for n, thing in enumerate(things)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    (folder / "style.yaml").write_text(STYLE)
    (folder / "guide.txt").write_text("Write a label.")
    (folder / "tuneworth.toml").write_text(
        f"""
[data]
path = "pairs.jsonl"
[train]
model = "{model}"
dtype = "float32"
max_steps = 2
batch_size = 4
rank = 2
[evaluate]
variants = ["prompted", "tuned"]
max_new_tokens = 8
[evaluate.prompted]
guide = "guide.txt"
few_shot = 0
{cluster}
"""
    )
    return folder


def tuneworth(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuneworth.cli", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


@pytest.mark.cluster
def test_one_process_reuses_every_output_of_the_cluster_with_the_same_results(
    tiny_folder: Path, tmp_path: Path
) -> None:
    project = project_of(tmp_path, tiny_folder, cluster='[cluster]\naddress = "local"\nworkers = 2')
    for words in (("curate", project), ("train", project)):
        done = tuneworth(*words)
        assert done.returncode == 0, done.stderr
    done = tuneworth("evaluate", project, "--cluster", "--json")
    assert done.returncode == 0, done.stderr
    assert "2 workers with 1 core each, float32" in done.stderr
    assert ", summed over all workers" in done.stderr
    (store,) = project.glob("runs/*/evaluate/generated.jsonl")
    written, said = store.read_bytes(), json.loads(done.stdout)
    again = tuneworth("evaluate", project, "--json")
    assert again.returncode == 0, again.stderr
    assert store.read_bytes() == written
    for part in ("verdict", "quality", "comparison", "risks", "rivals"):
        assert json.loads(again.stdout)[part] == said[part]


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("cluster", "said"),
    [("", "needs a section [cluster] in"), ('[cluster]\naddress = "processes"', "is for curating")],
)
def test_without_a_ray_cluster_there_is_one_clear_error(
    tiny_folder: Path, tmp_path: Path, cluster: str, said: str
) -> None:
    project = project_of(tmp_path, tiny_folder, cluster=cluster)
    (project / "tuneworth.toml").write_text(
        (project / "tuneworth.toml")
        .read_text()
        .replace('["prompted", "tuned"]', '["plain", "prompted"]\ncandidate = "prompted"')
    )
    assert tuneworth("curate", project).returncode == 0
    done = tuneworth("evaluate", project, "--cluster")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.cluster
def test_collected_outputs_use_no_model_on_a_cluster() -> None:
    done = tuneworth("evaluate", "--cluster", "--pairs", "a.jsonl", "--outputs", "x=b.jsonl")
    assert done.returncode == 2
    assert "--cluster generates outputs with a project's models" in done.stderr
