"""The pace of requests to an endpoint: waits, and when to give up."""

import asyncio
import random
import time
from dataclasses import dataclass

__all__ = ["Pace", "Streak"]


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
