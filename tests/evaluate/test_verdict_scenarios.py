"""The verdict where the truth is known: a small part of benchmarks/verdicts.py, which has the whole table."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verdicts.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("verdicts_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look up their module there
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_both_kinds_of_error_stay_below_five_percent(script):
    tally, point = script.tally(100, script.draw_scenarios(150, np.random.default_rng(0)), np.random.default_rng(0))
    assert tally.share("fine-tune", pays=False) <= 0.05
    assert tally.share("keep prompting", pays=True) <= 0.05
    assert tally.wrong("fine-tune") <= 0.1
    assert 0.1 < tally.given("cannot tell yet") < 0.6
    # Point figures are wrong more often.
    assert point.wrong("fine-tune") > tally.wrong("fine-tune")


@pytest.mark.slow
def test_ignoring_groups_gives_more_wrong_verdicts(script):
    """Groups of 30 similar items and a cheap tuned model that is 6 points worse: chance looks like quality."""
    found = script.draw_scenarios(60, np.random.default_rng(1))
    worse = {"group_size": 30, "within_group": 0.6, "accepted": (0.8, 0.74), "correlation": 0.3, "failure_cost": None}
    cheap = {"price": (5.0, 1.0), "stated_volume": 1e5, "volume": 1e5, "investment": 100.0, "upkeep_per_month": 0.0}
    scenarios = [replace(scenario, **worse, **cheap) for scenario in found]
    assert not any(scenario.pays for scenario in scenarios)
    with_groups, without = (
        script.tally(200, scenarios, np.random.default_rng(5), use_groups=use)[0].share("fine-tune", pays=False)
        for use in (True, False)
    )
    assert with_groups <= 0.05
    assert without > 0.15


def test_few_cases_give_no_fine_tune(script):
    assert (
        script.tally(8, script.draw_scenarios(40, np.random.default_rng(2)), np.random.default_rng(0))[0].given(
            "fine-tune"
        )
        == 0
    )
