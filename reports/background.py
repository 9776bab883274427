"""Where the numbers come from: how much of the splits was used, and the risks as rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import numbers as say
from .stored import StoredRun

__all__ = ["RiskRow", "risk_rows", "sample_lines"]

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


def sample_lines(run: StoredRun) -> list[str]:
    """Where the run used a part of its splits only: how much, so that nobody takes it for all."""
    data, training = run.results.get("data") or {}, run.results.get("training") or {}
    trained, of = _sampled(training), (data.get("splits") or {}).get("train")
    tested = data.get("tested") or {}
    lines = []
    if trained and of and trained < of:
        lines.append(f"Training used a seeded sample of {say.count(trained)} of the {say.count(of)} training pairs.")
    if tested and tested["pairs"] < tested["of"]:
        lines.append(
            f"The test used a seeded sample of {say.count(tested['pairs'])} of the {say.count(tested['of'])} test pairs."
        )
    return lines


def _sampled(training: Mapping[str, Any]) -> int | None:
    """How many train pairs were drawn: some of them may be left out as too long, which is no sample."""
    settings = training.get("settings")
    return settings.get("max_pairs") if isinstance(settings, Mapping) else training.get("train_pairs")


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
