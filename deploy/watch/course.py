"""One look at a served model, and what all looks at it show together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from ...evaluate import ALPHA, YEAR, Scores, compare, follow, item_means, luck_of, share_interval

__all__ = ["LEAST_ANSWERED", "look_at", "spent_this_year", "standing_of"]

LEAST_ANSWERED = 0.9  # of a look's rows; a server that answers fewer is down, and the others may be the easy ones
DAY = 86_400.0
Look = Mapping[str, Any]


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
    interval = share_interval(after[known], None if groups is None else groups[known]) if known.any() else None
    return {
        "asked": len(ids),
        "answered": int(known.sum()),
        "rows": ids[known].tolist(),
        "acceptable": None if interval is None else _ends(interval),
        "recorded": float(before[known].mean()) if known.any() else None,
        "falls": falls,
        "rules": _rules(now.table, [id for id, fall in falls.items() if fall > 0]),
    }


def _ends(interval: Any) -> dict[str, float | None]:
    return {"share": interval.share, "low": interval.low, "high": interval.high}


def _rules(table: pl.DataFrame, lost: list[str]) -> dict[str, int]:
    """How many of these rows break each rule."""
    rows = table.filter(pl.col("id").is_in(lost))
    broken = ({fault["check"] for fault in faults} for faults in rows["violations"].to_list())
    return dict(Counter(rule for rules in broken for rule in rules).most_common())


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
    days = _days(counted)
    places = {id: place for place, id in enumerate(recorded)}
    rows = [np.array([[places[id] for id in look["rows"]]]) for look in counted]
    falls = [np.array([[look["falls"].get(id, 0.0) for id in look["rows"]]]) for look in counted]
    slack = luck_of(rows, falls, tested=len(recorded))
    course = follow(falls, days, slack=slack, margin=margin)
    worse = bool(course.worse[-1, 0])
    window = counted[int(course.since[-1, 0]) if worse else 0 :]
    return {
        "looks": len(counted),
        "worse": worse,
        "recovered": bool(len(counted) > 1 and course.worse[-2, 0] and not worse),
        "evidence": float(course.evidence[-1, 0]),
        "needed": 1 / ALPHA,
        "spent": float(course.spent[-1]),
        "spent_this_year": spent_this_year(days, course.spent),
        "allowed": ALPHA,
        "since": {"look": window[0]["look"], "made": window[0]["made"]},
        "fall": _fallen(window, recorded, groups),
        "slack": float(course.slack[-1, 0]),
    }


def spent_this_year(days: Sequence[float], spent: np.ndarray) -> float:
    """What the looks of the current year spent, with years counted from the first look."""
    begin = YEAR * (days[-1] // YEAR)
    before = [float(total) for day, total in zip(days, spent, strict=True) if day < begin]
    return float(spent[-1]) - (before[-1] if before else 0.0)


def _days(looks: Sequence[Look]) -> list[float]:
    """Days since the first look; a clock that was set back counts as no time."""
    seconds = [datetime.fromisoformat(look["made"]).timestamp() for look in looks]
    return [float(day) for day in np.maximum.accumulate(np.array(seconds) - seconds[0]) / DAY]


def _fallen(window: Sequence[Look], recorded: Mapping[str, float], groups: Mapping[str, Any] | None) -> dict[str, Any]:
    """The rows of these looks, each with its last outcome: how far they fell, with the paired interval."""
    falls: dict[str, float] = {}
    for look in window:
        falls |= dict.fromkeys(look["rows"], 0.0) | dict(look["falls"])
    before = np.array([recorded[id] for id in falls])
    names = None if groups is None else [groups.get(id) for id in falls]
    found = compare(before, before - np.array(list(falls.values())), names)
    value, high, low = (None if end is None else -end for end in (found.difference, found.low, found.high))
    return {"value": value, "low": low, "high": high, "rows": len(falls)}
