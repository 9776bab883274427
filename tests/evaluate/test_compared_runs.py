"""Two judged runs compared: the difference, the rows that changed, the rules, on what both share."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from tuneworth.core import as_json
from tuneworth.evaluate import compare, compare_judged

from .judged_sides import RULES, compared, line, outcomes, side

maybe = st.sampled_from([True, True, False, None])
checks = st.lists(st.sampled_from(["short", "grounded", "polite", "empty output"]), max_size=2, unique=True)
two_runs = st.lists(st.tuples(st.none() | checks, st.none() | checks), min_size=1, max_size=30)


def test_the_difference_is_the_paired_one_and_agrees_with_statsmodels():
    good = [(1, 1)] * 50 + [(0, 1)] * 18 + [(1, 0)] * 6 + [(0, 0)] * 26
    found = compared(side("A", outcomes([a for a, _ in good])), side("B", outcomes([b for _, b in good])))
    own = compare(np.array([a for a, _ in good]), np.array([b for _, b in good]))
    assert found["difference"] == {"value": own.difference, "low": own.low, "high": own.high}
    assert found["p_value"] == pytest.approx(mcnemar([[50, 6], [18, 26]], exact=True).pvalue)
    assert (found["both"], found["only_after"], found["only_before"], found["neither"]) == (50, 18, 6, 26)
    assert found["decided"] == "better"


def test_rows_that_no_longer_work_come_first_with_what_they_break():
    before = side("A", [[], ["grounded"], [], ["short"]])
    after = side("B", [["short", "polite"], [], [], ["grounded"]])
    rows = compared(before, after)["rows"]
    assert [(row["id"], row["change"]) for row in rows] == [("r0", "no longer works"), ("r1", "works now")]
    assert (rows[0]["broken_before"], rows[0]["broken_after"]) == ([], ["polite", "short"])


@pytest.mark.slow
@given(two_runs)
def test_a_run_compared_with_itself_has_no_change(found):
    run = side("A", [first for first, _ in found])
    result = compared(run, run)
    assert result["rows"] == result["context"] == result["verdicts"]["basis"] == []
    assert not result["only_after"]
    assert not result["only_before"]
    assert all(row["broken_before"] == row["broken_after"] and row["moved"] is None for row in result["rules"].values())
    assert result["decided"] in ("same outputs", "nothing scored")
    assert result["shared"]["same_outputs"] == len(found)


@pytest.mark.slow
@given(two_runs)
def test_the_other_order_gives_the_mirrored_result(found):
    first, second = side("A", [one for one, _ in found]), side("B", [other for _, other in found])
    there, back = compared(first, second), compared(second, first)
    assert (there["only_after"], there["only_before"]) == (back["only_before"], back["only_after"])
    assert there["p_value"] == back["p_value"]
    if there["n"]:
        assert there["difference"]["value"] == pytest.approx(-back["difference"]["value"])
        assert there["difference"]["low"] == pytest.approx(-back["difference"]["high"])
    turned = {"works now": "no longer works", "no longer works": "works now"}
    assert {(row["id"], row["change"]) for row in there["rows"]} == {
        (row["id"], turned[row["change"]]) for row in back["rows"]
    }
    for name, row in there["rules"].items():
        assert (row["broken_before"], row["broken_after"]) == (
            back["rules"][name]["broken_after"],
            back["rules"][name]["broken_before"],
        )


@given(two_runs)
def test_counts_add_up_to_the_shared_requests(found):
    result = compared(side("A", [one for one, _ in found]), side("B", [other for _, other in found]))
    assert sum(result[key] for key in ("both", "only_after", "only_before", "neither")) == result["n"]
    assert result["n"] == result["shared"]["scored"] == len(found) - result["shared"]["unscored"]
    assert len(result["rows"]) == result["only_after"] + result["only_before"]


def test_an_output_that_was_not_scored_in_one_run_is_left_out_of_both():
    result = compared(side("A", outcomes([1, None, 0])), side("B", outcomes([1, 1, None])))
    assert (result["n"], result["shared"]["unscored"]) == (1, 2)
    nothing = compared(side("A", outcomes([None])), side("B", outcomes([1])))
    assert nothing["decided"] == "nothing scored"
    assert nothing["difference"]["value"] is None


def test_with_several_samples_a_request_counts_with_its_mean():
    one, several = side("A", outcomes([1, 0])), side("B", outcomes([1, 0]))
    lines = {name: [line(name, broken, sample=at) for at, broken in enumerate(found)]
             for name, found in {"r0": [[], ["grounded"]], "r1": [["grounded"], ["grounded"]]}.items()}  # fmt: skip
    found = compare_judged(one, replace(several, lines=lines))
    assert found.results.difference.value == -0.25
    assert [(row.id, row.before, row.after) for row in found.results.rows] == [("r0", 1.0, 0.5)]
    assert (found.rows[0].before["acceptable"], found.rows[0].after["acceptable"]) == (True, False)
    assert as_json(found.results.shared.samples) == {"before": 1, "after": 2}
    back = compare_judged(replace(several, lines=lines), one)
    assert (back.rows[0].before["acceptable"], back.rows[0].after["acceptable"]) == (False, True)


def test_groups_are_counted_in_the_difference():
    rows = [{"id": f"r{at}", "input": f"request {at}", "group": f"g{at // 10}"} for at in range(60)]
    good = [0] * 60, [1] * 20 + [0] * 40
    found = compared(*(side(name, outcomes(one), rows=rows) for name, one in zip("AB", good, strict=True)))
    alone = compared(*(side(name, outcomes(one)) for name, one in zip("AB", good, strict=True)))
    assert found["groups"] == 6
    assert alone["groups"] is None
    assert found["p_value"] == 0.5 > 0.05 > alone["p_value"]
    assert (alone["decided"], found["decided"]) == ("better", "no difference shown")


# --- rules --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rules_are_paired_and_corrected_for_their_number():
    before = side("A", [["short"]] * 14 + [[]] * 46)
    after = side("B", [[]] * 14 + [["grounded"]] * 3 + [[]] * 43)
    rules = compared(before, after)["rules"]
    short, grounded, polite = (rules[name] for name in ("short", "grounded", "polite"))
    assert (short["broken_before"], short["broken_after"], short["newly_kept"]) == (14 / 60, 0, 14)
    assert (short["moved"], grounded["moved"], polite["moved"]) == ("better", None, None)
    table = [mcnemar([[0, 0], [14, 46]], exact=True).pvalue, mcnemar([[57, 3], [0, 0]], exact=True).pvalue]
    assert [short["p_holm"], grounded["p_holm"]] == pytest.approx(multipletests(table, method="holm")[1].tolist())
    assert polite["p_holm"] is None


def test_what_outputs_did_instead_of_answering_moves_like_a_rule():
    rules = compared(side("A", [[]] * 30), side("B", [["empty output"]] * 12 + [[]] * 18))["rules"]
    assert (rules["empty output"]["about"], rules["empty output"]["moved"]) == ("answer", "worse")


def test_different_styles_are_compared_on_the_must_rules_that_both_have():
    stricter = {
        **RULES,
        "short": {**RULES["short"], "sentence": "Write at most three words."},
        "new": {**RULES["grounded"], "sentence": "No."},
    }
    before = side("A", [["short"], ["grounded"], [], []])
    after = side("B", [[], [], ["short", "new"], ["grounded"]], rules=stricter)
    found = compared(before, after)
    assert (found["style"]["same"], found["style"]["rules"]) == (False, ["grounded", "polite"])
    assert (found["style"]["changed"], found["style"]["only_before"], found["style"]["only_after"]) == (
        ["short"],
        [],
        ["new"],
    )
    assert (found["both"], found["only_after"], found["only_before"]) == (2, 1, 1)
    assert {row["id"]: row["change"] for row in found["rows"]} == {"r1": "works now", "r3": "no longer works"}


def test_an_empty_output_is_unacceptable_by_any_style():
    other = {name: {**rule, "sentence": f"Other: {rule['sentence']}"} for name, rule in RULES.items()}
    found = compared(side("A", [["empty output"], ["short"]]), side("B", [[], []], rules=other))
    assert (found["only_after"], found["both"]) == (1, 1)


def test_a_should_rule_that_one_run_could_not_check_is_not_compared():
    before = replace(side("A", [["polite"]] * 4), unscored=frozenset(["polite"]))
    found = compared(before, side("B", [[]] * 4))
    assert list(found["rules"]) == ["short", "grounded"]
    assert found["style"]["unscored"] == ["polite"]


def test_the_runs_themselves_decide_what_is_acceptable_by_the_same_style():
    damaged = side("A", [[], []])
    damaged.lines["r0"][0]["acceptable"] = False  # without a violation
    assert compared(damaged, side("B", [[], []]))["only_after"] == 1
