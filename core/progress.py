"""Progress of a stage, and seconds per step."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .numbers import say

__all__ = ["Clock", "Progress", "Say", "silent"]

Say = Callable[[str], None]
_INTERVAL = 5.0  # seconds between two lines about one stage


def silent(_line: str) -> None:
    """Discard the line."""


class Clock:
    """Seconds per step: each lap adds the time since the previous one. Long work is reported every five seconds."""

    def __init__(
        self, seconds: dict[str, float], report: Say = silent, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.seconds = seconds
        self._report, self._clock = report, clock
        self._start = self._last = self._reported = clock()

    def lap(self, step: str) -> None:
        """Add the seconds since the previous lap to this step."""
        now = self._clock()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self._last
        self._last = now
        if now - self._reported >= _INTERVAL:
            self._reported = now
            self._report(f"{step}: done, {say.duration(now - self._start)} so far")

    def divide(self, parts: Sequence[Mapping[str, float]]) -> None:
        """Divide the seconds since the last lap among steps, in proportion to the seconds that the parts measured."""
        since = self._clock() - self._last
        self._last += since
        total = sum(seconds for part in parts for seconds in part.values())
        for part in parts:
            for step, seconds in part.items():
                self.seconds[step] = self.seconds.get(step, 0.0) + since * seconds / total


_HASH = re.compile(r" [0-9a-f]{8}(?![0-9a-f])")  # of a stage's inputs, in its name: it means nothing to a reader


@dataclass
class Progress:
    """Reports finished parts of one stage: a line at most every five seconds, and one at the end."""

    stage: str
    parts: int
    say: Say
    skipped: int = 0
    clock: Callable[[], float] = time.monotonic
    _done: int = 0
    _rows: int = 0
    _started: float = field(init=False)
    _reported: float = field(init=False)

    def __post_init__(self) -> None:
        self.stage = _HASH.sub("", self.stage)
        self._started = self._reported = self.clock()

    def ended(self, rows: int) -> None:
        """Record one more finished part with this many rows."""
        self._done += 1
        self._rows += rows
        now = self.clock()
        if now - self._reported >= _INTERVAL and self._done + self.skipped < self.parts:
            self._reported = now
            self.say(self._line(now - self._started))

    def finish(self) -> None:
        """Report the finished stage."""
        seconds = self.clock() - self._started
        before = f" ({self.skipped} already done)" if self.skipped else ""
        rate = f", {say.count(self._rows, 'row')} in {say.duration(seconds)}" if self._done else ""
        self.say(f"{self.stage}: {self.parts} of {self.parts} parts{before}{rate}")

    def _line(self, seconds: float) -> str:
        remaining = (self.parts - self.skipped - self._done) * seconds / self._done
        rate = self._rows / seconds if seconds else 0
        done = f"{self._done + self.skipped} of {self.parts} parts, {say.count(self._rows, 'row')}"
        return f"{self.stage}: {done}, {say.count(round(rate))} rows/s, about {say.duration(remaining)} left"
