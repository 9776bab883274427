"""The curve chart: one or two lines over a shared axis, with marks where something happens."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .axes import Axis

__all__ = ["Curve", "Flag", "curve_chart"]

HEIGHT = 220
KEY_DOT = Markup('<circle class="dot" cx="11" cy="5" r="3.5"/>')
LETTER = 6.6  # width in pixels of an average letter at the tick labels' size, for the axis' column


@dataclass(frozen=True)
class Curve:
    """A named line through (x, y) points."""

    name: str
    points: tuple[tuple[float, float], ...]
    role: str
    dots: bool = False  # each point marked: it is a measurement of its own


@dataclass(frozen=True)
class Flag:
    """A vertical line at x with a few words at its top."""

    x: float
    text: str
    row: int = 0  # flags in different rows do not cover one another


def curve_chart(curves: Sequence[Curve], x: Axis, y: Axis, *, x_title: str, flags: Sequence[Flag] = ()) -> Markup:
    """Curves with their key, the y labels in their own column, flags on top."""
    width = round(max(len(label) for _, label in y.ticks) * LETTER) + 10
    key = Markup("").join(
        Markup(
            '<span class="key r-{}"><svg width="22" height="10" aria-hidden="true">'
            '<line x1="0" x2="22" y1="5" y2="5" class="curve r-{}"/>{}</svg>{}</span>'
        ).format(c.role, c.role, KEY_DOT if c.dots else "", c.name)
        for c in curves
    )
    top = 18 * (1 + max((flag.row for flag in flags), default=-1))
    return Markup(
        '<div class="keys">{key}</div><div class="plot">'
        '<svg class="ylabels" width="{width}" height="{full}" aria-hidden="true">{ylabels}</svg>'
        '<svg class="area" width="100%" height="{full}" aria-hidden="true">{grid}{flags}'
        '<svg y="{top}" width="100%" height="{height}" viewBox="0 0 100 100" preserveAspectRatio="none" '
        'overflow="visible">{paths}</svg>{dots}{xlabels}</svg></div><p class="xtitle">{x_title}</p>'
    ).format(
        key=key,
        width=width,
        full=top + HEIGHT + 22,
        top=top,
        height=HEIGHT,
        ylabels=_y_labels(y, top, width),
        grid=_grid(y, top),
        flags=Markup("").join(_flag(flag, x, top) for flag in flags),
        paths=Markup("").join(_path(curve, x, y) for curve in curves),
        dots=Markup("").join(_dots(curve, x, y, top) for curve in curves if curve.dots),
        xlabels=_x_labels(x, top),
        x_title=x_title,
    )


def _path(curve: Curve, x: Axis, y: Axis) -> Markup:
    steps = " ".join(
        f"{'L' if index else 'M'}{x.place(px)} {round(100 - y.place(py), 3)}"
        for index, (px, py) in enumerate(curve.points)
    )
    return Markup('<path class="curve r-{}" d="{}" vector-effect="non-scaling-stroke"/>').format(curve.role, steps)


def _dots(curve: Curve, x: Axis, y: Axis, top: int) -> Markup:
    return Markup("").join(
        Markup('<circle class="dot r-{}" cx="{}%" cy="{}" r="3.5"/>').format(
            curve.role, x.place(px), _height(y, py, top)
        )
        for px, py in curve.points
    )


def _grid(y: Axis, top: int) -> Markup:
    return Markup("").join(
        Markup('<line class="{}" x1="0" x2="100%" y1="{at}" y2="{at}"/>').format(
            "zero" if value == 0 else "grid", at=_height(y, value, top)
        )
        for value, _ in y.ticks
    )


def _y_labels(y: Axis, top: int, width: int) -> Markup:
    return Markup("").join(
        Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
            width - 8, _height(y, value, top) + 4, label
        )
        for value, label in y.ticks
    )


def _x_labels(x: Axis, top: int) -> Markup:
    return Markup("").join(label.draw(top + HEIGHT + 17) for label in x.tick_labels())


def _flag(flag: Flag, x: Axis, top: int) -> Markup:
    place = x.place(flag.x)
    # Words stand on the side with more room.
    side, shift = ("start", 5) if place < 50 else ("end", -5)
    return Markup(
        '<line class="flag" x1="{p}%" x2="{p}%" y1="{y0}" y2="{y1}"/>'
        '<svg x="{p}%" overflow="visible"><text class="flagtext" x="{shift}" y="{yt}" text-anchor="{side}">{text}'
        "</text></svg>"
    ).format(
        p=place, y0=flag.row * 18 + 3, y1=top + HEIGHT, yt=flag.row * 18 + 13, shift=shift, side=side, text=flag.text
    )


def _height(y: Axis, value: float, top: int) -> float:
    return round(top + HEIGHT * (1 - y.place(value) / 100), 1)
