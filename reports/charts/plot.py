"""Charts with two axes: curves with their bands, distributions as bars, and flags whose words never overlap."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .axes import Axis, shortened, text_width, trimmed

__all__ = ["HEIGHT", "Band", "Bin", "Curve", "Flag", "curve_chart", "distribution_chart", "draw_plot", "height_of"]

HEIGHT = 220  # pixels between the ends of the y axis
BELOW = 22  # pixels for the labels of the x axis
MIDDLE = 50  # percent of the width: decides on which side of its line a flag's words are


@dataclass(frozen=True)
class Flag:
    """A vertical line at x with a few words at its top."""

    x: float
    text: str


def draw_plot(inside: Markup, x: Axis, y: Axis, *, x_title: str, flags: Sequence[Flag] = ()) -> Markup:
    """The frame around `inside`, SVG whose places are percent of the width and pixels of the height.

    The words of each flag are on a line of their own above the picture, on the side of the flag that has more
    room, and wrap there: whatever their length and however near the flags, nothing covers anything.
    """
    labels = [(height_of(y, value), shortened(label)) for value, label in y.ticks]
    column = round(max((text_width(label) for _, label in labels), default=0)) + 10
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


def height_of(y: Axis, value: float) -> float:
    """The value's distance in pixels from the upper end of the y axis."""
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
    dots: bool = False  # each point marked: it is a measurement of its own


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
    """Curves over their bands with a key, the y labels in their own column, flags on top.

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


LEAST_WIDTH = 0.8  # percent: a bin of a single value still shows
LEAST_HEIGHT = 1.5  # pixels: a share above 0 still shows


@dataclass(frozen=True)
class Bin:
    """The share, 0 to 1, of values between two."""

    start: float
    end: float
    share: float


def distribution_chart(
    bins: Sequence[Bin], x: Axis, y: Axis, *, x_title: str, flag: Flag | None = None, good: str = "left"
) -> Markup:
    """Bars over the x axis, the flag as a dashed line; those on its `good` side are solid, the others outlined.

    A bin that spans the flag is split there.
    """
    bars = Markup("").join(
        _bar(part, x, y, role) for each in bins if each.share > 0 for part, role in _sides(each, flag, good)
    )
    return draw_plot(bars, x, y, x_title=x_title, flags=[flag] if flag else [])


def _sides(each: Bin, flag: Flag | None, good: str) -> list[tuple[Bin, str]]:
    """The bin in its role, or its two parts in theirs."""
    if flag is None:
        return [(each, "inside")]
    roles = ("inside", "outside") if good == "left" else ("outside", "inside")
    if each.start < flag.x < each.end:
        return [(Bin(each.start, flag.x, each.share), roles[0]), (Bin(flag.x, each.end, each.share), roles[1])]
    return [(each, roles[0] if each.end <= flag.x else roles[1])]


def _bar(each: Bin, x: Axis, y: Axis, role: str) -> Markup:
    left, right = x.place(each.start), x.place(each.end)
    if right - left < LEAST_WIDTH and each.start == each.end:
        left = min(max(left - LEAST_WIDTH / 2, 0.0), 100 - LEAST_WIDTH)
        right = left + LEAST_WIDTH
    top = min(height_of(y, each.share), HEIGHT - LEAST_HEIGHT)
    return Markup('<rect class="column {}" x="{}%" width="{}%" y="{}" height="{}"/>').format(
        role, trimmed(left), trimmed(right - left), top, trimmed(round(HEIGHT - top, 1))
    )
