"""Runs to report on, and a browser to read the reports in."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The finished page of each kind of run, by kind."""
    home = tmp_path_factory.mktemp("pages")
    found = write_kinds(home)
    share("pages", home)
    return found
