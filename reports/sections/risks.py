"""The risks section: each finding and its limit; names and explanations are in the template."""

from dataclasses import dataclass

from markupsafe import Markup

from ...core import unbroken as say
from ...evaluate import RISK_ADVICE, listed
from ...evaluate.results import Risk
from ..charts.axes import Axis
from ..charts.rows import Mark, mini_rows
from ..page import Section
from ..stored import StoredRun
from ..words import sentence, typeset_parts, without_folders

# Risks whose value is a difference of shares, shown in points.
DIFFERENCES = ("overfitting", "memorisation", "forgetting")
# The words before a limit, or instead of it if a number alone does not describe it.
SIDES = {
    "overfitting": "at most",
    "drift": "at least",
    "flexibility": "at most",
    "upkeep": "at most",
    "examples": "at least",
}
LIMITS = {
    "memorisation": "range not entirely above 0",
    "forgetting": f"range not entirely below −5{say.gap}points",
}
STATUS = {
    "ok": ("within its limit", "go"),
    "warn": ("near its limit", "open"),
    "over": ("over its limit", "fix"),
    "not checked": ("not checked", "none"),
}
CONCERN = "a concern"  # what is stated for the future is never over a limit, however far it is beyond
ORDER = {"fix": 0, "open": 1, "go": 2, "none": 3}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class RiskRow:
    """One risk with its status; `picture` is empty if there is no number to draw.

    `to_check` (how to check it) and `advice` (how to reduce it) are in pieces, each with whether it is code.
    """

    id: str
    status: str
    tone: str
    value: str
    limit: str
    evidence: str
    to_check: list[tuple[str, bool]]
    advice: list[tuple[str, bool]]
    picture: Markup


def section(run: StoredRun) -> Section | None:
    """The section of a run whose risks were assessed."""
    if not run.results.risks:
        return None
    rows = risk_rows(run)
    checked, unchecked = ([row for row in rows if (row.tone == "none") is none] for none in (False, True))
    reduce = sum(row.tone in ("fix", "open") for row in rows)
    details = ["What each one means and what was found"]
    details += [f"how to reduce {say.count(reduce)}"] if reduce else []
    details += (
        [f"how to check the other {'one' if len(unchecked) == 1 else say.count(len(unchecked))}"]
        if unchecked and checked
        else []
    )
    shown = {"risks": rows, "checked": checked, "unchecked": unchecked, "details": sentence("; ".join(details))}
    return Section("risks", "Risks", lead(run), "risks", shown)


def lead(run: StoredRun) -> str:
    """How many risks are over or near their limits, how many are a concern, how many were not checked."""
    found = run.results.risks
    tones = [STATUS[risk.status][1] for risk in found]
    over, open_, unchecked = (tones.count(tone) for tone in ("fix", "open", "none"))
    near = sum(risk.measured for risk, tone in zip(found, tones, strict=True) if tone == "open")
    if unchecked == len(found):
        return (
            f"Not one of the {_word(unchecked)} risks was checked."
            if unchecked > 1
            else "The one risk was not checked."
        )
    counts = (
        (over, f"over {_its(over)} limit"),
        (near, f"near {_its(near)} limit"),
        (open_ - near, "a concern by stated numbers"),
    )
    parts = [f"{_word(n)} {'is' if n == 1 else 'are'} {what}" for n, what in counts if n]
    parts = parts if over else ["none is over its limit", *parts]
    if unchecked:
        parts.append(f"{_word(unchecked)} {'was' if unchecked == 1 else 'were'} not checked")
    return f"Of {_word(len(found))} risk{'s' if len(found) > 1 else ''}, {listed(parts, most=len(parts))}."


def _word(n: int) -> str:
    return NUMBERS[n] if n < len(NUMBERS) else say.count(n)


def _its(n: int) -> str:
    return "its" if n == 1 else "their"


def risk_rows(run: StoredRun) -> list[RiskRow]:
    """The risks: first those over their limit, last those that were not checked."""
    return sorted(map(_row, run.results.risks), key=lambda row: ORDER[row.tone])


def _row(risk: Risk) -> RiskRow:
    status, tone = STATUS[risk.status]
    checked = tone != "none"
    stated = checked and not risk.measured
    limited = LIMITS.get(risk.id) or f"{SIDES.get(risk.id, '')} {risk_number(risk, risk.limit)}"
    evidence = risk.evidence or ""
    if risk.to_check and not checked:  # how to check the risk is shown separately
        evidence = evidence.removesuffix(f"; to check it, {risk.to_check}")
    return RiskRow(
        id=risk.id,
        status=f"{CONCERN if tone == 'open' else status}, by stated numbers" if stated else status,
        tone=tone,
        value=f"{risk_number(risk, risk.value)}{_range(risk)}" if checked else "–",
        limit=limited.strip() if checked and risk.limit is not None else "–",
        evidence=_sentence(evidence),
        to_check=typeset_parts(_sentence(f"To check it, {risk.to_check}")) if risk.to_check else [],
        advice=typeset_parts(_sentence(RISK_ADVICE.get(risk.id, ""))),
        picture=_picture(risk) if checked else Markup(""),
    )


def _range(risk: Risk) -> str:
    if risk.id not in DIFFERENCES or risk.low is None:
        return ""
    if risk.high is None:
        return f" (at least {say.signed_points(risk.low)})"
    return f" ({say.points_range(risk.low, risk.high)})"


def _sentence(text: str) -> str:
    return sentence(without_folders(text.strip()))


def risk_number(risk: Risk, value: float | None) -> str:
    """The value or the limit of a risk with its unit in words; a dash without a number."""
    unit = risk.unit
    if value is None:
        return "–"
    if unit == "share" and risk.id in DIFFERENCES:
        return say.signed_points(value) if risk.id in LIMITS else say.points(value)
    if unit == "share":
        return say.percent(value)
    if unit == "share of the best loss":
        return f"{say.percent(value)} above the best loss"
    if unit == "days per change":
        return say.duration(value * 86_400) if abs(value) < 1 else say.days(value)
    if unit == "days":
        return say.count(round(value), "day")
    text = say.count(value)
    return f"{text}{say.gap}{unit.replace(' ', say.gap)}" if unit else text


def _picture(risk: Risk) -> Markup:
    """The value with its range, and the limit as a dashed line; empty without a value or limit."""
    value, limit, low, high = risk.value, risk.limit, risk.low, risk.high
    if value is None or limit is None:
        return Markup("")
    if low is None or high is None:
        low = high = None
    seen = [0.0, value, limit, *(end for end in (low, high) if end is not None)]
    room = (max(seen) - min(seen) or 1.0) * 0.06
    axis = Axis(min(seen) - room, max(seen) + room, ((0.0, "0"),))
    return mini_rows([Mark(value, low, high, "candidate")], axis, lines=[limit])
