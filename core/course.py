"""The time left of a long step, and of the longer work that it is a part of."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from .numbers import say

__all__ = ["Course", "ExpectedStep", "LongStep"]

Clock = Callable[[], float]  # seconds

DAMPING = 30.0  # seconds of work as expected that the pace starts with, so that one short step does not set it
WARM = 5.0  # seconds after the first report before which the pace of a step says little
RELIABLE = 0.1  # from this share on, a step's own pace says more about its end than what was expected of it


class ExpectedStep(NamedTuple):
    """A step of a longer piece of work, by the title of its progress, and the seconds expected of it."""

    title: str
    seconds: float


@dataclass
class Course:
    """Long work in known steps, such as the demo; mutable, as it follows the work.

    A step that never begins, like a rival that is left out, is passed over when a later one begins. Where the steps so
    far took longer than expected, so will those to come.
    """

    name: str
    steps: Sequence[ExpectedStep]
    clock: Clock = time.monotonic
    _next: int = 0
    _running: ExpectedStep | None = None
    _expected: float = 0.0  # seconds of the finished steps, as expected and as measured
    _taken: float = 0.0
    _began: float = field(default=0.0)

    @contextmanager
    def running(self, title: str) -> Iterator[None]:
        """Follow the step of this title while the block lasts; a step that is not on the list takes no part."""
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
class LongStep:
    """One step in progress: how much of it is done, and how long the rest takes at the pace so far."""

    title: str
    course: Course | None = None
    clock: Clock = time.monotonic
    done: float = 0.0
    total: int = 0
    text: str = ""
    _first: tuple[float, float] | None = None  # done and the time at the first report: a resumed step starts half-way
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self.title = self.title.strip()
        self._began = self.clock()

    def advance(self, done: float, total: int, text: str) -> None:
        """Note that `done` of `total` is done; a part of a unit counts for the time, and is not shown.

        `text` follows the count: the unit, and what else there is to say. The pace is that since the first call: what
        comes before it, such as reading prompts or what an earlier run did, is not repeated.
        """
        self._first = self._first or (done, self.clock())
        self.done, self.total, self.text = done, total, text

    def seconds(self) -> float:
        """The seconds since the step began."""
        return self.clock() - self._began

    def seconds_left(self) -> float | None:
        """The seconds to the end of this step; None while that is unknown."""
        first, since = self._first or (0.0, self.clock())
        worked, seconds = self.done - first, self.clock() - since
        if worked <= 0 or seconds < WARM:
            return None
        return seconds / worked * max(0.0, self.total - self.done)

    def state(self) -> str:
        """What is done and how long the rest takes, or how long it has taken so far; then the time left of the course."""
        count = f"{int(self.done):,} of {self.total:,} {self.text}".strip() if self.total else ""
        left = self.seconds_left()
        own = f"{say.duration(int(self.seconds()))} so far" if left is None else f"{_about(left)} left"
        words = f"{count}, {own}" if count else own
        if self.course is None:
            return words
        share = min(1.0, self.done / self.total) if self.total else 0.0
        return f"{words}; {self.course.name}: {_about(self.course.seconds_left(share))} left"

    def line(self) -> str:
        """The step as a line of a log."""
        return f"{self.title}: {self.state()}"


def _about(seconds: float) -> str:
    """A forecast to five seconds, above two minutes to half a minute: more digits would change with each look."""
    each = 5 if seconds < 120 else 30
    return f"about {say.duration(max(each, round(seconds / each) * each))}"
