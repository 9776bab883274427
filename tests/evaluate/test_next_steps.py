"""The next steps: they follow from the verdict, are ranked, and every figure can be computed again from the results."""

import copy
import importlib
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from tuneworth.core import as_json
from tuneworth.evaluate.results import StepKind

from .situations import costs, decide, later, other, situation
from .test_confidence import STEPS
from .test_verdict import BETTER, CACHED, EQUAL, TABLE, UNSURE, WORSE

MONTH = 365.25 / 12
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
REPAIR = {"failures": "repair", "failure_cost": 0.1}
LABELS = {"compute": 200, "labelling_pairs": 0, "labelling_minutes": [2, 3, 6], "labelling_hourly": 60}


def enriched(results, seed=0):
    """The results with what a whole run measures besides: rules, seconds, a training, a learning curve, today's variant."""
    rng, results = np.random.default_rng(seed), copy.deepcopy(results)
    for name, quality in results["quality"].items():
        failing = round(quality["n"] * (1 - quality["acceptable"]["share"]))
        first = int(rng.integers(0, failing + 1))
        counts = {"form": first, "facts": int(rng.integers(0, failing - first + 1))}
        quality["checks"] = {
            rule: {"alone": {"outputs": k, "share": k / quality["n"], "low": k / quality["n"] / 2, "high": 1.0}}
            for rule, k in counts.items()
        } | {"wish": {"alone": None}}
        results.setdefault("seconds", {})[name] = {"per_second": float(rng.uniform(0.5, 5))}
    results.setdefault("variants", {name: {"way": "model", "of": []} for name in results["quality"]})
    results["training"] = {"seconds": 600.0, "train_pairs": 400}
    if rng.random() < 0.5:
        gain = {"value": 0.05, "low": 0.02, "high": 0.09}
        results["learning_curve"] = {"doubling": {"to": 800, "gain": gain}}
    rows = [row for row in results["rivals"] if row["measured"]]
    today = next((row for row in rows if row["name"] == "prompted"), rows[0] if rows else None)
    for row in rows:
        by = row["acceptable"]["share"] - today["acceptable"]["share"]
        ends = {"value": by, "low": by - 0.05, "high": by + 0.05}
        row |= {"today": row is today, "over_today": None if row is today else ends}
    return results


def figures_of(step):
    """The points of a step, its money a month and once, its minutes of people and machines."""
    money, minutes = step["money"] or {}, step["minutes"] or {}
    month, once = ((money.get(key) or {}).get("value") for key in ("per_month", "once"))
    people, machine = ((minutes.get(key) or {}).get("value") for key in ("people", "machine"))
    return step["points"], month, once, people, machine


def is_batch(results):
    return (results.get("money") or {}).get("requests_total") is not None


def check_candidate(results, step):
    points, month, once, *_ = figures_of(step)
    account = results["money"]
    assert points == results["comparison"]["difference"]
    if is_batch(results):
        assert once == pytest.approx(account["saving_total"] - account["investment"])
    else:
        assert month == pytest.approx(account["saving_per_day"] * MONTH)
        assert (once or 0.0) == pytest.approx(-account["investment"])


def check_switch(results, step):
    about = step["id"].partition(":")[2]
    if about == results["comparison"]["candidate"]:
        check_candidate(results, step)
        return
    points, month, *_ = figures_of(step)
    rows = {row["name"]: row for row in results["rivals"]}
    today = next((name for name, row in rows.items() if row.get("today")), None)
    change = None if today is None else rows[about]["over_today"] or {"value": 0.0, "low": None, "high": None}
    assert points == change
    if month is not None:
        saving = "saving_total" if is_batch(results) else "saving_per_day"
        entries = (results.get("money") or {}).get("alternatives", [])
        saved = {entry["name"]: entry[saving] for entry in entries if entry["key"] == "variant"}
        saved[results["comparison"]["baseline"]] = 0.0
        assert month == pytest.approx((saved[about] - saved[today]) * MONTH)


def check_rule(results, step):
    points, month, _, _, machine = figures_of(step)
    _, rule, name = step["id"].split(":", 2)
    quality, account = results["quality"][name], results.get("money") or {}
    alone = quality["checks"][rule]["alone"]
    assert points == {"value": alone["share"], "low": alone["low"], "high": alone["high"]}
    assert machine == pytest.approx(quality["n"] / results["seconds"][name]["per_second"] / 60)
    if month is not None:
        assert account["failures"] == "repair"
        volume = account["failure_cost"] * account["requests_per_day"] * MONTH
        assert [step["money"]["per_month"][end] for end in points] == pytest.approx(
            [points[end] * volume for end in points]
        )


def check_examples(results, step):
    points, _, _, people, machine = figures_of(step)
    if points is None:
        return
    assert points == results["learning_curve"]["doubling"]["gain"]
    assert machine == pytest.approx(results["training"]["seconds"] * 2 / 60)
    if people is not None:
        assert step["minutes"]["people"] == {"value": 3 * 400, "low": 2 * 400, "high": 6 * 400}
        cost = {"value": -1200.0, "low": -2400.0, "high": -800.0}
        assert step["money"]["once"] == pytest.approx(cost) or is_batch(results)


def check_measure(results, step):
    points, month, _, _, machine = figures_of(step)
    if step["id"].partition(":")[2] == "examples":
        assert machine == pytest.approx(results["training"]["seconds"] * 0.875 / 60)
    else:
        assert (points, month) == (None, None)


def check_try(results, step):
    points, month, *_ = figures_of(step)
    about = step["id"].partition(":")[2]
    entry = next(e for e in results["money"]["alternatives"] if about in (e["key"], e["name"]))
    assert points == ({"value": 0.0, "low": None, "high": None} if about == "cached_guide" else None)
    if not is_batch(results) and entry["saving_per_day"] is not None:
        assert month == pytest.approx(entry["saving_per_day"] * MONTH)


def check_cases(results, step):
    points, month, _, people, machine = figures_of(step)
    assert (points, month) == (None, None)
    if step["chance"] is not None:
        rows = results["rivals"]
        needed = max((row["needed"] or {"cases": 0} for row in rows), key=lambda found: found["cases"])
        more = max(needed["cases"] - results["comparison"]["n"], 1)
        assert step["chance"] == needed["chance"]
        each = sum(1 / results["seconds"][name]["per_second"] for name in results["quality"] if "+" not in name)
        assert machine == pytest.approx(more * each / 60)
        assert people is None or people == pytest.approx(3 * more)


FIGURES = {
    "act": check_switch, "switch": check_switch, "rule": check_rule, "examples": check_examples, "measure": check_measure,
    "try": check_try, "cases": check_cases,
}  # fmt: skip


def check_figures(results, step):
    """The oracle: each figure of a step by the formula of docs/verdict.md, from the numbers of the results."""
    if step["kind"] in FIGURES:
        FIGURES[step["kind"]](results, step)
    else:
        points, month, *_ = figures_of(step)
        assert (points, month) == (None, None) or step["kind"] in ("form", "guide"), step


def check_steps(results, verdict):
    """What holds for the steps of any verdict."""
    steps, decision = verdict["steps"], verdict["decision"]
    candidate = results["comparison"]["candidate"]
    assert verdict["next"] == steps[0]["do"]
    assert len({step["id"] for step in steps}) == len(steps)
    for step in steps:
        assert step["kind"] in get_args(StepKind)
        assert re.fullmatch(r"[A-Z].*\.", step["do"]), step["do"]
        assert step["do"].count("`") % 2 == 0
        assert all(step["derivation"][key] for key in ("points", "money", "minutes")), step
        told = " ".join([step["do"], *step["derivation"].values()])
        assert not re.search(r"\bNone\b|\bnan\b|\binf\b|  |\.\.|\.;", told), told
        check_figures(results, step)
    # No step contradicts the verdict.
    starts = [step["id"] for step in steps if step["kind"] == "act"]
    if decision == "fix first":
        assert {step["kind"] for step in steps} == {"fix"}
    elif decision == "fine-tune":
        assert starts == [f"act:{candidate}"]
        assert starts[0] in (steps[0]["id"], steps[1]["id"])
        assert not {"switch", "guide", "fix"} & {step["kind"] for step in steps}
    elif decision == "keep prompting":
        assert steps[0]["kind"] in ("act", "try")
        assert f"act:{candidate}" not in starts
        assert len(starts) == (steps[0]["kind"] == "act")
        assert "switch" not in {step["kind"] for step in steps}
        trains = [step["do"] for step in steps if re.search(r"\btrain", step["do"])]
        assert all(text.startswith(("If you train again", "Train again only")) for text in trains), trains
        assert verdict["rule"] == 2 or not trains
    else:
        assert not starts
    check_order(steps, "once" if (results.get("money") or {}).get("requests_total") else "per_month")


def check_order(steps, when):
    """After the first steps: the most money, then the most points, then those whose gain is unknown."""
    keys = []
    for step in steps[3:]:  # at most a test, the action and the check that could overturn it come first
        gain = ((step["money"] or {}).get(when) or {}).get("value")
        points = None if step["points"] is None else step["points"]["value"] or step["points"]["low"] or 0.0
        known = step["points"] is not None or gain is not None
        keys.append((not known, gain is None, -(gain or 0.0), -(points or 0.0)))
    assert keys == sorted(keys)


@pytest.mark.slow
def test_the_steps_of_every_situation_follow_from_its_verdict():
    made = [row[1] for row in TABLE] + [row[0] for row in STEPS]
    for seed, results in enumerate(made):
        whole = enriched(results(), seed)
        check_steps(whole, decide(whole, margin=0.03))


@pytest.mark.slow
def test_the_steps_of_simulated_worlds_follow_from_their_verdicts():
    """The worlds of benchmarks/verdicts.py, of every kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        script = importlib.import_module("verdicts")
    found, rng = set(), np.random.default_rng(3)
    for seed, world in enumerate(script.draw_worlds(60, rng)):
        results = enriched(as_json(script.judged(world, int(rng.choice((20, 100, 500))), rng)), seed)
        verdict = decide(results, margin=0.03)
        check_steps(results, verdict)
        found |= {(verdict["decision"], step["kind"]) for step in verdict["steps"]}
    assert {decision for decision, _ in found} == {"fine-tune", "keep prompting", "cannot tell yet"}
    assert {"act", "rule", "examples", "measure", "state", "cases"} <= {kind for _, kind in found}


def steps_of(results, **options):
    whole = enriched(results)
    verdict = decide(whole | options, margin=0.03)
    check_steps(whole | options, verdict)
    return {step["id"]: step for step in verdict["steps"]}


def test_using_a_cheaper_way_brings_its_saving_a_month_exactly():
    steps = steps_of(situation((160, 0, 30, 10), others={"small": 0.95}, roi=costs(1000) | {"small": other(1)}))
    found = steps["act:small"]
    # 500 + 150 tokens in, 150 out: 0.00625 EUR at 5 and 20 EUR per million tokens, a fifth of that at 1 and 4.
    assert found["money"]["per_month"]["value"] == pytest.approx((0.00625 - 0.00125) * 1000 * MONTH)
    assert found["money"]["once"] is None


def test_a_rule_is_worth_its_points_times_the_cost_of_a_failure():
    results = enriched(situation(BETTER, roi=costs(1000, **REPAIR)))
    alone = {"outputs": 8, "share": 0.04, "low": 0.02, "high": 0.08}
    results["quality"]["tuned"]["checks"] = {"clean": {"alone": alone}}
    found = {step["id"]: step for step in decide(results, margin=0.03)["steps"]}["rule:clean:tuned"]
    assert found["money"]["per_month"] == pytest.approx(
        {key: share * 0.1 * 1000 * MONTH for key, share in (("value", 0.04), ("low", 0.02), ("high", 0.08))}
    )
    assert "8 of 200 outputs break this rule and no other" in found["derivation"]["points"]
    assert found["derivation"]["points"].endswith("The tuned model would then be at 98%.")


def test_without_a_cost_of_failures_points_bring_no_money_and_the_step_says_so():
    for step in steps_of(situation(BETTER, roi=costs())).values():
        if step["kind"] == "rule":
            assert step["money"] is None
            assert "No cost of a failure is stated" in step["derivation"]["money"]


def test_more_pairs_cost_the_stated_minutes():
    results = situation(BETTER, roi=costs(1000, investment=200, **REPAIR) | {"investment": LABELS})
    curve = {"doubling": {"to": 800, "gain": {"value": 0.05, "low": 0.02, "high": 0.09}}}
    found = steps_of(results, learning_curve=curve)["examples"]
    assert found["do"].startswith("Write 400 more training pairs")
    assert found["minutes"]["people"]["value"] == 1200
    assert found["money"]["once"]["value"] == -1200
    assert found["money"]["per_month"]["value"] == pytest.approx(0.05 * 0.1 * 1000 * MONTH)


def test_what_pairs_cost_once_does_not_rank_them_above_more_points():
    results = situation(BETTER, roi=costs(1000, investment=200) | {"investment": LABELS})
    curve = {"doubling": {"to": 800, "gain": {"value": 0.001, "low": 0.0, "high": 0.09}}}
    ids = list(steps_of(results, learning_curve=curve))
    rules = [id for id in ids if id.startswith("rule:")]
    assert rules
    assert ids.index("examples") > max(map(ids.index, rules))


def test_a_curve_without_a_noticeable_gain_asks_for_no_pairs():
    curve = {"doubling": {"to": 800, "gain": {"value": 0.0, "low": 0.0, "high": 0.004}}}
    found = steps_of(situation(BETTER, roi=costs()), learning_curve=curve)
    assert not {"examples", "measure:examples"} & set(found)


def test_the_cases_that_settle_it_come_with_chance_and_minutes():
    found = steps_of(situation(UNSURE, roi={**costs(), "investment": LABELS}))["cases"]
    assert 0.5 < found["chance"] < 0.8
    assert found["minutes"]["people"]["value"] == pytest.approx(3 * 770, rel=0.02)
    assert f"settle it with a chance of {found['chance']:.0%}" in found["derivation"]["points"]


def test_a_cache_changes_no_output():
    table = costs(tuned=6.8) | {"prompted": {**CACHED, "fixed_tokens": 3000}}
    found = steps_of(situation(EQUAL, roi=table))["try:cached_guide"]
    assert found["points"]["value"] == 0
    assert found["money"]["per_month"]["value"] > 0


def test_training_again_for_a_rule_saves_nothing_as_long_as_another_way_is_better():
    steps = steps_of(situation(WORSE, roi=costs(**REPAIR)))
    again = [step for step in steps.values() if step["id"].startswith("rule:") and step["id"].endswith(":tuned")]
    assert again
    for step in again:
        level = 0.52 + step["points"]["value"] >= 0.8 - 1e-9
        assert (step["money"] is None) == (not level)
        assert level or "would still be worse" in step["derivation"]["money"]


def test_outputs_that_were_cut_bring_between_none_and_all_of_them():
    cut = {"cause": "cut", "count": 30, "of": 200, "ids": ["p1"], "variant": None, "limit": 64, "enough": 90}
    results = situation(BETTER, roi=costs())
    results["quality"]["tuned"]["causes"] = [cut]
    found = decide(results, margin=0.03)
    assert found["decision"] == "fix first"
    assert found["steps"][0]["points"] == {"value": None, "low": 0.0, "high": 0.15}


@pytest.mark.slow
@pytest.mark.parametrize("results", [later(BETTER), later(WORSE), later(UNSURE)])
def test_results_with_nothing_but_shares_have_steps_without_figures(results):
    """Every figure that cannot be known is null, with the reason."""
    results = results()
    steps = decide(results, margin=0.03)["steps"]
    for step in steps:
        if step["kind"] != "act":
            assert step["points"] is None
        assert step["money"] is None
        assert all(step["derivation"].values())


def test_until_it_can_be_told_a_better_way_without_training_is_worth_using():
    results = situation(UNSURE, others={"big": 0.83}, roi=costs(1000) | {"big": other(6)})
    steps = steps_of(results)
    found = steps["switch:big"]
    assert found["do"] == 'Until then, use "big".'
    assert found["points"]["value"] == pytest.approx(0.03)
    # 650 tokens in and 150 out at 6 and 24 EUR per million instead of 5 and 20: dearer.
    assert found["money"]["per_month"]["value"] == pytest.approx(-0.00125 * 1000 * MONTH)


def test_a_guide_without_a_use_can_be_dropped_from_the_variant_that_stays():
    ends = {"value": 0.01, "low": -0.05, "high": 0.02}
    compared = {"baseline": "plain", "candidate": "prompted", "difference": ends}
    results = situation(WORSE, others={"plain": 0.79}, guide_comparison=compared)
    assert results["comparison"]["baseline"] == "prompted"
    found = steps_of(results)["guide:prompted"]
    assert found["points"] == {"value": -0.01, "low": -0.02, "high": 0.05}
    assert found["money"] is None
    other_stays = situation(WORSE, others={"plain": 0.79, "big": 0.9}, guide_comparison=compared)
    assert "guide:prompted" not in steps_of(other_stays)


def test_a_better_form_of_the_candidate_is_worth_its_difference():
    results = enriched(situation(BETTER, others={"tuned, else prompted": 0.98}, roi=costs(1000, **REPAIR)))
    form = {"way": "cascade", "of": ["tuned", "prompted"], "tuned": True}
    results["variants"]["tuned, else prompted"] = form
    results["rivals"] = [row for row in results["rivals"] if row["name"] == "prompted"]
    results["rivals"][0]["strongest"] = True
    results["comparison"] |= {"baseline": "prompted"}
    costs_each = {"tuned": 0.01, "tuned, else prompted": 0.008}
    for name, cost in costs_each.items():
        results["money"]["variants"][name] = {"effective_cost_per_request": cost, "machine_cost_per_day": 0.0}
    found = {step["id"]: step for step in decide(results, margin=0.03)["steps"]}["form:tuned, else prompted"]
    assert found["points"] == {"value": pytest.approx(0.98 - 0.94), "low": None, "high": None}
    assert found["money"]["per_month"]["value"] == pytest.approx(0.002 * 1000 * MONTH)
