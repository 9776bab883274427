"""The sequential course of a watch: what one look found, and what all looks, or all windows of a log, show together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from ...evaluate import Scores, compare, item_means, share_interval
from .sequential import ALPHA, YEAR, follow, luck_of

LEAST_ANSWERED = 0.9  # of a look's rows; a server that answers fewer is down, and the others may be the easy ones
FEWEST_IN_WINDOW = 40  # as many as a usual look asks; a day with fewer is counted with the next ones
DAY = 86_400.0
Look = Mapping[str, Any]
Window = Mapping[str, Any]


@dataclass(frozen=True)
class _LastStep:
    """A sequential test after its last step: `before` is whether it found a worse model one step earlier, `start` the step at
    which the strongest fall begins, `slack` the fall that counts as none."""

    worse: bool
    before: bool
    evidence: float
    spent: float
    spent_this_year: float
    start: int
    slack: float


def _follow(made: Sequence[str], falls: Sequence[np.ndarray], *, slack: Any, margin: float) -> _LastStep:
    """The course of falls `(1, rows)`, each found at its time; a clock that was set back counts as no time.

    Years are counted from the first step.
    """
    seconds = np.array([datetime.fromisoformat(time).timestamp() for time in made])
    days = [float(day) for day in np.maximum.accumulate(seconds - seconds[0]) / DAY]
    course = follow(falls, days, slack=slack, margin=margin)
    begin = YEAR * (days[-1] // YEAR)
    before = [float(total) for day, total in zip(days, course.spent, strict=True) if day < begin]
    spent = float(course.spent[-1])
    return _LastStep(
        worse=bool(course.worse[-1, 0]),
        before=bool(len(days) > 1 and course.worse[-2, 0]),
        evidence=float(course.evidence[-1, 0]),
        spent=spent,
        spent_this_year=spent - (before[-1] if before else 0.0),
        start=int(course.since[-1, 0]),
        slack=float(course.slack[-1, 0]),
    )


# --- looks at a served model --------------------------------------------------------------------------------------


def look_at(recorded: Scores, now: Scores, groups: np.ndarray | None = None) -> dict[str, Any]:
    """What a look found; both scores are of the same rows, in the same order.

    asked, answered: the number of rows, and of those with an output that could be scored both times; `rows` are their ids.
    acceptable, recorded: the shares of the answered rows, now with its interval. falls: by id, the recorded outcome minus
    the outcome now where they differ. rules: how many lost rows break each rule now, the most frequent first.
    """
    before, after = (item_means(scores.table["acceptable"], scores.samples) for scores in (recorded, now))
    known = ~np.isnan(before) & ~np.isnan(after)
    ids = np.array(now.items["id"].to_list(), dtype=object)
    falls = {id: float(fall) for id, fall in zip(ids[known], (before - after)[known], strict=True) if fall}
    lost = now.table.filter(pl.col("id").is_in([id for id, fall in falls.items() if fall > 0]))
    broken = ({fault["check"] for fault in faults} for faults in lost["violations"].to_list())
    return {
        "asked": len(ids),
        "answered": int(known.sum()),
        "rows": ids[known].tolist(),
        "acceptable": _share(after[known], None if groups is None else groups[known]) if known.any() else None,
        "recorded": float(before[known].mean()) if known.any() else None,
        "falls": falls,
        "rules": dict(Counter(rule for rules in broken for rule in rules).most_common()),
    }


def _share(outcomes: np.ndarray, groups: np.ndarray | None = None) -> dict[str, float | None]:
    interval = share_interval(outcomes, groups)
    return {"share": interval.share, "low": interval.low, "high": interval.high}


def standing_of(
    looks: Sequence[Look], recorded: Mapping[str, float], *, margin: float, groups: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What all looks at one served model show, in their order; looks without an answer count for nothing.

    `recorded` has the recorded outcome of every row of the test set by id, `groups` what it depends on with others.

    worse: whether the model is worse than judged. evidence: 1 means none; `needed` of it, and a fall of at least `margin`,
    are an alarm. spent, spent_this_year: the probability of a false alarm spent since the first look and within this year,
    of `allowed` a year. since: the number and the date of the look at which the fall of a worse model begins, else of the
    first look. fall: of the rows asked since then, the last outcome of each, with the paired interval. recovered: whether
    the model was worse at the look before.
    """
    counted = [look for look in looks if look["answered"]]
    if not counted:
        return {"looks": 0, "worse": False, "recovered": False, "evidence": None, "spent": 0.0, "spent_this_year": 0.0,
                "allowed": ALPHA, "needed": 1 / ALPHA, "since": None, "fall": None, "slack": None}  # fmt: skip
    places = {id: place for place, id in enumerate(recorded)}
    rows = [np.array([[places[id] for id in look["rows"]]]) for look in counted]
    falls = [np.array([[look["falls"].get(id, 0.0) for id in look["rows"]]]) for look in counted]
    slack = luck_of(rows, falls, tested=len(recorded))
    course = _follow([look["made"] for look in counted], falls, slack=slack, margin=margin)
    window = counted[course.start if course.worse else 0 :]
    return {
        "looks": len(counted),
        "worse": course.worse,
        "recovered": course.before and not course.worse,
        "evidence": course.evidence,
        "needed": 1 / ALPHA,
        "spent": course.spent,
        "spent_this_year": course.spent_this_year,
        "allowed": ALPHA,
        "since": {"look": window[0]["look"], "made": window[0]["made"]},
        "fall": _fall(window, recorded, groups),
        "slack": course.slack,
    }


def _fall(window: Sequence[Look], recorded: Mapping[str, float], groups: Mapping[str, Any] | None) -> dict[str, Any]:
    """The rows of these looks, each with its last outcome: how far they fell, with the paired interval."""
    falls: dict[str, float] = {}
    for look in window:
        falls |= dict.fromkeys(look["rows"], 0.0) | dict(look["falls"])
    before = np.array([recorded[id] for id in falls])
    names = None if groups is None else [groups.get(id) for id in falls]
    found = compare(before, before - np.array(list(falls.values())), names)
    value, high, low = (None if end is None else -end for end in (found.difference, found.low, found.high))
    return {"value": value, "low": low, "high": high, "rows": len(falls)}


# --- live outputs, without references -----------------------------------------------------------------------------


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
    days = known["time"].dt.date().rle_id().to_numpy()
    ends: list[int] = []
    for end in [*(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]:
        if end - (ends[-1] if ends else 0) >= FEWEST_IN_WINDOW:
            ends.append(end)
    ends = [*ends[:-1], len(days)]  # what is left after the last window belongs to it
    return [_window(known[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


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
    share = recorded["share"]
    # The order of outputs within a window means nothing.
    falls = [share - (np.arange(window["n"]) < window["acceptable"])[None, :].astype(float) for window in windows]
    made = [window["made"] for window in windows]
    course = _follow(made, falls, slack=share - recorded["low"], margin=margin)
    since = windows[course.start :]
    n, acceptable = (sum(window[key] for window in since) for key in ("n", "acceptable"))
    return {
        "windows": len(windows),
        "worse": course.worse,
        "evidence": course.evidence,
        "needed": 1 / ALPHA,
        "spent_this_year": course.spent_this_year,
        "allowed": ALPHA,
        "since": since[0]["made"],
        "acceptable": _share(np.arange(n) < acceptable),
        "recorded": dict(recorded),
        "n": n,
    }
