"""The clauses and sentences of a verdict about money: costs, payback, chance, and what would make it pay."""

import math

from ...core import roughly, say
from ..money.payback import pays_in_time
from ..money.simulate import SURE, UNSURE
from ..results import BAD, Money, RemainingBenefit
from .names import sentence, variant_name

FEWEST = 0.005  # a share shown as 0 of 100


def chance(money: Money | RemainingBenefit, *, batch: bool) -> float | None:
    """The chance of paying back in time; for a one-off batch, of saving more than it costs."""
    return money.probability_npv_positive if batch else money.probability_of_payback_in_target


def when_it_pays(money: Money) -> str:
    """The volume and the payback, or the total of a batch."""
    currency, payback = money.currency, money.payback_days
    if money.requests_total is not None:
        net = money.npv or 0.0
        word = "saves" if net > 0 else "costs"
        return (
            f"for {say.count(money.requests_total, 'request')} it {word} {say.money(abs(net), currency)} "
            "once the investment is counted"
        )
    volume = f"at {say.count(money.requests_per_day, 'request')} a day"
    if payback is None:
        stated = (line.value for line in money.assumptions if line.key == "running.days_to_retirement")
        remaining = next((value for value in stated if isinstance(value, int | float)), None)
        retires = (money.saving_per_day or 0) > 0 and remaining is not None
        when = f"retires in {say.days(remaining)}" if remaining else "has been retired"
        return f"{volume} it never pays back{f', since the base model {when}' if retires else ''}"
    if payback == 0:
        return f"{volume} it pays back in no time, since it needs no investment"
    horizon, target, late = money.horizon_days, money.target_payback_days, ""
    if horizon is not None and payback > horizon:
        late = ", longer than the savings last"
    elif target is not None and payback > target:
        late = f", later than the target of {say.days(target)}"
    likely, span = say.days(payback), say.days_range(money.payback_days_p5, money.payback_days_p95)
    adds_nothing = money.payback_days_p5 is None or span in (likely, say.days(math.inf))
    return f"{volume} it pays back in {likely}{'' if adds_nothing else f' ({span})'}{late}"


def cost_line(money: Money) -> str:
    """What requests cost with each of the two, and the investment."""
    currency, names = money.currency, (money.baseline, money.candidate)
    before, after = (money.variants[name].effective_cost_per_request for name in names)
    unit, costs = thousand(money), ""
    if before is not None and after is not None:
        costs = f"{unit} cost {say.money(1000 * after, currency)} instead of {say.money(1000 * before, currency)}"
    amount = say.money(money.investment, currency)
    invested = f"the investment is {amount}" if money.investment else "no investment is needed"
    running = money.running_cost_per_day or 0
    upkeep = f", and running it costs {say.money(abs(running), currency)} a day {'more' if running > 0 else 'less'}"
    upkeep = upkeep if running else ""
    return sentence(f"{costs}; {invested}{upkeep}" if costs else f"{invested}{upkeep}")


def thousand(money: Money) -> str:
    """A thousand of the units that are paid for."""
    return f"1,000 {money.good} outputs" if money.failures == "drop" else "1,000 requests"


def chance_line(likely: float | None, money: Money) -> str:
    """The chance of paying back in time as a sentence; simulation never shows 0% or 100%."""
    if money.requests_total is not None:
        return f"The chance that the batch saves more than it costs is {say.chance(likely)}."
    return f"The chance of paying back within {say.days(money.target_payback_days)} is {say.chance(likely)}."


def futures_clause(
    money: Money, likely: float | None = None, *, only: bool = False, earned: float | None = None
) -> str:
    """How many of a hundred simulated scenarios pay back in time, by default in the main comparison; with `earned`, how
    many save more than they cost."""
    batch = money.requests_total is not None
    likely = next((one for one in (earned, likely, chance(money, batch=batch)) if one is not None), 0.0)
    what = "it saves more than it costs"
    if earned is None and not batch:
        what = f"the investment pays back within {say.days(money.target_payback_days)}"
    if likely <= FEWEST:
        return f"{what} in almost none of the simulated scenarios"
    if likely >= 1 - FEWEST:
        return f"{what} in almost all simulated scenarios"
    return f"{what} in {'only ' if only else ''}{_of_hundred(likely)} of 100 simulated scenarios"


def _of_hundred(share: float) -> str:
    """A share in whole hundredths; if rounding would move it across a decision threshold, "just over" or "just under"."""
    text = say.of_hundred(share)
    if float(text) >= 100 * SURE > 100 * share:
        return f"just under {text}"
    return f"just over {text}" if float(text) <= 100 * UNSURE < 100 * share else text


def it_would_pay(key: str, to: float, money: Money) -> str | None:
    """A clause with the value of this input at which it would pay off; None for an input that cannot be set."""
    currency, candidate = money.currency, money.candidate
    inputs = {} if money.formula_inputs is None else money.formula_inputs.variants
    if candidate in inputs:
        candidate = inputs[candidate].prices_like or candidate  # the prices of what it is made from
    about = say.count(roughly(to, 3))  # more digits would look exact
    price = "it would pay off at an {} price of {} per million tokens or less"
    return {
        "requests_per_day": pays_in_time(about, money.target_payback_days),
        "requests_total": f"it would pay off at about {about} requests or more",
        "failure_cost": f"it would pay off if an {BAD[money.good]} output cost {say.money(to, currency)} or more",
        f"{candidate}.price_input": price.format("input", say.money(to, currency)),
        f"{candidate}.price_output": price.format("output", say.money(to, currency)),
        f"{candidate}.hourly": f"it would pay off at {say.money(to, currency)} per machine-hour or less",
        "investment.compute": f"it would pay off if training cost {say.money(to, currency)} or less",
        "target_payback_days": f"it would pay off with a target of {say.days(to)} or more",
    }.get(key)


def input_name(key: str, money: Money) -> str:
    """An input's key in words: `tuned.price_output` as "the output price of the tuned model"."""
    name, _, what = key.rpartition(".")
    words = {
        "requests_per_day": "the number of requests per day",
        "requests_total": "the number of requests",
        "failure_cost": f"the cost of an {BAD[money.good]} output",
        "acceptance": f"the share of {money.good} outputs",
        "price_input": "the input price",
        "price_output": "the output price",
        "price_cached": "the price of cached tokens",
        "cached_tokens": "the cached part of the inputs",
        "input_tokens": "the length of the inputs",
        "output_tokens": "the length of the outputs",
        "fixed_tokens": "the length of the fixed prompt",
        "hourly": "the hourly price of the machine",
        "running": "the upkeep of the tuned model",
    }.get(what, f"the {what.replace('_', ' ')}")
    return f"{words} of {variant_name(name)}" if name in (money.baseline, money.candidate, *money.variants) else words
