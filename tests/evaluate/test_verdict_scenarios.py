"""The verdict where the truth is known: a small part of benchmarks/verdicts.py, which has the whole table."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    """The module; it imports its neighbours, which are found beside it while it loads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        return importlib.import_module("verdicts")


@pytest.mark.slow
def test_both_kinds_of_error_stay_below_five_percent(script):
    worlds = script.draw_worlds(150, np.random.default_rng(0))
    tally, point = script.tally(worlds, np.random.default_rng(0), n=100)
    assert tally.useless_training <= 0.05
    assert tally.missed <= 0.05
    assert tally.wrong("fine-tune") <= 0.1
    assert 0.1 < tally.given("cannot tell yet") < 0.6
    # Point figures are wrong more often.
    assert point.wrong("fine-tune") > tally.wrong("fine-tune")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["several rivals", "a free template", "a cascade", "10 groups", "worse facts"])
def test_few_verdicts_are_wrong_in_each_kind_of_world(script, kind):
    worlds = script.both_truths(80, np.random.default_rng(0), kind)
    tally, _ = script.tally(worlds, np.random.default_rng(0))
    assert tally.useless.total() == tally.pays.total() == 40
    assert tally.useless_training <= 0.1  # 8%, and the error of 40 worlds
    assert tally.missed <= 0.1
    assert tally.given("fine-tune") > 0.02


@pytest.mark.slow
def test_ignoring_groups_gives_more_wrong_verdicts(script):
    """Groups of 30 similar items and a cheap tuned model that is 6 points worse: chance looks like quality."""
    found = script.draw_worlds(60, np.random.default_rng(1))
    alike = {"group_size": 30, "within_group": (0.6, 0.6), "correlation": 0.3, "failure_cost": None}
    cheap = {"stated_volume": 1e5, "volume": 1e5, "investment": 100.0, "upkeep_per_month": 0.0}

    def changed(world):
        prompted, tuned = world.ways
        ways = replace(prompted, acceptable=0.8, price=5.0), replace(tuned, acceptable=0.74, price=1.0)
        return replace(world, ways=ways, **alike, **cheap)

    worlds = [changed(world) for world in found]
    assert not any(world.pays for world in worlds)
    assert all(world.useless for world in worlds)
    with_groups, without = (
        script.tally(worlds, np.random.default_rng(5), n=300, use_groups=use)[0].useless_training
        for use in (True, False)
    )
    assert with_groups <= 0.05
    assert without > 0.1


@pytest.mark.slow
def test_few_cases_give_no_fine_tune(script):
    worlds = script.draw_worlds(40, np.random.default_rng(2))
    assert script.tally(worlds, np.random.default_rng(0), n=8)[0].given("fine-tune") == 0


@pytest.mark.slow
def test_four_groups_give_no_fine_tune(script):
    worlds = script.draw_worlds(20, np.random.default_rng(2), "4 groups")
    assert script.tally(worlds, np.random.default_rng(0))[0].given("fine-tune") == 0


def test_the_drawn_outcomes_have_the_true_shares(script):
    """Also those of a cascade and of facts, whose shares are computed."""
    for kind in ("a cascade", "worse facts", "several rivals"):
        world = replace(script.draw_world(np.random.default_rng(3), kind), group_size=1)
        sample = script.draw_sample(world, 60_000, np.random.default_rng(4))
        for way in world.ways:
            assert sample.acceptable[way.name].mean() == pytest.approx(way.acceptable, abs=0.012)
            if way.facts is not None:
                assert sample.facts[way.name].mean() == pytest.approx(way.facts, abs=0.012)


@pytest.mark.parametrize(
    ("template", "pays", "useless"), [(0.91, False, True), (0.89, False, False), (0.6, True, False)]
)
def test_a_free_rival_counts_as_far_as_it_is_as_good(script, template, pays, useless):
    """Against a prompt at 93% training pays; a free template counts if it is as good, and neither way within the margin."""
    world = script.draw_world(np.random.default_rng(5), "one rival")
    prompted = replace(world.rivals[0], acceptable=0.93, price=5.0)
    free = replace(prompted, name="template", acceptable=template, price=0.0)
    tuned = replace(world.tuned, acceptable=0.91, price=0.1)
    world = replace(
        world, ways=(prompted, free, tuned), failure_cost=None, volume=1e6, investment=100.0, upkeep_per_month=0.0
    )
    assert (world.pays, world.useless) == (pays, useless)
    assert replace(world, investment_stated=False).useless
