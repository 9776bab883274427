"""Test references that people edited: in the summary, on the pages, and in the warnings."""

import pytest

from tuneworth.core import as_json, from_json
from tuneworth.curate import CurateSettings, Curation, Override, Overrides, curate, read_frame, write_curated
from tuneworth.reports import write_report
from tuneworth.reports.sections.curation.changed import edited_references, edited_rest, edited_sentence

from ..shared import record_of

ROWS = [{"id": f"f{n}", "input": f"{n} something else {n * 7919}", "output": f"text {n} <b>x</b>"} for n in range(60)]


def edited(*ids, split="test", who="Ada", text="Another text for {}.", **options):
    made = [
        Override(id=id, decision=split, who=who, why="the old one was wrong", when="2026-11-28T10:00:00.000+00:00",
                 text=text.format(id)) for id in ids
    ]  # fmt: skip
    return curate(ROWS, overrides=made, settings=CurateSettings(**options))


def test_the_summary_lists_edited_test_references_with_what_they_were():
    summary = edited("f3", "f9").summary
    assert summary["overrides"]["edited"] == {"train": 0, "validation": 0, "test": 2}
    assert summary["overrides"]["references"][0] == {
        "row": 4, "id": "f3", "who": "Ada", "why": "the old one was wrong", "when": "2026-11-28T10:00:00.000+00:00",
        "before": "text 3 <b>x</b>", "after": "Another text for f3.",
    }  # fmt: skip
    warning = next(w["text"] for w in summary["warnings"] if w["code"] == "references_edited")
    assert warning.startswith("2 test references were edited by people (Ada 2). Edited after outputs were seen,")


def test_only_test_rows_are_references_and_their_texts_are_masked_like_the_data():
    train = edited("f3", split="train").summary
    assert (train["overrides"]["edited"]["train"], train["overrides"]["references"]) == (1, [])
    assert "references_edited" not in {warning["code"] for warning in train["warnings"]}
    masked = edited("f3", text="Write to ann.lee@example.org", mask=True).summary["overrides"]["references"][0]
    assert masked["after"].startswith("Write to ")
    assert "example.org" not in str(masked)


def test_a_repair_that_a_person_accepts_counts_once_and_many_are_listed_in_part():
    summary = record_of(edited(*(f"f{n}" for n in range(55)), split="test").summary, Curation)
    assert len(edited_references(summary, texts=True)) == 50
    assert edited_rest(summary).startswith("5 more")
    assert edited_rest(record_of(edited("f1").summary, Curation)) == ""


@pytest.mark.parametrize("examples", [True, False])
def test_the_pages_list_them(tmp_path, examples):
    write_curated(edited("f3"), tmp_path)
    write_report(tmp_path, examples=examples)
    page, text = ((tmp_path / name).read_text() for name in ("report.html", "report.md"))
    for shown in (page, text):
        assert "was edited by people: Ada" in shown.replace("\u00a0", " ")
        assert "f3" in shown
        assert "2026-11-28" in shown
    assert ("Another</mark>" in page or "Another text" in page) == examples
    assert "Another text" not in text
    assert "<b>x</b>" not in page


def test_the_sentence_names_the_people():
    by = [{"who": who} for who in ["Ada", "Bob", "Ada", "", "Cy", "Di"]]
    data = {"overrides": {"edited": {"test": 6}, "references": by}, "splits": {"test": 50}}
    said = edited_sentence(record_of(data, Curation)).replace("\u00a0", " ")
    assert said.startswith("6 of the 50 test references were edited by people: Ada (2), Bob (1), someone unnamed (1)")
    assert "and 2 others." in said
    for nothing in ({}, {"overrides": {"edited": {"test": 0}}}):
        assert edited_sentence(record_of(nothing, Curation)) == ""


def test_edits_in_a_run_are_read_back(tmp_path):
    write_curated(curate(read_frame(ROWS), overrides=[Override(id="f3", decision="test", text="New.")]), tmp_path)
    assert '"written": "text 3 <b>x</b>"' in (tmp_path / "curate" / "test.jsonl").read_text()


def test_the_entry_is_one_of_the_summary():
    found = edited("f3", "f9").summary["overrides"]
    assert as_json(from_json(found, Overrides)) == found
