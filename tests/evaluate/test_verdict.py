"""Every rule of the verdict, in order: a table of situations, and the sentences that people read."""

import copy
import re

import numpy as np
import pytest

from tuneworth.evaluate.doubt import strongest_doubt
from tuneworth.evaluate.intervals import share_interval
from tuneworth.evaluate.money import compute_money
from tuneworth.evaluate.paired import compare
from tuneworth.evaluate.roi_settings import read_roi
from tuneworth.evaluate.verdict import decide


def situation(cells=(134, 54, 6, 6), *, plain=None, roi=None, groups=None, **parts):
    """Results as evaluate writes them, from counts both / only tuned / only prompted / neither."""
    prompted, tuned = np.repeat([1, 0, 1, 0], cells).astype(bool), np.repeat([1, 1, 0, 0], cells).astype(bool)
    n = len(prompted)
    values = {"prompted": prompted, "tuned": tuned}
    if plain is not None:
        values["plain"] = np.arange(n) < round(plain * n)
    quality = {}
    for name, value in values.items():
        found = share_interval(value, groups)
        acceptable = {"share": found.share, "low": found.low, "high": found.high}
        quality[name] = {"n": n, "unscored": 0, "acceptable": acceptable, "n_effective": found.n_effective}
    results = {
        "quality": quality,
        "comparison": {"baseline": "prompted", "candidate": "tuned", **compare(prompted, tuned, groups).to_json()},
        "money": None,
        "risks": [],
        "variants": {
            "prompted": {"source": "base model", "guide": "the team's own", "guide_tokens": 500},
            "tuned": {"source": "adapter", "guide": None},
        },
    }
    if roi is not None:
        results["money"] = compute_money(read_roi(roi), baseline="prompted", candidate="tuned", draws=1000).to_json()
    return results | parts


def costs(volume=5000, *, tuned=5, investment=200, **more):
    tokens = {"input_tokens": 150, "output_tokens": 150}
    table = {
        "investment": {"compute": investment},
        "prompted": {"price_input": 5, "price_output": 20, "fixed_tokens": 500, "acceptance": 0.7, **tokens},
        "tuned": {"price_input": tuned, "price_output": 4 * tuned, "fixed_tokens": 0, "acceptance": 0.94, **tokens},
    }
    return table | ({"requests_per_day": volume} if volume else {}) | more


BETTER, EQUAL, WORSE = (134, 54, 6, 6), (960, 10, 10, 20), (100, 4, 60, 36)
UNSURE = (140, 20, 20, 20)
OVER = [{"id": "memorisation", "status": "over", "value": 0.3, "limit": 0.0, "evidence": "30 of 60 are copies"}]
NOT_CHECKED = [{**OVER[0], "status": "not checked"}]
LEAK = {"certificate": {"pairs_at_or_above": 3}}
NO_LEAK = {"certificate": {"pairs_at_or_above": 0}}
RETIRED = {"base_model_retires": "2020-01-01"}
TRUNCATED = [{"what": "comparison", "text": "the guide was cut off"}]

TABLE = [
    # 1: what is invalid comes before everything
    ("leakage", situation(roi=costs(), data=LEAK), 1, "fix first", "data"),
    ("no leakage", situation(roi=costs(), data=NO_LEAK), 7, "fine-tune", None),
    ("a guide that was cut off", situation(roi=costs(), validity=TRUNCATED), 1, "fix first", "comparison"),
    ("leakage and a cut guide", situation(data=LEAK, validity=TRUNCATED), 1, "fix first", "data"),
    ("a guide without effect", situation((20, 100, 0, 80), plain=0.1), 1, "fix first", "comparison"),
    ("all guides fail", situation((0, 100, 0, 100), plain=0.0), 1, "fix first", "comparison"),
    ("a guide with little effect", situation((20, 100, 0, 80), plain=0.05, roi=costs()), 7, "fine-tune", None),
    ("plain as good, but good", situation(BETTER, plain=0.8, roi=costs()), 7, "fine-tune", None),
    # 2: worse
    ("worse", situation(WORSE, roi=costs()), 2, "keep prompting", None),
    ("worse without money", situation(WORSE), 2, "keep prompting", None),
    ("surely worse, but within the margin", situation((9000, 300, 500, 200), roi=costs()), 7, "fine-tune", None),
    # 3: not told
    ("equal shares, too few cases", situation(UNSURE, roi=costs()), 3, "cannot tell yet", None),
    ("three cases", situation((2, 0, 0, 1), roi=costs()), 3, "cannot tell yet", None),
    ("one case", situation((1, 0, 0, 0)), 3, "cannot tell yet", None),
    ("somewhat worse, not surely", situation((30, 2, 5, 3)), 3, "cannot tell yet", None),
    ("better, in six groups", situation(BETTER, groups=np.arange(200) // 34, roi=costs()), None, None, None),
    # 4: a risk over its limit
    ("copies", situation(roi=costs(), risks=OVER), 4, "fix first", "training"),
    ("copies without money", situation(risks=OVER), 4, "fix first", "training"),
    ("copies, and worse", situation(WORSE, risks=OVER), 2, "keep prompting", None),
    ("a risk that was not checked", situation(roi=costs(), risks=NOT_CHECKED), 7, "fine-tune", None),
    # 5: no money
    ("no [roi]", situation(), 5, "cannot tell yet", None),
    ("no volume", situation(roi=costs(volume=None)), 5, "cannot tell yet", None),
    ("no price", situation(roi={"requests_per_day": 10}), 5, "cannot tell yet", None),
    # 6: better, dearer, and a failure costs nothing
    ("better and dearer", situation(roi=costs(tuned=12)), 6, "cannot tell yet", None),
    ("better, investment too high", situation(roi=costs(investment=10**6)), 6, "cannot tell yet", None),
    ("better and cheaper, but too slow", situation(roi=costs(target_payback_days=5)), 6, "cannot tell yet", None),
    # 7: pays
    ("better and cheaper", situation(roi=costs()), 7, "fine-tune", None),
    ("equal and cheaper", situation(EQUAL, roi=costs()), 7, "fine-tune", None),
    ("dearer, failures repaired", situation(roi=costs(tuned=12, failures="repair", failure_cost=1)), 7, "fine-tune", None),
    ("dropped failures", situation(roi=costs(failures="drop")), 7, "fine-tune", None),
    ("a batch that pays", situation(roi=costs(None, requests_total=10**6)), 7, "fine-tune", None),
    ("nothing to invest", situation(roi=costs(investment=0)), 7, "fine-tune", None),
    # 8: does not pay
    ("equal and dearer", situation(EQUAL, roi=costs(tuned=12)), 8, "keep prompting", None),
    ("equal, too few requests", situation(EQUAL, roi=costs(20)), 8, "keep prompting", None),
    ("better, a cheap failure", situation(roi=costs(tuned=12, failures="repair", failure_cost=0.001)), 8, "keep prompting", None),
    ("too slow", situation(EQUAL, roi=costs(target_payback_days=5)), 8, "keep prompting", None),
    ("a batch too small", situation(EQUAL, roi=costs(None, requests_total=1000)), 8, "keep prompting", None),
    ("retired before it pays", situation(EQUAL, roi=costs(running=RETIRED)), 8, "keep prompting", None),
    # 9: in between
    ("about as likely as not", situation(EQUAL, roi=costs(target_payback_days=17)), 9, "cannot tell yet", None),
    ("a very wide volume", situation(EQUAL, roi=costs([100, 900, 6000], target_payback_days=40)), 9, "cannot tell yet", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("results", "rule", "decision", "what"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_first_rule_that_fires_decides(results, rule, decision, what):
    before = copy.deepcopy(results)
    found = decide(results, margin=0.03)
    if rule is not None:
        assert (found["rule"], found["decision"], found["what"]) == (rule, decision, what), found["sentence"]
    assert results == before
    sentences = [found["sentence"], found["doubt"], *found["reasons"]]
    assert all(re.fullmatch(r"[A-Z0-9\"].*\.", text) for text in sentences), sentences
    assert not any(word in " ".join(sentences) for word in ("None", "nan", "inf ", "p =", "McNemar", "  "))
    assert 2 <= len(found["reasons"]) <= 4


def test_one_variant_alone_gets_no_verdict():
    assert decide({"quality": {}, "comparison": None}, margin=0.03) is None


def test_the_sentence_says_shares_volume_and_payback():
    found = decide(situation(roi=costs()), margin=0.03)
    assert found["sentence"].startswith(
        "Fine-tune: the tuned model gives an acceptable output in 94 % of cases, the prompted model in 70 %; "
        "at 5,000 requests a day it pays back in 16 days ("
    )
    assert found["flips"][0]["what"] == "requests a day"
    assert found["flips"][0]["decision"] == "keep prompting"


def test_a_guide_by_tuneworth_is_named_in_the_sentence_and_is_the_doubt():
    results = situation(roi=costs())
    results["variants"]["prompted"]["guide"] = "written by Tuneworth"
    found = decide(results, margin=0.03)
    assert "with a guide that Tuneworth wrote" in found["sentence"]
    assert "Tuneworth wrote the guide" in found["doubt"]


def test_too_few_cases_says_how_many_would_tell_and_they_do():
    found = decide(situation(UNSURE), margin=0.03)
    needed = int(re.search(r"about ([\d,]+) cases would tell", found["sentence"]).group(1).replace(",", ""))
    more = tuple(round(cell * needed / 200) for cell in UNSURE)
    assert compare(np.repeat([1, 0, 1, 0], more), np.repeat([1, 1, 0, 0], more)).low_one_sided > -0.035
    assert 200 < needed < 2000


def test_the_failure_cost_that_would_pay_is_named():
    results = situation(roi=costs(tuned=12))
    found = decide(results, margin=0.03)
    least = results["money"]["carrying_failure_cost"]
    assert f"{least:.3g} EUR" in found["sentence"]
    stated = situation(roi=costs(tuned=12, failures="repair", failure_cost=least * 1.2))
    assert stated["money"]["npv"] > 0
    assert stated["money"]["payback_days"] < 90


def test_too_few_requests_says_from_how_many_it_would_pay():
    results = situation(EQUAL, roi=costs(20))
    found = decide(results, margin=0.03)
    assert (
        f"it would pay from {results['money']['break_even_requests_per_day']:,.0f} requests a day on"
        in found["sentence"]
    )
    assert {"what": "requests a day", "decision": "fine-tune"}.items() <= found["flips"][0].items()


def test_a_cached_guide_that_costs_less_is_named():
    table = costs(tuned=12)
    table["prompted"] |= {"fixed_tokens": 1100, "price_cached": 0.1}
    found = decide(situation(EQUAL, roi=table), margin=0.03)
    assert "with the guide in the prompt cache" in found["sentence"]
    table["prompted"]["fixed_tokens"] = 3000  # now the tuned model pays, but a cached guide would cost less still
    assert "prompt cache" in decide(situation(EQUAL, roi=table), margin=0.03)["doubt"]


def test_a_cheaper_variant_without_training_is_named():
    results = situation(
        EQUAL, roi={**costs(tuned=12), "small": {**costs()["prompted"], "price_input": 1, "price_output": 4}}
    )
    results["quality"]["small"] = results["quality"]["prompted"]
    assert '"small" does as well as the prompted model for less' in decide(results, margin=0.03)["sentence"]


def test_a_plain_model_as_good_as_the_prompted_one_needs_no_guide():
    results = situation(BETTER, plain=0.8, roi=costs())
    assert "The guide can go" in decide(results, margin=0.03)["sentence"]
    results["guide_comparison"] = {"low_one_sided": -0.2}
    assert "The guide can go" not in decide(results, margin=0.03)["sentence"]


def test_an_empty_guide_and_different_settings_are_invalid():
    empty = situation(roi=costs())
    empty["variants"]["prompted"]["guide_tokens"] = 0
    assert "is empty" in decide(empty, margin=0.03)["sentence"]
    other = situation(roi=costs())
    other["variants"]["prompted"]["settings"] = {"temperature": 0.0, "max_new_tokens": 64}
    other["variants"]["tuned"]["settings"] = {"temperature": 0.7, "max_new_tokens": 64}
    assert "temperature 0.0 and 0.7" in decide(other, margin=0.03)["sentence"]


@pytest.mark.parametrize(("unscored", "rule"), [(4, 7), (5, 1)])
def test_more_than_two_percent_unscored_is_invalid(unscored, rule):
    results = situation(roi=costs())
    results["quality"]["tuned"]["unscored"] = unscored
    assert decide(results, margin=0.03)["rule"] == rule


def test_the_open_input_of_a_wide_payback_is_named():
    found = decide(situation(EQUAL, roi=costs(target_payback_days=17)), margin=0.03)
    assert "it hangs most on the requests a day" in found["sentence"]


DOUBTS = [
    (situation((20, 100, 0, 80)), "The baseline is weak"),
    (situation((20, 10, 2, 8)), "The test set is small"),
    (situation(BETTER, groups=np.arange(200) // 12), "come from only 17 groups"),
    (situation((150, 32, 6, 12), reference={"acceptable": {"share": 0.57}}), "57 % of the test set's own references"),
    (situation((150, 32, 6, 12), style={"reviewed": False}), "Nobody has reviewed"),
    (situation((150, 32, 6, 12), provenance={"test_set_used": 9}), "used 9 times"),
    (situation((150, 32, 6, 12), roi=costs()), "single stated number"),
    (situation((150, 32, 6, 12)), "are a sample"),
]


@pytest.mark.parametrize(("results", "part"), DOUBTS)
def test_the_strongest_doubt_is_named(results, part):
    assert part in strongest_doubt(results, "fine-tune")


def test_a_verdict_that_rests_on_quality_alone_does_not_doubt_the_volume():
    assert "volume" not in decide(situation(WORSE, roi=costs()), margin=0.03)["doubt"]
    assert "volume" in decide(situation((150, 32, 6, 12), roi=costs()), margin=0.03)["doubt"]


def test_equal_true_shares_hold_the_verdict_back_in_about_half_of_the_runs():
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        low = compare(rng.random(200) < 0.94, rng.random(200) < 0.94).low_one_sided
        held += low <= -0.03
    assert 0.4 < held / 200 < 0.75
