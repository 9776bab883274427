"""The money section: what a request costs, how the saving leads to the payback, how sure that is, what would do instead."""

from collections.abc import Mapping
from typing import Any

from ...core import unbroken as say
from ..page import Section
from ..stored import StoredRun
from ..words import named
from .assumptions import derivation_lines, derivation_steps
from .costs import alternative_rows, cost_rows, costed
from .money_charts import parts_figure, payback_figure, tornado_figure, volume_figure, volume_rows

__all__ = ["lead", "section"]


def section(run: StoredRun) -> Section:
    """The section; without prices it says what they would show."""
    money = run.results.get("money")
    if not money:
        return Section("money", "Money", lead(run), "money", {"money": None})
    shown = {
        "money": money,
        "names": costed(run),
        "costs": cost_rows(run),
        "parts": parts_figure(run),
        "steps": derivation_steps(run),
        "payback": payback_figure(run),
        "volume": volume_figure(run),
        "volumes": volume_rows(run),
        "tornado": tornado_figure(run),
        "ways": alternative_rows(run),
        "lines": derivation_lines(run),
    }
    return Section("money", "Money", lead(run), "money", shown)


def lead(run: StoredRun) -> str:
    """What the section found: the saving of a request, and when the spending is back."""
    money = run.results.get("money")
    if not money:
        why = (
            "With one variant there is no cost to compare it with" if run.baseline is None else "No prices were stated"
        )
        return f"{why}, so this report is about quality alone."
    saved = money.get("saving_per_request")
    if saved is None:
        return _untold(run, money)
    return f"{_cost_sentence(run, money)}{_payback_sentence(money)}"


def _untold(run: StoredRun, money: Mapping[str, Any]) -> str:
    """Why no saving can be told: a number is missing, or there is no acceptable output to pay for."""
    variants = money.get("variants") or {}
    none = [
        name
        for name in (run.baseline, run.candidate)
        if (variants.get(name or "") or {}).get("cost_per_request") is not None
        and not variants[name or ""].get("acceptance")
    ]
    if money.get("failures") != "drop" or not none:
        return "What either way costs cannot be told yet: numbers are missing."
    who = " and ".join(named(name) for name in none)
    return f"No output of {who} is acceptable, so an acceptable one has no cost and there is no saving to count."


def _cost_sentence(run: StoredRun, money: Mapping[str, Any]) -> str:
    """How much less one request costs, or one day where machines are always on."""
    share, saved = money.get("saving_share"), money.get("saving_per_request") or 0
    hosted = any((found or {}).get("machine_cost_per_day") for found in (money.get("variants") or {}).values())
    unit = {"drop": "An acceptable output costs", "ignore": "A request costs"}.get(
        str(money.get("failures") or "ignore"), "A request, its failures counted, costs"
    )
    if hosted and money.get("requests_per_day") is not None:
        unit, saved = "A day costs", money.get("saving_per_day") or 0
    if share is None:
        much = say.money(abs(saved), money.get("currency") or "")
        share = saved
    else:
        much = say.percent(abs(share))
    if not share:
        return f"{unit} the same with {named(run.candidate)} as with {named(run.baseline)}"
    return (
        f"{unit} {much} {'less' if share > 0 else 'more'} with {named(run.candidate)} than with {named(run.baseline)}"
    )


def _payback_sentence(money: Mapping[str, Any]) -> str:
    """When the spending is back, as the second half of the sentence."""
    currency, spent = money.get("currency") or "", money.get("investment") or 0
    sum_ = say.money(spent, currency)
    if money.get("requests_total") is not None:
        left, total = money.get("npv"), say.count(money["requests_total"])
        if left is None:
            return "."
        after = f"after the {sum_} to be spent, " if spent > 0 else ""
        return f"; {after}{total} requests {'leave' if left >= 0 else 'lose'} {say.money(abs(left), currency)}."
    if money.get("saving_per_day") is None:
        return "; how soon the spending is back depends on requests a day, which nobody stated."
    days, (low, high) = money.get("payback_days"), (money.get("payback_days_p5"), money.get("payback_days_p95"))
    if days is None:
        return _never(money, f"the {sum_} never come back" if spent > 0 else "nothing ever comes of it")
    if spent <= 0:
        return ", and nothing is to be spent first: it saves from the first day."
    likely = ""
    if low is not None or high is not None:
        likely = f", {say.days_range(low, high)} in 90 of 100 futures" if low != high else ""
    return f"; the {sum_} are back after {say.days(days)}{likely}."


def _never(money: Mapping[str, Any], end: str) -> str:
    """Why a day saves nothing, and what follows."""
    running, saved = money.get("running_cost_per_day") or 0, money.get("saving_per_request") or 0
    if saved > 0 and running > 0 and (money.get("saving_share") or 0) >= 0:
        return f", but running costs of {say.money(running, money.get('currency') or '')} a day take more: {end}."
    return f": {end}."
