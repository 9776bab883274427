"""Whole numbers of 63 bits as dense 32-bit numbers: an exact hash table that works on whole columns."""

from itertools import count

import numpy as np

__all__ = ["Numbering"]

_EMPTY = -1
_ODD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: multiplying by it spreads neighbours (Knuth, TAOCP 6.4)


class Numbering:
    """Numbers values in the order in which they come; equal values get equal numbers, and others never do.

    Values that meet in one slot of a table go on to the next table, so a collision costs time and changes nothing.
    """

    def __init__(self, bits: int) -> None:
        self.size = 0
        self._bits = bits
        self._tables: list[tuple[np.ndarray, np.ndarray]] = []

    def number(self, values: np.ndarray) -> np.ndarray:
        """The number of each value (int64, not negative), as int32."""
        numbers = np.empty(len(values), np.int32)
        waiting: np.ndarray | slice = slice(None)
        for level in count():
            slots = self._slots(values, level)
            held, own = self._table(level)
            found = held[slots]
            new = np.flatnonzero(found == _EMPTY)
            if len(new):
                held[slots[new]] = values[new]  # where several meet, the last one stays
                found[new] = held[slots[new]]
                self._number_new(slots[new], own)
            numbers[waiting] = own[slots]
            left = np.flatnonzero(found != values)
            if not len(left):
                return numbers
            waiting = left if isinstance(waiting, slice) else waiting[left]
            values = values[left]
        raise AssertionError("each table takes at least one value")

    def _number_new(self, slots: np.ndarray, own: np.ndarray) -> None:
        places = np.arange(len(slots), dtype=np.int32)
        own[slots] = places
        once = slots[own[slots] == places]  # each slot once, without sorting
        own[once] = np.arange(self.size, self.size + len(once), dtype=np.int32)
        self.size += len(once)

    def _slots(self, values: np.ndarray, level: int) -> np.ndarray:
        odd = np.uint64((_ODD * (2 * level + 1)) % 2**64)
        return ((values.view(np.uint64) * odd) >> np.uint64(64 - self._bits)).view(np.int64)

    def _table(self, level: int) -> tuple[np.ndarray, np.ndarray]:
        if level == len(self._tables):
            size = 1 << self._bits
            self._tables.append((np.full(size, _EMPTY, np.int64), np.zeros(size, np.int32)))
        return self._tables[level]
