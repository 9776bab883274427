"""The outcome of a check in words: both sides in a table, each cause with its advice, hostile names as text."""

from typing import Any

import numpy as np

from tuneworth.deploy import served_markdown, served_text
from tuneworth.deploy.check.compare import compare_served

from .observed import Change, seen

ABOUT = {"endpoint": "http://127.0.0.1:8080/v1", "model": "tuned", "variant": "tuned", "tested": 80}


def content(change: Change | None = None, **about: Any) -> dict[str, Any]:
    outcomes = np.ones(len(seen(change).answered))
    found = compare_served(seen(change), recorded=outcomes, served=outcomes, groups=None, margin=0.03)
    return {**ABOUT, **found, **about}


def test_the_text_has_the_sentence_and_both_sides() -> None:
    lines = served_text(content(lambda one, number: {"served_tokens": 20, "served_seconds": 0.5})).splitlines()
    assert lines[0].startswith("What is served is what was judged: 40 of 40 answers have the recorded text")
    cells = {line[:28].strip(): line[28:].split() for line in lines if line[:28].strip()}
    assert cells["requests"] == ["80", "tested", "40", "asked"]
    assert cells["tokens of an answer"] == ["14", "20"]
    assert cells["seconds, median"] == ["0.1", "s", "0.5", "s"]
    assert cells["stop reasons"] == ["stop", "40", "stop", "40"]


def test_each_cause_comes_with_what_to_do() -> None:
    thinking = content(lambda one, number: {"served": f"<think>Hm.</think>{one['served']}"})
    text = " ".join(served_text(thinking).split())
    assert "thinking: The served model thinks before it answers: 40 of 40 answers hold reasoning" in text
    assert "Switch thinking off" in text
    assert "- **thinking**: " in served_markdown(thinking)


def test_failed_requests_are_counted() -> None:
    lost = content(lambda one, number: {"served": None, "error": "busy"} if number == 0 else {})
    assert "40 asked, 1 failed" in served_text({**lost})


def test_a_hostile_name_is_text_in_markdown() -> None:
    page = served_markdown(content(model="[x](http://evil)|<script>\n# Title", variant="@team"))
    assert "<script>" not in page
    assert "[x]" not in page
    assert "\n# Title" not in page
    assert "@team" not in page
    assert len([line for line in page.splitlines() if line.startswith("|")]) == 11
