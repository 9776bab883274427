"""Where the labels of an axis may stand, at which widths, without touching one another or leaving the picture."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["WIDTHS", "TickLabel", "place_labels", "shortened", "spread", "text_width"]

# Widths in pixels from which a label may appear; styles/charts.css has one rule for each.
WIDTHS = (100, 130, 160, 190, 220, 250, 280, 310, 350, 400, 460, 540, 640, 800)
GAP = 10  # pixels between two labels
LONGEST = 18  # letters of a label; what is longer ends in an ellipsis


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
    """Labels of the (place in percent, text) ticks, in order; those for which no width has room are left out.

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
    Without room for all, they go on beyond `high`.
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
