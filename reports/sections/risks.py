"""The risks as rows: what was found, its limit, where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import numbers as say
from ..stored import StoredRun

__all__ = ["RiskRow", "lead", "risk_rows"]

STATUS = {
    "ok": ("within its limit", "go"),
    "warn": ("to watch", "open"),
    "over": ("over its limit", "fix"),
    "fired": ("over its limit", "fix"),
    "not checked": ("not checked", "none"),
    "not measured": ("not checked", "none"),
}


@dataclass(frozen=True)
class RiskRow:
    """One risk with its standing."""

    name: str
    status: str
    tone: str
    value: str
    limit: str
    evidence: str


def lead(run: StoredRun) -> str:
    """The sentence that opens the section."""
    return "What can go wrong with a tuned model, and what this run measured of it."


def risk_rows(run: StoredRun) -> list[RiskRow]:
    """The risks, those over their limit first, those not checked last."""
    rows = []
    for risk in run.results.get("risks") or []:
        status, tone = STATUS.get(str(risk.get("status")), (str(risk.get("status")), "none"))
        row = RiskRow(
            name=str(risk.get("id")).replace("_", " ").capitalize(),
            status=status if risk.get("measured") is not False or tone == "none" else f"{status}, as stated",
            tone=tone,
            value=_risk_number(risk.get("value"), unit=risk.get("unit")),
            limit=_risk_number(risk.get("limit"), unit=risk.get("unit")),
            evidence=_evidence(risk.get("evidence")),
        )
        rows.append(row)
    order = {"fix": 0, "open": 1, "go": 2, "none": 3}
    return sorted(rows, key=lambda row: order[row.tone])


def _risk_number(value: Any, *, unit: Any = None) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if unit == "share":
            return say.percent(value)
        text = f"{value:,.3g}"
        return say.plain(float(text)) if "e-" in text else text.replace("-", say.MINUS)
    return "–" if value is None else str(value)


def _evidence(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{str(key).replace('_', ' ')}: {_risk_number(found)}" for key, found in value.items())
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "" if value is None else str(value)
