"""What an endpoint's requests look like while they run: sent, waiting, timed out, cost so far, time left."""

import time
from collections.abc import Callable
from decimal import Decimal

from ...core import say
from .budget import Budget

__all__ = ["Advance", "Traffic"]

Advance = Callable[[int, int, str], None]  # answers so far, answers wanted, words


class Traffic:
    """Counts the requests of one or more variants, and tells `advance` after each change and each second.

    `sent` counts attempts, so that a request that was sent again counts twice; `waiting` are those without a result yet.
    """

    def __init__(
        self,
        advance: Advance | None = None,
        budget: Budget | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._advance, self._budget, self._clock = advance, budget, clock
        self._before = budget.spent if budget else Decimal(0)
        self._priced = False
        self.sent = self.waiting = self.timed_out = 0
        self.begin(0, 0)

    def begin(self, done: int, total: int) -> None:
        """Start a series of requests of which `done` have an answer already."""
        self.done, self.total, self.name = done, total, ""
        self._begun, self._together, self._paused = done, 1, 0.0
        self._alone, self._longest = self._clock(), 0.0  # since when requests wait, and the longest such time

    def follow(self, name: str, *, together: int, priced: bool) -> None:
        """The requests that follow are those of this variant, at most `together` at once; `priced` if they cost money."""
        self.name, self._together = name, together
        self._priced = self._priced or priced

    def sending(self) -> None:
        """An attempt is on its way."""
        if not self.waiting:
            self._alone = self._clock()
        self.sent, self.waiting = self.sent + 1, self.waiting + 1
        self.tell()

    def ended(self, *, late: bool) -> None:
        """An attempt has ended, `late` if at a time limit."""
        self._longest = max(self._longest, self._clock() - self._alone)
        self.waiting -= 1
        self.timed_out += late
        self.tell()

    def late(self) -> None:
        """A request was given up at the limit for all its attempts."""
        self.timed_out += 1
        self.tell()

    def paused(self, seconds: float) -> None:
        """All requests wait, as the endpoint limits their rate."""
        self._paused = max(self._paused, self._clock() + seconds)
        self.tell()

    def stored(self) -> None:
        """One more of the wanted answers is there."""
        self.done += 1
        self.tell()

    def tell(self) -> None:
        """Show the present state."""
        if self._advance is not None:
            self._advance(self.done, self.total, self.words)

    @property
    def words(self) -> str:
        """The state in words, to follow the number of answers so far."""
        parts = [f"{self.sent:,} sent", f"{self.waiting:,} waiting"]
        if self.timed_out:
            parts.append(f"{self.timed_out:,} timed out")
        if self._priced and self._budget:
            parts.append(f"{say.money(self._budget.spent - self._before, self._budget.currency)} so far")
        if (pause := self._paused - self._clock()) > 0:
            parts.append(f"the rate limit holds all for {say.duration(round(pause) or 1)}")
        if left := self._left():
            parts.append(left)
        return f"answers ({self.name}): {', '.join(parts)}"

    def _left(self) -> str | None:
        """The least time left until the first wanted answer is there; None from then on, as the rate of answers shows it.

        Before it there is one request at a time, and those that follow take no less time than it has waited.
        """
        if not self.sent or self.done > self._begun:
            return None
        each = max(self._longest, self._clock() - self._alone if self.waiting else 0.0)
        seconds = round(each * max(1, -(-(self.total - self.done) // self._together)))
        return f"at least {say.duration(seconds)} left" if seconds else None

    @property
    def summary(self) -> str | None:
        """What was sent, in words; None if nothing was."""
        if not self.sent:
            return None
        late = f", {self.timed_out:,} timed out" if self.timed_out else ""
        return f"{say.count(self.sent, 'request')} sent to endpoints{late}"
