"""The command in this process: arguments in, exit code and output out."""

import json
import shutil
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


def write_pairs(path: Path) -> Path:
    path.write_text("".join(json.dumps(pair(n)) + "\n" for n in range(60)), encoding="utf-8")
    return path


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs.jsonl")


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    path = tmp_path / "style.yaml"
    path.write_text(STYLE, encoding="utf-8")
    return path


SETTINGS = """
[data]
path = "pairs.jsonl"
group = "family"
[train]
model = "MODEL"
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


def write_project(folder: Path, model: Path) -> Path:
    """A project whose pairs and style are those of `pairs_file` and `style_file`."""
    write_pairs(folder / "pairs.jsonl")
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")
    (folder / "guide.txt").write_text("Write a label.", encoding="utf-8")
    (folder / "tuneworth.toml").write_text(SETTINGS.replace("MODEL", str(model)), encoding="utf-8")
    return folder


@pytest.fixture
def project(tmp_path: Path, tiny_folder: Path) -> Path:
    return write_project(tmp_path, tiny_folder)


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> dict[str, Path]:
    """The project as each stage left it, made once; in fp32, which is quicker for so small a model."""
    home = tmp_path_factory.mktemp("stages")
    project = home / "project"
    project.mkdir()
    settings = write_project(project, tiny_folder) / "tuneworth.toml"
    settings.write_text(settings.read_text().replace("[train]", '[train]\ndtype = "float32"'))
    left = {}
    for stage in ("curate", "train"):
        with pytest.raises(SystemExit) as done:
            main([stage, str(project), "--quiet"])
        assert not done.value.code
        left[stage] = Path(shutil.copytree(project, home / stage))
    return left


@pytest.fixture
def curated(stages: dict[str, Path], tmp_path: Path) -> Path:
    """A project with a run in it that is curated and not trained."""
    return Path(shutil.copytree(stages["curate"], tmp_path, dirs_exist_ok=True))


@pytest.fixture
def trained(stages: dict[str, Path], tmp_path: Path) -> Path:
    """A project with a run in it that is curated and trained."""
    return Path(shutil.copytree(stages["train"], tmp_path, dirs_exist_ok=True))
