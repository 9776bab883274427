"""Calls a step for each part of the pairs: here in turn, in this process; `curate/parts` does the same on workers.

A step takes tables and returns a frozen dataclass. What its `Kept` fields hold stays where the part was worked on, as do
all texts; its other fields reach the caller.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import polars as pl

__all__ = ["Each", "Here", "Kept", "in_turn"]

T = TypeVar("T")


class Kept(ABC):
    """A table that is read where it is needed; among the arguments of a step it is replaced by the table."""

    @abstractmethod
    def read(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The table, or some of its columns."""


class Here(Kept):
    """A table in the memory of this process."""

    def __init__(self, table: pl.DataFrame) -> None:
        self._table = table

    def read(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """See `Kept`."""
        return self._table if columns is None else self._table.select(columns)


class Each(Protocol):
    """Calls a step with the arguments of each part, and returns the results in that order."""

    def __call__(
        self,
        step: str,
        function: Callable[..., T],
        parts: Sequence[Mapping[str, Any]],
        *,
        numbers: Sequence[int] | None = None,
    ) -> list[T]:
        """`step` names the work for progress and messages, `numbers` the parts, if they are not all of them.

        Raises: what the step raises.
        """
        ...


def in_turn(
    step: str,
    function: Callable[..., T],
    parts: Sequence[Mapping[str, Any]],
    *,
    numbers: Sequence[int] | None = None,
) -> list[T]:
    """See `Each`: one part after another, in this process."""
    return [
        function(**{name: value.read() if isinstance(value, Kept) else value for name, value in part.items()})
        for part in parts
    ]
