"""How this process starts others of Python: none imports code from the current folder, which holds data."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import SpawnContext

__all__ = ["python_command", "safe_path", "spawning"]


def python_command(*arguments: str) -> list[str]:
    """The command of another Python; neither the current folder nor that of its program is on its path."""
    return [sys.executable, "-P", *arguments]


def safe_path() -> list[str]:
    """`sys.path` without the current folder, where Python put it; a folder named by PYTHONPATH is kept."""
    here = None if sys.flags.safe_path else Path.cwd()
    # A script and `python -m` have it in front; "" is the current folder of a prompt, in a notebook at any place.
    return [folder for at, folder in enumerate(sys.path) if folder and (at or Path(folder).resolve() != here)]


@contextmanager
def spawning(variables: Mapping[str, str]) -> Iterator["SpawnContext"]:
    """The context for processes of `multiprocessing` that start in the block, with these variables and a safe path.

    By default they would take over the path of this process and run its script, with what that imports, once more.
    """
    import multiprocessing

    changed = {**variables, "PYTHONSAFEPATH": "1"}
    before = {name: os.environ.get(name) for name in changed}
    path, main = sys.path, sys.modules["__main__"]
    os.environ.update(changed)
    sys.path, sys.modules["__main__"] = safe_path(), ModuleType("__main__")
    try:
        yield multiprocessing.get_context("spawn")
    finally:
        sys.path, sys.modules["__main__"] = path, main
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
