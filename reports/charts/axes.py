"""Axes with few round ticks, and label positions without overlap."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

__all__ = [
    "WIDTHS",
    "Axis",
    "TickLabel",
    "linear_axis",
    "log_axis",
    "place_labels",
    "shortened",
    "spread",
    "text_width",
    "trimmed",
]

# Widths in pixels from which a label may appear; styles/charts.css has one rule for each.
WIDTHS = (100, 130, 160, 190, 220, 250, 280, 310, 350, 400, 460, 540, 640, 800)
GAP = 10  # pixels between two labels
LONGEST = 18  # letters of a label; longer ones end in an ellipsis


@dataclass(frozen=True)
class TickLabel:
    """A label, its place in percent, its SVG text-anchor, and the width of the axis from which there is room for it."""

    place: float
    text: str
    anchor: str
    width: int

    def draw(self, y: float) -> Markup:
        """The label as SVG text with its baseline at y."""
        return Markup('<text x="{}%" y="{}" class="tick f{}" text-anchor="{}">{}</text>').format(
            self.place, y, self.width, self.anchor, self.text
        )


def text_width(text: str) -> float:
    """An upper estimate of the width in pixels of a text of 12 pixels in any common sans-serif face."""
    return 1.06 * sum(_letter_width(letter) for letter in text)


def shortened(text: str, most: int = LONGEST) -> str:
    """The text with an ellipsis where it is longer than `most` letters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def place_labels(ticks: Sequence[tuple[float, str]], start: int = 0) -> list[TickLabel]:
    """Labels of the (place in percent, text) ticks, in order; those that fit at no width are omitted.

    At any width every 1st, 2nd, 4th ... tick counted from the tick `start` is labelled, on both sides of it or on
    one, as many as fit with a gap between them and inside the axis. What is labelled at one width is so at every
    greater one, at the same side of its tick.
    """
    texts = [shortened(text) for _, text in ticks]
    chosen: dict[int, TickLabel] = {}
    choices = _choices(len(ticks), start)
    for width in WIDTHS:
        for indices in choices:
            tried = {
                index: chosen.get(index)
                or TickLabel(ticks[index][0], texts[index], _anchor(ticks[index][0], texts[index], width), width)
                for index in indices
            }
            if chosen.keys() <= tried.keys() and _fit(list(tried.values()), width):
                chosen = tried
                break
    return [chosen[index] for index in sorted(chosen)]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart in low..high, in the order of the wanted ones and as near to them as can be.

    Least squares: the isotonic regression of the wanted places less the gaps before them (pool adjacent violators).
    If they do not all fit, they extend beyond `high`.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    pools: list[list[float]] = []  # [sum, number]
    for rank, index in enumerate(order):
        pools.append([wanted[index] - rank * gap, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            total, number = pools.pop()
            pools[-1] = [pools[-1][0] + total, pools[-1][1] + number]
    most = max(low, high - (len(wanted) - 1) * gap)
    level = [min(max(total / number, low), most) for total, number in pools for _ in range(int(number))]
    found = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        found[index] = level[rank] + rank * gap
    return found


def _choices(count: int, start: int) -> list[list[int]]:
    """The ticks that may be labelled together, the most first."""
    strides = [2**power for power in range(count.bit_length() + 1)]
    evenly = [[index for index in range(count) if (index - start) % stride == 0] for stride in strides]
    sides = [[[i for i in found if i >= start], [i for i in found if i <= start]] for found in evenly]
    return sorted([*evenly, *(side for pair in sides for side in pair)], key=len, reverse=True)


def _anchor(place: float, text: str, width: int) -> str:
    """Centred on its tick unless it would leave the axis."""
    half, at = text_width(text) / 2, width * place / 100
    return "start" if at < half else "end" if width - at < half else "middle"


def _fit(labels: Sequence[TickLabel], width: int) -> bool:
    end = -float(GAP)
    for label in labels:
        at, long = width * label.place / 100, text_width(label.text)
        left = at - {"start": 0.0, "middle": long / 2, "end": long}[label.anchor]
        if left < max(end + GAP, 0) - 1e-6 or left + long > width + 1e-6:
            return False
        end = left + long
    return True


def _letter_width(letter: str) -> float:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Mn", "Me"):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 16.0 if unicodedata.category(letter) == "So" else 12.5
    if not letter.isascii():
        return 7.0 if letter in "\u00a0−–…€£" else 12.0
    return 11.5 if letter in "WMmw@%" else 8.8 if letter.isupper() or letter in "&" else 6.9


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
        """The value's place in percent of the axis, 0 to 100; values beyond the ends are clamped."""
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

    The ends are ticks; a tight axis ends at the values themselves. Steps so small that two ticks get
    the same `label` are made larger.
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
    ticks = {label(value): value for value in reversed(places)}  # of two with equal labels, the lower
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
