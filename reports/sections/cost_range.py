"""The range of a cost: what it would be at both ends of the measured acceptance, at the stated prices."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ...evaluate import read_inputs
from .. import numbers as say
from ..stored import StoredRun

__all__ = ["cost_range", "hosts_machines"]


def hosts_machines(money: Mapping[str, Any]) -> bool:
    """Whether one of the two sides runs on machines that are paid by the day."""
    sides = (money.get("baseline"), money.get("candidate"))
    return any(((money.get("variants") or {}).get(name) or {}).get("machine_cost_per_day") for name in sides)


def cost_range(run: StoredRun, name: str) -> str:
    """The range of what an output of the variant costs, mended where failures are, else for each acceptable one.

    Machines of its own are in it, at the volume that was stated. Empty where the acceptance was stated and not
    measured, and where trying again makes it no matter of one share.
    """
    money = run.results.get("money") or {}
    variant = (money.get("variants") or {}).get(name) or {}
    found = ((run.results.get("quality") or {}).get(name) or {}).get("acceptable") or {}
    cost, currency = variant.get("cost_per_request"), money.get("currency") or ""
    if cost is None or None in (found.get("share"), found.get("low"), found.get("high")):
        return ""
    if variant.get("machine_cost_per_day"):
        return _with_machines(found, money, name)
    if money.get("failures") == "repair":
        return _mended(found, variant, money.get("failure_cost"), currency)
    return "" if money.get("failures") == "retry" else _of_acceptable(found, variant, currency)


def _with_machines(found: Mapping[str, float], money: Mapping[str, Any], name: str) -> str:
    """The cost with its part of a day's machines, of which other shares may need more or fewer."""
    inputs = money.get("formula_inputs") or {}
    if money.get("failures") == "retry" or not inputs.get("requests_per_day") or name not in inputs["variants"]:
        return ""
    values = read_inputs(inputs)
    acceptance = values.way(name).value("acceptance")
    if acceptance is None or _differ(found["share"], float(acceptance)):
        return ""
    shares = [Decimal(repr(float(found[end]))) for end in ("high", "low")]
    high, low = (
        values.changed({f"{name}.acceptance": share}).way(name).value("cost_with_machines") for share in shares
    )
    if high is None:
        return ""
    if low is None:
        return f"from {say.amount(float(high), money.get('currency') or '')}"
    return say.amount_range(float(high), float(low), money.get("currency") or "")


def _mended(found: Mapping[str, float], variant: Mapping[str, Any], each: float | None, currency: str) -> str:
    """The cost with mending at the stated price of mending one output."""
    cost, effective = variant["cost_per_request"], variant.get("effective_cost_per_request")
    if each is None or effective is None or _differ(cost + (1 - found["share"]) * each, effective):
        return ""
    return say.amount_range(cost + (1 - found["high"]) * each, cost + (1 - found["low"]) * each, currency)


def _of_acceptable(found: Mapping[str, float], variant: Mapping[str, Any], currency: str) -> str:
    """The cost of an acceptable output."""
    cost, each = variant["cost_per_request"], variant.get("cost_per_acceptable_output")
    if not found["share"] or not found["high"] or each is None or _differ(cost / found["share"], each):
        return ""
    if not found["low"]:
        return f"from {say.amount(cost / found['high'], currency)}"
    return say.amount_range(cost / found["high"], cost / found["low"], currency)


def _differ(counted: float, stored: float) -> bool:
    return abs(counted - stored) > 1e-6 * abs(stored)
