"""What is measured is what is said: correct or acceptable, everywhere; the section with classes, fields and errors."""

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from tuneworth.evaluate import basis_line
from tuneworth.project import Run
from tuneworth.reports import verdict_text, write_report

from .answers_run import FIELDS, LABELS, NUMBERS, write_answers
from .chromium import Window
from .page_parts import part_html

ALSO_SHORT = "  - {kind: length, unit: words, max: 1}\n"


def plain(html: str) -> str:
    """The visible text of some HTML."""
    return re.sub(r"\s+", " ", re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL))


def answer(folder: Path, run: Path) -> str:
    """What the pages say outside the methods, which explain both words, and the name of the decision rules."""
    page, markdown, _ = write_report(run)
    html = page.read_text(encoding="utf-8")
    results = Run(run).results
    assert results is not None
    sections = [part_html(html, name) for name in ("correctness", "quality", "examples", "rivals", "money")]
    screen = html[html.index("<h1") : html.index('id="correctness"')]
    return " ".join([plain(" ".join([screen, *sections])), markdown.read_text(encoding="utf-8"), verdict_text(results)])


@pytest.mark.slow
def test_where_references_alone_decide_everything_says_correct(tmp_path: Path) -> None:
    run = write_answers(tmp_path, LABELS)
    said = answer(tmp_path, run)
    # People who judge blind say what they accept, whatever the rules compare.
    said = re.sub("Acceptable as it is|mark as acceptable or not", "", said)
    assert re.findall(r".{40}acceptable.{40}", said, re.IGNORECASE) == []
    assert "Correct outputs" in said
    assert "gives a correct output" in said
    assert "This rests on references: a correct output agrees with its reference (`label`)." in said.replace("\n", " ")


@pytest.mark.slow
def test_where_other_rules_decide_too_both_shares_are_given_by_their_names(tmp_path: Path) -> None:
    run = write_answers(
        tmp_path, LABELS, style=ALSO_SHORT
    )  # "the label is refund" names the right label, in too many words
    results = Run(run).results
    assert results is not None
    tuned = results.quality["tuned"]
    assert tuned.correct is not None
    assert tuned.correct.share != tuned.acceptable.share
    said = answer(tmp_path, run)
    assert "Acceptable outputs" in said
    assert "Correct outputs" not in said
    assert "agrees with its reference (`label`) and keeps the other must rule" in basis_line(results)
    assert "Correct, by the references alone: the prompted model 87.9% and the tuned model 90.4%." in basis_line(
        results
    )
    row = next(
        line for line in write_report(run)[1].read_text(encoding="utf-8").split("\n") if line.startswith("| tuned")
    )
    assert re.findall(r"\d+%(?= \()", row) == ["77%", "84%", "90%"]  # acceptable, consistent, correct


@pytest.mark.slow
def test_the_matrix_counts_each_label_and_errors_have_examples(tmp_path: Path) -> None:
    run = write_answers(tmp_path, LABELS)
    section = part_html(write_report(run)[0].read_text(encoding="utf-8"), "correctness")
    pairs = {row["id"]: row for row in map(json.loads, (tmp_path / "pairs.jsonl").read_text().splitlines())}
    made = {row["id"]: row["output"] for row in map(json.loads, (tmp_path / "tuned.jsonl").read_text().splitlines())}
    names = sorted({row["output"] for row in pairs.values()})
    counts = Counter((pairs[id]["output"], text.split()[-1]) for id, text in made.items())
    matrix = section[section.index('class="matrix"') :].split("</table>")[0]
    found = [re.findall(r"<td[^>]*>(\d*)", row) for row in matrix.split("<tbody>")[1].split("<tr>")[1:]]
    wanted = [[counts[name, other] or "" for other in names] + [counts[name, "sure"] or ""] for name in names]
    assert found == [[str(n) for n in row] for row in wanted]
    errors = section[section.index('id="errors"') :]
    assert re.findall(r'<td class="name-cell">([^<]*)', errors) == ["Another label", "No label"]
    assert errors.count('class="telling"') == 2
    assert "I am not sure" in errors


@pytest.mark.slow
def test_a_report_without_texts_shows_neither_labels_nor_requests(tmp_path: Path) -> None:
    run = write_answers(tmp_path, LABELS)
    section = part_html(write_report(run, examples=False)[0].read_text(encoding="utf-8"), "correctness")
    assert "Another label" in section
    assert [word for word in ("refund", "delivery", "message", "sure") if word in section] == []


@pytest.mark.slow
def test_missing_extra_and_wrong_values_are_told_apart_and_the_worst_field_comes_first(tmp_path: Path) -> None:
    run = write_answers(tmp_path, FIELDS)
    section = part_html(write_report(run)[0].read_text(encoding="utf-8"), "correctness")
    parts = section[section.index('class="stack parts"') :].split("</table>")[0]
    assert re.findall(r'name-cell"><bdi>([^<]*)</bdi><br><small>([^<]*)', parts) == [
        ("seats", "prompted: 20 other; tuned: 12 missing, 30 other"),
        ("city", "prompted: no fault; tuned: no fault"),
        ("time", "prompted: never; tuned: 6 extra"),
    ]
    kinds = re.findall(r'<td class="name-cell">([^<]*)<td[^>]*>(\d+)<td[^>]*>(\d+)', section)
    assert re.search(r"A missing field; expected seats &#34;\d", section)
    assert kinds == [("Another value", "20", "30"), ("A missing field", "0", "12"), ("An extra field", "0", "6")]


@pytest.mark.slow
def test_compare_and_gates_speak_of_correct_outputs_and_name_the_answer_that_was_missed(
    tmp_path: Path, command
) -> None:
    gate = "quality.tuned.correct.share >= 0.9"
    before = write_answers(tmp_path / "before", NUMBERS, gates=[gate])
    after = write_answers(tmp_path / "after", NUMBERS, swap=True, gates=[gate], code=1)
    done = command("compare", before, after, "--out", tmp_path / "compared")
    assert done.code == 0, done.err
    assert "Correct outputs, " in done.out
    assert "acceptable" not in done.out
    assert "Correct outputs" in (tmp_path / "compared/compare.md").read_text()
    failures = [case.get("message") for case in ET.parse(tmp_path / "compared/junit.xml").iter("failure")]
    assert len(failures) == 11
    assert failures[0] == 'no longer works: breaks final_answer (expected "35")'
    (tmp_path / "exact.yaml").write_text("checks: [{kind: equals}]", encoding="utf-8")
    again = command("compare", before, after, "--style", tmp_path / "exact.yaml")
    assert re.findall(r"Correct outputs, \S+ +([\d.]+%)", again.out) == ["98.3%", "81.7%"]


@pytest.mark.browser
@pytest.mark.parametrize("answers", [LABELS, FIELDS])
def test_on_a_phone_tables_stay_within_the_page_and_the_labels_in_view(tmp_path: Path, window: Window, answers) -> None:
    page = write_report(write_answers(tmp_path, answers))[0]
    for width in (320, 390, 1280):
        window.open(page, width=width, unfold=True)
        assert window.value("document.documentElement.scrollWidth") <= width
    if answers is LABELS:
        window.open(page, width=320, unfold=True)
        left = """(() => { const box = document.querySelector(".scroll:has(> .matrix)"); box.scrollLeft = 200;
          const left = part => part.getBoundingClientRect().left;
          return [box.scrollLeft, left(box.querySelector("tbody th")) - left(box)] })()"""
        scrolled, moved = window.value(left)
        assert scrolled > 0
        assert abs(moved) < 1
