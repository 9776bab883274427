"""Holds what was read of one file so far against the limits: text without a record, unreadable records."""

from pathlib import Path

from ....core import Limits, say
from ..batch import Batch, excerpt

__all__ = ["Intake"]


class Intake:
    """What one file has given so far. `most` is the length of the longest record, `gap` that of the text since the last
    record, in characters."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path, self._limits = path, limits
        self.gap, self._unreadable = 0, 0
        self._most_gap, self._most_unreadable = limits.of("gap"), limits.of("unreadable")
        self.most = limits.of("record")

    def saw(self, batch: Batch) -> None:
        """Records were read, or could not be. Raises: DataError if the file has more unreadable ones than the limit."""
        if len(batch.values):
            self.gap = 0
        self._unreadable += len(batch.problems)
        if self._unreadable > self._most_unreadable:
            what = f"{self._unreadable:,} of its records cannot be read, such as: {batch.problems[0][1]}"
            raise self._limits.exceeded(self.path, "unreadable", what)

    def passed(self, characters: int) -> None:
        """Text without a record was passed over. Raises: DataError if it is more than the limit since the last record."""
        self.gap += characters
        if self.gap > self._most_gap:
            what = f"there is no record in {say.size(self.gap)} of its text, which is blank or unreadable"
            raise self._limits.exceeded(self.path, "gap", what)

    @property
    def limit(self) -> str:
        """The length of the longest record in words, with the way to raise it."""
        return f"{say.size(self.most)} ({self._limits.way_out('record')})"

    def too_long(self, what: str, length: int, beginning: str = "") -> str:
        """Why a record that is longer than the limit cannot be read."""
        way_out = self._limits.way_out("record", needed=length)
        begins = f"; it begins {excerpt(beginning)}" if beginning else ""
        return f"{what} has {length:,} characters, and the limit is {say.size(self.most)} ({way_out}){begins}"
