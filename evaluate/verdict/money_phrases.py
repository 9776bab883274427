"""The clauses of a verdict about the money: costs, payback, chance, and where it would turn."""

import math
from collections.abc import Mapping
from typing import Any

from ...core import roughly, say
from .phrases import sentence, variant_name

__all__ = [
    "chance",
    "chance_line",
    "cost_line",
    "input_name",
    "it_would_pay",
    "thousand",
    "when_it_pays",
]

Results = Mapping[str, Any]


def chance(money: Results) -> float:
    """How likely it pays back in time; of a one-off batch, how likely it saves more than it costs."""
    if money.get("requests_total") is not None:
        return money.get("probability_npv_positive")  # type: ignore[return-value]
    return money.get("probability_of_payback_in_target")  # type: ignore[return-value]


def when_it_pays(money: Results) -> str:
    """Volume and payback, or the total of a batch."""
    currency = money["currency"]
    if money.get("requests_total") is not None:
        net = money["npv"]
        word = "saves" if net > 0 else "costs"
        return (
            f"for {say.count(money['requests_total'], 'request')} it {word} {say.money(abs(net), currency)} "
            "once the investment is counted"
        )
    a_day = money["requests_per_day"]
    volume = f"at {say.count(a_day, 'request')} a day"
    if money["payback_days"] is None:
        left = stated_days_left(money)
        gone = (money.get("saving_per_day") or 0) > 0 and left is not None
        why = f", since the base model is {f'gone after {say.days(left)}' if left else 'gone'}" if gone else ""
        return f"{volume} it never pays back{why}"
    payback = (
        say.days(money["payback_days"]) if money["payback_days"] > 0 else "no time, since nothing is to be invested"
    )
    span = _span(payback, money["payback_days_p5"], money["payback_days_p95"]) if money["payback_days"] > 0 else ""
    horizon = money.get("horizon_days")
    target = money.get("target_payback_days")
    late = ""
    if horizon is not None and money["payback_days"] > horizon:
        late = ", longer than its savings last"
    elif target is not None and money["payback_days"] > target:
        late = f", later than the {say.days(target)} aimed at"
    return f"{volume} it pays back in {payback}{span}{late}"


def _span(payback: str, low: float | None, high: float | None) -> str:
    """Where the payback lies in nine of ten draws, in brackets; nothing where that says no more."""
    span = say.days_range(low, high)
    return "" if low is None or span in (payback, say.days(math.inf)) else f" ({span})"


def stated_days_left(money: Results) -> float | None:
    """Days until the base model is retired, where that is stated."""
    key = "running.days_to_retirement"
    return next((line["value"] for line in money.get("assumptions") or [] if line["key"] == key), None)


def cost_line(money: Results) -> str:
    """What one request costs with both, and what is invested."""
    currency, pair = money["currency"], (money["baseline"], money["candidate"])
    before, after = (money["variants"][name]["effective_cost_per_request"] for name in pair)
    unit, costs = thousand(money), ""
    if before is not None and after is not None:
        costs = f"{unit} cost {say.money(1000 * after, currency)} instead of {say.money(1000 * before, currency)}"
    amount = say.money(money["investment"], currency) if money["investment"] else "nothing"
    invested = f"{amount} {'is' if money['investment'] <= 1 else 'are'} to be invested"
    running = money.get("running_cost_per_day") or 0
    upkeep = f", and it runs at {say.money(abs(running), currency)} a day {'more' if running > 0 else 'less'}"
    upkeep = upkeep if running else ""
    return sentence(f"{costs}; {invested}{upkeep}" if costs else f"{invested}{upkeep}")


def thousand(money: Results) -> str:
    """A thousand of what is paid for."""
    return "1,000 acceptable outputs" if money.get("failures") == "drop" else "1,000 requests"


def chance_line(money: Results) -> str:
    """The chance of paying back in time as a sentence; draws never show that something is impossible or certain."""
    likely = say.chance(chance(money))
    if money.get("requests_total") is not None:
        return f"The chance that the batch saves more than it costs is {likely}."
    return f"The chance of paying back within {say.days(money['target_payback_days'])} is {likely}."


def it_would_pay(key: str, to: float, money: Results) -> str | None:
    """At which value of this input it would pay, as a clause; None for an input that nobody sets."""
    currency, candidate = money["currency"], money["candidate"]
    price = "it would pay at an {} price of {} per million tokens or less"
    return {
        "requests_per_day": f"it would pay from about {_about(to)} requests a day on",
        "requests_total": f"it would pay from about {_about(to)} requests on",
        "failure_cost": f"it would pay if an unacceptable output cost {say.money(to, currency)} or more",
        f"{candidate}.price_input": price.format("input", say.money(to, currency)),
        f"{candidate}.price_output": price.format("output", say.money(to, currency)),
        f"{candidate}.hourly": f"it would pay at {say.money(to, currency)} a machine-hour or less",
        "investment.compute": f"it would pay if training cost {say.money(to, currency)} or less",
        "target_payback_days": f"it would pay if {say.days(to)} were soon enough",
    }.get(key)


def _about(number: float) -> str:
    """Three digits: more would look exact."""
    return say.count(roughly(number, 3))


def input_name(key: str, money: Results) -> str:
    """An input's key in words: `tuned.price_output` as "the output price of the tuned model"."""
    name, _, what = key.rpartition(".")
    words = {
        "requests_per_day": "the requests a day",
        "requests_total": "the number of requests",
        "failure_cost": "what an unacceptable output costs",
        "acceptance": "the share of acceptable outputs",
        "price_input": "the input price",
        "price_output": "the output price",
        "input_tokens": "the length of the inputs",
        "output_tokens": "the length of the outputs",
        "fixed_tokens": "the length of the fixed prompt",
        "hourly": "the hourly price of the machine",
    }.get(what, f"the {what.replace('_', ' ')}")
    known = (money["baseline"], money["candidate"], *(money.get("variants") or ()))
    return f"{words} of {variant_name(name)}" if name in known else words
