"""Axes with few round ticks."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["Axis", "linear_axis", "log_axis"]


@dataclass(frozen=True)
class Axis:
    """A range of values, its labelled ticks, and where a value lies on it."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool = False

    def labels(self) -> list[tuple[float, str, str, bool]]:
        """(place in percent, label, SVG text-anchor, whether it may go where there is little room) of each tick."""
        last = len(self.ticks) - 1
        every = next((step for step in (1, 2, 3, last) if last and last % step == 0 and last / step <= 3), 1)
        found = []
        for index, (value, label) in enumerate(self.ticks):
            place = self.place(value)
            anchor = "start" if place < 4 else "end" if place > 96 else "middle"
            found.append((place, label, anchor, index % every != 0))
        return found

    def place(self, value: float) -> float:
        """The value's place in percent of the axis, 0 to 100; values beyond the ends stay at the ends."""
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log10(max(value, low)), math.log10(low), math.log10(high)
        return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 3)


def linear_axis(
    values: Iterable[float],
    label: Callable[[float], str],
    *,
    most_steps: int = 5,
    zero: bool = True,
    tight: bool = False,
) -> Axis:
    """An axis over the values (and zero), with ticks at steps of 1, 2 or 5 times a power of ten.

    The ends are ticks; a tight axis ends at the values themselves.
    """
    found = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(found), max(found)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    largest = max(abs(low), abs(high))
    if high - low <= max(1e-12 * largest, 1e-280):  # one value, or steps so small that they would vanish
        half = largest / 2 if largest > 1e-280 else 0.5
        low, high = (low if zero and low == 0 else low - half), high + half
    step = _round_step((high - low) / most_steps)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple((index * step, label(index * step)) for index in range(first, last + 1))
    if not tight:
        return Axis(low=first * step, high=last * step, ticks=ticks)
    inside = tuple(tick for tick in ticks if low - 1e-9 * step <= tick[0] <= high + 1e-9 * step)
    return Axis(low=low, high=high, ticks=inside)


def log_axis(values: Iterable[float], label: Callable[[float], str]) -> Axis:
    """A logarithmic axis from the smallest to the largest positive value, with ticks at powers of ten."""
    found = [value for value in values if value > 0 and math.isfinite(value)] or [1.0, 10.0]
    low, high = min(found), max(found)
    if high < low * 10:
        low, high = low / 3, high * 3.4
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = 1 + (last - first) // 6
    ticks = tuple((10.0**power, label(10.0**power)) for power in range(first, last + 1, every))
    return Axis(low=low, high=high, ticks=ticks, logarithmic=True)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
