"""The risks on the page: what was found, what it means, what to do; nothing over-said, nothing of the disk."""

import re
from pathlib import Path
from typing import Any

import pytest

from tuneworth.evaluate.risks.risks import assess_risks
from tuneworth.reports import write_report
from tuneworth.reports.page import render_section
from tuneworth.reports.sections.risks import lead, risk_rows, section
from tuneworth.reports.stored import StoredRun
from tuneworth.reports.words import without_folders

from ..shared import results_of
from .page_parts import part_html

ATTACK = '"><script>alert(1)</script>'


def stored(*risks: Any) -> StoredRun:
    return StoredRun(Path("r"), results_of({"risks": list(risks)}), {}, {})


def risk(id: str = "overfitting", status: str = "ok", **more: Any) -> dict[str, Any]:
    return {"id": id, "status": status, "value": 0.04, "limit": 0.1, "unit": "share", "measured": True} | more


def articles(*risks: Any) -> list[str]:
    """The risks as the page shows them."""
    found = section(stored(*risks))
    assert found is not None
    return re.findall(r"<article.*?</article>", render_section(found, {}), flags=re.DOTALL)


def test_every_risk_that_a_run_can_tell_of_has_its_words():
    names = [entry.id for entry in assess_risks(results_of())]
    told = articles(*(risk(name, "over") for name in names))
    assert len(told) == len(names) > 5
    for name, text in zip(sorted(names), sorted(told), strict=True):
        assert f'id="risk-{name}"' in text
        assert re.search(r'<p class="text">[A-Z]', text), name
        assert re.search(r"<b>What to do.</b> [A-Z]", text), name


def test_a_difference_reads_in_points_a_share_in_percent_and_no_number_has_an_exponent():
    rows = risk_rows(
        stored(
            risk(value=0.0417, low=-0.02),
            risk("examples", value=0.937, limit=0.2),
            risk("flexibility", value=0.0000743, limit=1.0, unit="days per change"),
            risk("upkeep", value=1e-9, limit=28.16, unit="EUR a day"),
        )
    )
    found = [(row.value, row.limit) for row in rows]
    assert found == [
        ("4.2\xa0points (at least −2\xa0points)", "at most 10\xa0points"),
        ("94%", "at least 20%"),
        ("6.4\xa0s", "at most 1\xa0day"),
        ("0.000000001\xa0EUR\xa0a\xa0day", "at most 28.2\xa0EUR\xa0a\xa0day"),
    ]


def test_the_worst_come_first_and_what_nobody_looked_at_last():
    states = ("not checked", "ok", "over", "warn")
    rows = risk_rows(stored(*(risk(status=state) for state in states)))
    assert [row.tone for row in rows] == ["fix", "open", "go", "none"]


@pytest.mark.parametrize(("risks", "said"), [
    ([risk(), risk("upkeep", measured=False), risk("drift", "not checked", measured=False)],
     "Of three risks, none is over its limit and one was not checked."),
    ([risk(), risk("memorisation")], "Of two risks, none is over its limit."),
    ([risk(status="over"), risk("memorisation", "over"), risk("forgetting", "warn")],
     "Of three risks, two are over their limit and one is near its limit."),
    ([risk(status="not checked", measured=False)] * 7, "Not one of the seven risks was checked."),
    ([risk("upkeep", "warn", measured=False), risk(status="not checked", measured=False)],
     "Of two risks, none is over its limit, one is a concern by stated numbers and one was not checked."),
])  # fmt: skip
def test_the_lead_counts_what_stands_below(risks: list[dict[str, Any]], said: str):
    assert lead(stored(*risks)) == said


def test_what_was_not_checked_says_what_would_check_it_once_and_shows_no_number():
    entry = risk("drift", "not checked", value=None, limit=None, evidence="no date is stated; to check it, state it in the toml",
                 to_check="state it in the toml", measured=False)  # fmt: skip
    row = risk_rows(stored(entry))[0]
    assert (row.evidence, row.to_check) == ("No date is stated.", [("To check it, state it in the toml.", False)])
    assert (row.value, row.limit, row.picture) == ("–", "–", "")


def test_a_command_that_would_check_it_is_set_apart_from_the_words(make_run: Any):
    entry = risk("examples", "not checked", measured=False, to_check="run `tuneworth curate`, which counts them")
    html = write_report(make_run(change=lambda results: results.update(risks=[entry])))[0].read_text(encoding="utf-8")
    assert 'To check it, run <code class="whole">tuneworth curate</code>, which counts them.' in html


def test_what_to_do_stands_where_it_is_needed_alone():
    told = articles(risk(status="over"), risk(status="warn"), risk())
    assert ["What to do." in text for text in told] == [True, True, False]


@pytest.mark.slow
@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 1e300, -1e300, 0, None])
def test_odd_numbers_are_never_drawn_beside_the_picture(odd: Any, make_run):
    run = make_run(change=lambda results: results.update(risks=[risk(value=odd, low=odd, high=odd), risk(limit=odd)]))
    html = write_report(run)[0].read_text(encoding="utf-8")
    part = part_html(html, "risks")
    places = [float(place) for place in re.findall(r'(?:x|x1|x2|width)="([^"%]+)%"', part)]
    assert all(-0.1 <= place <= 100.1 for place in places)
    assert not re.search(r'="(nan|inf|None)', part)


def test_hostile_risks_stay_text_and_folders_of_the_disk_stay_out(make_run):
    entries = [risk(ATTACK, evidence=ATTACK, unit=ATTACK),
               risk("drift", evidence="the adapter fits /home/ann/secret/models/small only")]  # fmt: skip
    html = write_report(make_run(change=lambda results: results.update(risks=entries)))[0].read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "The adapter fits small only." in html
    assert "/home/ann" not in html


@pytest.mark.parametrize(("text", "left"), [
    ("/home/ann/m/small, only", "small, only"), ("(/a/b/c)", "(c)"), ("file:///home/a/x.y", "x.y"),
    (r"D:\work\x.jsonl", "x.jsonl"), (r"\\server\share\x", "x"), ("pairs=/a/b", "pairs=b"),
    ("https://example.org/a/b", "https://example.org/a/b"), ("3/4 of it, km/h", "3/4 of it, km/h"), ("a/b/c", "a/b/c"),
    ("/", "/"), ("", ""), ("/home/ann/runs/", "runs"),
])  # fmt: skip
def test_a_path_is_cut_to_its_last_part_and_nothing_else_is(text: str, left: str):
    assert without_folders(text) == left
