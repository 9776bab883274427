"""The whole account a second time, in floats and without closed forms, as in a spreadsheet."""

import random
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from math import ceil

import pytest

from tuneworth.evaluate.money import compute_money, read_roi

TODAY = date(2026, 11, 1)
HALVINGS = 200


def some_variant(chance: random.Random) -> dict:
    counts = {"fixed_tokens": chance.choice([0, 300, 1500, 4000]), "acceptance": Decimal(chance.randint(1, 100)) / 100}
    counts |= {key: chance.randint(10, 500) for key in ("input_tokens", "output_tokens")}
    if chance.random() < 0.25:
        hourly, rate = Decimal(chance.randint(1, 500)) / 100, Decimal(chance.randint(1, 50)) / 10
        peak = Decimal(chance.randint(10, 50)) / 10
        machines = {"min_replicas": chance.randint(1, 3), "peak_factor": peak}
        hosted = {**counts, "hourly": hourly, "requests_per_second": rate, **machines}
        tokens = {
            "price_input": Decimal(chance.randint(1, 300)) / 100,
            "price_output": Decimal(chance.randint(1, 900)) / 100,
        }
        return hosted | (tokens if chance.random() < 0.5 else {})
    price = Decimal(chance.randint(1, 1000)) / 100
    priced = {**counts, "price_input": price, "price_output": Decimal(chance.randint(1, 4000)) / 100}
    if chance.random() < 0.6:
        priced |= {"price_cached": price * Decimal("0.3"), "cached_share": Decimal(chance.randint(0, 100)) / 100}
    return priced | ({"price_cache_write": price * Decimal("1.25")} if chance.random() < 0.3 else {})


def some_table(chance: random.Random) -> dict:
    running = {
        "monitoring_hours_per_month": chance.randint(0, 5), "monitoring_hourly": 60,
        "retrain_every_days": chance.choice([0, 90]), "retrain_cost": 150, "style_changes_per_year": chance.randint(0, 4),
        "per_month": chance.choice([0, 0, 45]),
    }  # fmt: skip
    if chance.random() < 0.5:
        running["base_model_retires"] = (TODAY + timedelta(chance.randint(10, 600))).isoformat()
    invested = {
        "compute": chance.choice([0, 200, 5000]), "engineering_hours": chance.randint(0, 10), "engineering_hourly": 80,
        "training_price": Decimal("0.5"), "training_tokens": chance.choice([0, 3_000_000]),
        "labelling_pairs": 100, "labelling_minutes": 3, "labelling_hourly": 30, "evaluation": 7,
    }  # fmt: skip
    return {
        "requests_per_day": chance.choice([100, 3000, 50_000, 800_000]), "horizon_days": chance.randint(20, 700),
        "discount_rate": chance.choice([Decimal(0), Decimal("0.08")]), "ramp_days": chance.choice([0, 0, 40, 300]),
        "failures": chance.choice(["ignore", "drop", "repair", "retry"]), "tries": chance.randint(1, 4),
        "failure_cost": Decimal("0.05"), "investment": invested, "running": running,
        "prompted": some_variant(chance), "tuned": some_variant(chance),
    }  # fmt: skip


def a_request(variant: dict) -> float:
    """Tokens at their prices, if they have any; a machine that is always on costs nothing for one more request."""
    if "price_input" not in variant:
        return 0.0
    fixed, price = variant["fixed_tokens"], float(variant["price_input"])
    hit = float(variant.get("cached_share", 0)) if fixed >= 1024 else 0.0
    missed = max(float(variant.get("price_cache_write", 0)), price) if hit else price
    paid = fixed * (hit * float(variant.get("price_cached", price)) + (1 - hit) * missed)
    return (paid + variant["input_tokens"] * price + variant["output_tokens"] * float(variant["price_output"])) / 1e6


def calls_and_cost(table: dict, variant: dict) -> tuple[float, float]:
    """Calls of one request and its cost including failures, try by try."""
    good, loss, cost = float(variant["acceptance"]), float(table["failure_cost"]), a_request(variant)
    if table["failures"] == "ignore":
        return 1.0, cost
    if table["failures"] == "repair":
        return 1.0, cost + (1 - good) * loss
    if table["failures"] == "drop":
        return 1 / good, cost / good
    calls = sum((1 - good) ** done for done in range(table["tries"]))
    return calls, cost * calls + (1 - good) ** table["tries"] * loss


def machines_a_day(table: dict, variant: dict, calls: float) -> float:
    if "hourly" not in variant:
        return 0.0
    a_second = table["requests_per_day"] * calls * float(variant["peak_factor"]) / 86_400
    needed = ceil(round(a_second / float(variant["requests_per_second"]), 9))
    return 24 * float(variant["hourly"]) * max(variant["min_replicas"], needed)


def upkeep_a_day(running: dict) -> float:
    retraining = 150 / 90 if running["retrain_every_days"] else 0.0
    monitoring = running["monitoring_hours_per_month"] * 60 * 12 / 365.25
    return monitoring + retraining + running["style_changes_per_year"] * 150 / 365.25 + running["per_month"] / 30.4375


class Balance:
    """The saving up to a day: the volume grows over the ramp, upkeep and machines run from the first day."""

    def __init__(self, table: dict) -> None:
        (calls_before, before), (calls_after, after) = (calls_and_cost(table, table[k]) for k in ("prompted", "tuned"))
        self.saving = before - after
        self.gross, self.ramp = table["requests_per_day"] * self.saving, table["ramp_days"]
        candidate, baseline = ((table["tuned"], calls_after), (table["prompted"], calls_before))
        self.running = upkeep_a_day(table["running"])
        self.running += machines_a_day(table, *candidate) - machines_a_day(table, *baseline)

    def at(self, day: float) -> float:
        worth = day - self.ramp / 2 if day >= self.ramp else day * day / (2 * self.ramp)
        return self.gross * worth - self.running * day

    def reaches(self, amount: float) -> float:
        """The first day with this balance, by halving; it rises from its lowest point on."""
        low = max(0.0, min(self.ramp, self.running * self.ramp / self.gross)) if self.gross > 0 else 0.0
        high = 1e9
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.at(middle) >= amount else (middle, high)
        return high

    def value(self, days: float, rate: float) -> float:
        """Month by month, each discounted at its end."""
        total, start = 0.0, 0.0
        for month in count(1):
            end = min(30.4375 * month, days)
            total += (self.at(end) - self.at(start)) / (1 + rate) ** (month / 12)
            if end >= days:
                return total
            start = end
        raise AssertionError


def expected(table: dict) -> dict:
    balance, invested = Balance(table), table["investment"]
    paid = invested["compute"] + invested["engineering_hours"] * 80 + 100 * 3 / 60 * 30 + 7
    paid += invested["training_tokens"] * 0.5 / 1e6
    retires = table["running"].get("base_model_retires")
    left = (date.fromisoformat(retires) - TODAY).days if retires else None
    days = table["horizon_days"] if left is None else min(table["horizon_days"], left)
    daily = balance.gross - balance.running
    payback = balance.reaches(paid) if daily > 0 else None
    return {
        "saving_per_request": balance.saving,
        "saving_per_day": daily,
        "running_cost_per_day": balance.running,
        "investment": paid,
        "payback_days": None if payback is None or (left is not None and payback > left) else payback,
        "npv": balance.value(days, float(table["discount_rate"])) - paid,
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_every_figure_equals_the_day_by_day_table(seed):
    table = some_table(random.Random(seed))
    roi = read_roi(table, on=TODAY)
    found = compute_money(roi, baseline="prompted", candidate="tuned", draws=1, today=TODAY).to_json()
    for key, value in expected(table).items():
        assert found[key] == (value if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)), key
    assert sum(found["parts"].values()) == pytest.approx(found["saving_per_request"], abs=1e-12)


def test_the_tables_cover_every_kind_of_case():
    tables = [some_table(random.Random(seed)) for seed in range(60)]
    wanted = [expected(table) for table in tables]
    assert {table["failures"] for table in tables} == {"ignore", "drop", "repair", "retry"}
    assert {("hourly" in table["prompted"], "hourly" in table["tuned"]) for table in tables} == {
        (False, False), (False, True), (True, False), (True, True),
    }  # fmt: skip
    assert any({"hourly", "price_input"} <= set(table["tuned"]) for table in tables)
    never = [found["payback_days"] is None for found in wanted]
    assert any(never)
    assert not all(never)
    within = [
        0 < (found["payback_days"] or 0) < table["ramp_days"] for found, table in zip(wanted, tables, strict=True)
    ]
    assert any(within)
