"""What docs/training.md says of training is so: settings and defaults, files, code, links."""

import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tuneworth.examples import example_path
from tuneworth.train import TrainSettings, fit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
RUNS = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
BY_RULE = {"epochs", "learning_rate"}
WORDS = {"none": None, "all": None, "all of the batch": None, "`false`": False}
PAIRS = [{"input": f"part: {n}", "output": f"A part of {n}"} for n in ("oak", "ash", "elm", "fir", "yew", "box")]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def settings_table() -> dict[str, str]:
    table = PAGE[PAGE.index("## Settings") : PAGE.index("## The files of a training run")]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))


def test_the_table_names_every_setting_with_its_default() -> None:
    told = settings_table()
    assert set(told) == {field.name for field in fields(TrainSettings)}
    for field in fields(TrainSettings):
        if field.name in BY_RULE:
            assert (told[field.name], field.default) == ("by rule", None)
        elif field.name == "trackers":
            assert (told[field.name], field.default) == ("none", ())
        else:
            said = told[field.name]
            value: Any = WORDS[said] if said in WORDS else type(field.default)(said.strip('`"'))
            assert value == field.default, field.name


@pytest.fixture
def fitted(tmp_path: Path, tiny_model: Any) -> Path:
    """The `train` folder of a run after a fit with everything asked for."""
    settings = TrainSettings(rank=2, max_steps=2, batch_size=2, trackers=("tensorboard",))
    fit(PAIRS[:4], PAIRS[4:], model=tiny_model, settings=settings, out=tmp_path / "runs" / "NAME" / "train")
    return tmp_path / "runs" / "NAME" / "train"


def test_every_file_that_a_fit_leaves_is_named(fitted: Path) -> None:
    for name in sorted(path.name for path in fitted.iterdir()):
        assert f"`{name}" in PAGE, name
        assert f"train/{name}" in RUNS, name


@pytest.mark.slow
def test_the_code_that_loads_an_adapter_runs_and_stops(
    fitted: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fitted.parents[2])
    found: dict[str, Any] = {}
    exec(blocks("python")[0].replace("PATH/TO/THE/BASE/MODEL", str(tiny_folder)), found)
    assert isinstance(found["answer"], str)
    assert found["model"].generation_config.eos_token_id is not None
    assert found["output"].shape[1] < 256


@pytest.mark.slow
def test_the_library_code_runs(tiny_folder: Path) -> None:
    found: dict[str, Any] = {}
    exec(blocks("python")[1].replace("smollm2-135m", str(tiny_folder)), found)
    assert found["done"].steps == 2
    assert (found["done"].adapter / "adapter_model.safetensors").is_file()


def test_the_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, place = target.partition("#")
        if target.startswith("http"):
            continue
        assert not file or (ROOT / "docs" / file).exists(), target
        text = (ROOT / "docs" / file).read_text(encoding="utf-8") if file.endswith(".md") else PAGE
        heads = {
            re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.M)
        }
        assert not place or place in heads, target


def test_options_that_the_page_shows_are_there(command: Any) -> None:
    shown = set(re.findall(r"tuneworth (\w+)[^`\n]*? (--[\w-]+)", PAGE))
    assert shown
    for name, option in shown:
        assert option in command(name, "--help").out, (name, option)


@pytest.mark.model  # the model is loaded and a few real steps are made
def test_a_dry_run_says_what_the_page_shows_of_it(command: Any, tmp_path: Path) -> None:
    shutil.copytree(example_path("components"), tmp_path / "components", ignore=shutil.ignore_patterns("runs"))
    assert command("curate", tmp_path / "components", "--quiet").code == 0
    done = command("train", tmp_path / "components", "--dry-run")
    assert done.code == 0, done.err
    shown = next(block for block in blocks("text") if "Plan for training" in block)
    printed = {line.strip() for line in done.out.splitlines()}
    assert [line for line in shown.splitlines() if line.strip() not in printed] == []
