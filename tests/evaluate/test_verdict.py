"""Every rule of the verdict, in order: a table of situations with the decision, the rule and a part of the text."""

import copy
import re
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from tuneworth.core import as_json
from tuneworth.evaluate import with_judgements
from tuneworth.evaluate.verdict.money_sentences import input_name, when_it_pays

from .situations import costs, decide, later, other, simulated_people, situation, whole

FIX, KEEP, OPEN, FINE_TUNE = "fix first", "keep prompting", "cannot tell yet", "fine-tune"
BETTER, EQUAL, WORSE = (134, 54, 6, 6), (960, 10, 10, 20), (100, 4, 60, 36)
EVEN_300 = (270, 10, 8, 12)
UNSURE, SLIGHTLY_WORSE = (140, 20, 20, 20), (9000, 300, 500, 200)
ALONE_18 = np.r_[np.zeros(183), np.arange(1, 18)]  # a family of 183 and 17 single items
OVER = [{"id": "memorisation", "status": "over", "value": 0.3, "limit": 0.0, "evidence": "30 of 60 are copies"}]
NOT_CHECKED = [{**OVER[0], "status": "not checked"}]
RECITED = [{**OVER[0], "id": "memorisation", "status": "not checked", "recited": 5, "n": 200}]
REMEDY = {
    "certificate": {
        "pairs_at_or_above": 0,
        "answers_remedy": "Set `group`.",
        "answers_in_test": {"verbatim": 4, "similar": 0},
    },
    "splits": {"test": 200},
}
STATED_RISK = [{**OVER[0], "measured": False}]
LEAK = {"certificate": {"pairs_at_or_above": 1}}
NO_LEAK = {"certificate": {"pairs_at_or_above": 0}}
RETIRED = {"base_model_retires": "2020-01-01", "monitoring_hours_per_month": 0}
FAILED_CALLS = [{"what": "comparison", "text": "the machine was stopped halfway"}]
FORM_ONLY = {"discrimination": {"own": 0.98, "shuffled": 0.97, "fields_only": 0.5, "rows": 100, "by_check": {}}}
TELLING = {"discrimination": {**FORM_ONLY["discrimination"], "shuffled": 0.02}}
LAX = {"checks": {"clean": {"level": "should"}, "short": {"level": "should"}}}
REPAIR = {"failures": "repair", "failure_cost": 1}
HOSTED = {"hourly": 2, "requests_per_second": 5, "fixed_tokens": 0, "input_tokens": 150, "output_tokens": 150}
CACHED = {"price_input": 5, "price_output": 20, "price_cached": 0.5, "input_tokens": 150, "output_tokens": 150}


def variant(name, **settings):
    """The situation with one variant changed."""
    results = situation(roi=costs())
    results["variants"][name] |= settings
    return results


def unscored(count, name="tuned"):
    """`count` of 200 pairs could not be scored."""
    results = situation((134 - count, 54, 6, 6), roi=costs())
    results["quality"][name]["unscored"] = count
    return results


def settings(**prompted):
    results = variant("prompted", settings={"temperature": 0.0, "max_new_tokens": 64, **prompted})
    results["variants"]["tuned"]["settings"] = {"temperature": 0.7, "max_new_tokens": 64}
    return results


def refused():
    results = settings()
    results["variants"]["tuned"]["refused_settings"] = ["temperature"]
    return results


def judged(*, mirrored=False, groups=None, noise=0.1, base=0.7, requests=100, people=3, **rules):
    """The situation with judgements of people."""
    found = simulated_people(
        np.random.default_rng(3), noise=noise, base=base, requests=requests, people=people, mirrored=mirrored, **rules
    )
    if groups is not None:
        found["groups"] = found["raters"]["groups"] = groups
    basis = "preferences" if mirrored else "acceptable"
    measured = {"acceptable": None, "preferences": None, basis: found}
    return situation(roi=costs(), judgements={"rules": measured})


TABLE = [
    # 1: an invalid comparison comes before everything
    ("a leak", later(roi=costs(), data=LEAK), 1, "1 test or validation input also occurs in the training"),
    ("rules that accept answers to other requests", later(roi=costs(), style=FORM_ONLY), 1,
     "Fix the rules first: these rules accept 97% of answers to other requests"),
    ("no rule that an output must keep", later(roi=costs(), style=LAX), 1,
     "Fix the rules first: no rule of the style is a `must`, so every output counts as acceptable"),
    ("one rule that an output must keep",
     later(roi=costs(), style={"checks": {**LAX["checks"], "short": {"level": "must"}}}), 7, "pays back"),
    ("rules that tell them apart", later(roi=costs(), style=TELLING), 7, "pays back"),
    ("no leak", later(roi=costs(), data=NO_LEAK), 7, "pays back in 16 days"),
    ("recited answers of the training", later(roi=costs(), data=REMEDY, risks=RECITED), 1,
     "5 of 200 outputs of the tuned model are training answers word for word"),
    ("recited answers that are few",
     later(roi=costs(), data=REMEDY, risks=[{**RECITED[0], "recited": 4}]), 7, "pays back"),
    ("recited answers that repeat by nature", later(roi=costs(), data=NO_LEAK, risks=RECITED), 7, "pays back"),
    ("what the caller found", later(roi=costs(), validity=FAILED_CALLS), 1, "stopped halfway"),
    ("a leak and more", later(data=LEAK, validity=FAILED_CALLS), 1, "Fix the data first"),
    ("a guide that was cut off", lambda: variant("prompted", guide_cut=True), 1, "was cut off"),
    ("an empty guide", lambda: variant("prompted", guide_tokens=0), 1, "the guide of the prompted model is empty"),
    ("a guide without effect",
     later((20, 100, 0, 80), others={"plain": 0.1}), 1, "10% of cases with it and in 10% without it"),
    ("a guide with little effect",
     later((20, 100, 0, 80), others={"plain": 0.05}, roi=costs()), 7, "60% of cases"),
    ("both 0%", later((0, 0, 0, 200), roi=costs()), 1, "no output of"),
    ("2% unscored", lambda: unscored(4), 7, "pays back"),
    ("2.5% unscored", lambda: unscored(5), 1, "5 of 200 outputs of the tuned model could not be scored"),
    ("2.5% of the baseline unscored", lambda: unscored(5, "prompted"), 1, "of the prompted model could not"),
    ("settings that differ", settings, 1, "temperature 0.0 and 0.7"),
    ("a setting that the endpoint refused", refused, 7, "pays back"),
    ("rules that agree less than a person", lambda: judged(rule_noise=0.4), 1,
     "the rules do not measure what people want, as they agree with people less than one person does with the others"),
    ("rules that agree like a person", lambda: judged(rule_noise=0.1), 7, "pays back"),
    ("rules that agree less, on few outputs", lambda: judged(rule_noise=0.5, requests=24), 7, "pays back"),
    ("rules that agree less, in few groups", lambda: judged(rule_noise=0.4, requests=200, groups=19), 7, "pays back"),
    ("random rules and one person", lambda: judged(rule_noise=0.5, people=1), 1, "little more than chance would"),
    ("fair rules and one person", lambda: judged(rule_noise=0.2, people=1), 7, "pays back"),
    ("rules against preferences", lambda: judged(rule_noise=0.5, mirrored=True), 1, "less than one person does"),
    ("rules that all people share", lambda: judged(rule_noise=0, noise=0), 7, "pays back"),
    ("rules and people that accept everything", lambda: judged(rule_noise=0, noise=0, base=1), 7, "pays back"),
    ("people who disagree among themselves", lambda: judged(rule_noise=0.5, noise=0.5), 7, "pays back"),
    # 2: worse
    ("worse", later(WORSE, roi=costs()), 2, "52% of cases, the prompted model in 80%"),
    ("worse and cheaper", later(WORSE, roi=costs(tuned=0.1)), 2, "80%"),
    ("worse without money", later(WORSE), 2, "80%"),
    ("surely worse, but within the margin, and a failure costs nothing",
     later(SLIGHTLY_WORSE, roi=costs()), 6, "only as long as an unacceptable output costs less than 0.1"),
    ("surely worse, but within the margin, and a failure costs little",
     later(SLIGHTLY_WORSE, roi=costs(failures="repair", failure_cost=0.01)), 7, "93% of cases, the prompted model in 95%"),
    ("worse by the margin exactly", later((9000, 200, 500, 300), roi=costs(**REPAIR)), 2, "92%"),
    ("worse by the margin exactly, and a failure costs nothing",
     later((9000, 200, 500, 300), roi=costs()), 6, "only as long as an unacceptable output costs less than"),
    ("surely worse by more than the margin, cheaper, and a failure costs nothing",
     later((540, 12, 42, 6), roi=costs()), 6, "only as long as an unacceptable output costs less than"),
    # 3: undecided
    ("three cases", later((2, 0, 0, 1), roi=costs()), 3, "these 3 cases are too few to decide"),
    ("one case", later((1, 0, 0, 0)), 3, "this 1 case is too few to decide"),
    ("eight cases that all go one way",
     later((0, 8, 0, 0), roi=costs(**REPAIR)), 3, "about 12 more cases"),
    ("eight cases that all go the other way", later((0, 0, 8, 0), roi=costs()), 3, "more test cases are needed"),
    ("nineteen cases", later((9, 10, 0, 0), roi=costs(**REPAIR)), 3, "1 more case would settle it"),
    ("twenty cases", later((10, 10, 0, 0), roi=costs(**REPAIR)), 7, "50%"),
    ("all ties, too few", later((45, 0, 0, 5), roi=costs()), 3, "90% of cases, the prompted model also in 90%"),
    ("equal shares, too few cases", later(UNSURE, roi=costs()), 3, "it could be up to"),
    ("somewhat worse, not surely", later((30, 2, 5, 3)), 3, "more test cases are needed"),
    ("300 rows in ten groups",
     later((200, 70, 10, 20), groups=np.arange(300) // 30, roi=costs()),
     3, "other groups would settle it"),
    ("300 rows that groups make worth 80",
     later(EVEN_300, groups=np.arange(300) // 5, roi=costs()), 3, "other groups would settle it"),
    ("the same 300 rows, each alone", later(EVEN_300, roi=costs()), 7, "93.3% of cases, the prompted model in 92.7%"),
    ("one group", later(BETTER, groups=["all"] * 200, roi=costs()), 3, "in 1 group are too few to decide"),
    ("one family beside single items", later(BETTER, groups=ALONE_18, roi=costs()), 3, "18 groups"),
    ("unsure, but it would never pay anyway",
     later(UNSURE, roi=costs(20, **REPAIR, investment=10**6)), 8, "longer than the savings last"),
    # 4: a risk over its limit
    ("copies", later(roi=costs(), risks=OVER), 4, "memorisation is over its limit (30 of 60 are copies)"),
    ("copies without money", later(risks=OVER), 4, "Fix the training first"),
    ("copies, and worse", later(WORSE, risks=OVER), 2, "80%"),
    ("a risk that was not checked", later(roi=costs(), risks=NOT_CHECKED), 7, "pays back"),
    ("a risk that nobody measured", later(roi=costs(), risks=STATED_RISK), 7, "pays back"),
    # 5: no money
    ("no [roi]", later(), 5, "unknown until prices and the number of requests per day are stated"),
    ("no volume", later(roi=costs(volume=None)), 5, "unknown until the number of requests per day is stated"),
    ("no price", later(roi={"requests_per_day": 10}), 5, "missing numbers are stated"),
    ("nothing acceptable, and failures dropped",
     later((0, 100, 0, 100), roi=costs(failures="drop")), 5, "no cost per acceptable output"),
    # 6: better, more expensive, and a failure costs nothing
    ("better and dearer", later(roi=costs(tuned=12)), 6, "pays off if an unacceptable output costs more than 0.01"),
    ("better, investment too high", later(roi=costs(investment=10**6)), 6, "costs more than"),
    ("better and cheaper, but too slow", later(roi=costs(target_payback_days=5)), 6, "costs more than"),
    # 7: pays
    ("better and cheaper", later(roi=costs()), 7, "at 5,000 requests a day it pays back in 16 days (12 to 25 days)"),
    ("both 100%", later((200, 0, 0, 0), roi=costs()), 7, "100% of cases, the prompted model also in 100%"),
    ("equal and cheaper", later(EQUAL, roi=costs()), 7, "also in 97%"),
    ("dearer, failures repaired", later(roi=costs(tuned=12, **REPAIR)), 7, "pays back in 0.2 days (0.1 to 0.3 days)"),
    ("dropped failures", later(roi=costs(failures="drop")), 7, "pays back"),
    ("a batch that pays", later(roi=costs(None, requests_total=10**6)), 7, "for 1,000,000 requests it saves"),
    ("a better shorter prompt that costs more",
     later(BETTER, others={"short": 0.9}, roi=costs() | {"short": other(fixed=100)}),
     9, '"short" in 90%; at 5,000 requests a day it pays back in 80 days'),
    ("nothing to invest", later(roi=costs(investment=0)), 7, "since it needs no investment"),
    ("a huge volume", later(roi=costs(10**9)), 7, "at 1,000,000,000 requests a day"),
    ("a small machine of one's own, many requests",
     later(roi=costs(100_000) | {"tuned": HOSTED}), 7, "pays back"),
    ("a machine that goes", later(roi=costs(100_000) | {"prompted": HOSTED}), 6, "costs more than"),
    # 8: does not pay
    ("equal and dearer", later(EQUAL, roi=costs(tuned=12)), 8, "it never pays back; it would pay off at an"),
    ("equal, too few requests", later(EQUAL, roi=costs(20)), 8, "it would pay back within 90 days at about 1,0"),
    ("better, a cheap failure",
     later(roi=costs(tuned=12, failures="repair", failure_cost=0.001)), 8, "unacceptable output cost 0.0"),
    ("too slow", later(EQUAL, roi=costs(target_payback_days=5)), 8, "later than the target of 5 days"),
    ("a batch too small",
     later(EQUAL, roi=costs(None, requests_total=1000)), 8, "it would pay off at about 80,000 requests or more"),
    ("retired before it pays", later(EQUAL, roi=costs(running=RETIRED)), 8, "since the base model has been retired"),
    ("its savings end before it pays", later(EQUAL, roi=costs(horizon_days=10)), 8, "longer than the savings last"),
    ("a ramp longer than the horizon",
     later(EQUAL, roi=costs(200, ramp_days=700)), 8, "longer than the savings last"),
    ("an idle machine of one's own", later(EQUAL, roi=costs(500) | {"tuned": HOSTED}), 8, "it never pays back"),
    ("a cheaper model that was measured",
     later(EQUAL, others={"small": 0.97}, roi=costs() | {"small": other(1)}),
     8, '"small" also in 97%, but at 5,000 requests a day it never pays back'),
    ("a guide that can go",
     later(EQUAL, others={"plain": 0.97}, roi=costs(tuned=12) | {"plain": other(fixed=0)}),
     8, "the plain model without a guide also in 97%, but"),
    ("a better shorter prompt that costs less",
     later((150, 40, 6, 4), others={"short": 0.94},
               roi=costs(tuned=12, failures="repair", failure_cost=0.01) | {"short": other(fixed=100)}),
     8, '"short" in 94%, but at 5,000 requests a day it never pays back'),
    ("a cached guide",
     later(EQUAL, roi=costs(tuned=12) | {"prompted": {**CACHED, "fixed_tokens": 1100}}),
     8, "the prompted model with its guide in the prompt cache"),
    # 9: in between
    ("about as likely as not",
     later(EQUAL, roi=costs(target_payback_days=17)), 9, "that depends most on the number of requests per day"),
    ("a very wide volume",
     later(EQUAL, roi=costs([100, 900, 6000], target_payback_days=40)), 9, "that depends most on"),
    ("a cache that nobody tried",
     later(EQUAL, roi=costs(tuned=6.8) | {"prompted": {**CACHED, "fixed_tokens": 3000}}),
     9, "which needs no training, it does not pay off"),
    ("a dearer rival that is a little better",
     later((150, 40, 6, 4), others={"large": 0.97}, roi=costs() | {"large": other(12)}),
     3, '"large" in 97%'),
]  # fmt: skip


DECISIONS = dict(enumerate((FIX, KEEP, OPEN, FIX, OPEN, OPEN, FINE_TUNE, KEEP, OPEN), start=1))


@pytest.mark.slow
@pytest.mark.parametrize(("results", "rule", "part"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_first_rule_that_fires_decides(results, rule, part):
    results = results()
    before = copy.deepcopy(results)
    found = decide(results, margin=0.03)
    assert (found["rule"], found["decision"]) == (rule, DECISIONS[rule]), found["sentence"]
    assert part in found["sentence"]
    assert results == before
    sentences = [found["sentence"], found["doubt"], *found["reasons"]]
    assert all(re.fullmatch(r"[A-Z0-9\"].*\.", text) for text in sentences), sentences
    told = " ".join(sentences)
    assert not any(
        word in told for word in ("None", "nan", "inf ", "p =", "NPV", "McNemar", "  ", "..", "−0 ", ";.")
    ), told
    assert 2 <= len(found["reasons"]) <= 4
    assert all(flip["decision"] != found["decision"] for flip in found["flips"])


def test_the_table_covers_every_rule():
    assert {row[2] for row in TABLE} == set(range(1, 10))
    assert len(TABLE) >= 40


@pytest.mark.slow
def test_people_who_judge_otherwise_change_the_verdict_and_others_restore_it():
    bad, good = (whole(judged(rule_noise=noise)).judgements for noise in (0.4, 0.1))
    results = situation(roi=costs())
    results["verdict"] = before = decide(results)
    fixed = with_judgements(whole(results), bad)
    assert (fixed.verdict.decision, fixed.verdict.what) == (FIX, "comparison")
    assert "`judgements.rules`" in fixed.verdict.next
    assert as_json(fixed.judgements.verdict_without) == before
    assert with_judgements(fixed, bad) == fixed
    restored = with_judgements(fixed, good)
    assert as_json(restored.verdict) == before
    assert restored.judgements.verdict_without is None


@pytest.mark.slow
def test_preferences_decide_only_without_enough_marked_outputs():
    against, with_people = judged(rule_noise=0.5, mirrored=True)["judgements"], judged(rule_noise=0.1)["judgements"]
    both = {"rules": {**against["rules"], "acceptable": with_people["rules"]["acceptable"]}}
    assert decide(situation(roi=costs(), judgements=both))["rule"] == 7
    both["rules"]["acceptable"]["n"] = 49
    assert decide(situation(roi=costs(), judgements=both))["rule"] == 1


def test_groups_can_make_300_rows_count_as_80():
    comparison = situation(EVEN_300, groups=np.arange(300) // 5)["comparison"]
    assert (comparison["n"], round(comparison["n_effective"], -1)) == (300, 80)


def test_one_variant_alone_gets_no_verdict():
    assert decide({"quality": {}, "comparison": None}, margin=0.03) is None


def test_the_thing_to_fix_is_named():
    assert decide(situation(data=LEAK), margin=0.03)["what"] == "data"
    assert decide(settings(), margin=0.03)["what"] == "comparison"
    assert decide(situation(risks=OVER), margin=0.03)["what"] == "training"
    assert decide(situation(roi=costs()), margin=0.03)["what"] is None


def test_risks_that_were_not_checked_are_listed():
    assert decide(situation(risks=NOT_CHECKED), margin=0.03)["not_checked"] == ["memorisation"]


def test_a_guide_by_tuneworth_is_named_in_the_sentence_and_is_the_doubt():
    results = variant("prompted", guide="written by Tuneworth")
    found = decide(results, margin=0.03)
    assert "with a guide that Tuneworth wrote" in found["sentence"]
    assert "wrote the guide" in found["doubt"]


def test_a_difference_of_exactly_the_margin_is_undecided_and_one_above_is_not():
    results = situation(roi=costs())
    for low, rule in ((-0.03, 3), (-0.02999, 7)):
        results["comparison"]["low_one_sided"] = results["rivals"][0]["low_one_sided"] = low
        assert decide(results, margin=0.03)["rule"] == rule


def test_a_loss_is_sure_only_if_its_range_leaves_out_zero():
    results = situation(WORSE)
    difference = results["rivals"][0]["difference"]
    for high, rule in ((-1e-6, 2), (0.0, 3)):
        difference["high"] = high
        assert decide(results, margin=0.03)["rule"] == rule
    for value, rule in ((0.27 - 0.3, 2), (-0.0299, 3)):  # the first is a hair above -0.03, as floats go
        difference |= {"value": value, "high": -1e-6}
        assert decide(results, margin=0.03)["rule"] == rule


@cache
def decided_by_money():
    cheap_failure = {"failures": "repair", "failure_cost": Decimal("0.00001")}
    return situation(BETTER, others={"small": 0.6}, roi=costs(**cheap_failure) | {"small": other(1)})


def two_rivals(**second):
    """A situation that is decided by money, against a strongest rival and a cheap one with this difference to it."""
    results = copy.deepcopy(decided_by_money())
    small = next(row for row in results["rivals"] if not row["strongest"])
    small["difference"] |= second
    return results


def test_training_pays_against_every_rival_that_is_not_surely_worse():
    assert decide(two_rivals(low=1e-6), margin=0.03)["rule"] == 7
    assert decide(two_rivals(low=0.0), margin=0.03)["rule"] == 8


def test_one_rival_against_which_it_never_pays_is_enough_to_decide_without_more_cases():
    for low, rule in ((-0.05, 8), (0.05, 3)):  # surely better than the cheap one, only the others count
        results = two_rivals(low=low)
        for row in results["rivals"]:
            row["low_one_sided"] = -0.2  # too few cases to know whether it is as good
        assert decide(results, margin=0.03)["rule"] == rule


def test_a_cached_guide_does_not_count_if_the_cached_share_is_stated():
    table = costs(tuned=6.8) | {"prompted": {**CACHED, "fixed_tokens": 3000, "cached_share": 0.0}}
    assert decide(situation(EQUAL, roi=table), margin=0.03)["decision"] == "fine-tune"


def test_a_cached_share_that_was_measured_as_zero_leaves_the_cache_to_try():
    results = situation(EQUAL, roi=costs(tuned=6.8) | {"prompted": {**CACHED, "fixed_tokens": 3000}})
    for share, rule in ((0.0, 9), (0.4, 7)):
        entry = {"key": "prompted.cached_share", "value": share, "unit": "", "source": "measured"}
        results["money"]["assumptions"] = [entry]
        assert decide(results, margin=0.03)["rule"] == rule


def test_the_reasons_are_the_difference_the_cost_and_the_chance():
    difference, cost, chance = decide(situation(roi=costs()), margin=0.03)["reasons"]
    assert "24 points better on 200 cases" in difference
    assert cost == "1,000 requests cost 3.75 EUR instead of 6.25 EUR; the investment is 200 EUR."
    assert chance.startswith("The chance of paying back within 90 days")


def with_guide_comparison(results, **difference):
    ends = {"value": 0.0, "low": -0.1, "high": 0.1} | difference
    return {**results, "guide_comparison": {"baseline": "plain", "candidate": "prompted", "difference": ends}}


def test_a_plain_model_that_is_worse_needs_its_guide():
    results = situation(BETTER, others={"plain": 0.4}, roi=costs())
    assert "guide" not in decide(results, margin=0.03)["sentence"]
    assert "guide" not in decide(with_guide_comparison(results, low=0.2, high=0.4), margin=0.03)["sentence"]
    found = decide(with_guide_comparison(results, value=-0.02, low=-0.05, high=0.01), margin=0.03)
    assert "The guide of the prompted model can be dropped: the outputs are no worse without it." in found["sentence"]


@pytest.mark.parametrize(("high", "dropped"), [(0.0, True), (0.0299, True), (0.03, False), (0.05, False)])
def test_a_guide_can_go_if_the_outputs_without_it_are_worse_by_less_than_the_margin(high, dropped):
    results = with_guide_comparison(situation(BETTER, others={"plain": 0.4}, roi=costs()), high=0.1)
    results["guide_comparison"]["difference"]["high"] = high
    assert ("can be dropped" in decide(results, margin=0.03)["sentence"]) is dropped


def test_the_verdict_is_against_the_strongest_rival_whatever_is_called_the_baseline():
    free = {"price_input": 0, "price_output": 0, "fixed_tokens": 0, "input_tokens": 0, "output_tokens": 0}
    results = situation((140, 48, 10, 2), others={"big": 0.99}, roi=costs() | {"big": free})
    found = decide(results, margin=0.03)
    assert (found["decision"], found["rule"]) == ("keep prompting", 2)
    assert '"big" in 99%' in found["sentence"]
    assert "Other ways without training: the prompted model 75%." in found["reasons"]
    assert '"big"' in found["next"]


def test_training_must_pay_against_each_rival_that_is_as_good():
    results = situation(EQUAL, others={"small": 0.969}, roi=costs() | {"small": other(4.9)})
    assert results["comparison"]["baseline"] == "small"
    stated = copy.deepcopy(results)
    # With the dearer variant as the strongest, the cheaper one still counts.
    for row in stated["rivals"]:
        row["strongest"] = row["name"] == "prompted"
    assert decide(stated, margin=0.03)["decision"] == decide(results, margin=0.03)["decision"]


FACTS = {"value": -0.14, "low": -0.18, "high": -0.10}


def test_facts_that_are_surely_worse_are_to_be_fixed_whatever_form_gains():
    results = situation((380, 124, 28, 68), roi=costs(**REPAIR))
    assert decide(results, margin=0.03)["decision"] == "fine-tune"
    results["rivals"][0]["facts"] = FACTS
    results["quality"]["tuned"]["faithful"] = {"share": 0.85}
    results["quality"]["prompted"]["faithful"] = {"share": 0.99}
    found = decide(results, margin=0.03)
    assert (found["decision"], found["what"], found["rule"]) == ("fix first", "training", 4)
    assert "gets the facts right in 85% of cases, the prompted model in 99%" in found["sentence"]
    assert decide(results, margin=0.03, facts_margin=0.2)["decision"] == "fine-tune"


def test_rules_that_a_template_meets_are_the_first_doubt():
    results = situation((180, 10, 6, 4), others={"template": 0.97}, roi=costs())
    results["variants"]["template"] |= {"way": "template", "source": "template"}
    assert decide(results, margin=0.03)["doubt"].startswith("These rules can be met without any model: a template")


def test_a_rival_that_was_not_measured_is_a_doubt():
    results = situation((900, 60, 10, 30), roi=costs())
    why = {"name": "nearest", "measured": False, "why": "it needs paid calls", "facts": None, "difference": None}
    results["rivals"].append(why)
    found = decide(results, margin=0.03)
    assert (found["decision"], found["doubt"]) == (
        "fine-tune",
        "Not every way without training was measured: the prompted model with the nearest examples may do as well.",
    )


def test_the_requested_cases_come_with_the_chance_that_they_settle_it():
    found = decide(situation(UNSURE), margin=0.03)
    more = int(re.search(r"about ([\d,]+) more cases would settle it", found["sentence"]).group(1).replace(",", ""))
    assert any(re.search(rf"about {more:,} more cases the chance is \d\d% that", text) for text in found["reasons"])
    enough = tuple(round(cell * (200 + more) / 200) for cell in UNSURE)
    assert decide(situation(enough), margin=0.03)["rule"] == 5


def test_another_model_without_a_guide_shows_nothing_about_the_guide():
    results = situation((20, 100, 0, 80), others={"plain": 0.1})
    for name, model in (("prompted", "small"), ("plain", "large")):
        results["variants"][name]["model"] = model
    assert decide(results, margin=0.03)["rule"] != 1
    results = with_guide_comparison(
        situation(BETTER, others={"plain": 0.7}, roi=costs()), value=0.0, low=-0.02, high=0.02
    )
    assert "can be dropped" in decide(results, margin=0.03)["sentence"]
    for name, model in (("prompted", "small"), ("plain", "large")):
        results["variants"][name]["model"] = model
    assert "can be dropped" not in decide(results, margin=0.03)["sentence"]


def test_with_repeats_the_reason_names_the_variant_that_is_acceptable_more_often():
    results = situation((20, 4, 60, 116))
    assert "Only the tuned model is acceptable in 4 cases" in " ".join(decide(results, margin=0.03)["reasons"])
    results["quality"]["tuned"]["samples"] = 3
    assert (
        "The tuned model is acceptable more often in 4 cases, the prompted model in 60." in decide(results)["reasons"]
    )


def test_a_single_group_is_in_the_singular():
    found = decide(situation((20, 5, 0, 5), groups=np.zeros(30)))
    said = " ".join([found["sentence"], *found["reasons"], found["doubt"]])
    assert "30 cases come from 1 group of similar cases, so they count as about 1 independent case." in said
    assert "1 groups" not in said


def test_one_request_a_day_and_inputs_without_a_special_name_are_readable():
    money = whole(situation(BETTER, roi=costs(volume=1))).money
    assert when_it_pays(money).startswith("at 1 request a day it")
    assert input_name("tuned.acceptance", money) == "the share of acceptable outputs of the tuned model"
    assert input_name("horizon_days", money) == "the horizon days"
