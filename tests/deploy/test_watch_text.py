"""The words of a watch: title, terminal and issue, for each answer."""

import copy
import re

import pytest

from tuneworth.deploy import watch_markdown, watch_text, watch_title

MADE = "2026-11-28T06:00:00+00:00"
LOOK = {
    "look": 9, "made": MADE, "answered": 40, "asked": 40, "reason": None, "cost": "0.0123", "currency": "EUR",
    "acceptable": {"share": 0.8, "low": 0.65, "high": 0.9}, "recorded": 0.9, "falls": {"p1": 1.0, "p2": -1.0},
    "rules": {"no-stop": 1}, "models": ["tuned-2"], "fingerprints": [],
}  # fmt: skip
STANDING = {
    "looks": 9, "worse": False, "recovered": False, "evidence": 0.4, "needed": 20.0, "spent": 0.0204, "allowed": 0.05,
    "spent_this_year": 0.0204, "since": {"look": 1, "made": MADE}, "slack": 0.01,
    "fall": {"value": 0.01, "low": -0.02, "high": 0.04, "rows": 200},
}  # fmt: skip
ENDPOINT = {
    "endpoint": "https://models.example.com/v1", "model": "tuned", "looked": True, "look": LOOK, "standing": STANDING,
    "rows_a_look": 40, "test_rows": 200, "model_before": None, "fingerprint_before": None, "earlier": 0,
}  # fmt: skip
VERDICT = {"decision": "fine-tune", "what": None, "sentence": "Fine-tune: it pays."}
AGAIN = {"before": VERDICT, "now": VERDICT, "another": False, "changed": [], "reason": None, "measured_volume": None}
LIVE = {
    "windows": 4, "worse": False, "evidence": 0.1, "needed": 20.0, "spent_this_year": 0.02, "allowed": 0.05, "since": MADE,
    "acceptable": {"share": 0.7, "low": 0.6, "high": 0.8}, "recorded": {"share": 0.9, "low": 0.85, "high": 0.94}, "n": 170,
}  # fmt: skip
DRIFT = {
    "level": 0.001, "known": 900, "live": 170, "drifted": True, "p_value": 0.0005, "reason": None,
    "new": {"fields": {"urgent": 12}, "values": {"colour": {"violet": 30}}},
    "differences": [
        {"kind": kind, "field": "colour", "value": "violet", "known": 0.0, "live": 0.25, "p_value": 0.0005}
        for kind in ("value", "missing", "rare", "word", "language")
    ] + [{"kind": "length", "field": "", "value": "", "known": 60.0, "live": 90.0, "p_value": 0.0005}],
}  # fmt: skip
LOGS = {
    "file": "live.jsonl", "shape": "input and output", "rows": 900, "new": 170, "no_output": 3, "unread": 2, "timed": True,
    "live": LIVE, "rules": {"no-stop": 0.3}, "drift": DRIFT, "models": [],
}  # fmt: skip


def content(**changes):
    whole = {
        "answer": "as judged", "worse": False, "run": "20261128-0600", "project": "parts", "made": MADE, "busy": None,
        "endpoints": [copy.deepcopy(ENDPOINT)], "logs": None, "volume": None, "again": copy.deepcopy(AGAIN), "retires": None,
    }  # fmt: skip
    return whole | changes


def worse():
    found = content(answer="worse", worse=True)
    found["endpoints"][0]["standing"] |= {"worse": True, "evidence": 5_000.0, "since": {"look": 8, "made": MADE}}
    found["endpoints"][0]["standing"]["fall"] = {"value": 0.11, "low": 0.05, "high": 0.17, "rows": 70}
    return found


def flat(text):
    return " ".join(text.split())


def test_as_judged_says_what_is_spent():
    text = flat(watch_text(content()))
    assert text.startswith("As judged (run 20261128-0600)")
    assert "Look 9 (28 November 2026): 40 of 200 test rows, 0.0123 EUR." in text
    assert "2% of this year's 5%" in text
    assert "What to do" not in text


def test_worse_says_since_when_by_how_much_and_what_to_do():
    text = flat(watch_text(worse()))
    assert text.startswith('Worse than judged: "tuned" fell by 11 points')
    assert "Worse since look 8 (28 November 2026): -11 points (-17 to -5 points) on 70 rows, paired." in text
    assert "Evidence that it is worse: over 1,000; an alarm needs 20." in text
    assert "tuneworth serve-check runs/20261128-0600 --endpoint https://models.example.com/v1 --model tuned" in text


def test_decide_again_shows_both_verdicts_and_what_changed():
    again = copy.deepcopy(AGAIN) | {
        "now": {"decision": "keep prompting", "what": None, "sentence": "Keep prompting: it never pays back."},
        "another": True, "measured_volume": 12.0,
        "changed": [{"key": "requests_per_day", "from": 5000, "to": 12.0, "unit": "requests", "source": "stated"}],
    }  # fmt: skip
    text = flat(watch_text(content(answer="decide again", again=again)))
    assert text.startswith("Decide again: keep prompting, not fine-tune")
    assert "Before: Fine-tune: it pays. Now: Keep prompting: it never pays back." in text
    assert "requests_per_day from 5,000 to 12 requests (stated)" in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"look": LOOK | {"answered": 0, "reason": "503: no"}, "looked": False},
            'As judged, but "tuned" did not answer',
        ),
        ({"model_before": ["tuned-1"]}, 'As judged, but "tuned" names another model'),
    ],
)
def test_what_is_no_reason_to_act_is_said_beside_the_answer(changed, said):
    found = content()
    found["endpoints"][0] |= changed
    assert watch_title(found).startswith(said)


def test_a_retirement_soon_is_in_the_title_and_the_advice():
    found = content(retires={"date": "2027-01-14", "days": 47, "soon": True})
    assert "the base model retires soon" in watch_title(found)
    assert "The base model retires on 14 January 2027, in 47 days." in flat(watch_text(found))
    past = content(retires={"date": "2026-11-18", "days": -10, "soon": True})
    assert "The base model was to retire on 18 November 2026, 10 days ago." in flat(watch_text(past))


def test_a_log_shows_its_share_its_differences_and_its_volume():
    volume = {"requests_per_day": 1234.4, "from": "2026-11-01", "to": "2026-11-15", "requests": 900, "log_share": 0.1}
    text = flat(watch_text(content(logs=LOGS, volume=volume)))
    for said in (
        "170 of 900 requests are new, 3 of them without an output.", "acceptable 70% (60 to 80%) of 170 outputs",
        '"colour" is "violet": 25% of the requests, in the run 0%', 'The field "urgent" is new (12 requests).',
        "the length in characters: median 90, in the run 60", 'New values of "colour": violet (30).',
        "1,234 requests a day from 1 November 2026 to 15 November 2026 (the log holds 10% of them).",
    ):  # fmt: skip
        assert said in text
    quiet = copy.deepcopy(LOGS) | {"drift": DRIFT | {"drifted": False, "p_value": 0.3, "differences": []}}
    assert "do not differ from those of the run: p = 0.3" in flat(watch_text(content(logs=quiet)))


def test_an_issue_begins_with_its_title_and_shows_names_literally():
    found = worse()
    found["endpoints"][0]["model"] = "<script> [x](http://y) @team `rm`\n# heading"
    page = watch_markdown(found)
    assert page.startswith('# Worse than judged: "&lt;script&gt;')
    assert not re.search(r"<script|\[x\]\(|@team", page)
    assert [line for line in page.splitlines() if line.startswith("# ")] == [page.splitlines()[0]]


def test_a_busy_watch_says_so():
    busy = content(busy="another watch is at work on this run")
    assert all(
        "another watch is at work on this run; nothing was asked" in page(busy) for page in (watch_text, watch_markdown)
    )


@pytest.mark.parametrize("found", [content(), worse(), content(logs=LOGS), content(endpoints=[], again=None)])
def test_no_number_is_written_as_code_writes_it(found):
    text = watch_text(found)
    assert not re.search(r"\d\.\d{5,}|None|nan|\{|\}", text)
