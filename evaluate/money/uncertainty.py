"""The ranges of the money: ten thousand draws of everything that is not known exactly, through the same formulas.

The formulas stand here a second time, on arrays of floats; a test holds both versions together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .draws import range_of
from .formulas import DAYS_A_MONTH
from .options import DAYS_A_YEAR, TOKENS, listed_currency
from .quantities import Quantity
from .roi_settings import RoiSettings

__all__ = ["Simulated", "Values", "outcomes", "percentile", "simulate", "tornado"]

Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Simulated:
    """Payback days (inf = never; None for a one-off batch) and present value, one entry per draw `(draws,)`."""

    payback_days: np.ndarray | None
    npv: np.ndarray


def simulate(values: Values, settings: RoiSettings, baseline: str, candidate: str) -> Simulated | None:
    """Payback and value of every draw; None where a price, a token count, an acceptance or a volume is missing."""
    before = _effective(values, settings, baseline)
    after = _effective(values, settings, candidate)
    volume = values.get("requests_total", values.get("requests_per_day"))
    if before is None or after is None or volume is None:
        return None
    with np.errstate(invalid="ignore"):
        gross = volume * (before - after)
    # Neither option delivers anything acceptable in this draw, or nobody asks: nothing is saved.
    gross = np.where(np.isnan(gross), 0.0, gross)
    investment = _investment(values)
    if settings.requests_total is not None:
        return Simulated(None, np.atleast_1d(gross - investment))
    running = _upkeep(values) + _machines(values, settings, candidate) - _machines(values, settings, baseline)
    horizon, lifetime = values["horizon_days"], values.get("running.days_to_retirement")
    horizon = horizon if lifetime is None else np.minimum(horizon, lifetime)
    gross, running, investment = np.broadcast_arrays(gross, running, investment)
    ramp = values.get("ramp_days", np.zeros(1))
    npv = _npv(investment, gross, running, horizon, values.get("discount_rate", np.zeros(1)), ramp)
    days = _payback(investment, gross, running, ramp)
    return Simulated(days if lifetime is None else np.where(days > lifetime, np.inf, days), npv)


def outcomes(drawn: Values, settings: RoiSettings, baseline: str, candidate: str) -> dict[str, float | int | None]:
    """The keys of `money` that come from draws; None where the money cannot be told, and for a payback of never."""
    keys = [f"{what}_p{p}" for what in ("payback_days", "npv") for p in (5, 50, 95)]
    empty: dict[str, float | int | None] = dict.fromkeys(
        ["probability_of_payback_in_target", "probability_npv_positive", *keys, "draws"]
    )
    found = simulate(drawn, settings, baseline, candidate)
    if found is None:
        return empty
    empty["probability_npv_positive"] = float(np.mean(found.npv > 0))
    empty["draws"] = len(found.npv)
    empty |= {f"npv_p{p}": percentile(found.npv, p) for p in (5, 50, 95)}
    if found.payback_days is not None:
        empty["probability_of_payback_in_target"] = float(np.mean(found.payback_days <= drawn["target_payback_days"]))
        empty |= {f"payback_days_p{p}": percentile(found.payback_days, p) for p in (5, 50, 95)}
    return empty


def percentile(values: np.ndarray, percent: int) -> float | None:
    """The percentile as an observed draw, never an average with an infinite one; None where it is infinite itself."""
    value = float(np.quantile(values, percent / 100, method="inverted_cdf"))
    return value if np.isfinite(value) else None


def tornado(
    quantities: Mapping[str, Quantity], drawn: Values, settings: RoiSettings, baseline: str, candidate: str
) -> list[dict[str, float | str]]:
    """The value with one input at its low and high end at a time, the widest first; inputs that move nothing left out.

    A range has its own ends; what was measured goes from the 5th to the 95th percentile of its resampled mean.
    """
    points = {key: np.array([float(q.value)]) for key, q in quantities.items() if q.value is not None}
    rows: list[tuple[float, dict[str, float | str]]] = []
    for key, quantity in quantities.items():
        ends = range_of(quantity)
        if quantity.items is not None:
            low, high = (float(end) for end in np.quantile(drawn[key], [0.05, 0.95]))
        elif ends is not None:
            low, _, high = ends
        else:
            continue
        at = [simulate({**points, key: np.array([end])}, settings, baseline, candidate) for end in (low, high)]
        if at[0] is None or at[1] is None:
            continue
        values = float(at[0].npv[0]), float(at[1].npv[0])
        if np.all(np.isfinite(values)) and abs(values[1] - values[0]) > 1e-9:
            row: dict[str, float | str] = {"key": key, "low": low, "high": high}
            rows.append((abs(values[1] - values[0]), row | {"npv_low": values[0], "npv_high": values[1]}))
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def _of(values: Values, key: str) -> np.ndarray:
    return values.get(key, np.zeros(1))


def _effective(values: Values, settings: RoiSettings, name: str) -> np.ndarray | None:
    cost = _cost(values, settings, name)
    if cost is None or settings.failures == "ignore":
        return cost
    acceptance = values.get(f"{name}.acceptance")
    if acceptance is None:
        return None
    calls = _calls(values, settings, name)
    if settings.failures == "drop":
        with np.errstate(invalid="ignore"):  # what costs nothing, in calls without end
            return cost * calls
    failing = (1 - acceptance) ** (settings.tries if settings.failures == "retry" else 1)
    if settings.failures == "retry" and f"{name}.rescued" in values:
        failing = (1 - acceptance) * (1 - values[f"{name}.rescued"])
    return cost * calls + failing * _of(values, "failure_cost")


def _calls(values: Values, settings: RoiSettings, name: str) -> np.ndarray:
    """Calls per request, or per acceptable output where failures are dropped (inf at acceptance 0)."""
    acceptance = values.get(f"{name}.acceptance")
    if settings.failures in ("ignore", "repair") or acceptance is None:
        return np.ones(1)
    if settings.failures == "retry" and f"{name}.extra_calls" in values:
        return 1 + (1 - acceptance) * values[f"{name}.extra_calls"]
    with np.errstate(divide="ignore", invalid="ignore"):
        if settings.failures == "drop":
            return 1 / acceptance
        calls = (1 - (1 - acceptance) ** settings.tries) / acceptance
    return np.where(acceptance == 0, float(settings.tries), calls)


def _cost(values: Values, settings: RoiSettings, name: str) -> np.ndarray | None:
    table = settings.variants.get(name)
    if table is not None and table.self_hosted:
        if settings.requests_total is None:
            return np.zeros(1)
        rate = values.get(f"{name}.requests_per_second")
        return None if rate is None else values[f"{name}.hourly"] / (3600 * rate)
    if any(f"{name}.{key}" not in values for key in (*TOKENS, "price_input", "price_output")):
        return None
    fixed, content, output = (values[f"{name}.{key}"] for key in TOKENS)
    price = {key: _price(values, settings, name, key) for key in _PRICES}
    price_input = price["price_input"]
    price_output = price["price_output"]
    if price_input is None or price_output is None:
        return None
    cached = price_input if price["price_cached"] is None else price["price_cached"]
    write = price_input if price["price_cache_write"] is None else np.maximum(price["price_cache_write"], price_input)
    share = _of(values, f"{name}.cached_share")
    if table is not None and table.cached_share is not None:
        share = np.where(fixed < values[f"{name}.min_cached_tokens"], 0.0, share)
    missed = fixed * (1 - share) * np.where(share > 0, write, price_input)
    return (missed + fixed * share * cached + content * price_input + output * price_output) / 1e6


_PRICES = ("price_input", "price_cached", "price_cache_write", "price_output")


def _price(values: Values, settings: RoiSettings, name: str, key: str) -> np.ndarray | None:
    value, foreign = values.get(f"{name}.{key}"), listed_currency(settings, name, key)
    if value is None or foreign is None or foreign == settings.currency:
        return value
    return value * values[f"exchange.{foreign}"]


def _machines(values: Values, settings: RoiSettings, name: str) -> np.ndarray:
    table = settings.variants.get(name)
    if table is None or not table.self_hosted:
        return np.zeros(1)
    replicas, rate = values[f"{name}.min_replicas"], values.get(f"{name}.requests_per_second")
    if rate is not None:
        calls = _calls(values, settings, name)
        calls = np.where(np.isfinite(calls), calls, 1.0)  # nothing acceptable: no number of machines would do
        peak = values["requests_per_day"] * calls * values[f"{name}.peak_factor"] / 86400
        # A hair below a whole number is that number: floats must not order a machine more than Decimal does.
        replicas = np.maximum(replicas, np.ceil(peak / rate - 1e-9))
    return 24 * values[f"{name}.hourly"] * replicas


def _investment(values: Values) -> np.ndarray:
    def of(key: str) -> np.ndarray:
        return _of(values, f"investment.{key}")

    compute = of("compute") + of("compute_hours") * of("compute_hourly") * of("compute_runs")
    labelling = of("labelling_pairs") * of("labelling_minutes") / 60 * of("labelling_hourly")
    return compute + labelling + of("engineering_hours") * of("engineering_hourly") + of("evaluation")


def _upkeep(values: Values) -> np.ndarray:
    def of(key: str) -> np.ndarray:
        return _of(values, f"running.{key}")

    monitoring = of("monitoring_hours_per_month") * of("monitoring_hourly") / float(DAYS_A_MONTH)
    every = of("retrain_every_days")
    retraining = np.where(every > 0, of("retrain_cost") / np.where(every > 0, every, 1.0), 0.0)
    return monitoring + retraining + of("style_changes_per_year") * of("retrain_cost") / float(DAYS_A_YEAR)


def _payback(investment: np.ndarray, gross: np.ndarray, running: np.ndarray, ramp: np.ndarray) -> np.ndarray:
    saving = gross - running
    with np.errstate(divide="ignore", invalid="ignore"):
        after = (investment + gross * ramp / 2) / saving
        growth = gross / ramp
        inside = (running + np.sqrt(running * running + 2 * growth * investment)) / growth
        days = np.where((ramp > 0) & (after < ramp) & np.isfinite(inside), inside, after)
    days = np.where(np.isinf(gross) & (gross > 0), 0.0, days)  # the baseline delivers nothing acceptable at all
    return np.where(saving > 0, np.where(investment <= 0, 0.0, days), np.inf)


def _npv(
    investment: np.ndarray, gross: np.ndarray, running: np.ndarray, horizon: np.ndarray, rate: np.ndarray,
    ramp: np.ndarray,
) -> np.ndarray:  # fmt: skip
    full, days = _discounted_days(horizon, rate, ramp)
    with np.errstate(invalid="ignore"):
        saved = np.where(full > 0, gross * full, 0.0)  # no volume costs and saves nothing, even at inf
    return saved - running * days - investment


def _discounted_days(horizon: np.ndarray, rate: np.ndarray, ramp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Days at full volume and all days of the horizon, each worth what its month's end is discounted to.

    They seldom vary, so they are counted once for all draws where these three are known exactly.
    """
    if not np.any(rate):
        return np.where(horizon > 0, _ramped(horizon, ramp), 0.0), horizon
    month, start, number = float(DAYS_A_MONTH), 0.0, 0
    full, days = np.zeros(1), np.zeros(1)
    while start < float(np.max(horizon)):
        number += 1
        begin, end = np.minimum(start, horizon), np.minimum(start + month, horizon)
        factor = (1 + rate) ** (number / 12)
        full = full + (_ramped(end, ramp) - _ramped(begin, ramp)) / factor
        days = days + (end - begin) / factor
        start = month * number
    return full, days


def _ramped(days: np.ndarray, ramp: np.ndarray) -> np.ndarray:
    within = days * days / (2 * np.where(ramp > 0, ramp, 1.0))
    return np.where(days < ramp, within, days - ramp / 2)
