"""From the saving of a request to days and to the value over the horizon, line by line."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from .derivation_line import Line, comparison, line
from .formulas import (
    DAYS_A_MONTH,
    ONE,
    ZERO,
    Option,
    calls_of,
    cost_per_request,
    failing_of,
    machine_cost_per_day,
    ramped_days,
)
from .options import DAYS_A_YEAR, Plan, cost_with_machines, effective_of, figures

__all__ = ["break_even_lines", "payback_lines", "upkeep_lines", "value_lines"]

Pair = tuple[Option, Option]


def upkeep_lines(
    names: tuple[str, str], pair: Pair, plan: Plan, values: Mapping[str, Decimal], currency: str
) -> list[Line]:
    """What runs every day: machines of one's own, monitoring, retraining, style changes, and the difference of both."""
    if plan.requests_total is not None:
        return []
    unit = f"{currency} a day"
    lines = []
    for name, option in zip(names, pair, strict=True):
        lines += _machine_lines(name, option, plan, unit)

    def of(key: str) -> Decimal:
        return values.get(f"running.{key}", ZERO)

    kinds = (
        ("monitoring", of("monitoring_hours_per_month"), of("monitoring_hourly"), DAYS_A_MONTH,
         "Monitoring: hours a month at their price, by the day.", "hours × hourly ÷ 30.4375", "{0} × {1} ÷ {2}"),
        ("style_changes", of("style_changes_per_year"), of("retrain_cost"), DAYS_A_YEAR,
         "Style changes: each one trains the model again.", "changes a year × retraining ÷ 365.25", "{0} × {1} ÷ {2}"),
    )  # fmt: skip
    parts = []
    for key, amount, cost, days, words, formula, template in kinds:
        if amount:
            lines.append(line(f"running.{key}", words, formula, template, (amount, cost, days), _by_day, unit))
            parts.append(_by_day(amount, cost, days))
    every, cost = of("retrain_every_days"), of("retrain_cost")
    if every:
        words = "Retraining, spread over the days between two."
        lines.append(line("running.retraining", words, "retraining ÷ days", "{0} ÷ {1}", (cost, every), _over, unit))
        parts.append(cost / every)
    machines = figures(*pair, plan).machines
    if parts or any(machines):
        words = f"What {names[1]} costs a day more than {names[0]}, beside its requests."
        numbers = [*parts, *([machines[1]] if machines[1] else []), *([machines[0]] if machines[0] else [])]
        plus = len(numbers) - (1 if machines[0] else 0)
        template = " + ".join(f"{{{index}}}" for index in range(plus)) or "0"
        template += f" - {{{plus}}}" if machines[0] else ""

        def total(*given: Decimal) -> Decimal:
            return sum(given[:plus], ZERO) - sum(given[plus:], ZERO)

        lines.append(line("running_cost_per_day", words, "upkeep + its machines - the other's machines",
                          template, numbers, total, unit))  # fmt: skip
    return lines


def _by_day(amount: Decimal, cost: Decimal, days: Decimal) -> Decimal:
    return amount * cost / days


def _over(amount: Decimal, days: Decimal) -> Decimal:
    return amount / days


def _machine_lines(name: str, option: Option, plan: Plan, unit: str) -> list[Line]:
    if option.hourly == 0:
        return []
    calls = calls_of(option, plan.failures, plan.tries) or ONE
    replicas = machine_cost_per_day(option, plan.requests_per_day, calls) / (24 * option.hourly)
    lines = []
    if plan.requests_per_day is not None and option.requests_per_second is not None:
        lines.append(
            line(
                f"variants.{name}.replicas",
                f"Machines that {name} needs at its peak, whole ones and no fewer than the least.",
                "max(least, ceil(requests a day × calls × peak factor ÷ 86,400 ÷ requests a second))",
                "max({0}, ceil({1} × {2} × {3} ÷ 86,400 ÷ {4}))",
                (option.min_replicas, plan.requests_per_day, calls, option.peak_factor, option.requests_per_second),
                lambda least, n, c, peak, rate: max(
                    least, (n * c * peak / 86400 / rate).to_integral_value(rounding="ROUND_CEILING")
                ),
                "machines",
            )
        )
    lines.append(
        line(
            f"variants.{name}.machine_cost_per_day",
            f"Machines of {name}, always on.",
            "24 × hourly × machines",
            "24 × {0} × {1}",
            (option.hourly, replicas),
            lambda hourly, number: 24 * hourly * number,
            unit,
        )
    )
    return lines + _shared_line(name, option, plan, unit.removesuffix(" a day"))


def _shared_line(name: str, option: Option, plan: Plan, currency: str) -> list[Line]:
    """One output with its part of a day's machines; nothing without a volume."""
    effective, volume = effective_of(option, plan), plan.requests_per_day
    if cost_with_machines(option, plan) is None or effective is None or not volume:
        return []
    unit = "request" if plan.failures in ("repair", "retry") else "acceptable output"
    outputs = "acceptable outputs" if plan.failures == "drop" else "requests"
    formula = f"({outputs} a day × cost of one + machines a day) ÷ {outputs} a day"
    template, numbers = "({0} × {1} + {2}) ÷ {0}", [volume, effective, figures(option, option, plan).machines[0]]
    if plan.failures == "ignore" and option.acceptance:
        formula = formula.removesuffix("requests a day") + "(requests a day × acceptable share)"
        template, numbers = "({0} × {1} + {2}) ÷ ({0} × {3})", [*numbers, option.acceptance]
    words = f"One {unit} of {name}, machines included: a day's spend by what a day brings."
    return [
        line(f"variants.{name}.cost_with_machines", words, formula, template, numbers,
             lambda n, c, m, a=ONE: (n * c + m) / (n * a), currency),
    ]  # fmt: skip


def payback_lines(prefix: str, against: str, pair: Pair, plan: Plan, currency: str) -> list[Line]:
    """The saving of a day and the days until it has paid the investment, or the total of a one-off batch."""
    point = figures(*pair, plan)
    saved = point.saving_per_request
    if saved is None:
        return []
    if plan.requests_total is not None:
        return [
            line(f"{prefix}saving_total", f"Saved by the whole batch{against}.", "requests × saving per request",
                 "{0} × {1}", (plan.requests_total, saved), lambda n, d: n * d, currency),
        ]  # fmt: skip
    if plan.requests_per_day is None or point.saving_per_day is None:
        return []
    running, gross = point.running_per_day, plan.requests_per_day * saved
    words = f"Saved in a day{against}, at full volume."
    template, numbers = ("{0} × {1} - {2}", (plan.requests_per_day, saved, running)) if running else (
        "{0} × {1}", (plan.requests_per_day, saved))  # fmt: skip
    formula = "requests a day × saving per request" + (" - running cost" if running else "")
    lines = [
        line(f"{prefix}saving_per_day", words, formula, template, numbers,
             lambda n, d, m=ZERO: n * d - m, f"{currency} a day"),
    ]  # fmt: skip
    if not prefix and point.machines != (ZERO, ZERO) and point.spend_per_day[0] and point.spend_per_day[1] is not None:
        lines += _spend_lines(pair, plan, currency)
    return [*lines, _payback(prefix, against, point.saving_per_day, gross, running, plan)]


def _spend_lines(pair: Pair, plan: Plan, currency: str) -> list[Line]:
    """Where machines are always on the share compares whole days."""
    point, volume = figures(*pair, plan), plan.requests_per_day
    assert volume is not None
    lines = []
    for key, effective, machines in zip(("baseline", "candidate"), point.effective, point.machines, strict=True):
        assert effective is not None
        lines.append(
            line(f"spend_per_day_{key}", f"What the {key} costs in a day, machines included.",
                 "requests a day × cost of a request + machines", "{0} × {1} + {2}", (volume, effective, machines),
                 lambda n, c, m: n * c + m, f"{currency} a day")
        )  # fmt: skip
    before, after = point.spend_per_day
    assert before is not None
    assert after is not None
    lines.append(
        line("saving_share", "The share of a day's spend that is saved.", "1 - candidate's day ÷ baseline's day",
             "1 - {0} ÷ {1}", (after, before), lambda f, p: 1 - f / p)
    )  # fmt: skip
    return lines


def _payback(prefix: str, against: str, saving: Decimal, gross: Decimal, running: Decimal, plan: Plan) -> Line:
    """The payback; never where the base model is gone by then, with the days that it would have taken."""
    found, left = _earned_back(prefix, against, saving, gross, running, plan), plan.lifetime_days
    if found.value is None or left is None or found.value <= left:
        return found
    words = f"{found.words.rstrip('.')}: more than the {left:f} days until the base model is retired, so never."
    return replace(found, words=words, numbers=f"{found.numbers} > {left:f}", result="never", value=None)


def _earned_back(prefix: str, against: str, saving: Decimal, gross: Decimal, running: Decimal, plan: Plan) -> Line:
    key, cost, ramp = f"{prefix}payback_days", plan.investment, plan.ramp_days
    if saving <= 0:
        words = f"A day that saves nothing{against} never pays the investment back."
        return comparison(key, words, "saving per day <= 0", "{0} <= 0", (saving,), "never")
    words = f"Days until the investment is earned back{against}"
    if cost <= 0:
        return comparison(key, f"{words}: nothing is to be invested.", "investment <= 0", "{0} <= 0", (cost,), "0 days")
    if ramp == 0:
        return line(key, f"{words}.", "investment ÷ saving per day", "{0} ÷ {1}", (cost, saving), _over, "days")
    after = (cost + gross * ramp / 2) / saving
    # Machines that are saved pay back even where requests save nothing; then there is no growth to divide by.
    if after >= ramp or gross == 0 or running * running + 2 * gross / ramp * cost < 0:
        return line(
            key, f"{words}; the volume grows over {ramp:f} days, which counts as half of them.",
            "(investment + saving of requests × ramp ÷ 2) ÷ saving per day", "({0} + {1} × {2} ÷ 2) ÷ {3}",
            (cost, gross, ramp, saving), lambda i, g, t, s: (i + g * t / 2) / s, "days",
        )  # fmt: skip
    return line(
        key, f"{words}, while the volume still grows over {ramp:f} days.",
        "(running + sqrt(running^2 + 2 × growth × investment)) ÷ growth, growth = saving of requests ÷ ramp",
        "({0} + sqrt({0} ^ 2 + 2 × {1} ÷ {2} × {3})) ÷ ({1} ÷ {2})", (running, gross, ramp, cost),
        lambda m, g, t, i: (m + (m * m + 2 * g / t * i).sqrt()) / (g / t), "days",
    )  # fmt: skip


def break_even_lines(
    names: tuple[str, str], pair: Pair, plan: Plan, keys: Mapping[str, Any], currency: str
) -> list[Line]:
    """Requests to pay back, the volume, the cost of a failure and the fixed prompt at which it tips over."""
    point, lines = figures(*pair, plan), []
    saved = point.saving_per_request
    if keys["requests_to_pay_back"] is not None and saved is not None:
        lines.append(
            line("requests_to_pay_back", "Requests until the investment is earned back, running costs aside.",
                 "investment ÷ saving per request", "{0} ÷ {1}", (plan.investment, saved), _over, "requests")
        )  # fmt: skip
    volume = keys["break_even_requests_per_day"]
    if volume is not None and saved is not None:
        lines += _volume_lines(pair, plan, volume, saved)
    if keys["break_even_failure_cost"] is not None:
        lines += _failure_lines(names, pair, plan, point.running_per_day, currency)
    if keys["break_even_fixed_tokens"] is not None:
        lines += _fixed_lines(names[0], pair, plan, currency)
    return lines


def _volume_lines(pair: Pair, plan: Plan, volume: Decimal, saved: Decimal) -> list[Line]:
    running = figures(*pair, replace(plan, requests_per_day=volume)).running_per_day
    if pair[0].hourly or not pair[1].hourly:  # the machines of today's volume, which REFERENCE's formula takes
        running = figures(*pair, plan).running_per_day
    words = "Requests a day from which the saving over the horizon covers the investment"
    horizon, ramp = plan.horizon_days, plan.ramp_days
    if plan.investment + running * horizon <= 0:
        return [comparison("break_even_requests_per_day", f"{words}: any.", "investment + running × horizon <= 0",
                           "{0} + {1} × {2} <= 0", (plan.investment, running, horizon), "0 requests a day")]  # fmt: skip
    if ramp == 0 and not running:
        return [line("break_even_requests_per_day", f"{words}.", "investment ÷ horizon ÷ saving per request",
                     "{0} ÷ {1} ÷ {2}", (plan.investment, horizon, saved), lambda i, h, d: i / h / d,
                     "requests a day")]  # fmt: skip
    if ramp == 0:
        return [line("break_even_requests_per_day", f"{words}.", "(investment ÷ horizon + running) ÷ saving per request",
                     "({0} ÷ {1} + {2}) ÷ {3}", (plan.investment, horizon, running, saved),
                     lambda i, h, m, d: (i / h + m) / d, "requests a day")]  # fmt: skip
    return [
        line("break_even_requests_per_day", f"{words}, the ramp taken off the horizon.",
             "(investment + running × horizon) ÷ (saving per request × days at full volume)",
             "({0} + {1} × {2}) ÷ ({3} × {4})", (plan.investment, running, horizon, saved, ramped_days(horizon, ramp)),
             lambda i, m, h, d, f: (i + m * h) / (d * f), "requests a day")
    ]  # fmt: skip


def _failure_lines(names: tuple[str, str], pair: Pair, plan: Plan, running: Decimal, currency: str) -> list[Line]:
    spend = [cost_per_request(option) * (calls_of(option, plan.failures, plan.tries) or ONE) for option in pair]
    failing = [failing_of(option, plan.failures, plan.tries) or ZERO for option in pair]
    words = f"What an unacceptable output must cost for {names[1]} to be no dearer to run than {names[0]}."
    formula = "(dearer per request) ÷ (fewer failures per request)"
    if running and plan.requests_per_day and plan.requests_total is None:
        return [line("break_even_failure_cost", words, formula, "({1} - {0} + {2} ÷ {3}) ÷ ({4} - {5})",
                     (*spend, running, plan.requests_per_day, *failing),
                     lambda p, f, m, n, q, r: (f - p + m / n) / (q - r), currency)]  # fmt: skip
    return [line("break_even_failure_cost", words, formula, "({1} - {0}) ÷ ({2} - {3})", (*spend, *failing),
                 lambda p, f, q, r: (f - p) / (q - r), currency)]  # fmt: skip


def _fixed_lines(name: str, pair: Pair, plan: Plan, currency: str) -> list[Line]:
    before, after = figures(*pair, plan).effective
    calls = calls_of(pair[0], plan.failures, plan.tries)
    assert before is not None
    assert after is not None
    assert calls is not None
    token = cost_per_request(replace(pair[0], fixed_tokens=ONE)) - cost_per_request(replace(pair[0], fixed_tokens=ZERO))
    return [
        line("break_even_fixed_tokens", f"The fixed prompt of {name} at which both cost the same per request.",
             "fixed tokens + (candidate's cost - baseline's cost) ÷ cost of one fixed token",
             "{0} + ({1} - {2}) ÷ ({3} × {4})", (pair[0].fixed_tokens, after, before, token, calls),
             lambda g, f, p, t, c: g + (f - p) / (t * c), "tokens")
    ]  # fmt: skip


def value_lines(pair: Pair, plan: Plan, currency: str) -> list[Line]:
    """The present value: savings less the investment, month by month where they are discounted."""
    point = figures(*pair, plan)
    if point.npv is None or point.saving_per_request is None:
        return []
    if plan.requests_total is not None:
        assert point.saving_total is not None
        return [line("npv", "What the batch leaves over.", "saving of the batch - investment", "{0} - {1}",
                     (point.saving_total, plan.investment), lambda s, i: s - i, currency)]  # fmt: skip
    assert plan.requests_per_day is not None
    gross, running, horizon = plan.requests_per_day * point.saving_per_request, point.running_per_day, plan.horizon_days
    if plan.discount_rate == 0:
        full = ramped_days(horizon, plan.ramp_days) if horizon > 0 else ZERO
        words = f"What {horizon:f} days leave over"
        words += "." if plan.ramp_days == 0 else f"; the ramp leaves {full.normalize():f} days at full volume."
        if not running:
            return [line("npv", words, "saving per day × days at full volume - investment", "{0} × {1} - {2}",
                         (gross, full, plan.investment), lambda g, f, i: g * f - i, currency)]  # fmt: skip
        return [line("npv", words, "saving of requests × full days - running × days - investment",
                     "{0} × {1} - {2} × {3} - {4}", (gross, full, running, horizon, plan.investment),
                     lambda g, f, m, h, i: g * f - m * h - i, currency)]  # fmt: skip
    return _monthly_lines(gross, running, plan, currency)


def _monthly_lines(gross: Decimal, running: Decimal, plan: Plan, currency: str) -> list[Line]:
    """A line per year: its months, each discounted at its end; then their sum."""
    rate, ramp = ONE + plan.discount_rate, plan.ramp_days
    years: list[list[tuple[int, Decimal, Decimal]]] = []
    start, month = ZERO, 0
    while start < plan.horizon_days:
        month, end = month + 1, min(start + DAYS_A_MONTH, plan.horizon_days)
        full = ramped_days(end, ramp) - ramped_days(start, ramp)
        if month % 12 == 1:
            years.append([])
        years[-1].append((month, full, end - start))
        start = end
    lines, totals = [], []
    for number, months in enumerate(years, start=1):
        made = _year_line(number, months, gross, running, rate, currency)
        lines.append(made)
        assert made.value is not None
        totals.append(made.value)
    if not totals:
        return [line("npv", "No day is left to save anything.", "- investment", "0 - {0}", (plan.investment,),
                     lambda i: -i, currency)]  # fmt: skip
    template = " + ".join(f"{{{index + 1}}}" for index in range(len(totals))) + " - {0}"
    return [*lines, line("npv", "The years together, less the investment.", "years - investment", template,
                         (plan.investment, *totals), lambda i, *each: sum(each, ZERO) - i, currency)]  # fmt: skip


def _year_line(
    number: int,
    months: list[tuple[int, Decimal, Decimal]],
    gross: Decimal,
    running: Decimal,
    rate: Decimal,
    currency: str,
) -> Line:
    """A year's months; those alike (whole ones at full volume) as one geometric sum."""
    saving = gross - running
    alike = [m for m, full, days in months if full == days == DAYS_A_MONTH]
    other = [(m, full, days) for m, full, days in months if not full == days == DAYS_A_MONTH]
    numbers: list[Decimal] = [rate, gross, running, saving]
    terms = []
    for m, full, days in other:
        at = len(numbers)
        numbers += [full, days, Decimal(m)]
        terms.append(f"({{1}} × {{{at}}} - {{2}} × {{{at + 1}}}) ÷ {{0}} ^ ({{{at + 2}}} ÷ 12)")
    if alike:
        at = len(numbers)
        numbers += [Decimal(m) for m in alike]
        powers = " + ".join(f"1 ÷ {{0}} ^ ({{{at + index}}} ÷ 12)" for index in range(len(alike)))
        terms.append(f"30.4375 × {{3}} × ({powers})")
    count = len(other)

    def total(*given: Decimal) -> Decimal:
        r, g, m, s = given[:4]
        found = ZERO
        for index in range(count):
            full, days, place = given[4 + 3 * index : 7 + 3 * index]
            found += (g * full - m * days) / r ** (place / 12)
        return found + DAYS_A_MONTH * s * sum((ONE / r ** (place / 12) for place in given[4 + 3 * count :]), ZERO)

    words = f"Saved in year {number}, each month discounted at its end."
    return line(f"npv.year_{number}", words, "sum of (saving of the month ÷ (1 + rate) ^ (month ÷ 12))",
                " + ".join(terms), numbers, total, currency)  # fmt: skip
