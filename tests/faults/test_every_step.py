"""Every step of a command fails, or kills it: nothing half-written is taken for whole, and run again it ends the same."""

import os
from pathlib import Path

import pytest

from ..cli.test_endpoint import labels
from ..evaluate.endpoint_server import EndpointServer
from .harness import Situation, problems_of
from .situations import WITHOUT_MODEL, at_an_endpoint, with_a_model

# A sample of the steps, the same each time in CI. STEPS=all tries every one of them, STEPS=40 so many.
STEPS = os.environ.get("STEPS", "3")
MOST = None if STEPS == "all" else int(STEPS)
SEED = 0 if "CI" in os.environ else int.from_bytes(os.urandom(4))


def problems(situation: Situation, folder: Path) -> list[str]:
    """What went wrong in a sample of faults; how many were tried, and by which seed, stands in the test's output."""
    tried, found = problems_of(situation, folder, most=MOST, seed=SEED)
    print(f"{situation.name}: {tried} faults, seed {SEED}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("situation", WITHOUT_MODEL, ids=lambda situation: situation.name)
def test_every_step(situation: Situation, tmp_path: Path) -> None:
    assert problems(situation, tmp_path) == []


@pytest.mark.model
@pytest.mark.parametrize("which", range(3))
def test_every_step_with_a_model(which: int, tiny_folder: Path, tmp_path: Path) -> None:
    assert problems(with_a_model(tiny_folder)[which], tmp_path) == []


@pytest.mark.slow
def test_every_step_at_an_endpoint(tmp_path: Path) -> None:
    with EndpointServer(labels) as server:
        assert problems(at_an_endpoint(server.url), tmp_path) == []
