"""How fast an endpoint is asked: waits, and when there is no use in going on."""

import asyncio
import random
import time
from dataclasses import dataclass

__all__ = ["Pace", "Streak"]


class Pace:
    """Lets calls through: one until the first attempt has ended, then `most` at a time, fewer after a rate limit.

    A rate limit concerns the account, so all calls wait together. It halves how many go at once; every answer raises
    that again, by about one per round (additive increase, multiplicative decrease, as TCP does).
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
            elif (left := self._until - time.monotonic()) > 0:
                await asyncio.sleep(left)
            else:
                self._under_way += 1
                return

    def leave(self) -> None:
        """Give the place back."""
        self._under_way -= 1
        self._freed.set()

    def stop(self) -> None:
        """Nobody gets in any more: what waits is about to be dropped."""
        self._allowed = 0.0

    def tested(self) -> None:
        """The first attempt has ended: whatever concerns all calls is known by now."""
        if not self._tested:
            self._tested, self._allowed = True, float(self.most)

    def answered(self) -> None:
        """An answer: a little faster from here."""
        self._limits = 0
        self._allowed = min(float(self.most), self._allowed + 1 / self._allowed)

    def limited(self, asked: float | None) -> float:
        """A rate limit: all wait for as many seconds as are returned.

        `asked` is how many the endpoint wants to be left alone, None where it does not say.
        """
        now = time.monotonic()
        if now >= self._until:  # calls that were under way when a pause began are part of the same limit
            self._limits += 1
            self._allowed = max(1.0, self._allowed / 2)
        elif asked is None:
            return self._until - now
        self._until = max(self._until, now + self._pause(asked))
        return self._until - now

    def _pause(self, asked: float | None) -> float:
        """With chance, for others may wait for the same moment. Chance changes no output, so it has no seed."""
        if asked is not None:
            return min(asked, self.longest_wait) + random.uniform(0, self.first_wait)
        # never under half: limits are often per minute, and six tries of full jitter may be over before that
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

    CALLS = 20  # failed to the end, one after the other
    ATTEMPTS, SECONDS = 20, 120.0  # or so many attempts over so long a time, where each takes long

    def answered(self) -> None:
        """An answer ends it."""
        self.ever_answered, self.calls, self.attempts, self.since = True, 0, 0, None

    def failed(self, *, final: bool, transport: bool) -> bool:
        """Count a failed attempt, `final` for its call; whether going on is of no use.

        A request that the endpoint refuses (`transport` False) says nothing about the next one, once others have been
        answered: a few texts may be too long.
        """
        if self.ever_answered and not transport:
            return False
        self.since = self.since or time.monotonic()
        self.attempts += 1
        self.calls += final
        long_since = time.monotonic() - self.since >= self.SECONDS
        return self.calls >= self.CALLS or (self.attempts >= self.ATTEMPTS and long_since)
