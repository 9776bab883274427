"""What has changed since a verdict, and whether it would be another one today."""

from collections.abc import Mapping
from datetime import date
from typing import Any

__all__ = ["RETIRES_SOON", "decided_again", "volume_of"]

RETIRES_SOON = 90  # days; curating, training and judging again fit into three months
FEWEST_DAYS = 7.0  # of a log; a shorter one may have only working days


def decided_again(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The verdicts of two results of the same outputs, and the assumptions of the money that differ.

    another: whether the decision differs. changed: `key, from, to, unit, source`; null where it was not known.
    """
    first, second = before.get("verdict") or {}, now.get("verdict") or {}
    return {
        "before": _verdict(first),
        "now": _verdict(second),
        "another": [first.get(key) for key in ("decision", "what")]
        != [second.get(key) for key in ("decision", "what")],
        "changed": _changed(_assumptions(before), _assumptions(now)),
    }


def _verdict(verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {key: verdict.get(key) for key in ("decision", "what", "sentence")}


def _assumptions(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {one["key"]: one for one in (results.get("money") or {}).get("assumptions") or []}


def _changed(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The assumptions that differ; of what follows from the day alone, only what matters is said elsewhere."""
    changed = []
    for key in {**before, **now}:
        ends = [side.get(key, {}).get("value") for side in (before, now)]
        if ends[0] != ends[1] and key != "running.days_to_retirement":
            known = now.get(key) or before[key]
            changed.append(
                {"key": key, "from": ends[0], "to": ends[1], **{k: known.get(k) for k in ("unit", "source")}}
            )
    return changed


def volume_of(
    first: date | None, last: date | None, requests: int, *, days: float, share: float
) -> dict[str, Any] | None:
    """The requests a day of a log that holds this share of them; None for a log of less than a week.

    >>> volume_of(date(2026, 11, 1), date(2026, 11, 15), 700, days=14.0, share=0.5)["requests_per_day"]
    100.0
    """
    if first is None or last is None or days < FEWEST_DAYS:
        return None
    per_day = requests / share / days
    return {"requests_per_day": per_day, "from": str(first), "to": str(last), "requests": requests, "log_share": share}
