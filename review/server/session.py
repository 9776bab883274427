"""What one start of the workbench remembers: who decides, how fast, what was decided here, and a time for each batch."""

from collections import defaultdict
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from statistics import median

from ...core import ConfigError, user_name

_LONGEST_NAME = 200  # characters
_MILLISECOND = timedelta(milliseconds=1)


class Session:
    """From the start of the server to its end."""

    def __init__(self, who: str | None = None) -> None:
        self.who = user_name() if who is None else who.strip()
        self.made = 0  # decisions, less those that were taken back
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._from: dict[tuple[str, str], tuple[str, str]] = {}
        self._last = datetime.now(UTC)
        self._version, self._seen = 0, None

    def person(self, who: str) -> str:
        """The name of the person, or of this machine's user. Raises: ConfigError if it is too long for a name."""
        name = who.strip()
        if len(name) > _LONGEST_NAME:
            raise ConfigError(f"the name has {len(name):,} characters; at most {_LONGEST_NAME} are possible")
        return name or self.who

    def now(self) -> str:
        """The time in UTC, a millisecond after the last one at least: decisions with one time are taken back together."""
        self._last = max(datetime.now(UTC), self._last + _MILLISECOND)
        return self._last.isoformat(timespec="milliseconds")

    def decided(self, who: str, when: str, *, kind: str, key: str, count: int, seconds: float | None = None) -> None:
        """Remember a batch: where it was made, and how long it took if it was a single decision."""
        self.made += count
        self._from[who, when] = kind, key
        if seconds is not None:
            self._seconds[kind].append(seconds)

    def taken_back(self, who: str, when: str, count: int) -> tuple[str, str] | None:
        """Forget a batch; the kind and the key where it was made, None if that was not here."""
        place = self._from.pop((who, when), None)
        self.made -= count if place else 0
        return place

    def pace(self, kind: str) -> float | None:
        """The median seconds of a decision of this kind, which a pause does not change; None before the first one."""
        return median(self._seconds[kind]) if kind in self._seconds else None

    def version(self, seen: Hashable) -> int:
        """A number that grows whenever what can be seen differs from the last time."""
        if seen != self._seen:
            self._version, self._seen = self._version + 1, seen
        return self._version
