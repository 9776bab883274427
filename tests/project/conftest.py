"""Projects without a model: with outputs in files, for every stage except training; and judged at an endpoint."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tuneworth import Run

from ..cli.test_endpoint import MONEY, PROJECT
from ..cli.test_endpoint import labels as write_labels
from ..conftest import STYLE, write_pairs
from ..evaluate.endpoint_server import Asked, EndpointServer


@pytest.fixture
def labels(tmp_path: Path, pairs_file: Path, style_file: Path) -> Path:
    """The folder `labels` with pairs whose splits are given; its style is next to it."""
    folder = tmp_path / "labels"
    folder.mkdir()
    pairs = [json.loads(line) for line in pairs_file.read_text(encoding="utf-8").splitlines()]
    for number, pair in enumerate(pairs):
        pair["split"] = "train" if number < 42 else "validation" if number < 48 else "test"
    test = pairs[48:]
    _write(folder / "pairs.jsonl", pairs)
    _write(folder / "prompted.jsonl", [{"id": pair["id"], "output": pair["output"] + "."} for pair in test])
    _write(folder / "tuned.jsonl", [{"id": pair["id"], "output": pair["output"]} for pair in test])
    (folder / "tuneworth.toml").write_text(SETTINGS, encoding="utf-8")
    return folder


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


SETTINGS = """
[data]
path = "pairs.jsonl"
group = "family"
split = "split"
[style]
path = "../style.yaml"
[evaluate]
variants = ["prompted", "tuned"]
[evaluate.prompted]
outputs = "prompted.jsonl"
[evaluate.tuned]
outputs = "tuned.jsonl"
"""


@pytest.fixture(scope="session")
def judged_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Asked]]:
    """A run whose variants were at an endpoint, and the requests that judged it."""
    from tuneworth import run_project

    folder = tmp_path_factory.mktemp("judged") / "project"
    folder.mkdir()
    write_pairs(folder / "pairs.jsonl")
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")
    (folder / "guide.txt").write_text("Write a label.", encoding="utf-8")
    with EndpointServer(write_labels) as server:
        settings = PROJECT.format(url=server.url, more="samples = 2\nmax_new_tokens = 40") + MONEY
        (folder / "tuneworth.toml").write_text(settings, encoding="utf-8")
        run_project(folder)
        return folder, list(server.requests)


@pytest.fixture
def judged(judged_once: tuple[Path, list[Asked]], tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(judged_once[0], tmp_path / "project")))
