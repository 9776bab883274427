"""What a command takes with all the processes that it starts: seconds, seconds of CPU, and memory at its peak."""

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Taken", "run_measured"]

_EVERY = 0.3  # seconds between two looks; reading what a process of a gigabyte shares takes some 10 ms


@dataclass(frozen=True)
class Taken:
    """What a command took. peak: GB of all its processes at once, a page that several share counted once (PSS, Linux).

    returncode is None where the command was ended for taking too long; output: what it said, both streams.
    """

    returncode: int | None
    seconds: float
    cpu_seconds: float
    peak: float
    output: str


def run_measured(command: Sequence[str], *, log: Path, limit: float, environment: Mapping[str, str]) -> Taken:
    """Run a command to its end, or for `limit` seconds; it and its descendants are looked at as they run."""
    started = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environment})
    seen: dict[
        psutil.Process, float
    ] = {}  # CPU seconds of its own at the last look; a process outlives its parent here
    peak, late = 0.0, False
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        peak = max(peak, _look(process.pid, seen))
        if time.perf_counter() - started > limit and not late:
            late = True
            _end(seen)
        time.sleep(_EVERY)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    _end(seen)
    # What was waited for is in the usage; what nobody waited for is in the last looks. Each misses a little.
    cpu = max(usage.ru_utime + usage.ru_stime, sum(seen.values()))
    output = log.read_text(encoding="utf-8", errors="replace")
    return Taken(None if late else process.returncode, seconds, cpu, peak, output)


def _look(root: int, seen: dict[psutil.Process, float]) -> float:
    """GB of the processes at this moment; their CPU seconds go into `seen`."""
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(root)
        for process in [first, *first.children(recursive=True)]:
            seen.setdefault(process, 0.0)
    held = 0
    for process in list(seen):
        # A process that ended, or ended and is not yet waited for, holds nothing.
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError):
            held += process.memory_full_info().pss  # pyright: ignore[reportAttributeAccessIssue] (Linux has it)
            times = process.cpu_times()
            seen[process] = times.user + times.system
    return held / 2**30


def _end(seen: Mapping[psutil.Process, float]) -> None:
    for process in seen:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
