"""Which single number would change the answer, and from where on."""

from dataclasses import dataclass
from typing import Any

from .. import numbers as say
from ..stored import StoredRun

__all__ = ["FlipRow", "flip_rows"]

# A price 30 times as high changes many an answer; it is no reason to think twice.
FARTHEST = 30


@dataclass(frozen=True)
class FlipRow:
    """One number that would change the answer, as it is now and where the answer changes."""

    what: str
    now: str
    then: str
    decision: str


def flip_rows(run: StoredRun) -> list[FlipRow]:
    """The verdict's flip points within reach, with their units."""
    currency = (run.results.get("money") or {}).get("currency") or ""
    rows = []
    for flip in run.results["verdict"].get("flips") or []:
        now, then = flip.get("from"), flip.get("to")
        reachable = isinstance(now, int | float) and isinstance(then, int | float) and now > 0
        if reachable and not 1 / FARTHEST <= then / now <= FARTHEST:
            continue
        key = str(flip.get("key") or "")
        rows.append(
            FlipRow(str(flip["what"]), _in_units(key, now, currency), _in_units(key, then, currency), flip["decision"])
        )
    return rows


def _in_units(key: str, value: Any, currency: str) -> str:
    last = key.rpartition(".")[2]
    if not isinstance(value, int | float):
        return say.plain(value)
    if last in ("acceptance", "cached_share", "discount_rate"):
        return say.percent(value)
    if (key.startswith("investment.") and last in ("compute", "evaluation")) or last in ("failure_cost", "hourly"):
        return say.amount(value, currency)
    if last.startswith("price_"):
        return f"{say.amount(value, currency)} a million"
    # A flip point is solved to many digits; three are as many as anybody plans by.
    return say.count(value) if abs(value) >= 100 else f"{value:.3g}"
