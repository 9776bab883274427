"""A project whose outputs are in files, for every stage except training, without a model."""

import json
from pathlib import Path
from typing import Any

import pytest


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
