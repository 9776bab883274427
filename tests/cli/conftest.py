"""The command in this process: arguments in, exit code and output out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tuneworth.cli import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    def call(*words: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return Done(int(left.value.code or 0), captured.out, captured.err)

    return call


STYLE = """
name: Label
about: One label for one box.
checks:
  - {kind: starts_with, any: [Box], id: starts}
  - {kind: punctuation, end: none, id: no-stop}
  - {kind: grounded}
"""


def pair(n: int) -> dict:
    colour = ["red", "blue", "green", "white", "black"][n % 5]
    words = ["lamp", "chair", "table", "shelf", "clock", "mirror", "basket"]
    thing = f"{words[n % 7]} {words[n // 7 % 7]} {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}"
    fields = {"thing": thing, "colour": colour, "weight": f"{n} kg"}
    return {"id": f"p{n}", "family": f"f{n // 2}", "input": fields, "output": f"Box with a {colour} {thing}, {n} kg"}


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair(n)) + "\n" for n in range(60)), encoding="utf-8")
    return path


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    path = tmp_path / "style.yaml"
    path.write_text(STYLE, encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path, pairs_file: Path, style_file: Path, tiny_folder: Path) -> Path:
    text = f"""
[data]
path = "pairs.jsonl"
group = "family"
[train]
model = "{tiny_folder}"
max_steps = 4
batch_size = 4
rank = 2
[evaluate]
max_new_tokens = 8
max_pairs = 6
probes = false
[evaluate.prompted]
guide = "guide.txt"
few_shot = 0
[roi]
requests_per_day = 100
failures = "repair"
failure_cost = 0.1
[roi.prompted]
price_input = 1
price_output = 2
[roi.tuned]
price_input = 1
price_output = 2
"""
    (tmp_path / "guide.txt").write_text("Write a label.", encoding="utf-8")
    (tmp_path / "tuneworth.toml").write_text(text, encoding="utf-8")
    return tmp_path
