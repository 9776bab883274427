"""The section in which a reader changes the numbers of the money and sees what follows."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from markupsafe import Markup

from ...evaluate import Pair, cached_guide, read_inputs
from .. import numbers as say
from ..names import named
from ..stored import StoredRun
from .what_if_fields import field_groups

__all__ = ["cost_note", "cost_words", "doubt_head", "doubt_rows", "field_groups", "json_block", "lead", "page_data"]

HALF, ONE, TWICE = Decimal("0.5"), Decimal(1), Decimal(2)


class Counted(NamedTuple):
    """Figures counted again: what a request costs with (baseline, candidate), the payback (None for never), the gain."""

    costs: tuple[float | None, float | None]
    payback_days: float | None
    npv: float | None


def page_data(run: StoredRun) -> Mapping[str, Any] | None:
    """What the page's script needs to count the money again; None where there is no money to count."""
    money = run.results.get("money") or {}
    inputs = money.get("formula_inputs")
    if not inputs or money.get("saving_per_request") is None or money.get("npv") is None:
        return None
    return inputs


def json_block(run: StoredRun) -> Markup:
    """The data as JSON that no browser takes for markup, wherever it stands in a page."""
    inputs = page_data(run) or {}
    spoken = {role: named(inputs.get(role)) for role in ("baseline", "candidate")}
    text = json.dumps({**inputs, "spoken": spoken}, ensure_ascii=True, separators=(",", ":"))
    # Only strings can hold these, so an escape of JSON is right for each.
    return Markup(re.sub("[<>&'\x7f]", lambda match: f"\\u{ord(match.group()):04x}", text))


def lead(run: StoredRun) -> str:
    """The sentence that opens the section: what half the volume would change."""
    inputs = page_data(run)
    if inputs is None:
        return "Without prices and a volume there is no money to count again."
    as_it_is, half = _counted(inputs), _counted(inputs, volume=HALF)
    tail = "change what you do not believe."
    currency = inputs["currency"]
    if inputs["requests_total"] is not None:
        return (
            f"With half the requests {_left(half.npv, currency)}, "
            f"with all of them {_left(as_it_is.npv, currency)}; {tail}"
        )
    before, after = as_it_is.payback_days, half.payback_days
    if inputs["investment"] <= 0 and before is not None and after is not None:
        gains = say.amount(half.npv, currency), say.amount(as_it_is.npv, currency)
        return f"At half the volume the gain is {gains[0]} instead of {gains[1]}; {tail}"
    if before is None and after is None:
        twice = _counted(inputs, volume=TWICE).payback_days
        found = "is never back" if twice is None else f"is back after {say.days(twice)}"
        also = " either" if twice is None else " only"
        volume = "Not at twice the volume" if twice is None else "At twice the volume"
        if twice is None:
            return f"{volume}{also} is the money ever earned back; {tail}"
        return f"{volume}{also} the money {found}; {tail}"
    if after is None:
        return f"At half the volume the money is never earned back, at the stated one after {say.days(before)}; {tail}"
    return f"At half the volume the money is back after {say.days(after)} instead of {say.days(before)}; {tail}"


def _left(npv: float | None, currency: str) -> str:
    """What a batch leaves over or loses."""
    sum_ = say.amount(None if npv is None else abs(npv), currency)
    return f"{sum_} are lost" if npv is not None and npv < 0 else f"{sum_} are left over"


def doubt_head(run: StoredRun) -> tuple[str, ...]:
    """The head of the table of usual doubts."""
    inputs = page_data(run) or {}
    last = "Left over" if inputs.get("requests_total") is not None else "Gain"
    days = () if inputs.get("requests_total") is not None else ("Paid back after",)
    return ("If", f"{cost_words(run)} {inputs.get('baseline')}", f"with {inputs.get('candidate')}", *days, last)


def cost_words(run: StoredRun) -> str:
    """What the cost that counts is the cost of; a variant's name follows."""
    dropped = (page_data(run) or {}).get("failures") == "drop"
    return "An acceptable output costs with" if dropped else "A request costs with"


def cost_note(run: StoredRun) -> str:
    """What the cost of a request includes, where it is more than the tokens."""
    inputs = page_data(run) or {}
    failing = inputs.get("failures") in ("repair", "retry")
    said = ["The cost of a request includes what its failures cost."] if failing else []
    if (
        any(variant.get("hourly") for variant in (inputs.get("variants") or {}).values())
        and not inputs["requests_total"]
    ):
        said.append("Machines are not in it, as they are paid by the day; payback and gain count them.")
    return " ".join(said)


def doubt_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """The usual doubts, each with what then follows: what changes, both costs, payback, gain."""
    inputs = page_data(run)
    if inputs is None:
        return []
    doubts: list[tuple[str, Counted]] = [
        ("as in this run", _counted(inputs)),
        ("half the volume", _counted(inputs, volume=HALF)),
        ("twice the volume", _counted(inputs, volume=TWICE)),
    ]
    if inputs["failures"] in ("repair", "retry") and inputs["failure_cost"]:
        doubts.append(("a failure costs half", _counted(inputs, failure=HALF)))
        doubts.append(("a failure costs twice as much", _counted(inputs, failure=TWICE)))
    if inputs["investment"] > 0:
        doubts.append(("the spending is twice as high", _counted(inputs, investment=TWICE)))
    if (run.results["money"] or {}).get("cached_guide"):
        what = f"the guide of {inputs['baseline']} is always read from the cache"
        doubts.append((what, _counted(inputs, cached=True)))
    decimals = say.shared_decimals(found.npv for _, found in doubts)
    return [(what, *_cells(found, inputs, decimals)) for what, found in doubts]


def _cells(found: Counted, inputs: Mapping[str, Any], decimals: int) -> tuple[str, ...]:
    """Both costs, the payback, and the gain with as many decimals as the whole column has."""
    currency = inputs["currency"]
    costs = (say.amount(cost, currency) for cost in found.costs)
    days = () if inputs["requests_total"] is not None else (say.days(found.payback_days),)
    return (*costs, *days, say.amount(found.npv, currency, decimals=decimals))


def _counted(
    inputs: Mapping[str, Any],
    *,
    volume: Decimal = ONE,
    failure: Decimal = ONE,
    investment: Decimal = ONE,
    cached: bool = False,
) -> Counted:
    """The figures with the volume, the cost of a failure or the investment so many times as high."""
    times = {"requests_per_day": volume, "requests_total": volume, "failure_cost": failure, "investment": investment}
    values = read_inputs(inputs)
    known = {**values.inputs, **values.given}
    pair = values.changed({key: known[key] * by for key, by in times.items() if key in known}).pair
    if cached:
        pair = Pair(pair.values, "cached.", cached_guide(pair.before), pair.after, main=pair)
    costs = (pair.before.value("effective_cost_per_request"), pair.after.value("effective_cost_per_request"))
    return Counted((_float(costs[0]), _float(costs[1])), _float(pair.value("payback_days")), _float(pair.value("npv")))


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
