"""The formulas of money, exact in Decimal: cost of a request, what a failure adds, payback and present value.

Tokens are a request's means, prices are per million tokens and in one currency, shares are 0 to 1.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

__all__ = [
    "DAYS_A_MONTH",
    "Option",
    "break_even_failure_cost",
    "break_even_fixed_tokens",
    "break_even_volume",
    "calls_of",
    "cost_per_request",
    "effective_cost",
    "effective_cost_of",
    "expected_calls",
    "failing_of",
    "machine_cost_per_day",
    "net_present_value",
    "payback_days",
]

DAYS_A_MONTH = Decimal("30.4375")  # 365.25 / 12
MILLION = Decimal(1_000_000)
ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True)
class Option:
    """One way to get outputs, as its cost sees it; `acceptance` is None where it is unknown.

    With `hourly` above 0 the option runs on machines of its own and its token prices are 0; `per_request` is the
    machine time of one request where a batch needs the machine only as long as it runs. `extra_calls` and `rescued`
    are what repeated outputs showed of requests whose first output fails: the calls that trying again adds, and the
    share of them that it mends; None where failures are taken as independent.
    """

    fixed_tokens: Decimal = ZERO
    input_tokens: Decimal = ZERO
    output_tokens: Decimal = ZERO
    price_input: Decimal = ZERO
    price_cached: Decimal = ZERO
    price_cache_write: Decimal = ZERO
    price_output: Decimal = ZERO
    cached_share: Decimal = ZERO
    acceptance: Decimal | None = None
    extra_calls: Decimal | None = None
    rescued: Decimal | None = None
    per_request: Decimal = ZERO
    hourly: Decimal = ZERO
    requests_per_second: Decimal | None = None
    min_replicas: Decimal = ONE
    peak_factor: Decimal = ONE


def cost_per_request(option: Option) -> Decimal:
    """Cost of one call: c = (g(1-h) p_in + g h p_cached + u p_in + o p_out) / 1e6.

    Where the cache is used (h > 0) and writing to it costs more than reading afresh, misses cost p_write.
    """
    missed_price = option.price_input
    if option.cached_share > 0:
        missed_price = max(option.price_cache_write, option.price_input)
    missed = option.fixed_tokens * (1 - option.cached_share) * missed_price
    cached = option.fixed_tokens * option.cached_share * option.price_cached
    content = option.input_tokens * option.price_input + option.output_tokens * option.price_output
    return (missed + cached + content) / MILLION + option.per_request


def expected_calls(acceptance: Decimal, tries: int) -> Decimal:
    """Calls of one request that is tried again up to `tries` in all: (1 - (1-a)^k) / a, and k at a = 0.

    Only right if failures are independent within an item.
    """
    return Decimal(tries) if acceptance == 0 else (1 - (1 - acceptance) ** tries) / acceptance


def calls_per_need(acceptance: Decimal | None, failures: str, tries: int) -> Decimal | None:
    """Calls that one request, or one acceptable output where failures are dropped, takes; None for no end of them."""
    if failures in ("ignore", "repair"):
        return ONE
    if acceptance is None:
        return None
    if failures == "retry":
        return expected_calls(acceptance, tries)
    return None if acceptance == 0 else 1 / acceptance


def failing_share(acceptance: Decimal, failures: str, tries: int) -> Decimal:
    """Share of requests whose last output is unacceptable."""
    return (1 - acceptance) ** (tries if failures == "retry" else 1)


def effective_cost(
    cost: Decimal, acceptance: Decimal | None, *, failures: str, failure_cost: Decimal | None, tries: int = 1
) -> Decimal | None:
    """What one request costs with its failures counted; with failures dropped, what one acceptable output costs.

    None where acceptance is needed and unknown, and for failures dropped at acceptance 0.
    """
    calls = calls_per_need(acceptance, failures, tries)
    if calls is None:
        return None
    if failures in ("ignore", "drop"):
        return cost * calls
    if acceptance is None:
        return None
    return cost * calls + failing_share(acceptance, failures, tries) * (failure_cost or ZERO)


def calls_of(option: Option, failures: str, tries: int) -> Decimal | None:
    """Calls that one request of this option takes, by its repeated outputs where there are some; None for no end."""
    if failures == "retry" and option.extra_calls is not None and option.acceptance is not None:
        return 1 + (1 - option.acceptance) * option.extra_calls
    return calls_per_need(option.acceptance, failures, tries)


def failing_of(option: Option, failures: str, tries: int) -> Decimal | None:
    """Share of requests whose last output is unacceptable, by repeated outputs where there are some."""
    if option.acceptance is None:
        return None
    if failures == "retry" and option.rescued is not None:
        return (1 - option.acceptance) * (1 - option.rescued)
    return failing_share(option.acceptance, failures, tries)


def effective_cost_of(option: Option, *, failures: str, failure_cost: Decimal | None, tries: int = 1) -> Decimal | None:
    """`effective_cost` of an option, with what its repeated outputs showed of trying again."""
    cost, calls, failing = cost_per_request(option), calls_of(option, failures, tries), None
    if failures != "retry" or option.extra_calls is None:
        return effective_cost(cost, option.acceptance, failures=failures, failure_cost=failure_cost, tries=tries)
    failing = failing_of(option, failures, tries)
    return None if calls is None or failing is None else cost * calls + failing * (failure_cost or ZERO)


def machine_cost_per_day(option: Option, requests_per_day: Decimal | None, calls: Decimal = ONE) -> Decimal:
    """24 x hourly x replicas, always on: as many replicas as the peak needs, and no fewer than `min_replicas`."""
    if option.hourly == 0:
        return ZERO
    replicas = option.min_replicas
    if requests_per_day is not None and option.requests_per_second is not None:
        peak_per_second = requests_per_day * calls * option.peak_factor / 86400
        needed = (peak_per_second / option.requests_per_second).to_integral_value(rounding=ROUND_CEILING)
        replicas = max(replicas, needed)
    return 24 * option.hourly * replicas


def payback_days(
    investment: Decimal, gross_per_day: Decimal, running: Decimal, ramp_days: Decimal = ZERO
) -> Decimal | None:
    """Days until the saved money has paid the investment: I / (N d - M), later with a ramp; None for never.

    `gross_per_day` is N d at full volume, `running` is M. Under a linear ramp the balance after t days is
    N d t^2 / (2 tau) - M t, then N d (t - tau/2) - M t; the first time that it reaches I counts.
    """
    saving = gross_per_day - running
    if saving <= 0:
        return None
    if investment <= 0:
        return ZERO
    after = (investment + gross_per_day * ramp_days / 2) / saving
    if ramp_days == 0 or after >= ramp_days:
        return after
    growth = gross_per_day / ramp_days
    if growth == 0:
        return after
    root = running * running + 2 * growth * investment
    if root < 0:
        return after
    return (running + root.sqrt()) / growth


def net_present_value(
    investment: Decimal,
    gross_per_day: Decimal,
    running: Decimal,
    *,
    horizon_days: Decimal,
    discount_rate: Decimal = ZERO,
    ramp_days: Decimal = ZERO,
) -> Decimal:
    """-I plus each month's saving, discounted at the month's end: 30.4375 S_m / (1 + r)^(m/12).

    A last part of a month counts pro rata, discounted as that month. The ramp is in S_m.
    """
    value, start, factor = -investment, ZERO, ONE
    monthly = (1 + discount_rate) ** (ONE / 12) if discount_rate else ONE
    while start < horizon_days:
        end = min(start + DAYS_A_MONTH, horizon_days)
        factor *= monthly
        full_days = ramped_days(end, ramp_days) - ramped_days(start, ramp_days)
        value += (gross_per_day * full_days - running * (end - start)) / factor
        start = end
    return value


def ramped_days(days: Decimal, ramp_days: Decimal) -> Decimal:
    """Days at full volume that the first `days` are worth when volume grows linearly over `ramp_days`."""
    if days < ramp_days:
        return days * days / (2 * ramp_days)
    return days - ramp_days / 2


def break_even_volume(
    investment: Decimal,
    running: Decimal,
    saving_per_request: Decimal,
    horizon_days: Decimal,
    ramp_days: Decimal = ZERO,
) -> Decimal | None:
    """Requests a day from which the horizon's saving covers the investment: (I/H + M) / d; None if d <= 0 or H = 0.

    With a ramp it is the full volume, and the days of saving are those that the ramp leaves: (I + M H) / (d D).
    """
    if saving_per_request <= 0 or horizon_days <= 0:
        return None
    full_days = ramped_days(horizon_days, ramp_days)
    return max((investment + running * horizon_days) / (saving_per_request * full_days), ZERO)


def break_even_fixed_tokens(baseline: Option, spend: tuple[Decimal, Decimal], calls: Decimal) -> Decimal | None:
    """Fixed prompt tokens of the baseline at which both options cost the same per request; None where none do.

    `spend` is the effective cost per request of (baseline, candidate); `calls` are the baseline's calls of one request.
    One fixed token costs (1-h) p_in + h p_cached, in as many calls. With a tuned model at m times the price and no
    fixed prompt that is g = (m - 1)(u + p_out/p_in o).
    """
    token = (
        cost_per_request(replace(baseline, fixed_tokens=ONE)) - cost_per_request(replace(baseline, fixed_tokens=ZERO))
    ) * calls
    if token <= 0:
        return None
    found = baseline.fixed_tokens + (spend[1] - spend[0]) / token
    return found if found >= 0 else None


def break_even_failure_cost(
    spend: tuple[Decimal, Decimal], failing: tuple[Decimal, Decimal], running_per_request: Decimal
) -> Decimal | None:
    """What an unacceptable output must cost for the candidate to be no dearer to run: (c_F - c_P + M/N) / (a_F - a_P).

    `spend` and `failing` are (baseline, candidate): the calls of one request, and the share that still fails.
    None unless the candidate is better but dearer.
    """
    fewer = failing[0] - failing[1]
    dearer = spend[1] - spend[0] + running_per_request
    return dearer / fewer if fewer > 0 and dearer > 0 else None
