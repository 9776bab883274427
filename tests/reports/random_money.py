"""Random settings of the money, edges included, and their account by the Python."""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from tuneworth.evaluate.money import MeasuredVariant, compute_money, read_roi

TODAY = date(2026, 11, 25)
VARIANT_KEYS = ("cost_per_request", "cost_per_acceptable_output", "effective_cost_per_request", "machine_cost_per_day")
KEYS = (
    "saving_per_request", "saving_share", "saving_per_day", "saving_total", "spend_per_day_baseline",
    "spend_per_day_candidate", "running_cost_per_day", "investment", "horizon_days", "payback_days", "npv",
    "requests_to_pay_back", "break_even_requests_per_day", "break_even_failure_cost", "break_even_fixed_tokens",
)  # fmt: skip


def random_table(seed: int) -> dict[str, Any]:
    """A `[roi]` table as TOML would give it; every failure mode, batches, ramps, caches, own machines, zeros."""
    chance = random.Random(seed)

    def number(low: float, high: float, *, zero: float = 0.1) -> Decimal:
        if chance.random() < zero:
            return Decimal(0)
        return Decimal(f"{low * (high / low) ** chance.random():.6g}")

    failures = chance.choice(("ignore", "drop", "repair", "retry"))
    table: dict[str, Any] = {
        "failures": failures,
        "tries": chance.choice((1, 2, 3, 5)) if failures == "retry" else 1,
        "horizon_days": chance.choice((Decimal("0.5"), Decimal(30), Decimal("30.4375"), Decimal(365), Decimal(1461))),
        "target_payback_days": number(1, 900),
        "ramp_days": number(1, 700, zero=0.5),
        "discount_rate": number(0.01, 0.4, zero=0.5),
        "investment": {"compute": number(1, 1e5), "engineering_hours": number(1, 100), "engineering_hourly": Decimal(70)},
        "running": {"monitoring_hours_per_month": number(0.1, 40, zero=0.5), "monitoring_hourly": Decimal(60)},
    }  # fmt: skip
    table["requests_total" if chance.random() < 0.15 else "requests_per_day"] = number(1, 1e7, zero=0.03)
    if failures == "repair" or chance.random() < 0.5:
        table["failure_cost"] = number(1e-4, 50)
    if chance.random() < 0.3:
        table["running"]["base_model_retires"] = (TODAY + timedelta(days=chance.choice((0, 20, 200, 4000)))).isoformat()
    for name in ("prompted", "tuned"):
        table[name] = _variant(chance, number)
    if seed % 4:  # mostly as people come: no guide left, better than before, not much to spend
        table["tuned"]["fixed_tokens"] = Decimal(20)
        table["tuned"]["acceptance"] = 1 - (1 - table["prompted"]["acceptance"]) / 3
        table["investment"]["compute"] /= 100
    return table


def _variant(chance: random.Random, number: Any) -> dict[str, Any]:
    acceptance = chance.choice((Decimal(0), Decimal(1), *(Decimal(f"{chance.random():.4f}") for _ in range(6))))
    found: dict[str, Any] = {key: number(10, 5000) for key in ("fixed_tokens", "input_tokens", "output_tokens")}
    found |= {"acceptance": acceptance, "min_cached_tokens": chance.choice((Decimal(0), Decimal(1024)))}
    if chance.random() < 0.25:
        found |= {"hourly": number(0.1, 8, zero=0), "requests_per_second": number(0.05, 20, zero=0)}
        return found | {"min_replicas": chance.choice((1, 2, 5)), "peak_factor": number(1, 10, zero=0)}
    found |= {"price_input": number(0.01, 60), "price_output": number(0.01, 200)}
    if chance.random() < 0.6:
        found |= {"price_cached": number(0.001, 10), "price_cache_write": number(0.01, 90, zero=0.5)}
        found["cached_share"] = chance.choice((Decimal(0), Decimal(1), Decimal(f"{chance.random():.3f}")))
    return found


def random_measures(seed: int) -> dict[str, MeasuredVariant] | None:
    """What a run measured, with repeated outputs, for one seed in three; the tables then state no acceptance."""
    if seed % 3:
        return None
    chance = np.random.default_rng(seed)
    found = {}
    for name in ("prompted", "tuned"):
        repeats = (chance.random((20, 6)) < chance.choice([0.0, 0.3, 0.8, 1.0])).astype(float)
        found[name] = MeasuredVariant(900.0, chance.integers(20, 900, 20), chance.integers(20, 90, 20),
                                      repeats.mean(axis=1), repeats=repeats,
                                      cached_tokens=chance.integers(0, 2000 if seed % 2 else 900, 20).astype(float),
                                      wrong_facts=chance.random(20) * (1 - repeats.mean(axis=1)))  # fmt: skip
    return found


def account(table: dict[str, Any], measured: dict[str, MeasuredVariant] | None = None) -> dict[str, Any]:
    """`money` of results.json for this table."""
    settings = read_roi(table, on=TODAY)
    return compute_money(
        settings, baseline="prompted", candidate="tuned", measured=measured, draws=1, today=TODAY
    ).to_json()


def settings_of(seed: int) -> tuple[dict[str, Any], dict[str, MeasuredVariant] | None]:
    """A random table, and what was measured in place of what it then does not state."""
    table, measured = random_table(seed), random_measures(seed)
    for name in ("prompted", "tuned") if measured else ():
        for key in ("acceptance", "input_tokens", "output_tokens", "fixed_tokens", "cached_share"):
            if key != "cached_share" or seed % 2:
                table[name].pop(key, None)
    if measured and "failure_cost" in table and table["failures"] in ("repair", "retry") and seed % 2:
        form = table["failure_cost"]
        table["failure_cost"] = {"form": form, "facts": 7 * (form[1] if isinstance(form, list) else form)}
    return table, measured


def different(python: Any, browser: Any, where: str = "") -> list[str]:
    """Where two accounts differ by more than 1e-9 of the larger figure; null equals null alone.

    A gain of nearly nothing is the difference of large sums, so it may also differ by 1e-14 of the largest gain.
    """
    found = []
    largest = max((abs(line["npv"]) for line in python["volume_curve"]), default=0.0)
    for key in KEYS:
        found += _apart(python[key], browser[key], key, 1e-14 * largest if key == "npv" else 0.0)
    for name, variant in browser["variants"].items():
        for key in VARIANT_KEYS:
            found += _apart(python["variants"][name][key], variant[key], f"{name}.{key}")
    if len(python["volume_curve"]) != len(browser["volume_curve"]):
        found.append("volume_curve: other lengths")
    for here, there in zip(python["volume_curve"], browser["volume_curve"], strict=False):
        for key in ("requests_per_day", "payback_days", "npv"):
            found += _apart(here[key], there[key], f"volume_curve.{key}", 1e-14 * largest if key == "npv" else 0.0)
    return [f"{where}{text}" for text in found]


def _apart(here: float | None, there: float | None, key: str, slack: float = 0.0) -> list[str]:
    if here is None or there is None:
        return [] if here is there else [f"{key}: {here} and {there}"]
    allowed = max(1e-9 * max(abs(here), abs(there)), slack)
    return [] if abs(here - there) <= allowed else [f"{key}: {here!r} and {there!r}"]
