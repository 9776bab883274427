"""Charts with two axes: curves with bands, distributions as bars, and flags with text that never overlaps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .axes import Axis, shortened, text_width, trimmed

HEIGHT = 220  # pixels between the ends of the y axis
BELOW = 22  # pixels for the labels of the x axis
MIDDLE = 50  # percent of the width: the text of a flag beyond it is on the left of its line


@dataclass(frozen=True)
class Flag:
    """A vertical line at `x` with a short text at the top."""

    x: float
    text: str


def draw_plot(inside: Markup, x: Axis, y: Axis, *, x_title: str, flags: Sequence[Flag] = ()) -> Markup:
    """The frame around `inside`, an SVG positioned in percent of the width and pixels of the height.

    The text of each flag has its own line above the picture, on the side of the flag with more room, and wraps there.
    So nothing overlaps, whatever the length of the texts and the distance of the flags.
    """
    labels = [(height_of(y, value), shortened(label)) for value, label in y.ticks]
    column = label_column(y)
    drawn = Markup("").join(
        Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(column - 8, at + 4, label)
        for at, label in labels
    )
    places = sorted((x.place(flag.x), flag.text) for flag in flags)
    return Markup(
        '<div class="plot"><svg class="ylabels" width="{column}" height="{full}" aria-hidden="true">{labels}</svg>'
        '<div class="area">{lines}{words}<svg width="100%" height="{full}" aria-hidden="true">{grid}{inside}{ticks}'
        '</svg></div></div><p class="xtitle">{x_title}</p>'
    ).format(
        column=column,
        full=HEIGHT + BELOW,
        labels=drawn,
        lines=Markup("").join(Markup('<i class="flagline" style="left:{}%"></i>').format(place) for place, _ in places),
        words=Markup("").join(_flag_words(place, text) for place, text in places),
        grid=_grid(y),
        inside=inside,
        ticks=Markup("").join(label.draw(HEIGHT + 17) for label in x.tick_labels()),
        x_title=x_title,
    )


def label_column(y: Axis) -> int:
    """The width in pixels of the column with the labels of the y axis."""
    return round(max((text_width(shortened(label)) for _, label in y.ticks), default=0)) + 10


def height_of(y: Axis, value: float) -> float:
    """The value's distance in pixels from the top of the y axis."""
    return trimmed(round(HEIGHT * (1 - y.place(value) / 100), 1))


def _flag_words(place: float, text: str) -> Markup:
    side, rest = ("left", place) if place < MIDDLE else ("right", 100 - place)
    return Markup('<p class="flagwords {side}" style="margin-{side}:{rest}%">{text}</p>').format(
        side=side, rest=trimmed(rest), text=text
    )


def _grid(y: Axis) -> Markup:
    return Markup("").join(
        Markup('<line class="{}" x1="0" x2="100%" y1="{at}" y2="{at}"/>').format(
            "zero" if value == 0 else "grid", at=height_of(y, value)
        )
        for value, _ in y.ticks
    )


KEY_DOT = Markup('<circle class="dot" cx="11" cy="5" r="3.5"/>')


@dataclass(frozen=True)
class Curve:
    """A named line through (x, y) points."""

    name: str
    points: tuple[tuple[float, float], ...]
    role: str
    dots: bool = False  # mark each point as a separate measurement


@dataclass(frozen=True)
class Band:
    """A named area between two lines: (x, low, high) points."""

    name: str
    points: tuple[tuple[float, float, float], ...]
    role: str


def curve_chart(
    curves: Sequence[Curve],
    x: Axis,
    y: Axis,
    *,
    x_title: str,
    flags: Sequence[Flag] = (),
    bands: Sequence[Band] = (),
) -> Markup:
    """Curves over their bands, with a key, y labels in a separate column, and flags.

    Non-finite points are omitted; those beyond an axis are clamped to its end.
    """
    key = Markup("").join([*(_curve_key(curve) for curve in curves), *(_band_key(band) for band in bands)])
    lines = Markup("").join([*(_area(band, x, y) for band in bands), *(_path(curve, x, y) for curve in curves)])
    stretched = Markup(
        '<svg width="100%" height="{}" viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible">{}</svg>'
    ).format(HEIGHT, lines)
    dots = Markup("").join(_dots(curve, x, y) for curve in curves if curve.dots)
    plot = draw_plot(stretched + dots, x, y, x_title=x_title, flags=flags)
    return Markup('<div class="keys">{}</div>{}').format(key, plot)


def _curve_key(curve: Curve) -> Markup:
    return Markup(
        '<span class="key r-{role}"><svg width="22" height="10" aria-hidden="true">'
        '<line x1="0" x2="22" y1="5" y2="5" class="curve r-{role}"/>{dot}</svg>{name}</span>'
    ).format(role=curve.role, dot=KEY_DOT if curve.dots else "", name=curve.name)


def _band_key(band: Band) -> Markup:
    return Markup(
        '<span class="key r-{}"><svg width="22" height="12" aria-hidden="true">'
        '<rect width="22" height="12" class="band"/></svg>{}</span>'
    ).format(band.role, band.name)


def _path(curve: Curve, x: Axis, y: Axis) -> Markup:
    points = [point for point in curve.points if all(map(math.isfinite, point))]
    steps = " ".join(
        f"{'L' if index else 'M'}{x.place(px)} {trimmed(100 - y.place(py))}" for index, (px, py) in enumerate(points)
    )
    return Markup('<path class="curve r-{}" d="{}" vector-effect="non-scaling-stroke"/>').format(curve.role, steps)


def _area(band: Band, x: Axis, y: Axis) -> Markup:
    points = [point for point in band.points if all(map(math.isfinite, point))]
    there = [(px, low) for px, low, _ in points]
    back = [(px, high) for px, _, high in reversed(points)]
    corners = " ".join(f"{x.place(px)},{trimmed(100 - y.place(py))}" for px, py in there + back)
    return Markup('<g class="r-{}"><polygon class="band" points="{}"/></g>').format(band.role, corners)


def _dots(curve: Curve, x: Axis, y: Axis) -> Markup:
    return Markup("").join(
        Markup('<circle class="dot r-{}" cx="{}%" cy="{}" r="3.5"/>').format(curve.role, x.place(px), height_of(y, py))
        for px, py in curve.points
        if math.isfinite(px) and math.isfinite(py)
    )


LEAST_WIDTH = 0.8  # percent: the minimum width of a bin with a single value
LEAST_HEIGHT = 1.5  # pixels: the minimum height of a share above 0


@dataclass(frozen=True)
class Bin:
    """The share (0 to 1) of values between `start` and `end`."""

    start: float
    end: float
    share: float


def distribution_chart(
    bins: Sequence[Bin], x: Axis, y: Axis, *, x_title: str, flag: Flag | None = None, good: str = "left"
) -> Markup:
    """Bars over the x axis, with the flag as a dashed line; bars on its `good` side are solid, the others outlined.

    A bin that spans the flag is split there.
    """
    bars = Markup("").join(
        _bar(part, x, y, role) for bin_ in bins if bin_.share > 0 for part, role in _sides(bin_, flag, good)
    )
    return draw_plot(bars, x, y, x_title=x_title, flags=[flag] if flag else [])


def _sides(bin_: Bin, flag: Flag | None, good: str) -> list[tuple[Bin, str]]:
    """The bin with its role, or its two parts with theirs."""
    if flag is None:
        return [(bin_, "inside")]
    roles = ("inside", "outside") if good == "left" else ("outside", "inside")
    if bin_.start < flag.x < bin_.end:
        return [(Bin(bin_.start, flag.x, bin_.share), roles[0]), (Bin(flag.x, bin_.end, bin_.share), roles[1])]
    return [(bin_, roles[0] if bin_.end <= flag.x else roles[1])]


def _bar(bin_: Bin, x: Axis, y: Axis, role: str) -> Markup:
    left, right = x.place(bin_.start), x.place(bin_.end)
    if right - left < LEAST_WIDTH and bin_.start == bin_.end:
        left = min(max(left - LEAST_WIDTH / 2, 0.0), 100 - LEAST_WIDTH)
        right = left + LEAST_WIDTH
    top = min(height_of(y, bin_.share), HEIGHT - LEAST_HEIGHT)
    return Markup('<rect class="column {}" x="{}%" width="{}%" y="{}" height="{}"/>').format(
        role, trimmed(left), trimmed(right - left), top, trimmed(round(HEIGHT - top, 1))
    )
