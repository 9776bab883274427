"""Rules and parts of the requests that moved between compared runs, as rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import Numbers, decimals_beside
from ..words import capital
from .compare_words import Step

__all__ = ["Moved", "rule_rows", "rules_lead", "slice_rows", "slices_lead"]


@dataclass(frozen=True)
class Moved:
    """A rule or a slice: both shares, the change, and whether it is statistically significant.

    `better` and `worse` are the requests that changed; `about` is small text below the name.
    """

    key: str
    name: str
    about: str
    before: float | None
    after: float | None
    change: str
    span: str
    sure: str
    tone: str
    n: int
    decimals: int = 0  # of the shares and their difference


def rule_rows(step: Step, say: Numbers) -> list[Moved]:
    """The rules by the size of their change; the shares are of outputs that break the rule."""
    rows = [_rule(key, row, say) for key, row in step["rules"].items()]
    return sorted(rows, key=lambda row: (row.sure != "significant", -abs((row.after or 0) - (row.before or 0))))


def _rule(key: str, row: Mapping[str, Any], say: Numbers) -> Moved:
    whole = row["about"] == "answer"
    sentence = capital(key) if whole else str(row["sentence"] or key)
    more, less = row["newly_broken"], row["newly_kept"]
    detail = f"{say.count(more)} newly broken, {say.count(less)} newly kept" if more or less else ""
    kinds = "instead of an answer" if whole else " · ".join(filter(None, (key, row["level"], row["about"])))
    decimals = decimals_beside(row["broken_before"], row["broken_after"])
    change = None if row["difference"]["value"] is None else -row["difference"]["value"]
    return Moved(
        key, sentence, "; ".join(filter(None, (kinds, detail))), row["broken_before"], row["broken_after"],
        say.signed_points(change, decimals), "", _sure(row, change), _tone(row), row["n"], decimals,
    )  # fmt: skip


def _sure(row: Mapping[str, Any], change: float | None) -> str:
    if not change:
        return ""
    return "significant" if row["moved"] else "could be chance"


def _tone(row: Mapping[str, Any]) -> str:
    return {"better": "go", "worse": "fix"}.get(str(row["moved"]), "")


def rules_lead(step: Step, say: Numbers) -> str:
    """How many rules are broken significantly more or less often."""
    moved = [row["moved"] for row in step["rules"].values()]
    parts = [f"{say.count(moved.count(kind), 'rule')} significantly {words}" for kind, words in
             (("worse", "more often"), ("better", "less often")) if kind in moved]  # fmt: skip
    if not parts:
        return "No single rule is broken significantly more or less often than before."
    return f"{step['after']} breaks {' and '.join(parts)} than {step['before']}."


def slice_rows(step: Step, say: Numbers) -> list[Moved]:
    """The slices, those that moved first; the shares are of acceptable outputs."""
    return [_slice(row, say) for row in step["slices"]]


def _slice(row: Mapping[str, Any], say: Numbers) -> Moved:
    also = ", ".join(_slice_name("field" if other["field"] else row["kind"], other) for other in row["also"])
    gap, decimals = row["difference"], decimals_beside(row["before"], row["after"])
    about = " · ".join(filter(None, (say.count(row["n"], "request"), f"the same requests: {also}" if also else "")))
    return Moved(
        "", _slice_name(row["kind"], row), about, row["before"], row["after"], say.signed_points(gap["value"], decimals),
        say.points_range(gap["low"], gap["high"]), _sure(row, gap["value"]), _tone(row), row["n"], decimals,
    )  # fmt: skip


def _slice_name(kind: str, row: Mapping[str, Any]) -> str:
    if kind == "length":
        return {"short": "Short requests", "middle": "Requests of middle length", "long": "Long requests"}[row["value"]]
    if kind == "group":
        return f"Group {row['value']}"
    return f"{row['field']}: {row['value']}" if row["value"] is not None else f"Without {row['field']}"


def slices_lead(step: Step, say: Numbers) -> str:
    """Which slices moved, and how many were looked at."""
    slices = step["slices"]
    if not slices:
        return f"No part of the requests has the {step['slices_least']} scored requests that a finding needs."
    worse, better = ([row for row in slices if row["moved"] == kind] for kind in ("worse", "better"))
    parts = [f"{say.count(len(rows))} got {kind}" for kind, rows in (("worse", worse), ("better", better)) if rows]
    if len(slices) == 1:
        moved = f"got {slices[0]['moved']}" if slices[0]["moved"] else "did not move"
        return f"One part of the requests is large enough to judge; it {moved} by more than chance explains."
    looked = f"{say.count(len(slices), 'part')} of the requests"
    if not parts:
        return f"None of {looked} moved by more than chance explains."
    return f"Of {looked}, {' and '.join(parts)} by more than chance explains."
