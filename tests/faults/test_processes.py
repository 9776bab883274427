"""Processes that run out of memory or are killed, and fifty that decide at once."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from os import times, times_result
from pathlib import Path

import pytest

from tuneworth.deploy import Pauses

from ..cli.test_endpoint import labels
from ..deploy.hosted_server import KEY, HostedServer
from ..evaluate.endpoint_server import EndpointServer
from .at_servers import at_a_provider, at_an_endpoint
from .forked import Forks
from .processes import Endings, Try, problems_in_forks, start_problems
from .situation import Situation, run
from .situations import CLEAN, WITHOUT_MODEL, with_a_model, write_pairs_and_style
from .test_every_step import ALL, MOST, SEED, record
from .workbench import AT_THE_WORKBENCH

NAMED = {situation.name: situation for situation in (*WITHOUT_MODEL, *AT_THE_WORKBENCH)}
CHOSEN = list(NAMED.values()) if ALL else [NAMED["decide"], NAMED["judge outputs"], NAMED["curate over another run"]]
# KILLS=200 tries so many moments of each command.
LIMITS, KILLS = (MOST, int(os.environ.get("KILLS", MOST or 20))) if ALL else (1, 1)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks(torch=False) as made:
        yield made


@pytest.fixture(scope="module")
def forks_with_torch() -> Iterator[Forks]:
    with Forks(torch=True) as made:
        yield made


def problems(situation: Situation, home: Path, forks: Forks) -> list[str]:
    """What went wrong under limits of memory, and after kills."""
    start, forked = times(), forks.seconds
    tries = Try(situation, home)
    found = list(problems_in_forks(tries, forks, limits=LIMITS, kills=KILLS, seed=SEED))
    note(tries.endings, found, _since(start) + forks.seconds - forked)
    return found


def note(endings: Endings, found: list[str], seconds: float) -> None:
    record(vars(endings) | {"problems": found, "seconds": seconds})


def _since(start: times_result) -> float:
    """The seconds of a core that this process and its children have taken."""
    return sum(times()[:4]) - sum(start[:4])


@pytest.mark.slow
def test_memory_that_is_too_small_to_load_the_libraries(tmp_path: Path) -> None:
    start = times()
    tries = Try(NAMED["curate a file"], tmp_path)
    tries.endings.name += ", from its start"
    found = list(start_problems(tries, most=LIMITS))
    note(tries.endings, found, _since(start))
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("situation", CHOSEN, ids=lambda situation: situation.name)
def test_too_little_memory_or_a_kill_loses_nothing(situation: Situation, tmp_path: Path, forks: Forks) -> None:
    assert problems(situation, tmp_path, forks) == []


@pytest.mark.slow
@pytest.mark.parametrize("which", range(4) if ALL else (0,))
def test_too_little_memory_or_a_kill_at_an_endpoint(which: int, tmp_path: Path, forks: Forks) -> None:
    with EndpointServer(labels) as server:
        assert problems(at_an_endpoint(server.url)[which], tmp_path, forks) == []


@pytest.mark.slow
def test_too_little_memory_or_a_kill_at_a_provider(
    tmp_path: Path, forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTED_KEY", KEY)
    monkeypatch.setattr(Pauses.__init__, "__defaults__", (0.001, 0.001, 0.001, 0.001, 3, time.sleep))
    with HostedServer("together") as server:
        assert problems(at_a_provider(server), tmp_path, forks) == []


@pytest.mark.model
@pytest.mark.parametrize("which", range(3) if ALL else (0,))
def test_too_little_memory_or_a_kill_with_a_model(
    which: int, tiny_folder: Path, tmp_path: Path, forks_with_torch: Forks
) -> None:
    assert problems(with_a_model(tiny_folder)[which], tmp_path, forks_with_torch) == []


# Forks what decides after it has imported most of what the command needs: fifty interpreters would take a minute.
AT_ONCE = """
import os, sys
import polars, filelock, tuneworth.project, tuneworth.curate, tuneworth.cli.why
from tuneworth.cli import main

begin, go = os.pipe()
made = []
for number in range(1, int(sys.argv[1]) + 1):
    made.append(os.fork())
    if not made[-1]:
        os.close(go)
        os.read(begin, 1)  # all at once
        main(["why", "clean", str(number), "--decide", "keep", "--who", f"person {number}", "--quiet"])
os.close(go)
sys.exit(sum(os.waitpid(process, 0)[1] != 0 for process in made))
"""


@pytest.mark.slow
def test_commands_that_decide_at_once_leave_a_line_each(tmp_path: Path) -> None:
    """Fifty on request; of fifty writers, tests/curate/test_decisions_survive.py has those that import less."""
    count = 50 if MOST is None else 12
    write_pairs_and_style(tmp_path)
    assert run(tmp_path, CLEAN).code == 0
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, str(count)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "clean" / "overrides.jsonl").read_text().splitlines()
    assert len(lines) == count
    assert all(sum(f'"person {n}"' in line for line in lines) == 1 for n in range(1, count + 1))
    assert done.stdout.count("Written to") == count
