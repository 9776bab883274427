"""The funnel chart: the initial count, what each step dropped and why, and how the rest was split."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ...core import unbroken as say
from .axes import Axis
from .rows import Bar, Row, draw_row

__all__ = ["FunnelStep", "funnel_chart", "funnel_table", "funnel_words"]

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
