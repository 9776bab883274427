"""Seconds per step."""

import time

__all__ = ["Clock"]


class Clock:
    """Each lap gets the time since the last one."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        """Note the seconds since the last lap under this name."""
        now = time.perf_counter()
        self.seconds[step] = now - self._last
        self._last = now
