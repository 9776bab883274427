"""Why the verdicts of compared runs differ, and what else does, as rows."""

from collections.abc import Mapping
from typing import Any

from ...core import Numbers, decimals_beside
from ..words import capital, typeset, variant_label
from .compare_words import Step

__all__ = ["basis_rows", "context_rows", "setting_rows", "verdict_lead"]

BASIS = {
    "what": ("What to fix first", "text"), "candidate": ("Candidate", "name"),
    "strongest": ("Strongest way without training", "name"),
    "acceptable_candidate": ("Acceptable, candidate", "share"),
    "acceptable_strongest": ("Acceptable, strongest way without training", "share"),
    "difference": ("Difference between them", "points"), "n": ("Test requests", "count"),
    "saving_per_request": ("Saving per request", "money"), "requests_per_day": ("Requests per day", "count"),
    "investment": ("Investment", "money"), "payback_days": ("Payback", "days"), "npv": ("Gain over the horizon", "money"),
    "risks_over": ("Risks over their limit", "list"), "validity": ("What makes the comparison invalid", "list"),
}  # fmt: skip
# Why a verdict changed, in the order in which verdicts are decided.
CAUSES = {
    "validity": "what makes the comparison invalid was {0} and is {1}",
    "what": "what to fix first was {0} and is {1}",
    "risks_over": "the risks over their limit were {0} and are {1}",
    "strongest": "the strongest way without training was {0} and is {1}",
    "difference": "the difference to the strongest way without training went from {0} to {1}",
    "payback_days": "the payback went from {0} to {1}",
    "npv": "the gain over the horizon went from {0} to {1}",
}
WHAT = {
    "variant": "variant compared", "source": "source of the outputs", "way": "how outputs come about", "guide": "style guide",
    "guide_tokens": "tokens of the style guide", "few_shot": "examples in the prompt", "tuneworth": "version of Tuneworth",
}  # fmt: skip


def verdict_lead(step: Step, say: Numbers) -> str:
    """Whether the verdicts differ, and the first cause in the order in which verdicts are decided."""
    both = [step["verdicts"][role] for role in ("before", "after")]
    if None in both:
        missing = [str(step[role]) for role, verdict in zip(("before", "after"), both, strict=True) if verdict is None]
        return f"{' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no verdict."
    first, second = (verdict["decision"] for verdict in both)
    if first == second:
        return f"Both runs say the same: {first}."
    return f"The verdict changed from {first} to {second}{_cause(step, say)}."


def _cause(step: Step, say: Numbers) -> str:
    """The first figure behind the verdicts that differs, as the end of a sentence."""
    found = {row["key"]: row for row in step["verdicts"]["basis"]}
    key = next((key for key in CAUSES if key in found), None)
    if key is None:
        return ""
    ends = [found[key][role] for role in ("before", "after")]
    if key == "what" and None in ends:
        return (
            f"; now the {ends[1]} must be fixed first"
            if ends[0] is None
            else f"; the {ends[0]} need not be fixed any more"
        )
    currency = step["cost"]["currency"] or ""
    return f"; {CAUSES[key].format(*(_basis(BASIS[key][1], end, currency, say) for end in ends))}"


def basis_rows(step: Step, say: Numbers) -> list[tuple[str, str, str]]:
    """What the verdicts rest on that differs: what, before, after."""
    currency = step["cost"]["currency"] or ""
    found = {row["key"]: row for row in step["verdicts"]["basis"]}
    decimals = max(_decimals(found, role) for role in ("before", "after"))
    rows = []
    for key, (title, kind) in BASIS.items():
        if key in found:
            before, after = (_basis(kind, found[key][role], currency, say, decimals) for role in ("before", "after"))
            rows.append((title, before, after))
    return rows


def _decimals(found: Mapping[str, Any], role: str) -> int:
    """The decimals with which a run's shares and difference add up; a share that did not change is not among the rows."""
    candidate, strongest, difference = (
        (found.get(key) or {}).get(role) for key in ("acceptable_candidate", "acceptable_strongest", "difference")
    )
    gap = difference and difference["value"]
    if gap is not None and candidate is None and strongest is not None:
        candidate = strongest + gap
    elif gap is not None and strongest is None and candidate is not None:
        strongest = candidate - gap
    return decimals_beside(candidate, strongest)


def setting_rows(step: Step, say: Numbers) -> list[tuple[str, str, str]]:
    """The settings of the verdicts that differ: key, before, after."""
    settings = step["verdicts"]["settings"]
    return [(str(row["key"]), _stated(row["before"], say), _stated(row["after"], say)) for row in settings]


def _basis(kind: str, value: Any, currency: str, say: Numbers, decimals: int = 0) -> str:
    if kind == "days":
        return say.days(value)
    if value is None:
        return "–"
    if kind == "points":
        return f"{say.signed_points(value['value'], decimals)} ({say.points_range(value['low'], value['high'])})"
    plain = {
        "share": lambda share: say.percent(share, decimals), "count": say.count,
        "money": lambda amount: say.money(amount, currency),
    }  # fmt: skip
    if kind in plain:
        return plain[kind](value)
    if kind == "list":
        return typeset("; ".join(map(str, value))) or "none"
    return variant_label(str(value)) if kind == "name" else str(value)


def context_rows(step: Step, say: Numbers) -> list[tuple[str, str, str]]:
    """What else differs between the runs: what, before, after."""
    rows = []
    for row in step["context"]:
        what = str(row["what"])
        kind, _, name = what.rpartition(": ") if what.startswith(("file: ", "setting: ")) else ("", "", what)
        shown = name if kind == "setting" else f"{capital(WHAT.get(name, name))}{' (file)' if kind else ''}"
        rows.append((shown, _stated(row["before"], say), _stated(row["after"], say)))
    return rows


def _stated(value: Any, say: Numbers) -> str:
    if isinstance(value, list):
        return ", ".join(_stated(one, say) for one in value)
    return "–" if value is None else say.stated(value)
