"""The distribution chart: a bar for each range of values, as high as its share."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .axes import Axis, trimmed
from .plot import HEIGHT, Flag, draw_plot, height_of

__all__ = ["Bin", "distribution_chart"]

LEAST_WIDTH = 0.8  # percent: a bin of a single value still shows
LEAST_HEIGHT = 1.5  # pixels: a share that is not nought still shows


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

    A bin on both sides of the flag is parted there.
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
