"""Progress of a stage, seconds per step, and the remaining time of a long step and of the longer work that it belongs to."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from .numbers import say

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


Seconds = Callable[[], float]  # seconds

DAMPING = 30.0  # seconds of work at the expected pace to start from, so that one short step does not set the pace
WARM_UP = 5.0  # seconds after the first report in which the pace of a step is not yet meaningful
RELIABLE = 0.1  # the share from which a step's own pace predicts its end better than the expectation


class ExpectedStep(NamedTuple):
    """A step of longer work: the title of its progress, and the seconds that it is expected to take."""

    title: str
    seconds: float


@dataclass
class Timetable:
    """The steps of long work, such as the demo, with their expected times; mutable, as it tracks the work.

    A step that never starts, such as a rival that is left out, is skipped when a later one starts. If the steps so far took
    longer than expected, the remaining ones are expected to as well.
    """

    name: str
    steps: Sequence[ExpectedStep]
    clock: Seconds = time.monotonic
    _next: int = 0
    _running: ExpectedStep | None = None
    _expected: float = 0.0  # seconds of the finished steps, as expected and as measured
    _taken: float = 0.0
    _began: float = field(default=0.0)

    @contextmanager
    def running(self, title: str) -> Iterator[None]:
        """Track the step with this title while the block lasts; a step that is not in the timetable is ignored."""
        place = next((n for n in range(self._next, len(self.steps)) if self.steps[n].title == title), None)
        if place is None:
            yield
            return
        self._next, self._running, self._began = place + 1, self.steps[place], self.clock()
        try:
            yield
        finally:
            self._expected += self._running.seconds
            self._taken += self.clock() - self._began
            self._running = None

    def seconds_left(self, share: float) -> float:
        """The seconds to the end of the last step, if this share (0..1) of the running step is done."""
        pace = (self._taken + DAMPING) / (self._expected + DAMPING)
        later = pace * sum(step.seconds for step in self.steps[self._next :])
        if self._running is None:
            return later
        elapsed = self.clock() - self._began
        if share >= RELIABLE:
            return later + elapsed * (1 - share) / share
        return later + max(0.0, pace * self._running.seconds - elapsed)


@dataclass
class StepProgress:
    """A step in progress: how much of it is done, and how long the rest will take at the pace so far."""

    title: str
    timetable: Timetable | None = None
    clock: Seconds = time.monotonic
    done: float = 0.0
    total: int = 0
    text: str = ""
    _first: tuple[float, float] | None = (
        None  # what was done at the first report, and when: a resumed step starts midway
    )
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self.title = self.title.strip()
        self._began = self.clock()

    def advance(self, done: float, total: int, text: str) -> None:
        """Report that `done` of `total` is done; fractions count for the remaining time, but are not shown.

        `text` follows the count: the unit, and any further status. The pace is measured from the first call, since what
        came before, such as reading prompts or the work of an earlier run, does not recur.
        """
        self._first = self._first or (done, self.clock())
        self.done, self.total, self.text = done, total, text

    def seconds(self) -> float:
        """The seconds since the step began."""
        return self.clock() - self._began

    def seconds_left(self) -> float | None:
        """The seconds to the end of this step; None while unknown."""
        first, since = self._first or (0.0, self.clock())
        worked, seconds = self.done - first, self.clock() - since
        if worked <= 0 or seconds < WARM_UP:
            return None
        return seconds / worked * max(0.0, self.total - self.done)

    def state(self) -> str:
        """What is done, with the time left or, while unknown, the time so far; then the time left in the timetable."""
        count = f"{int(self.done):,} of {self.total:,} {self.text}".strip() if self.total else ""
        left = self.seconds_left()
        own = f"{say.duration(int(self.seconds()))} so far" if left is None else f"{_about(left)} left"
        words = f"{count}, {own}" if count else own
        if self.timetable is None:
            return words
        share = min(1.0, self.done / self.total) if self.total else 0.0
        return f"{words}; {self.timetable.name}: {_about(self.timetable.seconds_left(share))} left"

    def line(self) -> str:
        """The step as a log line."""
        return f"{self.title}: {self.state()}"


def _about(seconds: float) -> str:
    """A forecast rounded to 5 seconds, above two minutes to 30: a more precise one would change all the time."""
    each = 5 if seconds < 120 else 30
    return f"about {say.duration(max(each, round(seconds / each) * each))}"
