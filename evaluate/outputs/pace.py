"""The pace of requests to an endpoint: waits, and when to give up."""

import asyncio
import random
import time
from dataclasses import dataclass

__all__ = ["Pace", "Streak"]


class Pace:
    """Admits calls: one until the first attempt has ended, then `most` at a time, fewer after a rate limit.

    A rate limit concerns the account, so all calls wait together. It halves the calls in flight; every answer raises
    the number again, by about one per round (additive increase, multiplicative decrease, as TCP does).
    """

    def __init__(self, most: int, *, first_wait: float, longest_wait: float) -> None:
        self.most, self.first_wait, self.longest_wait = most, first_wait, longest_wait
        self._allowed, self._under_way, self._tested = 1.0, 0, False
        self._until, self._limits = 0.0, 0
        self._freed = asyncio.Event()

    async def enter(self) -> None:
        """Wait for a place and for the end of a common pause; `leave` gives the place back."""
        while True:
            if self._under_way >= int(self._allowed):
                self._freed.clear()
                await self._freed.wait()
            elif (remaining := self._until - time.monotonic()) > 0:
                await asyncio.sleep(remaining)
            else:
                self._under_way += 1
                return

    def leave(self) -> None:
        """Give the place back."""
        self._under_way -= 1
        self._freed.set()

    def stop(self) -> None:
        """Admit no more calls: those waiting are about to be dropped."""
        self._allowed = 0.0

    def tested(self) -> None:
        """Note that the first attempt has ended: problems that affect all calls are known by now."""
        if not self._tested:
            self._tested, self._allowed = True, float(self.most)

    def answered(self) -> None:
        """Note an answer: a little faster from here."""
        self._limits = 0
        self._allowed = min(float(self.most), self._allowed + 1 / self._allowed)

    def limited(self, requested: float | None) -> float:
        """Note a rate limit; returns how many seconds all calls wait.

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
        """Random, since others may wait for the same moment. This changes no output, so it has no seed."""
        if requested is not None:
            return min(requested, self.longest_wait) + random.uniform(0, self.first_wait)
        # never less than half: limits are often per minute, and six tries of full jitter may be over before that
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

    CALLS = 20  # calls that failed for good, one after the other
    ATTEMPTS, SECONDS = 20, 120.0  # or this many attempts over this long a time, where each takes long

    def answered(self) -> None:
        """End the streak with an answer."""
        self.ever_answered, self.calls, self.attempts, self.since = True, 0, 0, None

    def failed(self, *, final: bool, transport: bool) -> bool:
        """Count a failed attempt, `final` for its call; returns whether to give up.

        A request that the endpoint rejects (`transport` False) says nothing about the next one, once others have been
        answered: a few texts may be too long.
        """
        if self.ever_answered and not transport:
            return False
        self.since = self.since or time.monotonic()
        self.attempts += 1
        self.calls += final
        long_since = time.monotonic() - self.since >= self.SECONDS
        return self.calls >= self.CALLS or (self.attempts >= self.ATTEMPTS and long_since)
