"""The trend over runs: a value with its range for each, in their order, and strips that mark what changed when."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .axes import Axis, trimmed
from .plot import HEIGHT, draw_plot, height_of, label_column
from .rows import SHAPES

FEW = 40  # runs whose ranges are drawn one by one; of more, as a band
# How far the marks of two sides are from the middle of their run: of its room, and at most of the axis.
APART, FARTHEST = 0.14, 0.02
TICKS = 10  # labelled runs
STRIP = 34  # pixels of height
SIDES = {"baseline": -1, "candidate": 1}


@dataclass(frozen=True)
class TrendPoint:
    """The value of the run number `at`, counted from 0, with the ends of its range if it has one.

    `of` names what has the value: a line joins points of the same name alone.
    """

    at: int
    value: float
    low: float | None = None
    high: float | None = None
    of: str = ""


@dataclass(frozen=True)
class TrendLine:
    """A side over the runs; `role` is baseline or candidate."""

    name: str
    role: str
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True)
class Strip:
    """A line below the axis with a mark at each run where something changed."""

    name: str
    at: tuple[int, ...]


def trend_chart(
    lines: Sequence[TrendLine], strips: Sequence[Strip], labels: Sequence[str], y: Axis, *, x_title: str
) -> Markup:
    """The lines over `labels`, one for each run; strips without a mark are left out."""
    x = _runs_axis(labels)
    few = len(labels) <= FEW
    drawn = Markup("").join([_paths(lines, x, y, ranges=not few), *(_marks(line, x, y) for line in lines if few)])
    shown = [strip for strip in strips if strip.at]
    below = Markup("").join(_strip(strip, x, label_column(y)) for strip in shown)
    return Markup('<div class="keys">{}</div>{}{}').format(
        Markup("").join([*(_key(line) for line in lines), *([_CHANGE_KEY] if shown else [])]),
        draw_plot(drawn, x, y, x_title=x_title),
        Markup('<div class="strips">{}</div>').format(below) if shown else "",
    )


def _runs_axis(labels: Sequence[str]) -> Axis:
    """An axis with the same room for each run, and a label for at most ten of them, the last one included."""
    step = -(-len(labels) // TICKS) or 1
    ticks = tuple((at, labels[at]) for at in range(len(labels)) if (len(labels) - 1 - at) % step == 0)
    return Axis(-0.5, max(len(labels) - 0.5, 0.5), ticks)


def _at(x: Axis, point: TrendPoint, role: str) -> float:
    """Where the mark of a side is, in percent: beside the middle of its run, so that two ranges do not overlap."""
    return x.place(point.at + min(APART, FARTHEST * (x.high - x.low)) * SIDES.get(role, 0))


def _paths(lines: Sequence[TrendLine], x: Axis, y: Axis, *, ranges: bool) -> Markup:
    """The lines, and their bands if the ranges are not drawn one by one, in a drawing that stretches."""
    parts = [_band(line, x, y) for line in lines if ranges] + [_path(line, x, y) for line in lines]
    return Markup(
        '<svg width="100%" height="{}" viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible">{}</svg>'
    ).format(HEIGHT, Markup("").join(parts))


def _path(line: TrendLine, x: Axis, y: Axis) -> Markup:
    befores = (None, *line.points)
    steps = " ".join(
        f"{'L' if before and before.of == point.of else 'M'}{_at(x, point, line.role)} {trimmed(100 - y.place(point.value))}"
        for before, point in zip(befores, line.points, strict=False)
    )
    return Markup('<path class="curve trend r-{}" d="{}" vector-effect="non-scaling-stroke"/>').format(line.role, steps)


def _band(line: TrendLine, x: Axis, y: Axis) -> Markup:
    known = [point for point in line.points if point.low is not None and point.high is not None]
    there = [f"{_at(x, point, line.role)},{trimmed(100 - y.place(point.low or 0))}" for point in known]
    back = [f"{_at(x, point, line.role)},{trimmed(100 - y.place(point.high or 0))}" for point in reversed(known)]
    return Markup('<g class="r-{}"><polygon class="band" points="{}"/></g>').format(line.role, " ".join(there + back))


def _marks(line: TrendLine, x: Axis, y: Axis) -> Markup:
    """The shape of each run's value over its range with marked ends."""
    return Markup("").join(
        Markup('<svg x="{}%" class="point r-{}">{}<svg y="{}" class="point">{}</svg></svg>').format(
            _at(x, point, line.role), line.role, _whisker(point, y), height_of(y, point.value),
            Markup(SHAPES.get(line.role, SHAPES["other"])),
        )
        for point in line.points
    )  # fmt: skip


def _whisker(point: TrendPoint, y: Axis) -> Markup:
    if point.low is None or point.high is None:
        return Markup("")
    top, bottom = height_of(y, point.high), height_of(y, point.low)
    return Markup('<path class="whisker" d="M0 {top}V{bottom}M-3 {top}h6M-3 {bottom}h6"/>').format(
        top=top, bottom=bottom
    )


_CHANGE = Markup('<path d="M0 5-5-4H5Z" class="fill"/>')
_CHANGE_KEY = Markup(
    '<span class="key r-changed"><svg width="14" height="12" aria-hidden="true">'
    '<svg x="7" y="6" class="point r-changed">{}</svg></svg>changed since the run before</span>'
).format(_CHANGE)


def _strip(strip: Strip, x: Axis, column: int) -> Markup:
    """The name of what changed, and below it a mark at each run that is the first with the change."""
    marks = Markup("").join(
        Markup('<svg x="{}%" y="24" class="point r-changed">{}</svg>').format(x.place(at), _CHANGE) for at in strip.at
    )
    return Markup(
        '<div class="plot"><svg class="ylabels" width="{column}" height="{h}" aria-hidden="true"></svg>'
        '<div class="area"><svg width="100%" height="{h}" aria-hidden="true"><text class="tick" x="0" y="12">{name}</text>'
        '<line class="grid" x1="0" x2="100%" y1="24" y2="24"/>{marks}</svg></div></div>'
    ).format(column=column, h=STRIP, name=strip.name, marks=marks)


def _key(line: TrendLine) -> Markup:
    return Markup(
        '<span class="key r-{role}"><svg width="22" height="14" aria-hidden="true">'
        '<line x1="0" x2="22" y1="7" y2="7" class="curve trend r-{role}"/>'
        '<svg x="11" y="7" class="point r-{role}">{shape}</svg></svg>{name}</span>'
    ).format(role=line.role, shape=Markup(SHAPES.get(line.role, SHAPES["other"])), name=line.name)
