"""What most tests of the workbench start from: a project with a row of every kind, a server of it, a browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..reports.chromium import Window, chromium_window
from ..shared import share
from .served import Served, serving
from .small_runs import all_kinds, curated


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run, to be copied or looked at; a test that decides takes `project`."""
    return share("made", curated(tmp_path_factory.mktemp("made") / "parts", all_kinds()).folder.parents[1])


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A project with a run, for one test."""
    return Path(shutil.copytree(made, tmp_path / "parts"))


@pytest.fixture
def served(project: Path) -> Iterator[Served]:
    """A server of it."""
    with serving(project) as running:
        yield running


@pytest.fixture(scope="module")
def shared(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the tests that only decide and take back; the others have one of their own."""
    folder = shutil.copytree(made, tmp_path_factory.mktemp("shared") / "parts")
    with serving(folder) as running:
        running.client().settled()
        yield running


@pytest.fixture
def undecided(shared: Served) -> Path:
    """The folder of the shared server's project, nothing decided."""
    file = Path(shared.said["overrides"])
    file.unlink(missing_ok=True)
    return file.parent


@pytest.fixture(scope="module")
def window() -> Iterator[Window]:
    """A window of Chromium; a module's own, as its driver holds the event loop as long as it runs."""
    with chromium_window() as opened:
        yield opened
