"""The way without training that a payback has to be held against as well."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CheaperWay", "cheaper_way"]


@dataclass(frozen=True)
class CheaperWay:
    """A measured variant that needs no training and costs less than the baseline; `payback_days` None is never."""

    name: str
    payback_days: float | None


def cheaper_way(money: Mapping[str, Any]) -> CheaperWay | None:
    """The cheapest such variant; None where there is none, and where training never pays back against the baseline."""
    ways = [
        way
        for way in money.get("alternatives") or []
        if way.get("key") == "variant" and not way.get("needs_training") and (way.get("saving_per_request") or 0) > 0
    ]
    if not ways or money.get("payback_days") is None:
        return None
    best = max(ways, key=lambda way: way["saving_per_request"])
    return CheaperWay(str(best.get("name")), (best.get("tuning") or {}).get("payback_days"))
