"""Calls a step of curation for each part of the pairs: here in turn, in this process; in `curate/parts` on workers.

A step takes tables and returns a frozen dataclass. Tables in its `Kept` fields, which hold the texts, remain where the part
was processed; all other fields are sent to the caller.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import polars as pl

T = TypeVar("T")


class Kept(ABC):
    """A table that is read when it is needed; a step that gets it as an argument receives the table itself."""

    @abstractmethod
    def read(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The table, or some of its columns."""


class InMemory(Kept):
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
