"""The curve chart: lines over a shared axis, each with its band where it has one, and flags where something happens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .axes import Axis, trimmed
from .plot import HEIGHT, Flag, draw_plot, height_of

__all__ = ["Band", "Curve", "Flag", "curve_chart"]

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

    Points that are no finite numbers are left out; those beyond an axis lie on its end.
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
