"""When any step of a command fails or is killed, nothing half-written passes for complete, and a rerun gives the same."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from tuneworth.deploy import Pauses

from ..cli.test_endpoint import labels
from ..deploy.hosted_server import KEY, HostedServer
from ..evaluate.endpoint_server import EndpointServer
from .at_servers import at_a_provider, at_an_endpoint
from .harness import find_problems
from .situation import Situation
from .situations import WITHOUT_MODEL, with_a_model
from .workbench import AT_THE_WORKBENCH

# A sample of the steps, the same each time without SEED. STEPS=all tries every step, STEPS=40 at most 40 of each command.
STEPS = os.environ.get("STEPS", "2")
ALL = "STEPS" in os.environ  # all situations; otherwise those that are part of others are left out
OFTEN = [situation for situation in WITHOUT_MODEL if situation.name != "run the rest of a run"]
MOST = None if STEPS == "all" else int(STEPS)
SEED = int(os.environ.get("SEED", "0"))


def problems(situation: Situation, folder: Path) -> list[str]:
    """The problems that a sample of faults revealed; the test's output has the number of faults and the seed."""
    start = process_time()
    coverage, found = find_problems(situation, folder, most=MOST, seed=SEED)
    print(f"{situation.name}: {coverage.faults} faults, seed {SEED}")
    record(vars(coverage) | {"problems": found, "seconds": process_time() - start})
    return found


def record(entry: Mapping[str, Any]) -> None:
    """Append a line to the file that benchmarks/faults.py reads, if it named one."""
    if "FAULTS" in os.environ:
        with Path(os.environ["FAULTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


@pytest.mark.slow(25)
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
    with HostedServer("together") as server:
        assert problems(at_a_provider(server), tmp_path) == []
