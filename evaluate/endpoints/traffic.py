"""What an endpoint's requests look like while they run: sent, waiting, timed out, cost so far, time left."""

import time
from collections.abc import Callable
from decimal import Decimal

from ...core import say
from .budget import Budget

__all__ = ["Advance", "Traffic"]

Advance = Callable[[int, int, str], None]  # answers so far, answers wanted, words
FEWEST_ANSWERS = 2  # from here on the rate of the answers shows the time left


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
        self._answered, self._first, self._together = 0, None, 1
        self._paused = 0.0

    def follow(self, name: str, *, together: int, priced: bool) -> None:
        """The requests that follow are those of this variant, at most `together` at once; `priced` if they cost money."""
        self.name, self._together = name, together
        self._priced = self._priced or priced

    def sending(self) -> None:
        """An attempt is on its way."""
        self._first = self._clock() if self._first is None else self._first
        self.sent, self.waiting = self.sent + 1, self.waiting + 1
        self.tell()

    def ended(self, *, answered: bool, late: bool) -> None:
        """An attempt has ended: with an answer, at a time limit, or with another fault."""
        self.waiting -= 1
        self.timed_out += late
        self._answered += answered
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
        """The state in words, without the answers so far."""
        parts = [f"{self.sent:,} sent", f"{self.waiting:,} waiting"]
        if self.timed_out:
            parts.append(f"{self.timed_out:,} timed out")
        if self._priced and self._budget:
            parts.append(f"{say.money(self._budget.spent - self._before, self._budget.currency)} so far")
        if (pause := self._paused - self._clock()) > 0:
            parts.append(f"the rate limit holds all for {say.duration(round(pause) or 1)}")
        if left := self._left():
            parts.append(left)
        return f"{self.name}: {', '.join(parts)}"

    def _left(self) -> str | None:
        """The time left by the first answer, or at the least by the time without one; None once the rate of answers shows it.

        Every request takes at least as long as the first one has waited.
        """
        if self._first is None or self._answered >= FEWEST_ANSWERS:
            return None
        rounds = -(-(self.total - self.done) // self._together)
        seconds = max(1.0, self._clock() - self._first) * max(rounds, 1)
        return f"{'about' if self._answered else 'at least'} {say.duration(round(seconds))} left"

    @property
    def summary(self) -> str | None:
        """What was sent, in words; None if nothing was."""
        if not self.sent:
            return None
        late = f", {self.timed_out:,} timed out" if self.timed_out else ""
        return f"{say.count(self.sent, 'request')} sent to endpoints{late}"
