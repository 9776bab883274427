"""What the rules accept, in the report of a curation and of a run, and in the terminal."""

import pytest

from tuneworth.curate import Curation
from tuneworth.reports import curated_text
from tuneworth.reports.sections.curation.style import accepted_rows, accepts_sentence
from tuneworth.style import StyleInUse

from ..shared import record_of
from .test_curated import clean as clean
from .test_curated import pages

SHARES = {
    "own": 0.9, "shuffled": 0.85, "fields_only": 0.0, "rows": 100,
    "by_check": {"length": {"own": 1.0, "shuffled": 1.0, "fields_only": 1.0},
                 "grounded": {"own": 0.95, "shuffled": 0.9, "fields_only": 1.0}},
}  # fmt: skip


def test_all_rules_come_first_and_then_those_that_tell_most() -> None:
    rows = accepted_rows(record_of({"discrimination": SHARES}, StyleInUse))
    assert [row.rule for row in rows] == ["all must rules", "grounded", "length"]
    assert [text.replace("\xa0", " ") for text in rows[0][1:]] == ["90%", "85%", "0%", "5 points"]


def test_nothing_is_shown_that_was_not_measured() -> None:
    for style in (None, record_of({}, StyleInUse)):
        assert accepted_rows(style) == []
        assert accepts_sentence(style) == ""


@pytest.mark.slow
def test_a_curation_shows_it_on_its_page_and_in_the_terminal(clean) -> None:
    import json

    summary = json.loads((clean / "curate" / "summary.json").read_text())
    found = summary["style"]["discrimination"]
    assert 0.4 < found["own"] < 0.5
    assert found["shuffled"] < 0.01
    assert set(found["by_check"]) == {
        name for name, check in summary["style"]["checks"].items() if check["level"] == "must"
    }
    html, _ = pages(clean)
    assert "What the rules accept" in html
    assert "answers to other" in curated_text(record_of(summary, Curation))
