"""Commands as processes of their own, which get too little memory, or are killed at any moment."""

import itertools
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .harness import Coverage, Snapshot, exit_problems, rerun_problems, snapshots
from .situation import Outcome, Situation
from .trees import partial_file_problems, tree_of

__all__ = ["killed_problems", "memory_problems"]

COMMAND = (sys.executable, "-m", "tuneworth.cli")
# One thread each: their stacks and pools are most of the room for addresses that a process takes.
ALONE = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
LONGEST = 40  # seconds of a command that takes two
HANGS = -1  # in place of an exit code
FLOOR = 48 << 20  # bytes in which Python begins, and little else
PEAK = """
import re, sys
from tuneworth.cli import main
try:
    main(sys.argv[1:])
finally:
    print("peak", re.search(r"VmPeak:\\s+(\\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
"""


def memory_problems(situation: Situation, home: Path, *, most: int | None) -> tuple[Coverage, list[str]]:
    """The limits of memory that were tried, and a line for each thing that was not as it should be.

    The limits halve the widest gap between those before, from where Python begins to what the command takes at most.
    """
    before, whole = snapshots(situation, home)
    peak = _peak(situation, home, before)
    tried, found = 0, []
    for limit in _halving(FLOOR, peak, most):
        folder = Path(shutil.copytree(before.folder, home / "fails" / "project", symlinks=True))
        done = _limited(situation, folder, limit)
        wrong = [*partial_file_problems(tree_of(folder, situation), before.tree, whole.tree, situation)]
        if done.code != HANGS:  # a thread that a library could not start is waited for; docs/limits.md says so
            wrong += exit_problems(done)
        if done.code not in (0, 3, HANGS) or (done.code == 3 and "out of memory" not in done.err):
            wrong.append(f"exits with {done.code}: {done.err.strip()[-300:]}")
        wrong += rerun_problems(folder, situation, whole.tree)
        found += [f"{situation.name}, with {limit >> 20} of {peak >> 20} MB: {what}" for what in wrong]
        shutil.rmtree(folder)
        tried += 1
    return Coverage(f"{situation.name}, with too little memory", Counter(memory=tried), tried), found


def killed_problems(situation: Situation, home: Path, *, times: int, seed: int) -> tuple[Coverage, list[str]]:
    """As `memory_problems`, of a process that is killed after a random time."""
    before, whole = snapshots(situation, home)
    chance, takes, found = random.Random(seed), 1.0, []
    for _ in range(times):
        folder = Path(shutil.copytree(before.folder, home / "fails" / "project", symlinks=True))
        start, after = time.monotonic(), takes * chance.random() ** 0.5  # rather late, for it begins with imports
        with subprocess.Popen(
            [*COMMAND, *situation.words], cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(after)
                takes = time.monotonic() - start
            except subprocess.TimeoutExpired:
                process.kill()
                takes = max(takes, 1.5 * after)
        wrong = [*partial_file_problems(tree_of(folder, situation), before.tree, whole.tree, situation)]
        wrong += rerun_problems(folder, situation, whole.tree)
        found += [f"{situation.name}, killed after {after:.2f} s: {what}" for what in wrong]
        shutil.rmtree(folder)
    return Coverage(f"{situation.name}, killed", Counter(kill=times), times), found


def _halving(low: int, high: int, most: int | None) -> Iterator[int]:
    """Limits between two, each in the middle of the widest gap; without `most`, until the gaps are of 16 MB."""
    limits, made = [low, high], 0
    while made != most:
        gap, start = max((after - one, one) for one, after in itertools.pairwise(limits))
        if gap <= 16 << 20:
            return
        yield (middle := start + gap // 2)
        limits = sorted([*limits, middle])
        made += 1


def _limited(situation: Situation, folder: Path, limit: int) -> Outcome:
    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    try:
        done = subprocess.run(
            [*COMMAND, *situation.words], cwd=folder, env=os.environ | ALONE, preexec_fn=limits, capture_output=True,
            text=True, errors="replace", timeout=LONGEST, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(HANGS, f"still runs after {LONGEST} s")
    return Outcome(done.returncode, done.stderr)


def _peak(situation: Situation, home: Path, before: Snapshot) -> int:
    """The bytes of addresses that the whole command takes."""
    folder = Path(shutil.copytree(before.folder, home / "peak" / "project", symlinks=True))
    asked = [sys.executable, "-c", PEAK, *situation.words]
    done = subprocess.run(asked, cwd=folder, env=os.environ | ALONE, capture_output=True, text=True, check=True)
    shutil.rmtree(folder)
    return int(done.stderr.rsplit(maxsplit=1)[1]) << 10
