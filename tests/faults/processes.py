"""Commands as processes of their own, which get too little memory, or are killed at any moment."""

import itertools
import os
import random
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .forked import HANGS, KILLED, LONGEST, SINGLE_THREADED, Forks
from .harness import exit_problems, rerun_problems, snapshots
from .situation import Outcome, Situation
from .trees import partial_file_problems, run_problems, tree_of

__all__ = ["Endings", "Try", "problems_in_forks", "start_problems"]

COMMAND = (sys.executable, "-m", "tuneworth.cli")
FLOOR = 20 << 20  # bytes in which Python begins, and little else
PEAK = """
import re, sys
from tuneworth.cli import main
try:
    main(sys.argv[1:])
finally:
    print("peak", re.search(r"VmPeak:\\s+(\\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
"""


@dataclass
class Endings:
    """How the processes of a situation ended: by limits of memory and by kills."""

    name: str
    memory: Counter[str] = field(default_factory=Counter)  # "done", "out of memory"
    kill: Counter[str] = field(default_factory=Counter)  # "done", "killed"


class Try:
    """A situation, prepared once, of which each try gets a copy of the folder."""

    def __init__(self, situation: Situation, home: Path) -> None:
        self.situation, self.endings = situation, Endings(situation.name)
        self._home = home
        self._before, self._whole = snapshots(situation, home)

    def copied(self) -> Path:
        """The folder as it is before the command, always in the same place."""
        self.situation.fresh()
        return Path(shutil.copytree(self._before.folder, self._home / "fails" / "project", symlinks=True))

    def left(self, folder: Path) -> Iterator[str]:
        """What is wrong in the folder that a process left, and after the command has run again; removes the folder."""
        yield from run_problems(folder)
        now = tree_of(folder, self.situation)
        yield from partial_file_problems(now, self._before.tree, self._whole.tree, self.situation)
        yield from rerun_problems(folder, self.situation, self._whole.tree)
        shutil.rmtree(folder)


def problems_in_forks(tries: Try, forks: Forks, *, limits: int | None, kills: int, seed: int) -> Iterator[str]:
    """A line for each thing that is wrong after too little memory, or a kill, of a process with its libraries loaded."""
    peak, seconds = forks.peak(tries.situation, folder := tries.copied())
    shutil.rmtree(folder)
    yield from _limited(
        tries, lambda folder, limit: forks.run(tries.situation, folder, limit=limit), forks.base, peak, limits
    )
    yield from _killed(tries, forks, kills, seconds, random.Random(seed))


def start_problems(tries: Try, *, most: int | None) -> Iterator[str]:
    """The same for processes that have to load their libraries within the limit."""
    peak = _peak(tries.situation, folder := tries.copied())
    shutil.rmtree(folder)
    yield from _limited(tries, lambda folder, limit: _started(tries.situation, folder, limit), FLOOR, peak, most)


def _killed(tries: Try, forks: Forks, kills: int, seconds: float, chance: random.Random) -> Iterator[str]:
    """Kill the command after a random part of the seconds that it takes."""
    for _ in range(kills):
        after = seconds * chance.random()
        done = forks.run(tries.situation, folder := tries.copied(), kill_after=after)
        tries.endings.kill["killed" if done.code == KILLED else "done"] += 1
        yield from (f"{tries.situation.name}, killed after {after:.2f} s: {what}" for what in tries.left(folder))


def _limited(tries: Try, run: Callable[[Path, int], Outcome], low: int, high: int, most: int | None) -> Iterator[str]:
    """Try limits that halve the widest gap between those before."""
    for limit in _halving(low, high, most):
        done = run(folder := tries.copied(), limit)
        tries.endings.memory["done" if done.code == 0 else "out of memory"] += 1
        place = f"{tries.situation.name}, with {limit >> 20} of {high >> 20} MB"
        yield from (f"{place}: {what}" for what in itertools.chain(_unlike_out_of_memory(done), tries.left(folder)))


def _unlike_out_of_memory(done: Outcome) -> Iterator[str]:
    if done.code == HANGS:
        yield f"has not ended after {LONGEST:.0f} s: {done.err.strip()[-300:]}"
    elif done.code not in (0, 3) or (done.code == 3 and "out of memory" not in done.err):
        yield f"exits with {done.code}: {done.err.strip()[-300:]}"
    else:
        yield from exit_problems(done)


def _halving(low: int, high: int, most: int | None) -> Iterator[int]:
    """Limits between two, each in the middle of the widest gap; without `most`, until the gaps are of 16 MB."""
    limits, made = [low, high], 0
    while made != most:
        gap, start = max((after - one, one) for one, after in itertools.pairwise(limits))
        if most is None and gap <= 16 << 20:
            return
        yield (middle := start + gap // 2)
        limits = sorted([*limits, middle])
        made += 1


def _started(situation: Situation, folder: Path, limit: int) -> Outcome:
    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    try:
        done = subprocess.run(
            [*COMMAND, *situation.words], cwd=folder, env=os.environ | SINGLE_THREADED, preexec_fn=limits,
            capture_output=True, text=True, errors="replace", timeout=LONGEST, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(HANGS, "")
    return Outcome(done.returncode, done.stderr)


def _peak(situation: Situation, folder: Path) -> int:
    """The bytes of address space that the whole command takes."""
    asked = [sys.executable, "-c", PEAK, *situation.words]
    done = subprocess.run(
        asked, cwd=folder, env=os.environ | SINGLE_THREADED, capture_output=True, text=True, check=True
    )
    return int(done.stderr.rsplit(maxsplit=1)[1]) << 10
