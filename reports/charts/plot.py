"""The frame of a chart with two axes: grid, labels of both, and flags whose words never cover one another."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .axes import Axis, trimmed
from .labels import shortened, text_width

__all__ = ["HEIGHT", "Flag", "draw_plot", "height_of"]

HEIGHT = 220  # pixels between the ends of the y axis
BELOW = 22  # pixels for the labels of the x axis
MIDDLE = 50  # percent of the width on whose sides words stand left or right of their line


@dataclass(frozen=True)
class Flag:
    """A vertical line at x with a few words at its top."""

    x: float
    text: str


def draw_plot(inside: Markup, x: Axis, y: Axis, *, x_title: str, flags: Sequence[Flag] = ()) -> Markup:
    """The frame around `inside`, SVG whose places are percent of the width and pixels of the height.

    The words of each flag stand in a line of their own above the picture, on that side of the flag that has more
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
