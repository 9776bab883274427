"""The confidence of a verdict, and that its next step follows from the strongest doubt."""

import copy
import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import say
from tuneworth.evaluate.results import Money, VerdictFlip
from tuneworth.evaluate.verdict.confidence import LEVELS, confidence
from tuneworth.evaluate.verdict.doubts import Doubt
from tuneworth.evaluate.verdict.evidence import Evidence, Finding
from tuneworth.evaluate.verdict.money_sentences import chance_line, futures_clause
from tuneworth.evaluate.verdict.next_steps import next_steps

from ..shared import record_of
from .situations import costs, decide, later, other, situation, whole

BETTER, EQUAL, WORSE, UNSURE = (134, 54, 6, 6), (960, 10, 10, 20), (100, 4, 60, 36), (140, 20, 20, 20)
REPAIR = {"failures": "repair", "failure_cost": 1}
LEAK = {"certificate": {"pairs_at_or_above": 1}}
FORM_ONLY = {"discrimination": {"own": 0.98, "shuffled": 0.97, "fields_only": 0.5, "rows": 100, "by_check": {}}}
OVER = [{"id": "memorisation", "status": "over", "value": 0.3, "limit": 0.0, "evidence": "30 of 60 are copies"}]
BLIND = {"near_misses": {"n": 900, "caught": 0.28, "by_kind": {"two values swapped": {"n": 450, "caught": 0.1}},
                         "survivors": [], "rule": "same_fields"}}  # fmt: skip
SEEING = {"near_misses": BLIND["near_misses"] | {"rule": None}}
CACHED = {"price_input": 5, "price_output": 20, "price_cached": 0.5, "input_tokens": 150, "output_tokens": 150}

TABLE = [
    ("surely better and paid back", later(BETTER, roi=costs()), "high", "the gap of 24 points"),
    ("as good, for less", later(EQUAL, roi=costs()), "high", "at most 1 point worse"),
    ("a weak baseline", later((20, 100, 0, 80), roi=costs()), "fair", "not high because the baseline is weak"),
    ("a weak baseline and few cases", later((4, 20, 0, 16), roi=costs()), "low", "weak and there are few"),
    ("a test set that was used often",
     later(BETTER, roi=costs(), provenance={"test_set_used": 9}), "fair", "the test set has been used often"),
    ("worse beyond the margin", later(WORSE), "high", "even at the best end of the range, the tuned model is 21"),
    ("worse, perhaps within the margin", later((9000, 200, 500, 300)), "fair", "2.5 points worse"),
    ("a weak baseline does not speak against keeping it", later((10, 2, 80, 108)), "high", "points worse"),
    ("it never pays", later(EQUAL, roi=costs(tuned=12)), "high", "within 90 days in almost none of the simulated"),
    ("soon paid back, but for nothing", later(EQUAL, roi=costs(horizon_days=10)), "high", "saves more than it costs"),
    ("a measured way does as well",
     later(EQUAL, others={"small": 0.97}, roi=costs() | {"small": other(1)}), "high", "almost none of the simulated"),
    ("too few to tell", later(UNSURE), "low", "up to 6.3 points worse or 6.3 points better"),
    ("eight cases, all better", later((0, 8, 0, 0)), "low", "too few independent cases"),
    ("no prices", later(BETTER), "low", "depends on the missing numbers"),
    ("a failure without a cost", later(BETTER, roi=costs(tuned=12)), "low", "a number that is not stated"),
    ("in between", later(EQUAL, roi=costs(target_payback_days=17)), "low", "80 would mean “fine-tune”"),
    ("a way that nobody tried",
     later(EQUAL, roi=costs(tuned=6.8) | {"prompted": {**CACHED, "fixed_tokens": 3000}}), "low", "but not against"),
    ("a leak", later(data=LEAK, roi=costs()), "high", "a fact, not an estimate"),
    ("a risk over its limit", later(roi=costs(), risks=OVER), "fair", "over its limit"),
    ("rules of form only", later(BETTER, roi=costs(), style=FORM_ONLY), "high", "a fact, not an estimate"),
    ("rules that tell right from wrong",
     later(BETTER, roi=costs(), style={"discrimination": {**FORM_ONLY["discrimination"], "shuffled": 0.1}}), "high", "24"),
    ("rules that have not been reviewed",
     later(BETTER, roi=costs(), style={"reviewed": False}), "fair", "not high because the style has not been reviewed"),
    ("rules that accept most near misses",
     later(BETTER, roi=costs(), style=BLIND), "fair", "not high because the rules often accept wrong outputs"),
    ("unread rules that accept most near misses", later(BETTER, roi=costs(), style=BLIND | {"reviewed": False}), "fair",
     "often accept wrong outputs and the style has not been reviewed"),
    ("near misses that a rule about correctness sees", later(BETTER, roi=costs(), style=SEEING), "high", "24 points"),
    ("worse by rules that accept most near misses", later(WORSE, style=BLIND), "fair", "often accept wrong outputs"),
    ("near misses do not change what a request costs", later(EQUAL, roi=costs(tuned=12), style=BLIND), "high", "none"),
    ("a batch", later(BETTER, roi=costs(None, requests_total=10**6)), "high", "it saves more than it costs"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("results", "level", "part"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_verdict_states_its_confidence_with_a_reason(results, level, part):
    found = decide(results(), margin=0.03)["confidence"]
    assert found["level"] == level, found["sentence"]
    assert part in found["sentence"]
    assert found["sentence"].startswith(f"{level.capitalize()}: ")
    assert found["sentence"].endswith(".")
    assert not any(word in found["sentence"] for word in ("None", "nan", " -", "  "))


@functools.cache
def paying():
    return situation(BETTER, roi=costs())


@functools.cache
def kept():
    return situation(EQUAL, roi=costs(tuned=12))


KINDS = ("cheaper_way", "template", "facts", "weak_baseline", "few_cases", "near_flip", "reused", "style", "sample")


def level(results, decision, rule, probability, kinds=()):
    money = results["money"] | {"probability_of_payback_in_target": probability, "probability_npv_positive": 1.0}
    doubts = [Doubt(kind, "A doubt.") for kind in kinds]
    evidence = Evidence(whole({**results, "money": money}))
    return LEVELS.index(confidence(evidence, decision, rule, doubts).level)


@settings(max_examples=60, deadline=None)
@given(low=st.floats(0.8, 1), high=st.floats(0.8, 1), kinds=st.sets(st.sampled_from(KINDS)))
def test_a_higher_chance_never_lowers_the_confidence_of_fine_tune(low, high, kinds):
    low, high = sorted((low, high))
    assert level(paying(), "fine-tune", 7, low, kinds) <= level(paying(), "fine-tune", 7, high, kinds)


@settings(max_examples=60, deadline=None)
@given(low=st.floats(0, 0.5), high=st.floats(0, 0.5), kinds=st.sets(st.sampled_from(KINDS)))
def test_a_higher_chance_never_raises_the_confidence_of_keep_prompting(low, high, kinds):
    low, high = sorted((low, high))
    assert level(kept(), "keep prompting", 8, low, kinds) >= level(kept(), "keep prompting", 8, high, kinds)


@pytest.mark.parametrize("kinds", list(itertools.combinations(KINDS, 2)))
def test_one_more_doubt_never_raises_the_confidence(kinds):
    for results, decision, rule, probability in ((paying(), "fine-tune", 7, 0.95), (kept(), "keep prompting", 8, 0.05)):
        found = [level(results, decision, rule, probability, kinds[:count]) for count in (0, 1, 2)]
        assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(("probability", "expected"), [(0.8, 1), (0.8999, 1), (0.9, 2), (1.0, 2)])
def test_a_chance_of_ninety_percent_is_high_confidence(probability, expected):
    assert level(paying(), "fine-tune", 7, probability) == expected


@pytest.mark.parametrize(("probability", "expected"), [(0.0, 2), (0.1, 2), (0.11, 1), (0.2, 1), (0.21, 0), (0.5, 0)])
def test_the_other_side_mirrors_it(probability, expected):
    assert level(kept(), "keep prompting", 8, probability) == expected


def test_an_interval_that_reaches_the_margin_is_fair():
    results = copy.deepcopy(paying())
    results["rivals"][0]["difference"]["low"] = -0.031
    assert level(results, "fine-tune", 7, 1.0) == 1


STEPS = [
    (later(BETTER, roi=costs()), "Send a small share of real requests to the tuned model"),
    (later(UNSURE, others={"big": 0.97}), 'Use "big".'),
    (later((20, 100, 0, 80), roi=costs()), "Repeat the comparison with a stronger model and the same guide."),
    (later((10, 10, 0, 0), roi=costs(**REPAIR)), "Score at least 50 independent cases before the switch"),
    (later(BETTER, groups=np.arange(200) // 12, roi=costs()), "independent cases from other groups before"),
    (later(BETTER, roi=costs(), provenance={"test_set_used": 9}), "on unseen cases"),
    (later(WORSE), "Keep the prompted model."),
    (later(UNSURE), "Add about 770 unseen cases, then run again."),
    (later(BETTER, groups=np.arange(200) // 50), "unseen cases from 6 other groups, then run again."),
    (later(BETTER), "State prices and requests_per_day under [roi] in tuneworth.toml and run `tuneworth roi`"),
    (later(BETTER, roi=costs(volume=None)), "State `roi.requests_per_day` in tuneworth.toml"),
    (later(BETTER, roi=costs(tuned=12)), "`failure_cost` under [roi]) in tuneworth.toml"),
    (later(EQUAL, roi=costs(20)), "decide again when requests a day reach about 1,0"),
    (later(EQUAL, roi=costs(tuned=12)), 'when the output price of "tuned" falls to 26.15 EUR per million tokens.'),
    (
        later(EQUAL, roi=costs(running={"base_model_retires": "2020-01-01", "monitoring_hours_per_month": 0})),
        "decide again when the outputs, the prices or the volume change",
    ),
    (later(EQUAL, others={"small": 0.97}, roi=costs() | {"small": other(1)}), 'Use "small"'),
    (later(EQUAL, roi=costs(target_payback_days=17)), "Narrow down the number of requests per day"),
    (later(data=LEAK), "`tuneworth curate`"),
    (later((0, 0, 0, 200)), "Fix or drop the rules that nearly every output breaks"),
    (later(roi=costs(), risks=OVER), "Remove near copies from the training examples"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("results", "part"), STEPS)
def test_the_next_step_is_an_action(results, part):
    found = decide(results(), margin=0.03)
    assert part in found["next"], found["next"]
    assert found["next"].count("`") % 2 == 0
    assert found["next"].endswith(".")


# What a next step must and must not contain for a doubt of this kind.
CALLED_FOR = {
    "template": ("Add a rule about content", "small share"),
    "one_repaired": ("repair the outputs of the prompted model as well", "nothing now"),
    "weak_baseline": ("stronger model", "nothing now"),
    "foreign_guide": ("have the team improve the guide", "nothing now"),
    "few_cases": ("50 independent cases", "nothing now"),
    "near_flip": ("verify the", "nothing now"),
    "reused": ("on unseen cases", "nothing now"),
}
FLIP = VerdictFlip(key="requests_per_day", what="requests a day", from_=1000.0, to=950.0, decision="cannot tell yet")


def steps_after(decision, rule, doubt):
    """The steps after a decision with one doubt."""
    return next_steps(Evidence(whole(paying())), Finding(decision, "", []), rule, [Doubt(doubt, "A doubt.")], [FLIP])


@pytest.mark.parametrize("kind", CALLED_FOR)
def test_before_tuning_the_next_step_resolves_the_doubt(kind):
    first, then = steps_after("fine-tune", 7, kind)[:2]
    called, uncalled = CALLED_FOR[kind]
    assert called.lower() in first.do.lower()
    assert uncalled not in first.do
    assert "still wins then, send it a small share of real requests" in then.do


@pytest.mark.parametrize("kind", [*CALLED_FOR, "style", "sample", "wide"])
def test_keep_prompting_never_advises_tuning(kind):
    steps = steps_after("keep prompting", 8, kind)
    assert not any("real requests" in step.do for step in steps)
    assert steps[0].do.startswith("Change nothing now")


def test_answers_in_train_are_a_doubt_against_tuning_with_the_remedy_as_the_next_step():
    remedy = 'Set [data] group = "handle" (--group handle) to keep such rows on one side.'
    certificate = {"pairs_at_or_above": 0, "answers_in_test": {"verbatim": 9, "similar": 0}, "answers_remedy": remedy}
    data = {"certificate": certificate, "splits": {"test": 300}}
    found = decide(paying() | {"data": data}, margin=0.03)
    sound = decide(paying() | {"data": {**data, "certificate": certificate | {"answers_remedy": None}}}, margin=0.03)
    assert found["decision"] == sound["decision"] == "fine-tune"
    assert "9 of the 300 test rows (3%) have an output that is also in train" in found["doubt"]
    assert "recite" in found["confidence"]["sentence"]
    assert found["next"] == f"{remedy} Then train and compare again."
    assert "recite" not in str(sound)
    assert "recite" not in str(decide(situation(EQUAL, roi=costs(tuned=12)) | {"data": data}, margin=0.03)["doubt"])


@pytest.mark.parametrize(("share", "said"), [
    (0.798, "in just under 80 of 100"), (0.502, "in just over 50 of 100"), (0.625, "in 63 of 100"), (0.7, "in 70 of 100"),
])  # fmt: skip
def test_a_share_that_rounds_across_a_threshold_is_marked(share, said):
    money = record_of({"probability_of_payback_in_target": share, "target_payback_days": 90}, Money)
    assert said in futures_clause(money)


@pytest.mark.parametrize(("share", "said"), [
    (0.0, "under 1%"), (0.004, "under 1%"), (0.01, "1%"), (0.94, "94%"), (0.997, "over 99%"), (1.0, "over 99%"),
])  # fmt: skip
def test_a_simulated_chance_is_never_certain(share, said):
    assert chance_line(share, record_of({"target_payback_days": 90}, Money)).endswith(f" is {said}.")


def test_cannot_tell_yet_quotes_the_end_of_the_range_shown_next_to_it():
    results = situation(UNSURE)
    found, low = decide(results, margin=0.03), results["comparison"]["difference"]["low"]
    assert f"up to {say.points(low)} worse" in found["confidence"]["sentence"]
    assert f"up to {say.points(low)} worse" in found["sentence"]
