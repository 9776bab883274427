"""Which single number would change the answer, and from where on."""

from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
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
        return say.stated(value)
    if last in ("acceptance", "cached_share", "discount_rate"):
        return say.percent(value) if last == "acceptance" else say.stated_share(value)
    if (key.startswith("investment.") and last in ("compute", "evaluation")) or last in ("failure_cost", "hourly"):
        return say.money(value, currency)
    if last.startswith("price_"):
        return f"{say.money(value, currency)} a million"
    return say.count(value)
