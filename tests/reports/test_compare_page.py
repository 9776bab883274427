"""The page and the words about compared runs: every answer has its sentence, texts are cut to the size limit."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from msgspec.structs import asdict

from tuneworth.core import say
from tuneworth.evaluate import ComparedJudged, ComparedRun, Comparisons, compare_judged
from tuneworth.evaluate.history.records import ChangedFigure
from tuneworth.evaluate.results import Difference
from tuneworth.reports import compared_text, write_comparison
from tuneworth.reports.history.compare_page import compared_headline
from tuneworth.reports.history.compare_words import basis_rows

from ..evaluate.judged_sides import RULES, line, outcomes, side
from ..shared import results_of


def whole(compared: ComparedJudged, steps: tuple[ComparedJudged, ...] = ()) -> Comparisons:
    """The content of comparison.json."""
    run = ComparedRun(name="A", folder="A", project="shop", created="", variant="tuned", requests=1, decision=None)
    return Comparisons(
        schema="tuneworth/comparison/1", created="2026-11-28T12:00:00+00:00", runs=[run, run], **asdict(compared.results),
        steps=[step.results for step in steps], gates=None,
    )  # fmt: skip


def compared(before, after) -> ComparedJudged:
    return compare_judged(side("monday", outcomes(before)), side("today", outcomes(after)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ([0] * 30 + [1] * 30, [1] * 60, "today is better than monday by 50 points (36 to 62) on 60 shared requests."),
        ([1] * 60, [0] * 30 + [1] * 30, "today is worse than monday by 50 points (36 to 62) on 60 shared requests."),
        ([1] * 60, [1] * 60, "today and monday gave the same outputs on all 60 shared requests."),
        (
            [1, 0] * 30,
            [0, 1] * 30,
            "today is not shown to be better or worse than monday: 0 points (-25 to +25 points)",
        ),
        ([None] * 3, [1] * 3, "None of the 3 shared requests was scored in both runs."),
    ],
)
def test_every_answer_has_its_sentence_in_every_file(tmp_path, before, after, sentence):
    found = compared(before, after)
    results = whole(found)
    page, markdown, junit, data = write_comparison(tmp_path, results, [found])
    assert sentence in " ".join(compared_text(results).split())
    shown = sentence.replace("-25 to +25", "\N{MINUS SIGN}25 to +25")
    for path in (page, markdown):
        assert shown in path.read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert ET.parse(junit).getroot().find("testsuite") is not None
    assert json.loads(data.read_text())["decided"] == found.results.decided


def test_close_calls_are_called_close():
    """With 200 requests, 18 better and 32 worse: the interval excludes 0, and the exact test does not reach 5%."""
    before = [1] * 150 + [0] * 18 + [1] * 32
    after = [1] * 150 + [1] * 18 + [0] * 32
    found = compared(before, after)
    assert found.results.difference.high < 0
    assert found.results.decided == "no difference shown"
    assert "the interval excludes 0" in " ".join(compared_text(whole(found)).split())


def test_what_is_not_shared_is_said_first():
    before = side("monday", outcomes([1] * 50))
    rows = [{"id": f"r{at}", "input": f"request {at}"} for at in range(20, 120)]
    text = " ".join(compared_text(whole(compare_judged(before, side("today", outcomes([1] * 100), rows=rows)))).split())
    assert "The runs share 30 of 100 test requests" in text
    assert "20 only in monday and 70 only in today" in text


def test_candidates_that_differ_are_named_with_the_variant_that_both_have():
    runs = side("monday", outcomes([1, 0])), replace(side("today", outcomes([0, 0])), variant="tuned + repair")
    results = [{"quality": {"tuned": {}, run.variant: {}}, "comparison": {"candidate": run.variant}} for run in runs]
    found = compare_judged(*(replace(run, results=results_of(one)) for run, one in zip(runs, results, strict=True)))
    text = " ".join(compared_text(whole(found)).split())
    assert "today (tuned, repaired) is not shown to be better or worse than monday (tuned)" in text
    assert 'The runs are compared by different variants: "tuned" before, "tuned, repaired" now.' in text
    assert compared_headline(whole(found)).next_step == "Compare the same variant: `--variant tuned`"


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"decision": "cannot tell yet", "sentence": ""}, {"decision": "fix first", "what": "data", "sentence": ""},
         "changed from cannot tell yet to fix first; now the data must be fixed first."),
        ({"decision": "fine-tune", "sentence": "", "payback": 20}, {"decision": "keep prompting", "sentence": ""},
         "changed from fine-tune to keep prompting; the payback went from 20 days to never."),
        ({"decision": "fine-tune", "sentence": ""}, {"decision": "fine-tune", "sentence": ""}, "say the same: fine-tune."),
    ],
)  # fmt: skip
def test_why_the_verdict_changed_is_said(first, second, words):
    runs = [
        side(name, outcomes([1]), results=results_of(verdict=one, money={"payback_days": one.get("payback")}))
        for name, one in (("monday", first), ("today", second))
    ]
    assert words in " ".join(compared_text(whole(compare_judged(*runs))).split())


@pytest.mark.parametrize("unchanged", ["acceptable_candidate", "acceptable_strongest", ""])
def test_shares_behind_a_verdict_add_up_to_their_difference(unchanged):
    before: dict[str, Any] = {"acceptable_candidate": 0.875, "acceptable_strongest": 1.0}
    after: dict[str, Any] = {"acceptable_candidate": 0.75, "acceptable_strongest": 0.5}
    after |= {key: share for key, share in before.items() if key == unchanged}
    for run in (before, after):
        gap = run["acceptable_candidate"] - run["acceptable_strongest"]
        run["difference"] = Difference(value=gap, low=gap, high=gap)
    rows = [ChangedFigure(key=key, before=before[key], after=after[key]) for key in before if key != unchanged]
    step = compared([1], [1]).results
    shown = {
        what: first
        for what, first, _ in basis_rows(
            structs.replace(step, verdicts=structs.replace(step.verdicts, basis=rows)), say
        )
    }
    texts = {"Acceptable, candidate": "87.5%", "Acceptable, strongest way without training": "100%"}
    assert shown["Difference between them"].startswith("-12.5 points")
    assert {what: shown[what] for what in texts if what in shown}.items() <= texts.items()


def test_different_styles_are_the_strongest_doubt(tmp_path):
    other = {**RULES, "short": {**RULES["short"], "sentence": "Write at most three words."}}
    found = compare_judged(side("monday", outcomes([1, 0])), side("today", outcomes([1, 0]), rules=other))
    page = write_comparison(tmp_path, whole(found), [found])[0].read_text()
    assert "The runs were judged by different styles, so outputs count here by the 2 rules that both have." in page
    assert "<code>--style style.yaml</code>" in page or '<code class="whole">--style style.yaml</code>' in page


def test_a_request_that_no_longer_works_is_on_the_page_with_both_outputs_and_its_marks(tmp_path):
    before, after = side("monday", [[], []]), side("today", [[], []])
    marked = {"check": "grounded", "found": "9 V", "start": 4, "end": 7, "expected": "a number of the request"}
    after.lines["r1"][0] = line("r1", ["grounded"], output="The 9 V <b>lamp</b>") | {"violations": [marked]}
    found = compare_judged(before, after)
    page = write_comparison(tmp_path, whole(found), [found])[0].read_text()
    assert "No longer work" in page
    assert "r1 is fine" in page
    assert "<mark>9 V" in page
    assert "&lt;b&gt;lamp&lt;/b&gt;" in page


@pytest.mark.slow
def test_the_page_stays_small_with_thousands_of_long_changes(tmp_path):
    before, after = side("monday", outcomes([1] * 1500)), side("today", outcomes([0] * 1500))
    for run in (before, after):
        for lines in run.lines.values():
            lines[0]["output"] = "long words " * 600
    found = compare_judged(before, after)
    page = write_comparison(tmp_path, whole(found), [found])[0]
    assert page.stat().st_size < 500_000
    assert "The first 100 are shown" in page.read_text() or "are shown; all are in comparison.json" in page.read_text()


def test_steps_of_several_runs_are_listed(tmp_path):
    runs = [side(name, outcomes(good)) for name, good in (("a", [1] * 40), ("b", [0] * 40), ("c", [1] * 40))]
    steps = (compare_judged(runs[0], runs[1]), compare_judged(runs[1], runs[2]))
    results = whole(compare_judged(runs[0], runs[2]), steps)
    page, markdown, junit, _ = write_comparison(tmp_path, results, [compare_judged(runs[0], runs[2]), *steps])
    assert "Of 2 steps, 1 got better and 1 worse." in page.read_text()
    assert "b is worse than a" in markdown.read_text()
    assert [suite.get("name") for suite in ET.parse(junit).getroot()] == ["a to c", "a to b", "b to c"]


def test_several_samples_are_said_to_be_means():
    one, other = side("monday", outcomes([1, 1])), side("today", outcomes([1, 1]))
    lines = {
        name: [line(name, broken, sample=at) for at, broken in enumerate([[], ["grounded"]])] for name in ("r0", "r1")
    }
    text = " ".join(compared_text(whole(compare_judged(one, replace(other, lines=lines)))).split())
    assert "A request has 1 and 2 outputs; it counts once, with the mean over them." in text
