"""The pace of requests to an endpoint: waits, when to give up, and how the requests stand while they run."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from ...core import say
from .budget import Budget


class Pace:
    """Admits calls: `most` at a time, fewer after a rate limit; the calls after the first one wait until it is `tested`.

    A rate limit applies to the account, so all calls wait together. It halves the calls in flight; every answer raises
    the number again, by about one per round (additive increase, multiplicative decrease, as in TCP).
    """

    def __init__(self, most: int, *, first_wait: float, longest_wait: float) -> None:
        self.most, self.first_wait, self.longest_wait = most, first_wait, longest_wait
        self._allowed, self._in_flight = float(most), 0
        self._until, self._limits = 0.0, 0
        self._freed, self._tested = asyncio.Event(), asyncio.Event()

    async def enter(self) -> None:
        """Wait for a free slot and for the end of a common pause; `leave` frees the slot."""
        while True:
            if self._in_flight >= int(self._allowed):
                self._freed.clear()
                await self._freed.wait()
            elif (remaining := self._until - time.monotonic()) > 0:
                await asyncio.sleep(remaining)
            else:
                self._in_flight += 1
                return

    def leave(self) -> None:
        """Free the slot."""
        self._in_flight -= 1
        self._freed.set()

    def stop(self) -> None:
        """Admit no more calls; the waiting ones are about to be dropped."""
        self._allowed = 0.0

    def tested(self) -> None:
        """Note that the first call has shown no problem that all calls would have."""
        self._tested.set()

    async def until_tested(self) -> None:
        """Wait for the first call to be `tested`."""
        await self._tested.wait()

    def answered(self) -> None:
        """Note an answer and admit slightly more calls."""
        self._limits = 0
        self._allowed = min(float(self.most), self._allowed + 1 / self._allowed)

    def limited(self, requested: float | None) -> float:
        """Note a rate limit; returns the seconds that all calls wait.

        `requested` is the wait that the endpoint requests, None if it states none.
        """
        now = time.monotonic()
        if now >= self._until:  # calls in flight when a pause began are part of the same limit
            self._limits += 1
            self._allowed = max(1.0, self._allowed / 2)
        elif requested is None:
            return self._until - now
        self._until = max(self._until, now + self._pause(requested))
        return self._until - now

    def _pause(self, requested: float | None) -> float:
        """A random pause, since others may wait for the same moment; it affects no output, so it has no seed."""
        if requested is not None:
            return min(requested, self.longest_wait) + random.uniform(0, self.first_wait)
        # At least half of it: limits are often per minute, and six tries with full jitter may end before that.
        length = min(self.longest_wait, self.first_wait * 2**self._limits)
        return random.uniform(length / 2, length)

    def backoff(self, tries: int) -> float:
        """Seconds that one call waits after its failed try number `tries`, from 1: exponential, with full jitter.

        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        return random.uniform(0, min(self.longest_wait, self.first_wait * 2 ** min(tries - 1, 30)))


@dataclass
class Streak:
    """Failures since the last answer."""

    ever_answered: bool = False
    calls: int = 0
    attempts: int = 0
    since: float | None = None

    CALLS = 20  # consecutive calls that failed finally
    ATTEMPTS, SECONDS = 20, 120.0  # or this many attempts over this time, if each takes long

    def answered(self) -> None:
        """End the streak with an answer."""
        self.ever_answered, self.calls, self.attempts, self.since = True, 0, 0, None

    def failed(self, *, final: bool, transport: bool) -> bool:
        """Count a failed attempt, `final` for its call; returns whether to give up.

        A request that the endpoint rejects (`transport` False) does not count once others have been answered: a few texts
        may be too long.
        """
        if self.ever_answered and not transport:
            return False
        self.since = self.since or time.monotonic()
        self.attempts += 1
        self.calls += final
        long_since = time.monotonic() - self.since >= self.SECONDS
        return self.calls >= self.CALLS or (self.attempts >= self.ATTEMPTS and long_since)


# --- progress ----------------------------------------------------------------------------------------------------

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
