"""Every step of a command fails, or kills it: nothing half-written is taken for whole, and run again it ends the same."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from tuneworth.train import Pauses

from ..cli.test_endpoint import labels
from ..evaluate.endpoint_server import EndpointServer
from ..train.hosted_server import KEY, HostedServer
from .at_servers import at_a_provider, at_an_endpoint
from .harness import Situation, problems_of
from .situations import WITHOUT_MODEL, with_a_model
from .workbench import AT_THE_WORKBENCH

# A sample of the steps, the same each time in CI. STEPS=all tries every one of them, STEPS=40 so many.
STEPS = os.environ.get("STEPS", "2")
ALL = "STEPS" in os.environ  # all situations; else without those that others contain
OFTEN = [situation for situation in WITHOUT_MODEL if situation.name != "run the rest of a run"]
MOST = None if STEPS == "all" else int(STEPS)
SEED = 0 if "CI" in os.environ else int.from_bytes(os.urandom(4))


def problems(situation: Situation, folder: Path) -> list[str]:
    """What went wrong in a sample of faults; how many were tried, and by which seed, stands in the test's output."""
    start = process_time()
    tried, found = problems_of(situation, folder, most=MOST, seed=SEED)
    print(f"{situation.name}: {tried.faults} faults, seed {SEED}")
    record(vars(tried) | {"problems": found, "seconds": process_time() - start})
    return found


def record(entry: Mapping[str, Any]) -> None:
    """Add a line to the file in which benchmarks/faults.py counts, if there is one."""
    if "FAULTS" in os.environ:
        with Path(os.environ["FAULTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "situation", [*(WITHOUT_MODEL if ALL else OFTEN), *AT_THE_WORKBENCH], ids=lambda situation: situation.name
)
def test_every_step(situation: Situation, tmp_path: Path) -> None:
    assert problems(situation, tmp_path) == []


@pytest.mark.model
@pytest.mark.parametrize("which", range(3))
def test_every_step_with_a_model(which: int, tiny_folder: Path, tmp_path: Path) -> None:
    assert problems(with_a_model(tiny_folder)[which], tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("which", range(4) if ALL else (0, 2))  # a search and a watch take ten seconds each
def test_every_step_at_an_endpoint(which: int, tmp_path: Path) -> None:
    with EndpointServer(labels) as server:
        assert problems(at_an_endpoint(server.url)[which], tmp_path) == []


@pytest.mark.slow
def test_every_step_at_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTED_KEY", KEY)
    monkeypatch.setattr(Pauses.__init__, "__defaults__", (0.001, 0.001, 0.001, 0.001, 3, time.sleep))
    with HostedServer("openai") as server:
        assert problems(at_a_provider(server), tmp_path) == []
