"""Runs to report on, and a browser to read the reports in."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from ..shared import share
from .chromium import Window, chromium_window
from .invented_run import write_run
from .page_kinds import write_kinds
from .real_run import HOME, write_real_run


@pytest.fixture(scope="session", autouse=True)
def home_of_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One folder for the runs of all workers, each of which has its own folder beside those of the others."""
    own = tmp_path_factory.getbasetemp()
    HOME[:] = [(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "runs"]


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a development run with invented scores under the test's own folder."""
    return lambda **options: write_run(tmp_path / "run", **options)


@pytest.fixture
def evaluated_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run that `tuneworth evaluate` judged, outputs and prices given."""
    return lambda **options: write_real_run(tmp_path / "real", **options)


@pytest.fixture(scope="module")
def window() -> Iterator[Window]:
    """A window of Chromium; a module's own, as its driver holds the event loop as long as it runs."""
    with chromium_window() as opened:
        yield opened


@pytest.fixture(scope="session")
def pages(home_of_runs: None) -> dict[str, Path]:
    """The finished page of each kind of run, by kind; made once for all workers."""
    HOME[0].mkdir(exist_ok=True)
    home, made = HOME[0] / "pages", HOME[0] / "pages.json"
    with FileLock(f"{home}.lock"):
        if not made.exists():
            shutil.rmtree(home, ignore_errors=True)  # what a failure left
            home.mkdir()
            found = {kind: str(page) for kind, page in write_kinds(home).items()}
            made.write_text(json.dumps(found), encoding="utf-8")
    share("pages", home)
    return {kind: Path(page) for kind, page in json.loads(made.read_text(encoding="utf-8")).items()}
