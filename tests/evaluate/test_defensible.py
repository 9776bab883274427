"""Situations in which a yes would not be defensible: each with the verdict and its sentence."""

import numpy as np
import pytest

from tuneworth.evaluate import variant_name

from .situations import built, costs, decide, other, situation

FREE = {"price_input": 0, "price_output": 0, "fixed_tokens": 0, "input_tokens": 0, "output_tokens": 0}
REPAIRED = {"failures": "repair", "failure_cost": 0.1}


def outcomes(n=600, *, seed=4, **shares):
    chance = np.random.default_rng(seed)
    return {name: (chance.random(n) < share).astype(float) for name, share in shares.items()}


def verdict(results):
    found = decide(results, margin=0.03)
    return found["decision"], found["sentence"]


@pytest.mark.slow
def test_the_strongest_rival_decides_whatever_the_weak_one_is_called():
    roi = costs(**REPAIRED) | {"prompt-retry": other(fixed=900)}
    results = built(outcomes(prompted=0.75, **{"prompt-retry": 0.97}, tuned=0.94), roi=roi)
    decision, sentence = verdict(results)
    assert decision != "fine-tune"
    assert '"prompt-retry" in 97%' in sentence
    for baseline in ("prompted", "prompt-retry"):
        assert built(outcomes(prompted=0.75, **{"prompt-retry": 0.97}, tuned=0.94), roi=roi)["comparison"][
            "baseline"
        ] == ("prompt-retry"), baseline


def test_a_template_that_meets_the_rules_needs_no_training():
    roi = costs(**REPAIRED) | {"template": FREE}
    decision, sentence = verdict(built(outcomes(prompted=0.34, template=0.99, tuned=0.85), roi=roi))
    assert decision == "keep prompting"
    assert "a template without any model in 99%" in sentence


def test_without_a_stated_investment_nothing_pays():
    table = costs(20)
    del table["investment"]
    decision, sentence = verdict(situation((134, 54, 6, 6), roi=table))
    assert decision == "cannot tell yet"
    assert "until the investment is stated" in sentence
    free = costs(investment=0)
    decision, sentence = verdict(situation((134, 54, 6, 6), roi=free))
    assert (decision, "no investment" in sentence) == ("fine-tune", True)


def test_four_groups_are_too_few_and_nothing_is_called_significant():
    results = situation((120, 60, 5, 15), groups=np.arange(200) // 50, roi=costs(**REPAIRED))
    found = decide(results, margin=0.03)
    assert found["decision"] == "cannot tell yet"
    assert "these 200 cases in 4 groups are too few to decide" in found["sentence"]
    assert "from 38 other groups would settle it" in found["sentence"]
    assert results["comparison"]["p_value"] >= 0.05
    said = " ".join([found["sentence"], found["doubt"], found["confidence"]["sentence"], *found["reasons"]])
    assert "significant" not in said


@pytest.mark.parametrize("cost", [None, 0.2])
def test_surely_a_little_worse_asks_for_the_cost_of_a_failure(cost):
    stated = {} if cost is None else {"failures": "repair", "failure_cost": cost}
    results = situation((3700, 40, 120, 140), roi=costs(tuned=1, **stated))
    assert results["comparison"]["difference"]["high"] < 0
    decision, sentence = verdict(results)
    if cost is None:
        assert decision == "cannot tell yet"
        assert "that pays off only as long as an unacceptable output costs less than 0.2" in sentence
    else:
        assert decision == "fine-tune"


def test_better_form_does_not_make_up_for_wrong_facts():
    results = situation((380, 124, 28, 68), roi=costs(**REPAIRED))
    results["quality"]["prompted"]["faithful"] = {"share": 0.99}
    results["quality"]["tuned"]["faithful"] = {"share": 0.85}
    results["rivals"][0]["facts"] = {"value": -0.14, "low": -0.17, "high": -0.11}
    found = decide(results, margin=0.03)
    assert (found["decision"], found["what"]) == ("fix first", "training")
    assert found["sentence"] == (
        "Fix the training first: the tuned model gets the facts right in 85% of cases, the prompted model in 99%, and no "
        "gain in form makes up for that."
    )


def with_another(**row):
    """Training pays against the strongest rival; the row of another one is changed."""
    results = situation((960, 12, 10, 18), others={"small": 0.965}, roi=costs() | {"small": other(5)})
    assert decide(results, margin=0.03)["decision"] == "fine-tune"
    other_row = next(entry for entry in results["rivals"] if not entry["strongest"])
    other_row |= row
    return results, other_row["name"]


def test_a_rival_that_is_not_the_strongest_may_still_be_better():
    results, name = with_another(low_one_sided=-0.2)
    found = decide(results, margin=0.03)
    assert (found["decision"], found["rule"]) == ("cannot tell yet", 3)
    assert variant_name(name) in found["sentence"]


@pytest.mark.slow
def test_training_must_pay_against_a_rival_that_it_does_not_surely_beat():
    results, name = with_another(difference={"value": 0.01, "low": -0.005, "high": 0.02})
    entry = next(way for way in results["money"]["alternatives"] if way["key"] == "variant" and way["name"] == name)
    entry["tuning"] |= {"probability_of_payback_in_target": 0.1, "npv_p50": -5.0}
    found = decide(results, margin=0.03)
    assert (found["decision"], found["rule"]) == ("keep prompting", 8)
    assert variant_name(name) in found["sentence"]
    beaten, _ = with_another(difference={"value": 0.1, "low": 0.05, "high": 0.15})
    assert decide(beaten | {"money": results["money"]}, margin=0.03)["decision"] == "fine-tune"
