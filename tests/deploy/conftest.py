"""A run whose variants were judged at an endpoint."""

import shutil
from pathlib import Path

import pytest

from tuneworth import Run

from ..cli.test_endpoint import MONEY, PROJECT
from ..cli.test_endpoint import labels as write_labels
from ..conftest import STYLE, write_pairs
from ..evaluate.endpoint_server import Asked, EndpointServer


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
