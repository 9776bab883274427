"""The slope chart: one line for each name, from its share before to its share after."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ...core import unbroken as say
from .axes import spread
from .rows import SHAPES

MOST = 12  # lines: more are hard to follow
LEAST = 0.005  # a change that rounds to 0 is not drawn
NAME, VALUE = 38, 20  # pixels of height for a name of two lines, for a value
PAD = 19  # pixels above and below the lines: half a name
KEYS = {
    "better": "broken less often",
    "worse": "broken more often",
    "same": "no clear change",
}


@dataclass(frozen=True)
class SlopeLine:
    """A rule and the shares (0 to 1) of outputs that break it, before and after."""

    name: str
    before: float
    after: float
    moved: bool  # statistically significant

    @property
    def kind(self) -> str:
        """`better`, `worse`, or `same` if the change is not significant."""
        return "same" if not self.moved else "better" if self.after < self.before else "worse"


def drawn_lines(lines: Sequence[SlopeLine]) -> list[SlopeLine]:
    """The lines that the chart draws: those with the largest changes, at most twelve."""
    moving = [line for line in lines if abs(line.after - line.before) >= LEAST]
    return sorted(moving, key=lambda line: (not line.moved, -abs(line.after - line.before)))[:MOST]


def slope_chart(lines: Sequence[SlopeLine], before: str, after: str) -> Markup:
    """The lines from the shares under `before` to those under `after`, 0 at the bottom; empty if none changed.

    Lines of rules that are broken less often are thick and solid, of rules broken more often thick and dashed; others are
    thin. Values and names are in columns next to the picture, spaced to avoid overlap.
    """
    shown = drawn_lines(lines)
    if not shown:
        return Markup("")
    height = 2 * PAD + max(150, (len(shown) - 1) * NAME)
    top = max(max(line.before, line.after) for line in shown)
    left, right = ([_height(share, top, height) for share in side] for side in _sides(shown))
    starts = {say.percent(line.before): at for line, at in zip(shown, left, strict=True)}
    values = spread(list(starts.values()), VALUE, PAD, height - PAD)  # lines with the same start share a value
    names = spread(right, NAME, PAD, height - PAD)
    kinds = [kind for kind in KEYS if any(line.kind == kind for line in shown)]
    return Markup(
        '<div class="keys">{keys}</div><div class="slopes"><div class="slope">'
        '<b class="from"><bdi>{before}</bdi></b><b class="to"><bdi>{after}</bdi></b>'
        '<div class="labels">{values}</div>{lead}'
        '<svg class="lines" width="100%" height="{h}" aria-hidden="true">'
        '<line class="zero" x1="0" x2="100%" y1="{zero}" y2="{zero}"/>{drawn}</svg>'
        '{follow}<div class="labels names">{names}</div></div></div>'
    ).format(
        keys=Markup("").join(_key(kind) for kind in kinds),
        before=before,
        after=after,
        h=height,
        zero=height - PAD,
        values=_column([Markup("<span>{}</span>").format(text) for text in starts], values, VALUE),
        lead=_leaders(values, list(starts.values()), height),
        drawn=Markup("").join(_line(line, a, b) for line, a, b in zip(shown, left, right, strict=True)),
        follow=_leaders(right, names, height),
        names=_column([_name(line) for line in shown], names, NAME),
    )


def _sides(lines: Sequence[SlopeLine]) -> tuple[list[float], list[float]]:
    return [line.before for line in lines], [line.after for line in lines]


def _height(share: float, top: float, height: int) -> float:
    """Pixels from the top."""
    return round(height - PAD - (height - 2 * PAD) * share / top, 1)


def _key(kind: str) -> Markup:
    return Markup(
        '<span class="key"><svg width="26" height="10" aria-hidden="true">'
        '<line class="move {}" x1="2" x2="24" y1="5" y2="5"/></svg>{}</span>'
    ).format(kind, KEYS[kind])


def _line(line: SlopeLine, left: float, right: float) -> Markup:
    ends = Markup(
        '<svg x="0" y="{}" class="point r-baseline">{}</svg><svg x="100%" y="{}" class="point r-candidate">{}</svg>'
    ).format(left, Markup(SHAPES["baseline"]), right, Markup(SHAPES["candidate"]))
    return Markup('<line class="move {}" x1="0" x2="100%" y1="{}" y2="{}"/>').format(line.kind, left, right) + ends


def _leaders(ends: Sequence[float], starts: Sequence[float], height: int) -> Markup:
    """Thin lines between labels and points, in a separate strip."""
    drawn = Markup("").join(
        Markup('<line class="leader" x1="6" x2="100%" y1="{}" y2="{}"/>').format(round(a, 1), round(b, 1))
        for a, b in zip(ends, starts, strict=True)
    )
    return Markup('<svg class="leaders" width="100%" height="{}" aria-hidden="true">{}</svg>').format(height, drawn)


def _column(labels: Sequence[Markup], places: Sequence[float], tall: int) -> Markup:
    """Labels of one height, each centred at its position; empty pictures fill the gaps."""
    drawn, end = [], 0.0
    for at, label in sorted(zip(places, labels, strict=True)):
        drawn.append(
            Markup('<svg width="1" height="{}" aria-hidden="true"></svg>{}').format(
                round(at - tall / 2 - end, 1), label
            )
        )
        end = at + tall / 2
    return Markup("").join(drawn)


def _name(line: SlopeLine) -> Markup:
    return Markup('<span class="{}"><b>{}</b><i dir="auto">{}</i></span>').format(
        line.kind, say.percent(line.after), line.name
    )
