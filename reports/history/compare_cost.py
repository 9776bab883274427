"""The change of the cost between compared runs, as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core import Numbers
from ..sections.money.costs import cost_figure
from ..words import mapping
from .compare_words import Step

__all__ = ["CostLine", "cost_heads", "cost_lead", "cost_lines", "cost_title", "tokens_of"]

LITTLE = 0.01  # a cost below this is shown for 1,000 requests
FACTORS = {"tokens": "Tokens", "prices": "Prices", "failures": "Failures", "volume": "Volume"}
MACHINES = "Cost per output, including machines"


@dataclass(frozen=True)
class CostLine:
    """A line of the cost table: what, per request, per usable output; `total` marks the change as a whole."""

    what: str
    request: str
    usable: str
    total: bool = False


def cost_title(step: Step) -> str:
    """What the cost that counts is called, as in the report."""
    if mapping(step["cost"]["per_usable_output"]).get("figure") == "cost_with_machines":
        return MACHINES
    return cost_figure(step["cost"].get("failures"))[0]


def cost_heads(step: Step) -> tuple[str, str]:
    """The heads of the columns of the cost table: per request, or per 1,000 of them where one costs little."""
    usable = cost_title(step).removeprefix("Cost p")
    if _times(step) == 1:
        return "Per request", f"P{usable}"
    one, comma, rest = usable.removeprefix("er ").partition(",")
    return "Per 1,000 requests", f"Per 1,000 {one}s{comma}{rest}"


def _times(step: Step) -> int:
    """How many requests the cost table is about: small amounts are hard to compare."""
    per_request = mapping(step["cost"]["per_request"])
    largest = max((abs(per_request.get(role) or 0) for role in ("before", "after")), default=0)
    return 1000 if largest < LITTLE else 1


def cost_lines(step: Step, say: Numbers) -> list[CostLine]:
    """Both costs before and after, and the parts of their change; empty without prices."""
    cost, times = step["cost"], _times(step)
    if cost["per_request"] is None:
        return []
    splits, currency = (cost["per_request"], mapping(cost["per_usable_output"])), cost["currency"]
    parts = [mapping(split.get("parts")) for split in splits]

    def line(what: str, amounts: Sequence[Mapping[str, Any]], key: str, show: Any, *, total: bool = False) -> CostLine:
        cells = (show(None if found.get(key) is None else times * found[key], currency) for found in amounts)
        return CostLine(what, *cells, total=total)

    lines = [line(step[role], splits, role, say.money) for role in ("before", "after")]
    lines.append(line("Change", splits, "change", say.signed_money, total=True))
    factors = [name for name in FACTORS if name != "volume" or any(part.get(name) for part in parts)]
    return [*lines, *(line(FACTORS[name], parts, name, say.signed_money) for name in factors if any(parts))]


def cost_lead(step: Step, say: Numbers) -> str:
    """How the cost that counts changed, and what made most of it."""
    cost = step["cost"]
    if cost["per_request"] is None:
        return f"The costs cannot be compared: {cost['why_not']}."
    split = cost["per_usable_output"] or cost["per_request"]
    title = _the(cost_title(step)) if cost["per_usable_output"] else "The cost per request"
    if split["change"] is None:
        return f"{title} is not known for both runs."
    ends = f"{say.money(split['before'], cost['currency'])} to {say.money(split['after'], cost['currency'])}"
    if abs(split["change"]) < 1e-12:
        return f"{title} did not change: {say.money(split['after'], cost['currency'])}."
    way = "rose" if split["change"] > 0 else "fell"
    parts = {name: part for name, part in (split["parts"] or {}).items() if part * split["change"] > 0}
    most = max(parts, key=lambda name: abs(parts[name]), default=None)
    return f"{title} {way} from {ends}{f', mostly because of {most}' if most else ''}."


def _the(title: str) -> str:
    """The title as the subject of a sentence: `The cost per output, including failures,`."""
    return f"The {title[:1].lower()}{title[1:]}{',' if ',' in title else ''}"


def tokens_of(step: Step) -> list[float | None]:
    """The tokens of a request in both runs, prompt and answer; None where they were not counted."""
    found = []
    for role in ("before", "after"):
        tokens = step["tokens"][role]
        known = [tokens[key] for key in ("input", "output") if tokens[key] is not None]
        found.append(sum(known) if len(known) == 2 else None)
    return found
