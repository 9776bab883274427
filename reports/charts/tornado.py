"""The tornado chart: how far each input moves an outcome, each end of a bar with the value of the input there."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .axes import Axis
from .rows import Bar, Row, draw_row

__all__ = ["End", "Swing", "tornado_chart"]


@dataclass(frozen=True)
class End:
    """One end of a bar: the input's value there in words, the outcome, and the outcome in words."""

    input: str
    outcome: float
    words: str


@dataclass(frozen=True)
class Swing:
    """What one input does to the outcome at its two ends, in any order."""

    name: str
    ends: tuple[End, End]


def tornado_chart(swings: Sequence[Swing], axis: Axis, *, middle: float) -> Markup:
    """A row for each input: its bar from the worse outcome to the better, `middle` as a line through all of them.

    What lies below the middle is hatched. The words of both ends stand under the bar, left and right, and wrap there.
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
