"""What people preferred, as the page and the Markdown file say it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth.evaluate.results import Judgements
from tuneworth.reports import write_report
from tuneworth.reports.sections.judgements import against_checks, against_rules, agreement, caution, judge_rows, lead
from tuneworth.reports.stored import StoredRun

from ..shared import results_of
from .page_parts import part_html

PART: dict[str, Any] = {
    "rows": 30, "candidate": 14, "baseline": 6, "equal": 10, "n": 20, "n_effective": 20.0, "groups": None,
    "preferred": {"share": 0.7, "low": 0.481, "high": 0.855}, "method": "Wilson's interval", "p_value": 0.115,
}  # fmt: skip
NOTHING = {"choices": 0, "same": 0, "other": 0, "equal": 0}
FOUND: dict[str, Any] = {
    "baseline": "prompted", "candidate": "tuned", "outputs": "0" * 64,
    "judges": [{"judge": "<b>Ada</b> | x", "seed": 3, **PART}], "together": PART, "agreement": None,
    "checks": {"candidate": {"choices": 9, "same": 7, "other": 1, "equal": 1}, "baseline": NOTHING},
}  # fmt: skip


def stored(**changed: Any) -> StoredRun:
    return StoredRun(Path("nowhere"), results_of({"judgements": {**copy.deepcopy(FOUND), **changed}}), {}, {})


def judged(run: StoredRun) -> Judgements:
    assert run.results.judgements is not None
    return run.results.judgements


def plain(text: str) -> str:
    return text.replace("\xa0", " ")


def test_the_section_opens_with_who_was_preferred_and_how_sure():
    assert plain(lead(stored())) == (
        "In a blind comparison, one person preferred the tuned model 14 times and the prompted model 6 times, and rated "
        "them equal 10 times. Of the requests with a preference, 70% (48 to 86%) went to the tuned model."
    )


def test_without_a_preference_the_section_says_so():
    part = {**PART, "candidate": 0, "baseline": 0, "equal": 1, "rows": 1, "p_value": None,
            "preferred": {"share": None, "low": None, "high": None}}  # fmt: skip
    run = stored(together=part, judges=[{"judge": "", "seed": 1, **part}])
    assert (
        lead(run)
        == "In a blind comparison, one person rated the tuned model and the prompted model equal on 1 request."
    )
    assert judge_rows(judged(run), names=True)[0].share == "no preference"


def test_several_people_have_a_row_each_and_one_together():
    judges = [{"judge": name, "seed": seed, **PART} for seed, name in enumerate(("Ada", "", "Ada"))]
    run = stored(judges=judges, agreement={"rows": 20, "share": 0.75, "low": 0.53, "high": 0.89})
    assert [row.name for row in judge_rows(judged(run), names=True)] == ["Ada", "person 2", "Ada", "together"]
    assert [row.name for row in judge_rows(judged(run), names=False)] == [
        "person 1",
        "person 2",
        "person 3",
        "together",
    ]
    assert "3 people preferred" in lead(run)
    assert plain(agreement(run)) == (
        "On 20 requests judged by several people, two of them agreed in 75% of cases (53 to 89%)."
    )


def test_people_are_held_against_the_checks_where_these_accept_one_side_alone():
    assert against_checks(stored()) == [
        "Where only tuned keeps the rules, people preferred it in 7 of 9 choices, the other in 1, and rated both equal in 1."
    ]
    assert against_checks(stored(checks={"candidate": NOTHING, "baseline": NOTHING})) == []


def test_what_was_shown_of_a_large_test_is_said():
    pairs = {f"p{n}": {} for n in range(260)}
    run = StoredRun(Path("nowhere"), results_of({"judgements": FOUND}), pairs, {})
    assert caution(run).startswith("The page shows 200 of 260 requests, first those on which the two differ.")
    assert caution(stored()) == ""
    assert caution(StoredRun(Path("nowhere"), results_of(), pairs, {})) == ""


def test_without_judgements_nothing_is_said():
    run = StoredRun(Path("nowhere"), results_of(), {}, {})
    assert [lead(run), agreement(run)] == ["", ""]
    assert against_checks(run) == []


@pytest.mark.parametrize("examples", [True, False])
def test_page_and_markdown_show_them_and_no_name_turns_into_markup(make_run: Callable[..., Path], examples: bool):
    html, markdown, *_ = (
        path.read_text(encoding="utf-8")
        for path in write_report(make_run(change=lambda results: results.update(judgements=FOUND)), examples=examples)
    )
    assert "one person preferred the tuned model 14 times" in html
    assert "one person preferred the tuned model 14 times" in markdown
    assert "<b>Ada" not in html + markdown
    assert ("&lt;b&gt;Ada" in html) == examples
    assert "p-value" not in part_html(html, "judgements")


def test_a_run_without_judgements_has_no_such_section(make_run: Callable[..., Path]):
    run = make_run()
    html, markdown, *_ = (path.read_text(encoding="utf-8") for path in write_report(run))
    assert 'id="judgements"' not in html
    assert "Human preference" not in markdown
    assert "judgements" not in json.loads((run / "results.json").read_text(encoding="utf-8"))


def measured(**changed: Any) -> dict[str, Any]:
    interval = {"value": 0.6, "low": 0.45, "high": 0.72}
    person = {"agreement": 0.79, "kappa": {"value": 0.54, "low": 0.4, "high": 0.66}}
    return {
        "n": 120, "groups": 60, "agreement": {"share": 0.84, "low": 0.76, "high": 0.9}, "kappa": interval,
        "precision": {"share": 0.77, "low": 0.6, "high": 0.9}, "recall": {"share": 0.72, "low": 0.6, "high": 0.9},
        "raters": {"n": 100, "decisions": 210, "groups": 50, "one_person": person, "rules": person,
                   "difference": {"value": -0.05, "low": -0.2, "high": 0.1}},
        "apart": [], **changed,
    }  # fmt: skip


def test_the_rules_stand_beside_one_person_for_marked_outputs():
    run = stored(rules={"acceptable": measured(), "preferences": None})
    assert [plain(line) for line in against_rules(run)] == [
        "On 120 outputs that people judged acceptable or not, the rules agree with most people in 84% (76 to 90%), a kappa "
        "of 0.60 (0.45 to 0.72). Rejected by both are 77% of the outputs that the rules reject and 72% of the outputs that "
        "people reject.",
        "Several people judged 100 of these: one person agrees with most of the others in 79%, a kappa of 0.54; the "
        "rules agree with the same people in 79%, a kappa of 0.54. The difference in kappa is −0.05 (−0.20 to 0.10).",
    ]


def test_what_cannot_be_measured_from_preferences_is_said():
    nothing = {"value": None, "low": None, "high": None}
    preferences = measured(n=1, precision=None, recall=None, raters=None, kappa=nothing)
    lines = against_rules(stored(rules={"acceptable": None, "preferences": preferences}))
    assert plain(lines[0]) == (
        "On 1 request where only one output keeps the rules and people prefer one, the rules agree with most people in 84% "
        "(76 to 90%)."
    )
    assert "cannot be measured from preferences; mark outputs" in lines[1]
    assert against_rules(stored(rules={"acceptable": measured(), "preferences": preferences}))[-1] == lines[0]
    assert against_rules(stored(rules={"acceptable": None, "preferences": None})) == against_rules(stored()) == []


def test_the_agreement_with_people_is_on_the_page_in_markdown_and_in_the_methods(make_run: Callable[..., Path]):
    found = {**FOUND, "rules": {"acceptable": measured(), "preferences": None}}
    html, markdown, *_ = (
        plain(path.read_text(encoding="utf-8"))
        for path in write_report(make_run(change=lambda results: results.update(judgements=found)))
    )
    for text in (html, markdown):
        assert "the rules agree with most people in 84% (76 to 90%)" in text
    assert "Bennett, Alpert and Goldstein" in html
