"""Charts as inline SVG that fit any width: rows of bars and intervals, small marks for tables, and the funnel.

Horizontal positions are percentages and heights are pixels, so one drawing fits a phone, a screen and paper. Names and
values are page text next to the marks, which wraps, so nothing overlaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ...core import unbroken as say
from .axes import Axis, trimmed

# A shape for each role, so that no information depends on colour alone.
SHAPES = {
    "candidate": '<circle r="5.5" class="fill"/>',
    "baseline": '<rect x="-5" y="-5" width="10" height="10" class="hollow"/>',
    "reference": '<path d="M0-6.5 6.5 0 0 6.5-6.5 0Z" class="hollow"/>',
    "other": '<path d="M0-6 6.2 5H-6.2Z" class="hollow"/>',
}

# A range across the enclosing SVG with marked ends; page.py defines it once per page, and each mark uses it.
RANGE = Markup(
    '<g id="range"><rect class="band" width="100%" height="8" y="-4"/><path class="end" d="M-.75-5h1.5V5h-1.5Z"/>'
    '<svg class="span" x="100%"><path class="end" d="M-.75-5h1.5V5h-1.5Z"/></svg></g>'
)


@dataclass(frozen=True)
class Bar:
    """A bar from one value to another."""

    start: float
    end: float
    role: str


@dataclass(frozen=True)
class Mark:
    """A value with its range; `low` and `high` are None without a range."""

    value: float
    low: float | None
    high: float | None
    role: str


@dataclass(frozen=True)
class Row:
    """One row of a chart: its name, its marks, its value as text."""

    name: str
    marks: tuple[Bar | Mark, ...]
    value: str | Markup
    heading: str = ""  # shown above this row, which starts a group
    about: str = ""  # small text next to the heading
    note: str = ""  # small text under the name


def rows_chart(rows: Sequence[Row], axis: Axis, *, lines: Sequence[float] = ()) -> Markup:
    """The rows with their marks on a shared axis and their values at the end; `lines` cross all rows."""
    parts = []
    for row in rows:
        if row.heading:
            about = Markup(" <small>{}</small>").format(row.about) if row.about else Markup("")
            parts.append(Markup('<div class="group"><b>{}</b>{}</div>').format(row.heading, about))
        parts.append(draw_row(row, axis, lines=lines))
    parts.append(Markup('<div class="row axis"><span></span>{}<span></span></div>').format(_tick_labels(axis)))
    return Markup('<div class="rows">{}</div>').format(Markup("").join(parts))


def draw_row(row: Row, axis: Axis, *, lines: Sequence[float] = (), kind: str = "") -> Markup:
    """One row without its heading: name, track, value; `kind` is an additional CSS class."""
    marks = Markup("").join(_draw(mark, axis) for mark in row.marks)
    note = Markup("<small>{}</small>").format(row.note) if row.note else Markup("")
    return Markup(
        '<div class="row{}"><span class="name">{}{}</span><span class="track">'
        "<svg>{}{}</svg></span>"
        '<span class="value">{}</span></div>'
    ).format(f" {kind}" if kind else "", row.name, note, _grid(axis, lines), marks, row.value)


def mini_rows(marks: Sequence[Bar | Mark], axis: Axis, *, lines: Sequence[float] = ()) -> Markup:
    """Marks below one another without text, for the first screen."""
    height = 14
    drawn = [
        Markup('<svg y="{}" width="100%" height="{}" overflow="visible">{}</svg>').format(
            index * height, height, _draw(mark, axis)
        )
        for index, mark in enumerate(marks)
    ]
    grid = _grid(axis, lines) if any(isinstance(mark, Mark) for mark in marks) else Markup("")
    return Markup('<svg class="mini" width="100%" height="{}" aria-hidden="true">{}{}</svg>').format(
        height * len(marks), grid, Markup("").join(drawn)
    )


def dumbbell(baseline: float | None, candidate: float | None, axis: Axis) -> Markup:
    """A line from the baseline's value to the candidate's, for a table cell."""
    marks = Markup("")
    if baseline is not None and candidate is not None:
        a, b = axis.place(baseline), axis.place(candidate)
        marks += Markup('<line x1="{}%" x2="{}%" y1="50%" y2="50%" class="link"/>').format(a, b)
    for value, role in ((baseline, "baseline"), (candidate, "candidate")):
        if value is not None:
            marks += _draw(Mark(value=value, low=None, high=None, role=role), axis)
    return Markup('<svg class="dumbbell" aria-hidden="true">{}{}</svg>').format(_grid(axis, ()), marks)


def role_shape(role: str) -> Markup:
    """The shape of a role for a key."""
    return Markup(
        '<svg class="point r-{}" width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">{}</svg>'
    ).format(role, Markup(SHAPES.get(role, SHAPES["other"])))


def _draw(mark: Bar | Mark, axis: Axis) -> Markup:
    """The mark on the middle line of the enclosing SVG."""
    if isinstance(mark, Bar):
        left, right = sorted((axis.place(mark.start), axis.place(mark.end)))
        # An empty bar shows its position inside the track.
        left = min(left, 99.75)
        return Markup(
            '<rect class="bar r-{}" x="{}%" width="{}%" y="50%" height="12" transform="translate(0 -6)"/>'
        ).format(mark.role, left, trimmed(max(right - left, 0.25)))
    parts = Markup("")
    if mark.low is not None and mark.high is not None:
        low, high = axis.place(mark.low), axis.place(mark.high)
        parts += Markup('<svg x="{}%" y="50%" width="{}%" class="span r-{}"><use href="#range"/></svg>').format(
            low, trimmed(max(high - low, 0.01)), mark.role
        )  # a bar without width would not be drawn
    shape = Markup(SHAPES.get(mark.role, SHAPES["other"]))
    return parts + Markup('<svg x="{}%" y="50%" class="point r-{}">{}</svg>').format(
        axis.place(mark.value), mark.role, shape
    )


def _grid(axis: Axis, lines: Sequence[float]) -> Markup:
    values = [(value, "zero" if value == 0 and axis.low < 0 else "grid") for value, _ in axis.ticks]
    values += [(value, "limit") for value in lines]
    return Markup("").join(
        Markup('<line class="{}" x1="{p}%" x2="{p}%" y1="0" y2="100%"/>').format(kind, p=axis.place(value))
        for value, kind in values
    )


def _tick_labels(axis: Axis) -> Markup:
    labels = Markup("").join(label.draw(13) for label in axis.tick_labels())
    return Markup('<div class="ticks"><svg aria-hidden="true">{}</svg></div>').format(labels)


@dataclass(frozen=True)
class End:
    """One end of a bar: the input's value as text, the outcome, and the outcome as text."""

    input: str
    outcome: float
    words: str


@dataclass(frozen=True)
class Swing:
    """The outcomes at both ends of one input's range, in any order."""

    name: str
    ends: tuple[End, End]


def tornado_chart(swings: Sequence[Swing], axis: Axis, *, middle: float) -> Markup:
    """A row for each input with a bar from the worse outcome to the better one; `middle` is a line through all rows.

    Values below the middle are hatched. The texts of both ends are below the bar, left and right, and wrap there.
    """
    rows = Markup("").join(_row(swing, axis, middle) for swing in swings)
    labels = Markup("").join(label.draw(13) for label in axis.tick_labels())
    return Markup(
        '<div class="rows tornado">{}<div class="row axis"><span></span><div class="ticks">'
        '<svg aria-hidden="true">{}</svg></div></div></div>'
    ).format(rows, labels)


def _row(swing: Swing, axis: Axis, middle: float) -> Markup:
    worse, better = sorted(swing.ends, key=lambda end: end.outcome)
    bars = []
    if worse.outcome < middle:
        bars.append(Bar(min(better.outcome, middle), worse.outcome, "loss"))
    if better.outcome > middle:
        bars.append(Bar(max(worse.outcome, middle), better.outcome, "gain"))
    ends = Markup("").join(
        Markup('<span class="swing-end"><b>{}</b> <span>{}</span></span>').format(end.input, end.words)
        for end in (worse, better)
    )
    return draw_row(Row(swing.name, tuple(bars), ends), axis, lines=[middle], kind="swing")


# --- the funnel: the initial count, what each step dropped and why, and how the rest was split ---------------------

UNEXPLAINED = "no reason recorded"


@dataclass(frozen=True)
class FunnelStep:
    """A step: its name and count, what was dropped since the previous step, and its parts."""

    name: str
    count: int
    lost: tuple[tuple[str, int], ...] = ()  # (reason, count); reasons with a count of 0 are not drawn
    parts: tuple[tuple[str, int], ...] = ()  # (name, count), such as the splits; drawn one after another
    note: str = ""  # small text under the name


def funnel_chart(steps: Sequence[FunnelStep]) -> Markup:
    """A row for each step, with a row above it for each reason for dropping and a row below it for each part.

    Widths are proportional to the largest count. Dropped items are hatched. A gap that the reasons do not explain gets
    its own row, so that nothing vanishes between two steps.
    """
    widest = max((step.count for step in steps), default=0)
    axis = Axis(0, max(widest, 1), ())
    drawn, before = [], None
    for step in steps:
        at = before if before is not None else step.count
        for reason, lost in _losses(step, before):
            row = Row(reason, (Bar(max(at - lost, 0), at, "lost"),), f"{say.minus}{say.count(lost)}")
            drawn.append(draw_row(row, axis, kind="lost"))
            at = max(at - lost, 0)
        bars = (Bar(0, step.count, "step"),) if step.count else ()
        drawn.append(draw_row(Row(step.name, bars, _of(step.count, widest), note=step.note), axis, kind="step"))
        start = 0
        for name, count in step.parts:
            bars = (Bar(start, start + count, "part"),) if count else ()
            drawn.append(draw_row(Row(name, bars, _of(count, widest)), axis, kind="split"))
            start += count
        before = step.count
    return Markup('<div class="rows funnel">{}</div>').format(Markup("").join(drawn))


def funnel_table(steps: Sequence[FunnelStep]) -> tuple[tuple[str, ...], ...]:
    """The funnel's numbers as rows of (step or reason, count, share of the largest step), in the order drawn."""
    widest, rows, before = max((step.count for step in steps), default=0), [], None
    for step in steps:
        rows += [
            (reason, f"{say.minus}{say.count(lost)}", _share(lost, widest)) for reason, lost in _losses(step, before)
        ]
        rows.append((step.name, say.count(step.count), _share(step.count, widest)))
        rows += [(name, say.count(count), _share(count, widest)) for name, count in step.parts]
        before = step.count
    return tuple(rows)


def funnel_words(steps: Sequence[FunnelStep]) -> str:
    """The funnel in words, for readers who cannot see it."""
    return "; ".join(f"{name}: {count}" for name, count, _ in funnel_table(steps))


def _losses(step: FunnelStep, before: int | None) -> list[tuple[str, int]]:
    """The reasons with a count above 0, and the unexplained gap."""
    found = [(reason, lost) for reason, lost in step.lost if lost]
    gap = before - sum(lost for _, lost in found) - step.count if before is not None else 0
    return [*found, (UNEXPLAINED, gap)] if gap > 0 else found


def _of(count: int, widest: int) -> Markup:
    """The count with its share, except for the largest step."""
    if count == widest:
        return Markup("<b>{}</b>").format(say.count(count))
    return Markup("<b>{}</b> <small>{}</small>").format(say.count(count), _share(count, widest))


def _share(count: int, widest: int) -> str:
    """The share of the largest step."""
    return say.percent(count / widest if widest else None)
