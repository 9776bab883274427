"""What more examples would gain: the learning curve as a chart and in a sentence."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from ...core import unbroken as say
from ..charts.axes import linear_axis
from ..charts.figure import Figure, render_figure
from ..charts.plot import Band, Curve, curve_chart
from ..stored import StoredRun
from ..words import capital, finite, mapping, without_folders

__all__ = ["curve_evidence", "curve_figure", "curve_sentence"]

HALF_A_POINT = 0.005  # a smaller gain is not worth collecting examples

Point = tuple[float, float, float, float]  # number of pairs, acceptable share, the ends of its range


def curve_figure(run: StoredRun) -> Markup:
    """The acceptable share and its range by number of examples, extrapolated to twice the largest number.

    Empty without a learning curve of at least two sizes.
    """
    found = _measured(run)
    if len(found) < 2:
        return Markup("")
    curves = [Curve("measured", tuple((size, share) for size, share, _, _ in found), "candidate", dots=True)]
    bands = [Band("range", tuple((size, low, high) for size, _, low, high in found), "candidate")]
    if estimated := _estimate(run, found[-1]):
        (start, share, _, _), (to, value, low, high) = found[-1], estimated
        curves.append(Curve("estimate for twice as many", ((start, share), (to, value)), "baseline"))
        bands.append(Band("range of the estimate", ((start, share, share), (to, low, high)), "baseline"))
    lines = [*found, *([estimated] if estimated else [])]
    x = linear_axis([size for size, *_ in lines], say.count, tight=True)
    y = linear_axis([end for _, *ends in lines for end in ends], lambda share: say.percent(share))
    rows = tuple(
        (f"{say.count(size)} pairs", say.percent(share), say.percent_range(low, high))
        for size, share, low, high in found
    )
    estimate = tuple(
        (f"{say.count(size)} pairs, estimated", say.percent(share), say.percent_range(low, high))
        for size, share, low, high in lines[len(found) :]
    )
    figure = Figure(
        "Acceptable outputs by number of training pairs",
        "; ".join(f"{name}: {share}, range {ends}" for name, share, ends in (*rows, *estimate)),
        ("Training pairs", "Acceptable", "Range"),
        (*rows, *estimate),
        "Each dot is a separate model trained on that number of pairs.",
        id="more-examples",
    )
    return render_figure(figure, curve_chart(curves, x, y, x_title="training pairs", bands=bands))


def _estimate(run: StoredRun, last: Point) -> Point | None:
    """The share with twice as many examples and its range, limited to 0 to 1."""
    gain = _gain(run)
    if gain is None:
        return None
    to, *ends = gain
    share, low, high = (min(1.0, max(0.0, last[1] + end)) for end in ends)
    return (to, share, low, high)


def curve_sentence(run: StoredRun) -> str:
    """The estimate for twice the examples with its range, in a sentence; without an estimate, the recorded sentence."""
    gain = _gain(run)
    if gain is None:
        return _stop(str(_curve(run).get("sentence") or ""))
    to, value, low, high = gain
    twice = f"Twice the examples ({say.count(to)} pairs)"
    ends = f"{_ends(low, high)}{say.gap}points"
    if high < HALF_A_POINT:
        return f"{twice} would not make a noticeable difference."
    if value < HALF_A_POINT:
        return f"{twice} would make little difference: {ends} more acceptable outputs."
    return f"{twice} would increase the acceptable share by about {say.points(value)} ({ends})."


def curve_evidence(run: StoredRun) -> str:
    """The evidence for the sentence; empty if it was not recorded."""
    return _stop(str(_curve(run).get("evidence") or ""))


def _ends(low: float, high: float) -> str:
    first, last = (say.points(end).split(say.gap)[0] for end in (low, high))
    return f"{first} to {last}"


def _stop(text: str) -> str:
    text = without_folders(text.strip()).rstrip(".")
    return f"{capital(text)}." if text else ""


def _measured(run: StoredRun) -> list[Point]:
    """(size, share, low, high), the smallest first; sizes without a share are omitted."""
    curve, found = _curve(run), []
    for size, part in zip(curve.get("sizes") or [], curve.get("acceptable") or [], strict=False):
        number, share = finite(size), finite(mapping(part).get("share"))
        if number is None or share is None:
            continue
        low, high = (finite(mapping(part).get(key)) for key in ("low", "high"))
        found.append((number, share, share if low is None else low, share if high is None else high))
    return sorted(found)


def _gain(run: StoredRun) -> Point | None:
    """(twice the largest size, the gain there, the ends of its range); None without an estimate."""
    doubling = mapping(_curve(run).get("doubling"))
    gain = mapping(doubling.get("gain"))
    to, value, low, high = (finite(found) for found in (doubling.get("to"), *map(gain.get, ("value", "low", "high"))))
    if to is None or value is None or low is None or high is None:
        return None
    return to, value, low, high


def _curve(run: StoredRun) -> Mapping[str, Any]:
    return mapping(run.results.get("learning_curve"))
