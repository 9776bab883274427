"""Over two hundred random situations of the money: all kinds of failures, prices, volumes, costs and missing values."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from tuneworth.evaluate.money import MeasuredVariant, TrainingCost, compute_money, read_roi

TODAY = date(2026, 11, 25)
# Prices from a price file, since those of the installed list change with its version.
PRICES = """
currency = "USD"
date = "2026-05-01"
source = "an offer"
[models."own:large"]
price_input = 2.5
price_cached = 1.25
price_output = 10
price_input_batch = 1.25
price_output_batch = 5
[models."own:small"]
price_input = 0.15
price_output = 0.6
[models."own:written"]
price_input = 3
price_cached = 0.3
price_cache_write = 3.75
price_output = 15
[models."own:ft:small"]
currency = "EUR"
date = "2026-11-01"
price_input = 0.3
price_output = 1.2
"""
MODELS = ("own:large", "own:small", "own:written", "own:ft:small")


@dataclass(frozen=True)
class Situation:
    """The arguments of `compute_money`."""

    table: Mapping[str, Any]
    baseline: str
    candidate: str
    measured: Mapping[str, MeasuredVariant] | None
    groups: np.ndarray | None
    training: TrainingCost | None

    def money(self, *, draws: int = 300) -> dict[str, Any]:
        """`money` of results.json."""
        return compute_money(
            read_roi(self.table, on=TODAY), baseline=self.baseline, candidate=self.candidate, measured=self.measured,
            groups=self.groups, training=self.training, draws=draws, today=TODAY,
        ).to_json()  # fmt: skip


def situation(seed: int, folder: Path) -> Situation:
    """The situation of this seed; its price file is in `folder`."""
    chance = random.Random(seed)
    names = ["prompted", "tuned", *chance.sample(["plain", "other"], chance.choice((0, 0, 1, 2)))]
    measured, groups = _measured(seed, names) if chance.random() < 0.45 else (None, None)
    table = _plan(chance)
    for name in names:
        if name not in ("plain", "other") or chance.random() < 0.8:
            table[name] = _variant(chance, name, table, measured is not None)
    if any("model" in table.get(name, {}) for name in names):
        table["prices"] = str(folder / "prices.toml")
        (folder / "prices.toml").write_text(PRICES, encoding="utf-8")
        table["exchange"] = {"USD": _number(chance, 0.8, 1.1, zero=0), "date": "2026-11-01"}
    baseline = "plain" if "plain" in table and chance.random() < 0.15 else "prompted"
    training = TrainingCost(chance.uniform(0.1, 4)) if chance.random() < 0.3 else None
    return Situation(table, baseline, "tuned", measured, groups, training)


def _number(chance: random.Random, low: float, high: float, *, zero: float = 0.1) -> Any:
    """A number, zero, or a range around the number."""
    if chance.random() < zero:
        return Decimal(0)
    middle = low * (high / low) ** chance.random()
    likely = Decimal(f"{middle:.{chance.choice((2, 4, 6))}g}")
    if chance.random() < 0.15:
        return [likely * Decimal("0.5"), likely, likely * Decimal("1.75")]
    return likely


def _plan(chance: random.Random) -> dict[str, Any]:
    failures = chance.choice(("ignore", "drop", "repair", "retry"))
    table: dict[str, Any] = {"failures": failures, "investment": _investment(chance), "running": _running(chance)}
    if failures == "retry":
        table["tries"] = chance.choice((1, 2, 3, 5))
    if failures == "repair" or chance.random() < 0.5:
        table["failure_cost"] = _number(chance, 1e-4, 5)
    kind = chance.random()
    if kind < 0.15:
        table["requests_total"] = _number(chance, 100, 1e7)
    elif kind < 0.94:
        table["requests_per_day"] = _number(chance, 1, 1e6, zero=0.04)
    if chance.random() < 0.5:
        table["ramp_days"] = _number(chance, 1, 600, zero=0)
    if chance.random() < 0.4:
        table["discount_rate"] = _number(chance, 0.01, 0.4, zero=0)
    if chance.random() < 0.8:
        table["horizon_days"] = chance.choice((Decimal("0.5"), Decimal("30.4375"), 365, [200, 365, 500], 1461))
    if chance.random() < 0.5:
        table["target_payback_days"] = _number(chance, 1, 900, zero=0)
    return table


def _investment(chance: random.Random) -> dict[str, Any]:
    table: dict[str, Any] = {}
    kind = chance.random()
    if kind < 0.5:
        table["compute"] = _number(chance, 1, 5000)
    elif kind < 0.8:
        table |= {"compute_hours": _number(chance, 1, 20), "compute_hourly": _number(chance, 0.5, 5)}
        table |= {"compute_runs": chance.choice((1, 3))}
    elif kind < 0.9:
        table["compute_hourly"] = Decimal("2.5")
    if chance.random() < 0.3:
        table |= {"labelling_pairs": _number(chance, 10, 2000), "labelling_minutes": _number(chance, 1, 5, zero=0)}
        table["labelling_hourly"] = 30
    if chance.random() < 0.3:
        table |= {"engineering_hours": _number(chance, 1, 40), "engineering_hourly": _number(chance, 50, 90, zero=0)}
    if chance.random() < 0.3:
        table |= {"evaluation": _number(chance, 1, 50), "already_spent": 1000}
    return table


def _running(chance: random.Random) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if chance.random() < 0.4:
        table |= {"monitoring_hours_per_month": _number(chance, 0.1, 4), "monitoring_hourly": 60}
    if chance.random() < 0.4:
        table |= {"retrain_every_days": chance.choice((0, 90, [60, 90, 180])), "retrain_cost": _number(chance, 5, 300)}
        table["style_changes_per_year"] = chance.choice((0, 2, [0, 1, 3]))
    if chance.random() < 0.3:
        table["base_model_retires"] = (TODAY + timedelta(chance.choice((-5, 0, 15, 100, 200, 4000)))).isoformat()
    return table


def _variant(chance: random.Random, name: str, plan: Mapping[str, Any], measured: bool) -> dict[str, Any]:
    small = name == "tuned" and chance.random() < 0.75  # the usual case: no guide and fewer failures
    tokens = {
        "fixed_tokens": Decimal(chance.choice((0, 20))) if small else _number(chance, 10, 5000),
        "input_tokens": _number(chance, 10, 600, zero=0.03), "output_tokens": _number(chance, 10, 400, zero=0.03),
    }  # fmt: skip
    good = chance.choice((0, 1, *[Decimal(f"{chance.random():.3f}")] * 8, [Decimal("0.5"), Decimal("0.7"), 1]))
    tokens["acceptance"] = Decimal("0.94") if small else good
    # Measured numbers need not be stated; without a run a number is sometimes missing.
    table = {key: value for key, value in tokens.items() if chance.random() < (0.2 if measured else 0.97)}
    if chance.random() < 0.3:
        table |= {"few_shot_tokens": _number(chance, 5, 300), "short_guide_tokens": _number(chance, 5, 200)}
    kind = chance.random()
    if kind < 0.2:
        return table | _machine(chance)
    if kind < 0.45:
        table["model"] = chance.choice(MODELS)
        if table["model"] == "own:large" and chance.random() < 0.2:
            table["batch"] = True
        if chance.random() < 0.2 and "batch" not in table:
            table["price_output"] = _number(chance, 0.1, 30)
    elif kind < 0.97:
        price = Decimal(f"{chance.uniform(0.1, 12):.3g}")
        table |= {"price_input": price, "price_output": _number(chance, 0.1, 40, zero=0.03)}
    if chance.random() < 0.5:
        table["cached_share"] = chance.choice((0, 1, Decimal(f"{chance.random():.3f}"), [0, Decimal("0.4"), 1]))
        table["min_cached_tokens"] = chance.choice((0, 0, 1024))
    if chance.random() < 0.5 and "batch" not in table:
        table["price_cached"] = _number(chance, 0.01, 3)
        if chance.random() < 0.5:
            table["price_cache_write"] = _number(chance, 0.1, 20)
    return table


def _machine(chance: random.Random) -> dict[str, Any]:
    table: dict[str, Any] = {"hourly": _number(chance, 0.1, 4, zero=0), "min_replicas": chance.choice((1, 2))}
    if chance.random() < 0.9:
        table |= {
            "requests_per_second": _number(chance, 0.05, 20, zero=0),
            "peak_factor": chance.choice((1, 2, [1, 2, 4])),
        }
    return table


def _measured(seed: int, names: list[str]) -> tuple[dict[str, MeasuredVariant], np.ndarray | None]:
    chance, n = np.random.default_rng(seed), 24
    found = {}
    for name in names:
        share = 0.9 if name == "tuned" else float(chance.choice([0.0, 0.3, 0.6, 0.8, 1.0]))
        repeats = (chance.random((n, 4)) < share).astype(float)
        output = chance.integers(20, 90, n).astype(float)
        if chance.random() < 0.3:
            output[:4] = np.nan
        fixed = None if chance.random() < 0.2 else float(chance.integers(20, 1500))
        content = None if chance.random() < 0.1 else chance.integers(60, 200, n).astype(float)
        found_share = float(chance.integers(0, 5)) / 4 if chance.random() < 0.4 else None
        of = content if fixed is None and content is not None else np.full(n, fixed or 0.0)
        cached = None if found_share is None else found_share * of
        found[name] = MeasuredVariant(
            fixed, content, output, repeats.mean(axis=1), cached_tokens=cached,
            requests_per_second=2.5, repeats=repeats if chance.random() < 0.6 else None,
            guide_tokens=float(chance.integers(10, 900)) if chance.random() < 0.5 else None,
            few_shot_tokens=float(chance.integers(0, 90)) if chance.random() < 0.4 else None,
            tuned=name == "tuned", model="small" if chance.random() < 0.5 else None,
        )  # fmt: skip
    return found, np.arange(n) // 3 if chance.random() < 0.4 else None
