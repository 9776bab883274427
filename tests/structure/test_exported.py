"""The faces of the folders: what is exported is there, and nothing heavy comes with it."""

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ["core", "style", "curate", "train", "evaluate", "reports", "project", "deploy", "review", "cli", "examples"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_exported_name_exists_once(folder):
    module = import_module(f"tuneworth.{folder}")
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert len(set(module.__all__)) == len(module.__all__)
    assert module.__doc__


def test_the_packages_list_names_every_folder_of_code():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {p.parent.relative_to(ROOT) for p in ROOT.glob("[!.]*/**/__init__.py")}
    names = {"tuneworth" if str(p) == "tuneworth" else f"tuneworth.{'.'.join(p.parts)}" for p in folders}
    assert set(listed) == {name for name in names if not name.startswith(("tuneworth.tests", "tuneworth.build"))}


@pytest.mark.parametrize(
    "folder", ["core", "style", "curate", "train", "evaluate", "reports", "project", "deploy", "review", "cli"]
)
def test_a_light_import_stays_light(folder):
    heavy = ("torch", "transformers", "datasets", "peft", "pandas")
    code = f"import sys, tuneworth.{folder}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
