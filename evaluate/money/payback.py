"""When the investment pays back, its value over the horizon, and where it breaks even."""

import operator
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count, takewhile
from typing import Any

import numpy as np

from ...core import say
from .figures import Figure, Values, by_key, never, of, step, unknown, zero
from .inputs.options import COST, EFFECTIVE, Pair, Way
from .request import replicas
from .traced import leaf, nonzero, square_root, total, value_of, where

# One volume covers the investment over the horizon, by the likely numbers. The other, usually much higher, pays it back
# within the target in most draws, which is what the verdict asks for.
BREAK_EVEN = "break-even over the horizon"

DAYS_A_MONTH = Decimal("30.4375")  # 365.25 / 12
ZERO, ONE = Decimal(0), Decimal(1)
MOST_MACHINES = 1_000  # steps of at least one machine after which a volume counts as unreachable


def _counted_days(values: Values) -> Any:
    """The horizon, which ends when the base model is retired."""
    horizon = values("horizon_days")
    if not values.knows("running.days_to_retirement"):
        return horizon
    remaining = values("running.days_to_retirement")
    return where(remaining < horizon, remaining, horizon)


def _ramped(days: Any, ramp: Any) -> Any:
    """The days at full volume that equal the first `days` if the volume grows linearly over `ramp` days."""
    if not nonzero(ramp):
        return days
    return where(days < ramp, days * days / (2 * ramp), days - ramp / 2)


def months(values: Values) -> Iterator[tuple[int, Any, Any]]:
    """Each month of the horizon, the last one cut short: its number, its days at full volume, and its days."""
    horizon, ramp, month = values("counted_days"), values("ramp_days"), values.constant(DAYS_A_MONTH)
    last = horizon.max() if values.drawn else horizon
    for number in count(1):
        start = month * (number - 1)
        if not start < last:
            return
        begin, end = (where(day < horizon, day, horizon) for day in (start, start + month))
        yield number, _ramped(end, ramp) - _ramped(begin, ramp), end - begin


def _discounted_days(values: Values) -> tuple[Any, Any]:
    """The days at full volume and all days of the horizon, each discounted from the end of its month.

    They rarely vary, so the draws usually share them.
    """
    rate, factor, full, days = values("discount_rate"), ONE, zero(values), zero(values)
    monthly = ONE if values.drawn else (1 + rate) ** (ONE / 12)
    for number, worth, length in months(values):
        factor = (1 + rate) ** (number / 12) if values.drawn else factor * monthly
        full, days = full + worth / factor, days + length / factor
    return full, days


def _full_days(values: Values) -> Any:
    days, ramp = values("counted_days"), values("ramp_days")
    return where(days > 0, _ramped(days, ramp), zero(values))


def _payback(work: Callable[..., Any]) -> Callable[[Pair], Any]:
    """A figure from the investment, the daily saving and the ramp; with a ramp, also the gross saving and running cost."""

    def back(pair: Pair) -> Any:
        cost, saving, ramp = pair("invested"), pair("saving_per_day"), pair("ramp_days")
        gross, running = (pair("gross"), pair("running_cost_per_day")) if nonzero(ramp) else (None, None)
        return work(pair, cost, saving, ramp, gross, running)

    return back


def _after_ramp(pair: Pair, cost: Any, saving: Any, ramp: Any, gross: Any, running: Any) -> Any:
    """Whether the investment pays back after the ramp, or there is no growth to divide by.

    Saved machines pay back even if requests save nothing.
    """
    after, under = (cost + gross * ramp / 2) / saving, running**2 + 2 * gross / ramp * cost
    if pair.values.drawn:
        return (after >= ramp) | (gross == 0) | (under < 0)
    return bool(after >= ramp) or bool(gross == 0) or bool(under < 0)


def _infinite_saving(pair: Pair) -> Any:
    """Whether a draw saves without limit because the current option delivers nothing acceptable."""
    dropped = pair.values.drawn and pair.failures == "drop"
    return pair("gross") == np.inf if dropped else False


def _after_retirement(pair: Pair) -> Any:
    """Whether the base model is retired before the investment pays back."""
    days = "running.days_to_retirement"
    return pair("earned_back_days") > pair(days) if pair.knows(days) else False


def _retired_first(pair: Pair) -> Any:
    pair("earned_back_days")
    return never(pair)


def _running_at_break_even(pair: Pair) -> Any:
    """The daily running cost at the break-even volume, with as many machines as that volume needs."""
    running, way, values = pair("running_cost_per_day"), pair.after, pair.values
    if not way.always_on:
        return running
    machines = [_machines_by_volume(way, call) for call in way.calls_ways if call.hosted]
    if nonzero(pair("before.machine_cost_per_day")):
        return running
    needs = ("invested", "saving_per_request", "counted_days", "full_days", "upkeep_per_day")
    cost, saved, days, full, upkeep = (value_of(pair.peek(key)) for key in needs)

    def at(volume: Decimal) -> tuple[Decimal, Decimal]:
        """The running cost with the machines for this volume, and the volume that breaks even with them."""
        runs = upkeep + sum(each(volume) for each in machines)
        return runs, max((cost + runs * days) / (saved * full), ZERO)

    volume = ZERO
    for _ in range(MOST_MACHINES):
        runs, needed = at(volume)
        if needed == volume:
            return values.number(runs)
        volume = needed
    return unknown()  # each additional machine costs more than its requests save


def _machines_by_volume(way: Way, call: Way) -> Callable[[Decimal], Decimal]:
    """The daily cost of the machines of one of its calls, at any volume."""
    hourly, rate = value_of(call("hourly")), value_of(call.get("requests_per_second", ZERO))
    least, peak = (value_of(call(key)) for key in ("min_replicas", "peak_factor"))
    calls = value_of(way("calls") if way.failures in ("drop", "retry") else ONE)
    share = ONE if call is way else value_of(way("sent"))

    def cost(volume: Decimal) -> Decimal:
        return 24 * hourly * (replicas(volume * share, calls, rate, least, peak) if rate else least)

    return cost


def _breaks_even(work: Callable[..., Any]) -> Callable[[Pair], Any]:
    keys = ("invested", "saving_per_request", "counted_days", "ramp_days", "break_even_running", "full_days")
    return lambda pair: work(*[pair(key) for key in keys])


def _spend_and_failures(pair: Pair) -> tuple[Any, Any, Any, Any]:
    """The cost of a request's calls and the share that still fails, for the current and the new option."""
    parts = (COST, "calls", "still_failing", "acceptance")
    (old, new), calls, failing, _ = ([pair(f"before.{key}"), pair(f"after.{key}")] for key in parts)
    return leaf(old * calls[0]), leaf(new * calls[1]), failing[0], failing[1]


def _break_even_failure_cost(pair: Pair) -> Any:
    """The cost of a failure at which both options cost the same: (c_F - c_P + M/N) / (a_F - a_P)."""
    old, new, fails, still = _spend_and_failures(pair)
    running = pair("running_cost_per_day") if not pair.batch else None
    extra, fewer = new - old, fails - still
    if running is not None and nonzero(running):
        volume = pair("requests_per_day")
        extra = extra + running / volume if nonzero(volume) else unknown()
    return extra / fewer if fewer > 0 and extra > 0 else unknown()  # only for a better, more expensive option


def _token_cost(pair: Pair) -> Any:
    """The cost of one more token in the fixed prompt."""
    old = pair.before

    def cost(tokens: Decimal) -> Any:
        prompt = {"fixed_tokens": lambda _: pair.values.number(tokens), "cached": lambda _: old("cached")}
        return old.changed(f"{old.prefix}with_{tokens}_fixed", "", prompt)(COST)

    return leaf(cost(ONE) - cost(ZERO))


def _break_even_fixed_tokens(pair: Pair) -> Any:
    """Fixed prompt tokens of the baseline at which both cost the same; if nothing else differs, (m-1)(u + ratio o)."""
    before, after = pair(f"before.{EFFECTIVE}"), pair(f"after.{EFFECTIVE}")
    fixed, token, calls = pair("before.fixed_tokens"), pair("fixed_token_cost"), pair("before.calls")
    pair.before.get("acceptance", ZERO)
    tokens = fixed + (after - before) / (token * calls) if token > 0 else unknown()
    return tokens if tokens >= 0 else unknown()


def _discounts(pair: Pair) -> bool:
    return nonzero(pair.peek("discount_rate"))


def _value(pair: Pair) -> Any:
    """The saving of requests over the horizon minus running costs and the investment."""
    cost, gross, running = pair("invested"), pair("gross"), pair("running_cost_per_day")
    full, days = pair("discounted_days") if _discounts(pair) else (pair("full_days"), pair("counted_days"))
    saved = gross * full
    if pair.values.drawn and not np.all(full):
        saved = np.where(full > 0, saved, 0.0)  # without volume nothing is saved, even at inf
    return (saved - running * days if nonzero(running) else saved) - cost


def _value_words(pair: Pair) -> str:
    days, full = pair.value("counted_days"), pair.value("full_days")
    ramp = (
        f"; with the ramp they equal {full.normalize():f} days at full volume." if nonzero(pair("ramp_days")) else "."
    )
    return f"The gain over {days:f} days{ramp}"


def _value_formula(pair: Pair) -> str:
    if nonzero(pair("running_cost_per_day")):
        return "saving of requests × full days - running × days - investment"
    return "saving per day × days at full volume - investment"


def _years(pair: Pair) -> list[Any]:
    """The saving of each year of the horizon: the sum of its discounted months."""
    with pair.values.unrecorded():
        parts = [(number, value_of(full), value_of(days)) for number, full, days in months(pair.values)]
    years = []
    for start in range(0, len(parts), 12):
        key = f"npv.year_{start // 12 + 1}"
        year = Figure(key, f"Saved in year {start // 12 + 1}, each month discounted at its end.",
                      "sum of (saving of the month ÷ (1 + rate) ^ (month ÷ 12))",
                      lambda pair, year=parts[start : start + 12]: _year(pair, year), "{currency}")  # fmt: skip
        years.append(pair.values.figure(pair.prefix + key, (year,), pair))
    return years


def _year(pair: Pair, parts: list[tuple[int, Decimal, Decimal]]) -> Any:
    """The months of a year, each discounted at its end; whole months at full volume form one geometric sum."""
    number = pair.values.number
    gross, running = pair("gross"), pair("running_cost_per_day")
    _ = pair("counted_days"), pair("ramp_days")
    rate, saving = leaf(1 + pair("discount_rate")), leaf(gross - running)
    terms, full_months = [], []
    for month, full, days in parts:
        place = number(Decimal(month))
        if full == days == DAYS_A_MONTH:
            full_months.append(1 / rate ** (place / 12))
        else:
            terms.append((gross * number(full) - running * number(days)) / rate ** (place / 12))
    return total([*terms, DAYS_A_MONTH * saving * total(full_months)] if full_months else terms)


def _value_of_years(pair: Pair) -> Any:
    cost = pair("invested")
    return total(_years(pair)) - cost


def _value_of_no_day(pair: Pair) -> Any:
    cost, *_ = (pair(key) for key in ("invested", "gross", "running_cost_per_day", "counted_days", "ramp_days"))
    return 0 - cost


def years_of(pair: Pair) -> list[str]:
    """The keys of the years that add up to the value, if it was discounted."""
    pair.value("npv")
    keys = (f"npv.year_{year}" for year in count(1))
    return list(takewhile(lambda key: pair.values.has_line(pair.prefix + key), keys))


BACK = "Days until the investment pays back{against}"
REQUESTS = "Requests until the investment pays back"
VOLUME = "Requests a day at which the saving over the horizon covers the investment"

DAYS = by_key([
    step("counted_days", _counted_days),
    step("discounted_days", _discounted_days),
    step("full_days", _full_days),
])  # fmt: skip

PAYBACK = by_key([
    Figure("earned_back_days", "Without a daily saving{against}, the investment never pays back.",
           "saving per day <= 0", _payback(lambda pair, *_: never(pair)), when=lambda pair: pair("saving_per_day") <= 0,
           result="never"),
    Figure("earned_back_days", f"{BACK}: there is no investment.", "investment <= 0",
           _payback(lambda pair, *_: zero(pair)), when=lambda pair: pair("invested") <= 0, result="0 days"),
    step("earned_back_days", zero, when=_infinite_saving),
    Figure("earned_back_days", f"{BACK}.", "investment ÷ saving per day",
           _payback(lambda _, cost, saving, *__: cost / saving), "days", when=lambda pair: not nonzero(pair("ramp_days"))),
    Figure("earned_back_days", BACK + "; the volume grows over {ramp_days:f} days, which count half.",
           "(investment + saving of requests × ramp ÷ 2) ÷ saving per day",
           _payback(lambda _, cost, saving, ramp, gross, __: (cost + gross * ramp / 2) / saving), "days",
           when=_payback(_after_ramp)),
    Figure("earned_back_days", BACK + ", while the volume still grows over {ramp_days:f} days.",
           "(running + sqrt(running^2 + 2 × growth × investment)) ÷ growth, growth = saving of requests ÷ ramp",
           _payback(lambda _, cost, __, ramp, gross, running:
                 (running + square_root(running**2 + 2 * gross / ramp * cost)) / (gross / ramp)), "days"),
    step("payback_days", _retired_first, when=_after_retirement),
    step("payback_days", of("earned_back_days")),

    step("requests_to_pay_back", unknown, when=lambda pair: pair("saving_per_request") <= 0),
    Figure("requests_to_pay_back", f"{REQUESTS}: there is no investment.", "investment <= 0",
           lambda pair: zero(pair), when=lambda pair: pair("invested") <= 0, result="0 requests"),
    Figure("requests_to_pay_back", f"{REQUESTS}, without running costs.",
           "investment ÷ saving per request", of("invested", "saving_per_request", operator.truediv), "requests"),
    step("break_even_running", _running_at_break_even),
    step("break_even_requests_per_day", unknown,
         when=lambda pair: pair.batch or pair("saving_per_request") <= 0 or pair("counted_days") <= 0),
    Figure("break_even_requests_per_day", f"{VOLUME}: any.", "investment + running × horizon <= 0",
           _breaks_even(lambda *_: ZERO), result="0 requests a day",
           when=lambda pair: pair("invested") + pair("break_even_running") * pair("counted_days") <= 0),
    Figure("break_even_requests_per_day", f"{VOLUME}, after the ramp is subtracted from the horizon.",
           "(investment + running × horizon) ÷ (saving per request × days at full volume)",
           _breaks_even(lambda cost, saved, days, _, runs, full: (cost + runs * days) / (saved * full)),
           "requests a day", when=lambda pair: nonzero(pair("ramp_days"))),
    Figure("break_even_requests_per_day", f"{VOLUME}.", "(investment ÷ horizon + running) ÷ saving per request",
           _breaks_even(lambda cost, saved, days, _, runs, __: (cost / days + runs) / saved), "requests a day",
           when=lambda pair: nonzero(pair("break_even_running"))),
    Figure("break_even_requests_per_day", f"{VOLUME}.", "investment ÷ horizon ÷ saving per request",
           _breaks_even(lambda cost, saved, days, *_: cost / days / saved), "requests a day"),
    step("break_even_failure_cost", unknown,
         when=lambda pair: pair.failures == "drop" or pair.knows("facts_failure_cost")),
    Figure("break_even_failure_cost",
           "The cost of an {bad} output at which {new} costs no more to run than {old}.",
           "(extra cost per request) ÷ (fewer failures per request)", _break_even_failure_cost, "{currency}"),
    step("fixed_token_cost", _token_cost),
    Figure("break_even_fixed_tokens", "The fixed prompt of {old} at which both cost the same per request.",
           "fixed tokens + (candidate's cost - baseline's cost) ÷ cost of one fixed token", _break_even_fixed_tokens, "tokens"),

    Figure("npv", "The gain of the batch.", "saving of the batch - investment",
           of("saving_total", "invested", operator.sub), "{currency}", when=lambda pair: pair.batch),
    Figure("npv", _value_words, _value_formula, _value, "{currency}",
           when=lambda pair: pair.values.kind != "traced" or not _discounts(pair)),
    Figure("npv", "No days remain in which to save anything.", "- investment", _value_of_no_day, "{currency}",
           when=lambda pair: pair("counted_days") <= 0),
    Figure("npv", "The sum of the years minus the investment.", "years - investment", _value_of_years, "{currency}"),
])  # fmt: skip


# --- the words for the two volumes at which tuning pays ------------------------------------------------------------


def break_even(volume: float | None, horizon_days: float | None) -> str:
    """Where the saving over the horizon covers the investment; None for no volume."""
    if not volume:
        return "at no volume" if volume is None else "at any volume"
    over = "the horizon" if horizon_days is None else say.days(horizon_days)
    return f"over {over} at {say.count(volume, 'request')} a day"


def pays_in_time(about: str, target_days: float | None) -> str:
    """From which volume on the verdict would be that it pays."""
    back = "pay back in time" if target_days is None else f"pay back within {say.days(target_days)}"
    return f"it would {back} at about {about} requests a day or more"
