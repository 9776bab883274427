"""What to do next, on the page, in the Markdown summary and in the terminal: the same steps, figures and order."""

import re
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import say
from tuneworth.evaluate.results import Step
from tuneworth.reports import verdict_text, write_report
from tuneworth.reports.page import render_section
from tuneworth.reports.sections.next_steps import brings, lead, section, step_rows, steps_of
from tuneworth.reports.stored import StoredRun, read_run

from ..evaluate.situations import costs, decide, situation, whole
from ..evaluate.test_next_steps import REPAIR, enriched
from ..shared import record_of, results_of

HOW = {"points": "As measured.", "money": "By the day.", "minutes": "Not stated."}


def amount(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def step(**more: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("command", "points", "money", "minutes", "chance"))
    return {"id": "act:x", "kind": "act", "do": "Use `x`.", **empty, "derivation": HOW} | more


def plain(value: Any) -> Any:
    """Texts without spaces that do not break."""
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value.replace("\u00a0", " ")


def drawn(run: StoredRun) -> str:
    found = section(run)
    assert found is not None
    return plain(re.sub(r"\s+", " ", render_section(found, {})))


def run_of(*steps: dict[str, Any]) -> StoredRun:
    return StoredRun(Path("r"), results_of({"verdict": {"steps": list(steps)}}), {}, {})


GAIN = {"per_month": amount(2171.6), "once": amount(-1460.0), "currency": "EUR"}
USE = step(points=amount(0.7125, 0.58, 0.809), money=GAIN, minutes={"people": amount(1200, 800, 2400), "machine": None})


def test_a_step_shows_its_figures_with_their_ranges():
    (row,) = step_rows(run_of(USE))
    assert plain([row.points, row.points_range]) == ["+71 points", "+58 to +81 points"]
    assert plain([row.money, row.once]) == ["+2,172 EUR a month", "−1,460 EUR once"]
    assert plain(row.people) == "20 h (13 h 20 min to 40 h)"
    assert row.machine == ""
    assert row.do == [("Use ", False), ("x", True), (".", False)]


def test_what_nobody_knows_is_a_dash_with_the_reason():
    text = drawn(run_of(USE, step()))
    row = text.split('id="step-2"')[1].split("</tr>")[0]
    assert row.count("–") == 3
    assert "Where there is a dash (–), it says why the figure is not known." in text
    assert "Not stated." in text


def test_the_gain_of_a_rule_and_of_cut_outputs_is_a_limit():
    rule = step(kind="rule", points=amount(0.05, 0.02, 0.13), money={**GAIN, "once": None})
    cut = step(kind="fix", points=amount(None, 0.0, 0.15))
    rows = step_rows(run_of(rule, cut))
    assert plain([row.points for row in rows]) == ["up to +5 points", "up to +15 points"]
    assert plain(rows[0].money) == "up to +2,172 EUR a month"


def test_cases_show_the_chance_that_they_settle_it():
    (row,) = step_rows(run_of(step(kind="cases", chance=0.8)))
    assert row.points == "80% to settle it"


@pytest.mark.parametrize(("steps", "said"), [
    ([USE, step()], "The first of 2 steps brings +71 points, +2,172 EUR a month, −1,460 EUR once."),
    ([USE], "The only step brings +71 points, +2,172 EUR a month, −1,460 EUR once."),
    ([step()], "There is one step; what it brings shows only afterwards."),
    ([step(), USE], "The first step comes before all others; what it brings shows only afterwards."),
])  # fmt: skip
def test_the_lead_says_what_the_first_brings(steps, said):
    assert plain(lead(run_of(*steps))) == said


COMPARED = {"candidate": "tuned", "baseline": "template"}


@pytest.mark.parametrize(("id_", "kind", "today", "said"), [
    ("act:template", "act", "prompted", "+71 points compared with today's prompted model"),
    ("act:tuned", "act", "template", "+71 points compared with today's template without any model"),
    ("act:tuned", "act", "prompted", "+71 points compared with a template without any model"),
    ("act:prompted", "act", "prompted", "+71 points"),
    ("act:template", "act", None, "+71 points"),
    ("form:tuned", "form", "prompted", "+71 points"),
])  # fmt: skip
def test_the_gain_of_acting_on_the_verdict_says_what_it_is_compared_with(id_, kind, today, said):
    gained = step(kind=kind, points=amount(0.7125)) | {"id": id_}
    results = results_of(comparison=COMPARED, rivals=[{"name": today, "today": True}] if today else [])
    assert brings(record_of(gained, Step), say, results=results) == said
    assert brings(record_of(gained, Step), say) == "+71 points"


def test_columns_without_a_figure_are_left_out_and_later_steps_are_folded():
    text = drawn(run_of(*(step(points=amount(0.1 - n / 100)) for n in range(7))))
    assert ">Money<" not in text
    assert ">Time<" not in text
    assert "2 more steps" in text
    assert text.index("<details") < text.index('id="step-6"')
    assert text.index('id="step-5"') < text.index("<details")


def test_a_run_without_steps_has_no_section():
    assert section(run_of()) is None
    assert section(StoredRun(Path("r"), results_of({"verdict": None}), {}, {})) is None


def test_texts_of_a_run_are_escaped():
    text = drawn(run_of(step(do="Use <b>x</b>.", derivation={**HOW, "points": "<i>"})))
    assert "<b>x" not in text
    assert "<i>" not in text


def test_the_terminal_has_the_first_three_with_what_they_bring():
    results = enriched(situation((20, 100, 0, 80), roi=costs(1000, **REPAIR))) | {"tokens": {}, "seconds": {}}
    verdict = decide(results)
    decided = whole(results | {"verdict": verdict})
    lines = verdict_text(decided).splitlines()
    told = " ".join(" ".join(lines[lines.index("What to do next") :]).split())
    steps = steps_of(decided)
    assert len(steps) > 3
    for n, each in enumerate(steps[:3], start=1):
        assert f"{n}. {each.do}" in told
        found = brings(each, say, results=decided)
        assert not found or f"({found})" in told
    assert f"and {len(steps) - 3} more, in the report" in told
    assert max(map(len, lines)) <= 80


@pytest.mark.slow
def test_page_and_markdown_show_the_steps_of_the_results_in_their_order(evaluated_run):
    run = evaluated_run()
    write_report(run)
    stored, page, summary = read_run(run), (run / "report.html").read_text(), (run / "report.md").read_text()
    steps = steps_of(stored.results)
    assert '<section class="part" id="next">' in page
    places = [int(n) for n in re.findall(r'id="?step-(\d+)', page)]
    assert places == list(range(1, len(steps) + 1))
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", summary.split("## What to do next")[1].split("\n## ")[0], re.MULTILINE)
    assert [int(n) for n, _ in rows] == places
    for (_, shown), each in zip(rows, steps, strict=True):
        assert shown.replace("\\", "")[:10] == each.do[:10]
