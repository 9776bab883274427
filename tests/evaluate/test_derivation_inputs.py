"""Each figure leads to every assumption that affects it, through the inputs that its lines name."""

from decimal import Decimal

import numpy as np
import pytest

from tuneworth.evaluate.money import MeasuredVariant, collect_quantities, read_roi

from .test_derivation import PROMPTED, SITUATIONS, TODAY, TUNED, derivation


def reached(lines, key):
    """All assumptions that the line leads to, through the lines that it names."""
    by_key, found, open_ = {entry["key"]: entry for entry in lines}, set(), [key]
    seen = set()
    while open_:
        at = open_.pop()
        if at in seen:
            continue
        seen.add(at)
        for name in by_key[at]["inputs"]:
            if name in by_key and name != at:
                open_.append(name)
            else:
                found.add(name)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_input_is_a_line_above_or_an_assumption(situation):
    found, lines = derivation(SITUATIONS[situation])
    above = assumed(SITUATIONS[situation])
    assert lines
    for entry in lines:
        assert set(entry["inputs"]) <= above, entry["key"]
        above.add(entry["key"])
    assert found["derivation"] is lines


def assumed(table):
    """The keys of the assumptions of these settings, including those of the variants."""
    whole = filled(table)
    names = [name for name in ("prompted", "tuned", "plain") if name in whole]
    return set(collect_quantities(read_roi(whole), names, {}, None, today=TODAY))


def differs(before, after):
    if before is None or after is None:
        return before != after
    return before != pytest.approx(after, rel=1e-12, abs=1e-300)


def filled(table):
    whole = {"requests_per_day": 5000, "investment": {"compute": 200}, "prompted": PROMPTED, "tuned": TUNED} | table
    return {key: value for key, value in whole.items() if value is not None}


def moved(table):
    """The settings with one number at a time slightly increased: (its key, the settings)."""
    for key, value in table.items():
        if isinstance(value, dict):
            for inner, number in value.items():
                if isinstance(number, int | Decimal) and not isinstance(number, bool) and number:
                    larger = Decimal(number) * Decimal("1.01")
                    if inner in ("acceptance", "cached_share") and larger > 1:
                        larger = Decimal(number) * Decimal("0.99")
                    yield f"{key}.{inner}", table | {key: {**value, inner: larger}}
        elif isinstance(value, int | Decimal) and value and key != "tries":
            yield key, table | {key: Decimal(value) * Decimal("1.01")}


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_assumption_that_moves_a_figure_is_reached_from_it(situation):
    table = filled(SITUATIONS[situation])
    _, lines = derivation({"requests_per_day": None} | table)
    before = {entry["key"]: entry["value"] for entry in lines}
    moves = 0
    for key, changed in moved(table):
        _, others = derivation({"requests_per_day": None} | changed)
        after = {entry["key"]: entry["value"] for entry in others}
        for name in before.keys() & after.keys():
            if differs(before[name], after[name]):
                moves += 1
                assert key in reached(lines, name), (name, key)
    assert moves > 3


def test_the_cost_of_retries_leads_to_the_repeated_outputs():
    repeats = np.array([[1, 1, 1], [0, 0, 0], [0, 1, 0], [1, 0, 1]], dtype=float)
    run = {
        name: MeasuredVariant(500.0, np.full(4, 150.0), np.full(4, 150.0), repeats.mean(axis=1), repeats=repeats)
        for name in ("prompted", "tuned")
    }
    priced = {"price_input": 5, "price_output": 20}
    table = {"failures": "retry", "tries": 2, "failure_cost": 1, "prompted": priced, "tuned": priced}
    _, lines = derivation(table, measured=run)
    wanted = {"tuned.extra_calls", "tuned.rescued", "tuned.acceptance", "failure_cost", "investment.compute"}
    assert wanted <= reached(lines, "payback_days")


def test_an_exchanged_price_leads_to_its_rate():
    _, lines = derivation(SITUATIONS["list prices"])
    assert {"exchange.USD", "prompted.price_input"} <= reached(lines, "variants.prompted.cost_per_request")


def test_unstated_costs_are_not_named():
    _, lines = derivation({})
    named = next(entry["inputs"] for entry in lines if entry["key"] == "investment")
    assert named == ["investment.compute"]
