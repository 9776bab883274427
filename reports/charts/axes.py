"""What every chart has: axes with few round ticks, labels without overlap, and its frame with the numbers in a table."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

# Minimum axis widths in pixels for showing a label; styles/charts.css has one rule for each.
WIDTHS = (100, 130, 160, 190, 220, 250, 280, 310, 350, 400, 460, 540, 640, 800)
GAP = 10  # pixels between two labels
LONGEST = 18  # characters of a label; longer ones are shortened


@dataclass(frozen=True)
class TickLabel:
    """A label, its position in percent, its SVG text-anchor, and the minimum axis width for showing it."""

    place: float
    text: str
    anchor: str
    width: int

    def draw(self, y: float) -> Markup:
        """The label as SVG text with its baseline at `y`."""
        return Markup('<text x="{}%" y="{}" class="tick f{}" text-anchor="{}">{}</text>').format(
            self.place, y, self.width, self.anchor, self.text
        )


@lru_cache(maxsize=4096)  # an axis asks for each of its labels at many widths
def text_width(text: str) -> float:
    """An upper estimate of the width in pixels of a text set at 12 pixels in a common sans-serif font."""
    return 1.06 * sum(_letter_width(letter) for letter in text)


def shortened(text: str, most: int = LONGEST) -> str:
    """The text, shortened with an ellipsis if it is longer than `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def place_labels(ticks: Sequence[tuple[float, str]], start: int = 0) -> list[TickLabel]:
    """Labels of the (position in percent, text) ticks, in order; labels that fit at no width are omitted.

    At any width, every 1st, 2nd, 4th ... tick counted from the tick `start` is labelled, on one or both sides of it, as
    many as fit inside the axis with a gap between them. A label shown at one width is shown at every greater width, on
    the same side of its tick.
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
    """Positions at least `gap` apart in low..high, in the order of the wanted positions and as near to them as possible.

    Least squares by isotonic regression of the wanted positions minus the gaps before them (pool adjacent violators).
    Positions that do not fit extend beyond `high`.
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
    """The sets of ticks that may be labelled together, the largest first."""
    strides = [2**power for power in range(count.bit_length() + 1)]
    evenly = [[index for index in range(count) if (index - start) % stride == 0] for stride in strides]
    sides = [[[i for i in found if i >= start], [i for i in found if i <= start]] for found in evenly]
    return sorted([*evenly, *(side for pair in sides for side in pair)], key=len, reverse=True)


def _anchor(place: float, text: str, width: int) -> str:
    """The text-anchor of a label: centred on its tick unless it would extend beyond the axis."""
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


LARGEST = 1e250  # differences of larger values overflow


@dataclass(frozen=True)
class Axis:
    """A range of values with labelled ticks, which maps values to positions."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool = False

    def tick_labels(self) -> list[TickLabel]:
        """The labels of the ticks with their minimum widths; zero takes precedence."""
        zero = next((index for index, (value, _) in enumerate(self.ticks) if value == 0), 0)
        return place_labels([(self.place(value), label) for value, label in self.ticks], zero)

    def place(self, value: float) -> float:
        """The value's position in percent of the axis, 0 to 100; values beyond the ends are clamped."""
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log10(max(value, low)), math.log10(low), math.log10(high)
        return trimmed(100 * min(1.0, max(0.0, (value - low) / (high - low))))


def trimmed(place: float) -> float:
    """A position rounded to hundredths of a percent, well under a pixel, without trailing zeros."""
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

    The ends are ticks; a tight axis ends at the values themselves. Steps are made larger until no two ticks have the
    same `label`.
    """
    found = [min(max(value, -LARGEST), LARGEST) for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(found), max(found)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    largest = max(abs(low), abs(high))
    if high - low <= max(1e-12 * largest, 1e-280):  # one value, or steps too small for floats
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

    Over less than two powers of ten, 2 and 5 times each power are ticks too, so that there are at least two.
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
    ticks = {label(value): value for value in reversed(places)}  # of two ticks with the same label, the lower
    return Axis(
        low=low, high=high, ticks=tuple((value, text) for text, value in reversed(ticks.items())), logarithmic=True
    )


def _ticks(
    low: float, high: float, steps: int, label: Callable[[float], str]
) -> tuple[float, tuple[tuple[float, str], ...]]:
    """The step of an axis with about `steps` steps, and its ticks from `low` or below to `high` or above."""
    step = _round_step((high - low) / steps)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    values = [float(f"{number * step:.12g}") for number in range(first, last + 1)]
    return step, tuple((value, label(value)) for value in values)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


# --- the frame ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """Everything in a chart except the picture: title, text alternative, numbers as a table, note."""

    title: str
    text: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    on_paper: bool = False  # print the table too, because the picture does not show the numbers
    id: str = ""  # the anchor for links from other parts of the page
    how: tuple[str, str] = ("", "")  # the id of the method behind the numbers, and the text of the link to it


def render_figure(figure: Figure, picture: Markup) -> Markup:
    """The chart with its title and note, and its numbers in a table under a disclosure; only the first column is text."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(cell) for cell in figure.head)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in figure.rows
    )
    end, words = figure.how
    link = Markup('<a class="see" href="#m-{}">{}</a>').format(end, words) if end else Markup("")
    text = Markup(" ").join(part for part in (figure.note, link) if part)
    note = Markup('<p class="note">{}</p>').format(text) if text else Markup("")
    return Markup(
        '<figure class="chart"{id}><figcaption>{title}</figcaption>'
        '<div class="picture" role="img" aria-label="{text}">{picture}</div>{note}'
        '<details class="numbers{paper}"><summary>The numbers of this chart</summary><div class="scroll"><table>'
        "<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details></figure>"
    ).format(
        id=Markup(' id="{}"').format(figure.id) if figure.id else "",
        title=figure.title,
        text=figure.text,
        picture=picture,
        note=note,
        head=head,
        body=body,
        paper=" curve" if figure.on_paper else "",
    )
