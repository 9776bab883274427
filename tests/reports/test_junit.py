"""junit.xml: which cases a run has, which of them fail, and that any XML reader can read it."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth.curate import Curation
from tuneworth.reports.junit import junit_of_curation, junit_of_run
from tuneworth.reports.stored import StoredCuration, StoredRun

from ..shared import record_of, results_of

HOSTILE = "a<b>&\"'\x00\x1b]]>--><![CDATA[ \ud800 \ufffe \r\n\u2028 \u202e 😀"
# How XML readers see it in an attribute of one line.
INERT = "a<b>&\"'��]]>--><![CDATA[ � � \u202e 😀"


def check(fail: int, n: int = 60, level: str = "must", **more: Any) -> dict[str, Any]:
    share = fail / n if n else None
    return {
        "fail": fail,
        "share": share,
        "low": share,
        "high": share,
        "n": n,
        "not_applicable": 0,
        "unscored": 0,
        "level": level,
        "about": "form",
        **more,
    }


def compared(value: float, p_holm: float | None, level: str = "must") -> dict[str, Any]:
    return {"value": value, "low": value, "high": value, "n": 60, "p_value": p_holm, "p_holm": p_holm, "level": level}


def results(**more: Any) -> dict[str, Any]:
    """Two variants and two rules; `tuned` breaks the rule `stop` far more often, `short` far less often."""
    quality = {
        "prompted": {"n": 60, "checks": {"stop": check(5), "short": check(40)}},
        "tuned": {"n": 60, "checks": {"stop": check(35), "short": check(2)}},
    }
    comparison = {
        "baseline": "prompted",
        "candidate": "tuned",
        "checks": {"stop": compared(-0.5, 1e-6), "short": compared(0.63, 1e-9)},
    }
    return {"quality": quality, "comparison": comparison, "seconds": {"tuned": {"per_second": 4.0}}, **more}


def suites(found: dict[str, Any]) -> dict[str, ET.Element]:
    text = junit_of_run(StoredRun(Path("run"), results_of(found), {}, {}))
    return {suite.get("name", ""): suite for suite in ET.fromstring(text.encode())}


def states(suite: ET.Element) -> dict[str, str]:
    """Each case's name, as far as its colon, and what it is."""
    found = {}
    for case in suite.iter("testcase"):
        what = next((child.tag for child in case if child.tag in ("failure", "skipped")), "passed")
        found[str(case.get("name")).split(":")[0]] = what
    return found


def test_only_the_candidate_fails_and_only_where_it_is_worse_beyond_chance():
    found = suites(results())
    assert states(found["tuned"]) == {"stop": "failure", "short": "passed"}
    assert states(found["prompted"]) == {"stop": "passed", "short": "passed"}


@pytest.mark.parametrize(
    "moved", [compared(-0.5, 0.05), compared(-0.5, None), compared(-0.5, 1e-9, "should"), compared(0.5, 1e-9)]
)
def test_a_rule_passes_by_chance_by_advice_and_where_the_candidate_is_better(moved):
    found = results()
    found["comparison"]["checks"]["stop"] = moved
    assert states(suites(found)["tuned"])["stop"] == "passed"


def test_a_failure_says_how_much_more_often_and_than_whom():
    failure = suites(results())["tuned"].find("testcase/failure")
    assert failure is not None
    assert "50\xa0points more often than prompted" in str(failure.get("message"))


def test_a_rule_that_was_not_scored_is_skipped_with_its_reason():
    found = results()
    rules = found["quality"]["tuned"]["checks"]
    rules["stop"] = check(0, 0, unscored=60)
    rules["short"] = check(0, 0, not_applicable=60)
    reasons = [skipped.get("message") for skipped in suites(found)["tuned"].iter("skipped")]
    assert reasons == ["could not be scored on 60 outputs", "applies to none of the outputs"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (check(6), "Broken by 6 of 60 outputs (10%)."),
        (check(0, 1), "Broken by 0 of 1 output (0%)."),
        (check(3, level="should"), "Broken by 3 of 60 outputs (5%). The rule is a `should` rule, "),
        ({"fail": 1, "share": 0.001}, "Broken by 1 output (0.1%)."),
    ],
)
def test_a_case_says_its_numbers(rule, said):
    found = results()
    found["quality"]["prompted"]["checks"]["stop"] = rule
    text = suites(found)["prompted"].findtext("testcase/system-out")
    assert str(text).startswith(said)


def test_the_time_of_a_suite_is_what_its_outputs_took():
    found = suites(results())
    assert found["tuned"].get("time") == "15.000"
    assert found["prompted"].get("time") == "0.000"


def test_gates_and_risks_and_the_comparison_are_cases():
    gates = [
        {"gate": "quality.tuned.n >= 60", "value": 60, "holds": True},
        {"gate": "money.npv > 0", "value": None, "holds": False},
    ]
    risks = [{"id": name, "status": name, "evidence": None} for name in ("ok", "warn", "over", "not checked")]
    found = suites(results(gates=gates, risks=risks, verdict={"decision": "fix first", "what": "data"}))
    assert list(states(found["gates"]).values()) == ["passed", "failure"]
    tags = [[child.tag for child in case] for case in found["verdict"].iter("testcase")]
    assert tags == [["failure"], [], ["system-out"], ["failure"], ["skipped"]]


@pytest.mark.parametrize(
    ("verdict", "risks", "state"),
    [
        (None, [], "skipped"),
        ({"decision": "keep prompting"}, [], "passed"),
        ({"decision": "fix first", "what": "comparison"}, [], "failure"),
        ({"decision": "fix first", "what": "training"}, [], "failure"),  # one text throughout
        (
            {"decision": "fix first", "what": "training"},
            [{"id": "drift", "status": "over"}],
            "passed",
        ),  # the risk fails
    ],
)
def test_the_comparison_fails_where_it_does_not_count(verdict, risks, state):
    assert states(suites(results(verdict=verdict, risks=risks))["verdict"])["the comparison is valid"] == state


def test_counts_of_suites_and_of_the_whole_add_up():
    found = results(risks=[{"id": "drift", "status": "not checked"}], gates=[{"gate": "g", "value": 1, "holds": False}])
    root = ET.fromstring(junit_of_run(StoredRun(Path("run"), results_of(found), {}, {})).encode())
    for count, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        assert int(root.get(count, "")) == len(list(root.iter(tag))) == sum(int(s.get(count, "")) for s in root)
        assert all(int(suite.get(count, "")) == len(list(suite.iter(tag))) for suite in root)
    assert root.get("failures") == "2"


def test_hostile_names_stay_names():
    found = results(gates=[{"gate": HOSTILE, "value": HOSTILE, "holds": False}])
    found["quality"][HOSTILE] = {"n": 1, "checks": {HOSTILE: check(1, 1)}}
    found["style"] = {"checks": {HOSTILE: {"sentence": HOSTILE}}}
    found["risks"] = [{"id": HOSTILE, "status": "over", "evidence": HOSTILE}]
    found["created"] = HOSTILE
    read = suites(found)
    names = [case.get("name") for case in read["gates"].iter("testcase")]
    assert names == [INERT]
    assert len(read) == 5
    assert any(name.startswith('a<b>&"') for name in read)


def test_no_two_cases_of_a_suite_have_one_name():
    long = "x" * 500
    gates = [{"gate": long + end, "value": 1, "holds": True} for end in ("a", "b", "b")]
    names = [str(case.get("name")) for case in suites(results(gates=gates))["gates"].iter("testcase")]
    assert len(set(names)) == 3
    assert max(map(len, names)) < 130


@pytest.mark.parametrize("part", ["comparison", "seconds"])
def test_a_part_may_be_missing(part):
    found = suites({key: value for key, value in results().items() if key != part})
    assert set(found) == {"prompted", "tuned", "verdict"}


@pytest.mark.slow
def test_every_run_writes_one_and_a_broken_rule_of_a_real_run_fails(evaluated_run: Callable[..., Path]):
    run = evaluated_run(variants=("prompted", "tuned"), roi=None, good={"prompted": 6, "tuned": 1})
    root = ET.parse(run / "junit.xml").getroot()
    failed = {case.get("classname") for case in root.iter("testcase") if case.find("failure") is not None}
    assert failed == {"tuned"}
    rules = json.loads((run / "results.json").read_text())["quality"]["tuned"]["checks"]
    assert len(root.findall("testsuite[@name='tuned']/testcase")) == len(rules)


def test_a_curated_run_has_its_rules_its_certificate_and_its_warnings():
    import polars as pl

    summary = {
        "rows_read": 10,
        "outcomes": {"kept": 8},
        "certificate": {"pairs_at_or_above": 0},
        "style": {"checks": {"stop": {"sentence": "No stop."}}},
        "checks": {"stop": {"fail": 9, "share": 0.9}},
        "warnings": [{"code": "rule_rejects_many", "text": "one"}, {"code": "rule_rejects_many", "text": "two"}],
    }

    def read(data: dict[str, Any]) -> dict[str, ET.Element]:
        text = junit_of_curation(StoredCuration(Path("run"), record_of(data, Curation), pl.DataFrame(), {}))
        return {suite.get("name", ""): suite for suite in ET.fromstring(text.encode())}

    found = read(summary)
    assert states(found["style"]) == {"stop": "passed"}
    assert [[child.tag for child in case] for case in found["curation"].iter("testcase")] == [
        ["system-out"],
        ["system-out"],
        ["skipped"],
        ["skipped"],
    ]
    leaked = read(summary | {"certificate": {"pairs_at_or_above": 3}, "outcomes": {"kept": 0}, "warnings": []})
    assert list(states(leaked["curation"]).values()) == ["failure", "failure"]
    assert list(states(read({"rows_read": 0})["curation"]).values()) == ["skipped", "failure"]
