"""The strongest doubt: reasons that could flip the verdict come first."""

import numpy as np
import pytest

from tuneworth.evaluate.results import Comparison
from tuneworth.evaluate.verdict.doubts import found_doubts, groups_cost
from tuneworth.evaluate.verdict.evidence import Evidence

from ..shared import record_of
from .situations import costs, decide, other, situation, whole

BETTER, GOOD, EQUAL = (134, 54, 6, 6), (150, 32, 6, 12), (960, 10, 10, 20)
BLIND = {"near_misses": {"n": 900, "caught": 0.28, "survivors": [], "rule": "same_fields",
                         "by_kind": {"two values swapped": {"n": 450, "caught": 0.1, "with_should": 0.1},
                                     "negation changed": {"n": 450, "caught": 0.46, "with_should": 0.5}}}}  # fmt: skip
WARNED = [{"id": "overfitting", "status": "warn", "evidence": "validation loss rises since step 40"}]
UNCHECKED = [{"id": "forgetting", "status": "not checked", "evidence": "not compared"}]
STATED = {**costs(), "tuned": {**costs()["tuned"], "acceptance": 0.99}}


def by_us(results):
    results["variants"]["prompted"]["guide"] = "written by Tuneworth"
    return results


def unstable(results, share):
    results["quality"]["tuned"]["unstable"] = {"share": share}
    return results


def fixed(results, *names):
    for name in names:
        results["variants"][name]["repair"] = "safe"
    return results


DOUBTS = [
    (situation((20, 100, 0, 80)), "The baseline is weak: the prompted model gives an acceptable output in only 10%"),
    (situation((0, 100, 0, 100)), "gives no acceptable output at all"),
    (by_us(situation((20, 100, 0, 80))), "and Tuneworth wrote its guide"),
    (by_us(situation(BETTER)), "Tuneworth, not the team, wrote the guide of the prompted model"),
    (
        fixed(situation((20, 100, 0, 80)), "tuned"),
        "Only the outputs of the tuned model were repaired; the same repair may help the prompted model as much.",
    ),
    (
        fixed(situation((20, 100, 0, 80)), "tuned", "prompted"),
        "The baseline is weak: the prompted model after repair gives",
    ),
    (fixed(situation((20, 100, 0, 80)), "prompted"), "The baseline is weak"),
    (situation((20, 10, 2, 8)), "The test set is small: 40 cases"),
    (situation(BETTER, groups=np.arange(200) // 12), "come from only 17 groups"),
    # One pair among 42 cases costs almost nothing: the problem is that there are few cases.
    (situation((20, 12, 2, 8), groups=np.maximum(np.arange(42) - 1, 0)), "The test set is small: 42 cases."),
    (situation((28, 16, 2, 9), groups=np.arange(55) // 2), "The 55 test cases come from only 28 groups"),
    (
        situation((26, 16, 2, 7), groups=np.r_[:7, :44]),
        "The test set is small: 51 cases, which count as about 47 independent ones.",
    ),
    (situation((10, 6, 1, 4), groups=np.maximum(np.arange(21) - 2, 0)), "The test set is small: 21 cases."),
    (situation((30, 14, 4, 6)), "The difference is uncertain"),
    (situation(GOOD, risks=WARNED), "Overfitting is close to its limit: validation loss rises since step 40."),
    (unstable(situation(GOOD), 0.2), "When repeated, 20% of the requests"),
    (situation(GOOD, reference={"acceptable": {"share": 0.57}}), "57% of the test set's references"),
    (situation(GOOD, style={"reviewed": False}), "has not been reviewed"),
    (
        situation(GOOD, style=BLIND),
        "The must rules catch 28% of near misses (two values swapped 10%, negation changed 46%). They often miss wrong values "
        "and changed negations. A same_fields rule would compare each output with its reference.",
    ),
    (situation(GOOD, provenance={"test_set_used": 9}), "used 9 times"),
    (situation(GOOD, risks=UNCHECKED), "Forgetting was not checked."),
    (unstable(situation(GOOD), 0.01), "are a sample"),
]


LOST = [
    {"name": "city", "value": -0.2, "low": -0.3, "high": -0.1, "p_value": 0.0005, "p_holm": 0.001},
    {"name": "date", "value": -0.1, "low": -0.2, "high": -0.01, "p_value": 0.03, "p_holm": 0.06},
]


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["labels", "fields"])
def test_classes_or_fields_that_are_surely_worse_are_the_first_doubt_with_their_numbers(metric):
    results = situation(EQUAL, roi=costs(), correctness={"metric": metric, "differences": LOST})
    found = decide(results, margin=0.03)
    lost = "is right less often than the prompted model in “city” by 20 points (range 10 points to 30 points)."
    assert found["decision"] == "fine-tune"
    assert found["doubt"].endswith(lost), found["doubt"]
    assert found["confidence"]["level"] == "fair"
    assert "not high because the references contradict the rules" in found["confidence"]["sentence"]
    results["correctness"]["differences"] = LOST[1:]
    assert decide(results, margin=0.03)["confidence"]["level"] == "high"


@pytest.mark.parametrize(("results", "part"), DOUBTS)
def test_the_strongest_doubt_is_named(results, part):
    assert part in found_doubts(Evidence(whole(results)), "fine-tune")[0].text


MONEY = [
    (
        GOOD,
        costs(600, failures="repair", failure_cost=0),
        "the verdict changes within",
    ),  # somewhere below 900 requests a day
    (
        GOOD,
        STATED,
        "uses stated numbers although the run measured different ones: the share of acceptable outputs of the tuned model.",
    ),
    (EQUAL, costs(target_payback_days=17), "It is a close call: with "),
    (GOOD, {**costs(), "prompted": {**other(), "fixed_tokens": 300}}, "are a sample"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("cells", "roi", "part"), MONEY)
def test_a_verdict_about_money_has_doubts_about_the_money(cells, roi, part):
    assert part in decide(situation(cells, roi=roi), margin=0.03)["doubt"]


@pytest.mark.slow
def test_an_untried_alternative_is_the_doubt_of_fine_tune():
    roi = costs(1100, tuned=5) | {"prompted": {**other(), "fixed_tokens": 500}}
    found = decide(situation(GOOD, roi=roi), margin=0.03)
    assert found["decision"] == "fine-tune"
    assert "with a shorter guide, which needs no training; try that first" in found["doubt"]
    assert any("would not pay off if the outputs were as good" in reason for reason in found["reasons"])


def test_a_verdict_about_quality_alone_does_not_doubt_the_money():
    found = decide(situation((100, 4, 60, 36), roi=costs(1500)), margin=0.03)
    assert "volume" not in found["doubt"]


def worth(n, groups, n_effective):
    return groups_cost(record_of({"n": n, "groups": groups, "n_effective": n_effective}, Comparison))


@pytest.mark.parametrize("n", [21, 40, 42, 100, 5000])
def test_groups_are_a_doubt_only_if_they_cost_a_fifth_of_the_cases(n):
    assert not worth(n, None, None)
    assert not worth(n, n, n)
    assert not worth(n, n - 1, n - 0.5)
    assert worth(n, max(20, n // 2), 0.8 * n)
    assert not worth(n, max(20, n // 2), 0.81 * n)


def test_with_few_groups_the_worst_case_is_assumed():
    assert worth(200, 19, 199.0)
    assert worth(24, 19, 24.0)
    assert not worth(23, 19, 15.0)
