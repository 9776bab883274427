"""Axes with few round ticks."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .labels import TickLabel, place_labels

__all__ = ["Axis", "linear_axis", "log_axis", "trimmed"]

LARGEST = 1e250  # beyond it, differences of values overflow


@dataclass(frozen=True)
class Axis:
    """A range of values, its labelled ticks, and where a value lies on it."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool = False

    def tick_labels(self) -> list[TickLabel]:
        """The labels of the ticks, each with the width from which it is shown; zero is labelled before all others."""
        zero = next((index for index, (value, _) in enumerate(self.ticks) if value == 0), 0)
        return place_labels([(self.place(value), label) for value, label in self.ticks], zero)

    def place(self, value: float) -> float:
        """The value's place in percent of the axis, 0 to 100; values beyond the ends stay at the ends."""
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log10(max(value, low)), math.log10(low), math.log10(high)
        return trimmed(100 * min(1.0, max(0.0, (value - low) / (high - low))))


def trimmed(place: float) -> float:
    """A place as a picture needs it: hundredths of a percent, well under a pixel, and no more digits than it has."""
    rounded = round(place, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def linear_axis(
    values: Iterable[float],
    label: Callable[[float], str],
    *,
    most_steps: int = 5,
    zero: bool = True,
    tight: bool = False,
) -> Axis:
    """An axis over the values (and zero), with ticks at steps of 1, 2 or 5 times a power of ten.

    The ends are ticks; a tight axis ends at the values themselves. Steps so small that `label` words two ticks
    alike are made larger.
    """
    found = [min(max(value, -LARGEST), LARGEST) for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(found), max(found)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    largest = max(abs(low), abs(high))
    if high - low <= max(1e-12 * largest, 1e-280):  # one value, or steps so small that they would vanish
        half = largest / 2 if largest > 1e-280 else 0.5
        low, high = (low if zero and low == 0 else low - half), high + half
    choices = [_ticks(low, high, steps, label) for steps in range(most_steps, 0, -1)]
    step, ticks = next((c for c in choices if len({text for _, text in c[1]}) == len(c[1])), choices[-1])
    if not tight:
        return Axis(low=ticks[0][0], high=ticks[-1][0], ticks=ticks)
    inside = tuple(tick for tick in ticks if low - 1e-9 * step <= tick[0] <= high + 1e-9 * step)
    return Axis(low=low, high=high, ticks=inside)


def log_axis(values: Iterable[float], label: Callable[[float], str]) -> Axis:
    """A logarithmic axis from the smallest to the largest positive value, with ticks at powers of ten.

    Over less than two powers of ten, 2 and 5 times each are ticks too, so that two at least can be read.
    """
    found = [min(max(value, 1 / LARGEST), LARGEST) for value in values if value > 0 and math.isfinite(value)]
    low, high = min(found or [1.0]), max(found or [10.0])
    if high < low * 10:
        low, high = low / 3, high * 3.4
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = 1 + (last - first) // 6
    places = [10.0**power for power in range(first, last + 1, every)]
    if last - first < 2:
        finer = (factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5))
        places = [value for value in finer if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    ticks = {label(value): value for value in reversed(places)}  # of two worded alike, the lower
    return Axis(
        low=low, high=high, ticks=tuple((value, text) for text, value in reversed(ticks.items())), logarithmic=True
    )


def _ticks(
    low: float, high: float, steps: int, label: Callable[[float], str]
) -> tuple[float, tuple[tuple[float, str], ...]]:
    """The step of an axis of about so many steps, and its ticks from below `low` to above `high`."""
    step = _round_step((high - low) / steps)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    values = [float(f"{number * step:.12g}") for number in range(first, last + 1)]
    return step, tuple((value, label(value)) for value in values)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
