"""Processes that run out of memory or are killed, and fifty that decide at once."""

import subprocess
import sys
from os import times, times_result
from pathlib import Path

import pytest

from .processes import killed_problems, memory_problems
from .situation import Situation, run
from .situations import CLEAN, WITHOUT_MODEL, write_pairs_and_style
from .test_every_step import ALL, MOST, SEED, record

NAMED = {situation.name: situation for situation in WITHOUT_MODEL}
CHOSEN = WITHOUT_MODEL if ALL else [NAMED["curate a file"]]


def _since(start: times_result) -> float:
    """The seconds of a core that this process and its children have taken."""
    return sum(times()[:4]) - sum(start[:4])


@pytest.mark.slow
@pytest.mark.parametrize("situation", CHOSEN, ids=lambda situation: situation.name)
def test_a_command_without_enough_memory_says_so_and_loses_nothing(situation: Situation, tmp_path: Path) -> None:
    start = times()
    tried, found = memory_problems(situation, tmp_path, most=MOST)
    record(tried, found, seconds=_since(start))
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("situation", CHOSEN, ids=lambda situation: situation.name)
def test_a_command_that_is_killed_loses_nothing(situation: Situation, tmp_path: Path) -> None:
    start = times()
    tried, found = killed_problems(situation, tmp_path, times=MOST or 20, seed=SEED)
    record(tried, found, seconds=_since(start))
    assert found == []


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
