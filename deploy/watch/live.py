"""Live outputs without references: how many keep every rule, against the share at judging."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from ...evaluate import ALPHA, follow, share_interval
from .course import spent_this_year

__all__ = ["live_standing", "live_windows"]

FEWEST_IN_WINDOW = 40  # as many as a usual look asks; a day with fewer is counted with the next ones
DAY = 86_400.0
Window = Mapping[str, Any]


def live_windows(scored: pl.DataFrame) -> list[dict[str, Any]]:
    """The outputs (columns `acceptable`, and `time` in UTC, null if unknown) by days: `made, n, acceptable`.

    A window is the next whole days with at least 40 scored outputs; the last takes the rest. All are one window if a time
    is unknown. `made` is the time of its last output, null if unknown.
    """
    known = scored.filter(pl.col("acceptable").is_not_null())
    if not len(known):
        return []
    if known["time"].null_count():
        return [_window(known.with_columns(time=pl.lit(None, pl.Datetime)))]
    known = known.sort("time")
    ends = _ends(known["time"].dt.date().rle_id().to_numpy())
    return [_window(known[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def _ends(day: np.ndarray) -> list[int]:
    """Where windows end: after a day, once there are enough; what is left at the end belongs to the last."""
    after_a_day = [*(np.flatnonzero(np.diff(day)) + 1), len(day)]
    ends: list[int] = []
    for end in map(int, after_a_day):
        if end - (ends[-1] if ends else 0) >= FEWEST_IN_WINDOW:
            ends.append(end)
    return [*ends[:-1], len(day)] if ends else [len(day)]


def _window(rows: pl.DataFrame) -> dict[str, Any]:
    last = rows["time"].max()
    made = last.replace(tzinfo=UTC).isoformat(timespec="seconds") if isinstance(last, datetime) else None
    return {"made": made, "n": len(rows), "acceptable": int(rows["acceptable"].sum())}


def live_standing(windows: Sequence[Window], recorded: Mapping[str, float], *, margin: float) -> dict[str, Any]:
    """The share of live outputs that keep every rule against the `recorded` share with its range: `share, low, high`.

    The windows are tested one after the other, as the looks of `standing_of` are, against the low end of the recorded
    range: the requests are others than those of the test set, so there is nothing to pair. Outputs count as independent.
    acceptable: of all windows since `since` (the time of the window where the strongest fall begins), with its interval.
    """
    if not windows:
        return {"windows": 0, "worse": False, "evidence": None, "spent_this_year": 0.0, "allowed": ALPHA,
                "needed": 1 / ALPHA, "since": None, "acceptable": None, "recorded": dict(recorded), "n": 0}  # fmt: skip
    days, share = _days(windows), recorded["share"]
    course = follow([_falls(window, share) for window in windows], days, slack=share - recorded["low"], margin=margin)
    since = windows[int(course.since[-1, 0]) :]
    n, good = (sum(window[key] for window in since) for key in ("n", "acceptable"))
    interval = share_interval(np.arange(n) < good)
    return {
        "windows": len(windows),
        "worse": bool(course.worse[-1, 0]),
        "evidence": float(course.evidence[-1, 0]),
        "needed": 1 / ALPHA,
        "spent_this_year": spent_this_year(days, course.spent),
        "allowed": ALPHA,
        "since": since[0]["made"],
        "acceptable": {"share": interval.share, "low": interval.low, "high": interval.high},
        "recorded": dict(recorded),
        "n": n,
    }


def _days(windows: Sequence[Window]) -> list[float]:
    seconds = np.array([datetime.fromisoformat(window["made"]).timestamp() for window in windows])
    return [float(day) for day in np.maximum.accumulate(seconds - seconds[0]) / DAY]


def _falls(window: Window, share: float) -> np.ndarray:
    """`(1, n)`: the recorded share minus each outcome; the order within a window means nothing."""
    return share - (np.arange(window["n"]) < window["acceptable"])[None, :].astype(float)
