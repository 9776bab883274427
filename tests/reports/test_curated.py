"""The report of a run that was curated and nothing more."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.curate import CurateSettings, Curation, curate, read_pairs, write_curated
from tuneworth.examples import example_path
from tuneworth.reports import write_report
from tuneworth.reports.junit import _curation
from tuneworth.reports.sections.curation.certificate import certificate_facts, differing, similarity_text
from tuneworth.reports.sections.curation.changed import fix_sentence
from tuneworth.reports.sections.curation.curated import (
    apart_lead,
    content_lead,
    curated_headline,
    rows_lead,
    style_lead,
    warnings_lead,
)
from tuneworth.reports.sections.curation.dropped import funnel_steps
from tuneworth.reports.stored import StoredCuration
from tuneworth.style import parse_style, read_style

from ..shared import record_of
from .page_parts import part_html

ATTACK = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)> {{ 7*7 }} `x` | y"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped example, curated."""
    run, source = tmp_path_factory.mktemp("clean"), example_path("components")
    style = read_style(source / "style.yaml")
    write_curated(curate(read_pairs(source / "pairs.jsonl"), style, identifiers=["part"]), run)
    return run


def pages(run: Path, **options: bool) -> tuple[str, str]:
    html, markdown, _ = write_report(run, **options)
    return html.read_text(encoding="utf-8"), markdown.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_first_screen_counts_what_the_summary_counts(clean):
    html, markdown = pages(clean)
    summary = json.loads((clean / "curate" / "summary.json").read_text())
    kept, read = summary["outcomes"]["kept"], summary["rows_read"]
    assert f"{kept:,} of {read:,} rows are clean" in html
    assert f"{kept:,} of {read:,} rows are clean" in markdown
    assert f"{summary['splits']['train']:,} for training" in html


@pytest.mark.slow
def test_every_rule_of_the_ledger_stands_in_the_page_with_its_count(clean):
    html, _ = pages(clean)
    ledger = pl.read_parquet(clean / "curate" / "ledger.parquet").filter(pl.col("outcome") != "kept")
    for outcome, n in ledger.group_by("outcome", "rule").len().select("outcome", "len").iter_rows():
        assert f'data-label="outcome">{outcome}<td class="n" data-label="rows">{n:,}<' in html


@pytest.mark.slow
def test_the_page_is_small_and_asks_for_nothing(clean):
    html, _ = pages(clean)
    assert len(html.encode()) < 500_000
    assert "http://" not in html
    assert "https://" not in html


@pytest.mark.slow
def test_without_examples_no_text_of_the_data_is_shown(clean):
    html, markdown = pages(clean, examples=False)
    table = pl.read_parquet(clean / "curate" / "ledger.parquet")
    outputs = [
        json.loads(line)["output"]
        for line in (clean / "curate" / "set_aside.jsonl").read_text(encoding="utf-8").split("\n")
        if line
    ]
    shown = [text for text in {*outputs, *table["evidence"].drop_nulls().to_list()} if len(text) > 25]
    assert [text for text in shown if text in html or text in markdown] == []


def test_hostile_texts_stay_texts(tmp_path):
    rows = [{"input": f"{ATTACK} {n} item", "output": f"{ATTACK} {n % 3}"} for n in range(40)]
    write_curated(curate(rows[:30] + rows[:5]), tmp_path)
    html, markdown = pages(tmp_path)
    assert "<script>document" not in html
    assert "<img" not in html
    assert "<img" not in markdown


def test_a_run_that_holds_nothing_to_report_says_so(tmp_path):
    with pytest.raises(DataError, match="not found"):
        write_report(tmp_path)


def test_a_damaged_summary_names_its_file(tmp_path):
    write_curated(curate([{"input": f"part {n}", "output": f"Part number {n}"} for n in range(20)]), tmp_path)
    (tmp_path / "curate" / "summary.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"summary\.json"):
        write_report(tmp_path)


@pytest.mark.slow
def test_the_nearest_pairs_show_both_inputs(clean):
    html, _ = pages(clean)
    nearest = json.loads((clean / "curate" / "summary.json").read_text())["certificate"]["nearest"][0]
    assert nearest["id"] in html
    assert nearest["train_id"] in html
    assert f"{int(nearest['similarity'] * 1000) / 1000:.3f}<tr" in html  # cut, so that it never reads as the limit


def summary(**keys: Any) -> Curation:
    """A summary of a hundred rows of which eighty stay, as curating writes it."""
    parts = {
        "rows_read": 100,
        "outcomes": {"kept": 80, "duplicate": 5, "conflict": 0, "invalid": 15, "leaked": 0, "quarantined": 0},
        "splits": {"train": 60, "validation": 8, "test": 12},
        "rules": {"style:short": 12, "exact_duplicate": 5, "unreadable": 3},
        "distinct_outputs": 90,
        "certificate": {"threshold": 0.8, "pairs_at_or_above": 0, "siblings_tied_from": 0.9, "siblings_at_or_above": 0,
                        "nearest": [], "answers_verbatim": 0, "answers_similar": 0},
        "style": {"name": "s", "reviewed": True, "checks": {"short": {"level": "must", "sentence": "Write little."}}},
        "checks": {"short": {"fail": 12, "share": 0.12}},
        "warnings": [],
    } | keys  # fmt: skip
    return record_of(parts, Curation)


def stored(**keys: Any) -> StoredCuration:
    return StoredCuration(Path("r"), summary(**keys), pl.DataFrame(), {})


ENOUGH = {"splits": {"train": 60, "validation": 0, "test": 20}}
NOTHING = {"outcomes": {"kept": 0, "invalid": 100}, "splits": {"train": 0, "validation": 0, "test": 0},
           "rules": {"unreadable": 100}}  # fmt: skip
SOUND = {"threshold": 0.8, "pairs_at_or_above": 0, "nearest": []}
ANSWERS = {"certificate": {**SOUND, "answers_verbatim": 2, "answers_similar": 1, "answers_in_test": {"verbatim": 2, "similar": 1},
                           "answers_remedy": 'Set [data] group = "sku".'}}  # fmt: skip
ONE_ANSWER = {"certificate": {**SOUND, "answers_verbatim": 1, "answers_in_test": {"verbatim": 1, "similar": 0}}}
ONE_HELD = {"certificate": {**SOUND, "answers_similar": 1, "answers_in_test": {"verbatim": 0, "similar": 0}}}
LEAK = {"certificate": {"threshold": 0.8, "pairs_at_or_above": 1, "nearest": []}}


@pytest.mark.parametrize(("keys", "label", "said"), [
    (ENOUGH, "Ready", "80 of 100 rows are clean: 60 for training and 20 held out, none of which repeats a training example."),
    ({}, "Too few to decide", "none of which repeats a training example."),
    ({"style": {"name": "s", "reviewed": True, "checks": {"short": {"level": "should", "sentence": "Write little."}}}},
     "Fix the rules first", "none of which repeats a training example."),
    (LEAK, "The splits leak", "80 of 100 rows are clean: 60 for training and 20 held out."),
    (NOTHING, "Nothing to use", "Not one of 100 rows can be used. The most frequent reason: cannot be read as a pair."),
    ({"rows_read": 0, "outcomes": {}, "splits": {}}, "Nothing to use", "No rows were read."),
    ({"rows_read": 1, "outcomes": {"kept": 1}, "splits": {"train": 1}, "rules": {}}, "Nothing to test with",
     "1 of 1 row is clean, all for training and none for testing."),
    ({"splits": {"train": 0, "validation": 0, "test": 80}}, "Nothing to train on", "80 held out"),
    ({"outcomes": {"kept": 80, "conflict": 1, "invalid": 19}}, "Review first", " 1 row waits for a manual decision."),
])  # fmt: skip
def test_the_first_screen_says_what_can_be_done_with_the_rows(keys: dict[str, Any], label: str, said: str):
    found = curated_headline(stored(**keys))
    assert found.label == label
    assert said in found.sentence
    assert found.next_step
    assert len(found.numbers) == 3


def test_answers_in_train_name_the_remedy_as_the_next_step_and_fail_in_junit():
    assert "group" in curated_headline(stored(**ANSWERS)).next_step
    cases = {case.name: case for case in _curation(summary(**ANSWERS))}
    assert "3 of the 12 test rows" in str(cases["test rows are separate from training rows"].failure)
    cases = {case.name: case for case in _curation(summary(**ONE_ANSWER))}
    assert cases["test rows are separate from training rows"].failure is None


def test_labels_that_are_in_train_are_expected():
    found = {"certificate": {**SOUND, "answers_verbatim": 0, "answers_similar": 0, "labels_in_train": 19}}
    values = [row.value for row in certificate_facts(summary(**found))]
    assert "none of more than five words; 19 of at most five words, as is expected of labels" in values
    assert curated_headline(stored(**found)).label == curated_headline(stored()).label


def test_the_doubt_of_many_warnings_is_the_weightiest_and_never_endless():
    warnings = [{"code": "groups_across", "text": "g"}, {"code": "few_pairs", "text": "few " * 400}]
    assert curated_headline(stored(warnings=warnings, **ENOUGH)).doubt.startswith("few few")
    assert len(curated_headline(stored(warnings=warnings, **ENOUGH)).doubt) <= 260


@pytest.mark.parametrize(("keys", "said"), [
    ({}, "80 of 100 rows were kept; 12 of the 20 dropped rows break one rule: Write little."),
    ({"rules": {"exact_duplicate": 20}},
     "80 of 100 rows were kept; all 20 dropped rows have one reason: Repeats the input and output of another row."),
    ({"rules": {"exact_duplicate": 12, "style:short": 8}},
     "80 of 100 rows were kept; 12 of the 20 dropped rows have one reason: Repeats the input and output of another row."),
    ({"rules": {"style:short": 1}, "outcomes": {"kept": 99, "invalid": 1}},
     "99 of 100 rows were kept; the dropped row breaks one rule: Write little."),
    ({"rules": {}, "outcomes": {"kept": 100}}, "All 100 rows were kept."),
    ({"rules": {}, "outcomes": {"kept": 1}, "rows_read": 1}, "The only row was kept."),
    ({"rules": {}, "outcomes": {"kept": 0}, "rows_read": 1}, "The only row was dropped."),
])  # fmt: skip
def test_the_rows_open_with_what_became_of_them(keys: dict[str, Any], said: str):
    assert rows_lead(summary(**keys)) == said


def test_each_section_opens_with_its_finding():
    assert style_lead(summary()) == "Outputs break 1 of 1 rules; 12% of the outputs break this one: Write little."
    assert style_lead(summary(checks={"short": {"fail": 0}})) == "No output breaks the rule of the style."
    found = content_lead(summary(personal_data={"rows": 2, "found": {"phone": 2}, "masked": True}))
    assert found == "The 100 rows have 90 distinct outputs; 2 rows contain personal data, masked."
    assert apart_lead(summary(splits={"train": 80})).startswith("No rows were held out")
    assert apart_lead(summary(**LEAK)).endswith("the test leaks.")
    assert warnings_lead(summary(warnings=[{"code": "a", "text": "b"}])) == "Read this warning before using the pairs."


@given(
    st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 500),
    st.dictionaries(st.sampled_from(["style:a", "style:b", "quality:c", "unreadable", "override"]), st.integers(0, 60)),
)  # fmt: skip
def test_the_funnel_ends_at_the_kept_rows_whatever_the_rules_add_up_to(
    duplicate, conflict, leaked, invalid, kept, rules
):
    outcomes = {"duplicate": duplicate, "conflict": conflict, "leaked": leaked, "invalid": invalid, "kept": kept}
    steps = funnel_steps(
        record_of({"rows_read": sum(outcomes.values()), "outcomes": outcomes, "rules": rules}, Curation)
    )
    if not sum(outcomes.values()):
        assert steps == []
        return
    assert (steps[0].count, steps[-1].count) == (sum(outcomes.values()), kept)
    for before, after in pairwise(steps):
        assert before.count - sum(lost for _, lost in after.lost) == after.count


def test_what_differs_is_marked_and_what_is_equal_shortened():
    left, right = differing("one " * 20 + "10 V end", "one " * 20 + "12 V end <b>")
    assert left == "one one one one … one one one one <mark>10</mark> V end"
    assert right.endswith("<mark>12</mark> V end <mark>&lt;b&gt;</mark>")
    assert differing("same words", "same words")[0] == "same words"


@given(st.text(), st.text())
def test_marks_hold_exactly_the_words_that_the_other_side_lacks(left: str, right: str):
    first, second = differing(left, right)
    for own, text in ((first, left), (second, right)):
        words = own.striptags().split() if "<" not in text and "&" not in text else None
        assert words is None or "…" in words or len(text.split()) > 200 or words == [
            word if len(word) <= 80 else word[:79] + "…" for word in text.split()
        ]  # fmt: skip
    assert ("<mark" in first or "<mark" in second) == (left.split() != right.split()) or len(left + right) > 500


def test_texts_of_a_million_characters_are_compared_at_their_beginnings():
    left, right = differing("x" * 10**6, "y " * 10**6)
    assert len(left) + len(right) < 10_000


@pytest.mark.slow
def test_thousands_of_rules_and_warnings_give_a_page_of_bounded_size(tmp_path):
    rules = {f"style:r{n}": 1 for n in range(5000)}
    write_curated(curate([{"input": f"i{n} {n * n}", "output": f"o{n}"} for n in range(40)]), tmp_path)
    path = tmp_path / "curate" / "summary.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data |= {
        "rules": rules,
        "outcomes": data["outcomes"] | {"kept": 40, "invalid": 5000},
        "rows_read": 5040,
        "checks": {f"r{n}": {"fail": 1, "share": 0.2} for n in range(5000)},
        "warnings": [{"code": "rule_rejects_many", "text": f"Rule {n} " * 200} for n in range(5000)],
    }
    path.write_text(json.dumps(data), encoding="utf-8")
    html, _ = pages(tmp_path)
    assert len(html.encode()) < 150_000
    assert "4,960 more rules, each broken by at most 1 outputs" in html
    assert "4,994 other rules" in html
    assert "4,988 more warnings" in html


def test_a_similarity_below_the_threshold_never_reads_like_the_threshold():
    assert similarity_text(0.79999) == "0.799"
    assert similarity_text(1.0) == "1"


@pytest.mark.slow
def test_every_number_of_the_first_screen_leads_to_an_anchor_of_the_page(clean):
    html, _ = pages(clean)
    hero = html[html.index('id="verdict"') : html.index('<div class="body">')]
    anchors = re.findall(r'href="#([^"]+)"', hero)
    anchors = [anchor for anchor in anchors if not anchor.startswith("i-")]
    assert {"rows", "certificate", "content"} <= set(anchors)
    assert [anchor for anchor in anchors if f'id="{anchor}"' not in html] == []


def test_where_only_outputs_were_given_the_page_says_what_is_not_known_of_the_data(make_run):
    def change(results: dict[str, Any]) -> None:
        results["data"] = None

    html = write_report(make_run(change=change))[0].read_text(encoding="utf-8")
    part = part_html(html, "data")
    assert "The 60 test pairs were supplied as a file" in part
    assert "set split under [data] to that column" in part
    assert "certificate" not in part


def test_the_data_section_of_an_evaluated_run_opens_with_what_was_kept_and_shows_the_certificate(make_run):
    html = write_report(make_run())[0].read_text(encoding="utf-8")
    part = part_html(html, "data")
    assert '<p class="lead" dir="auto">1,987 of 2,966 rows were kept.</p>' in part
    assert "No held-out request has a training example with the same facts" in part
    assert part.count('id="certificate"') == 1
    assert "37 pairs across the split are similar but with different facts." in part


@pytest.mark.parametrize(("found", "said"), [
    ({"fix": "safe", "rows": 2, "rules": {"a": 2, "b": 1}, "offer": None},
     "2 rows are kept with their outputs repaired: a 2, b 1."),
    ({"fix": "unsafe", "rows": 1, "rules": {"a": 1}, "offer": None},
     "1 row is kept with its output repaired, also by leaving something out: a 1."),
    ({"fix": "off", "rows": 0, "offer": {"rows": 4, "rules": {"a": 4}, "failing": 9, "tried": 9}},
     "With --fix safe, 4 of the 15 invalid rows would be kept: a 4."),
    ({"fix": "off", "rows": 0, "offer": {"rows": 4, "rules": {"a": 4}, "failing": 9, "tried": 5}},
     "With --fix safe, about 4 of the 15 invalid rows would be kept (estimated from 5 of them): a 4."),
    ({"fix": "safe", "rows": 8, "rules": dict.fromkeys("abcdefgh", 1)},
     "8 rows are kept with their outputs repaired: a 1, b 1, c 1, d 1, e 1, f 1 and 2 more rules."),
    ({"fix": "off", "rows": 0, "offer": {"rows": 0, "rules": {}, "failing": 9, "tried": 9}}, ""),
    ({"fix": "safe", "rows": 0, "rules": {}, "offer": None}, ""),
    (None, ""),
])  # fmt: skip
def test_the_repairs_are_said_in_a_sentence(found: dict[str, Any] | None, said: str):
    assert fix_sentence(summary(fix=found)) == said


def test_hostile_texts_stay_texts_in_the_repairs(tmp_path):
    style = parse_style("checks: [{kind: punctuation, end: none, id: no-stop}]")
    rows = [{"id": f"r{n}", "input": f"{ATTACK} {n} item", "output": f"{ATTACK} {n}."} for n in range(30)]
    write_curated(curate(rows, style, settings=CurateSettings(fix="safe")), tmp_path)
    html, markdown = pages(tmp_path)
    assert "Repaired outputs" in html
    assert "<script>document" not in html
    assert "<img" not in html + markdown
