"""The processes that train together: which rows are whose, and sums over all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Processes"]


@dataclass(frozen=True)
class Processes:
    """One of `count` processes, `rank` counted from 0."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    def share(self, rows: Sequence[int]) -> list[int]:
        """This process's rows of a batch, which is sorted by length: every `count`-th, so that all have like work."""
        return list(rows[self.rank :: self.count])

    def sum(self, tensors: Sequence[Any]) -> None:
        """Each tensor becomes the sum over all processes, in place."""
