"""A page stays under 500 KB whatever stands in it, and its texts are cut no shorter than that needs."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworth.reports import write_report

from .chromium import Window

MOST = 500_000


def lengthen(run: Path, *, characters: int, word: str = "") -> None:
    """Make every request, output and reference of the run that long."""
    for name in ("curate/test.jsonl", "evaluate/outputs.jsonl"):
        rows = [json.loads(line) for line in (run / name).read_text(encoding="utf-8").splitlines()]
        for row in rows:
            text = word * characters or f"{row['output']} and more of it, as before, " * (characters // 20)
            row["output"] = text[:characters]
            if "fields" in row:
                row["fields"] = row["fields"] | {"part": text[:characters]}
        (run / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def shown(page: Path) -> tuple[int, list[int]]:
    """The bytes of the page and the lengths of the outputs in it."""
    html = page.read_text(encoding="utf-8")
    cards = "".join(re.findall(r'<article class="card.*?</article>', html, re.DOTALL))
    texts = re.findall(r'<div class="output">([^<].*?)</div>', cards, re.DOTALL)
    return len(html.encode()), [len(re.sub("<[^>]+>", "", text)) for text in texts]


def test_200_rows_of_long_text_fit_and_are_cut_no_shorter_than_needed(make_run: Callable[..., Path]) -> None:
    run = make_run(n=200)
    lengthen(run, characters=4000)
    size, lengths = shown(write_report(run)[0])
    assert 400_000 < size < MOST
    assert len(lengths) >= 500
    assert min(lengths) >= 60


def test_short_texts_are_not_cut(make_run: Callable[..., Path]) -> None:
    page = write_report(make_run(n=60))[0]
    assert page.stat().st_size < MOST
    assert "more characters" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("word", ["W", "\U0001f600", "&", "\u0301", "\u202e"])
def test_one_word_of_a_million_letters_fits(make_run: Callable[..., Path], word: str) -> None:
    run = make_run(n=6)
    lengthen(run, characters=1_000_000, word=word)
    size, lengths = shown(write_report(run)[0])
    assert size < MOST
    assert max(lengths) >= 1000


@pytest.mark.slow
def test_a_page_of_long_words_opens_and_its_cards_stay_inside(window: Window, make_run: Callable[..., Path]) -> None:
    run = make_run(n=200)
    lengthen(run, characters=4000, word="W")
    for width in (320, 1280):
        window.open(write_report(run)[0], width=width)
        assert window.value("document.documentElement.scrollWidth") <= width
        assert window.value("document.querySelectorAll('.card').length") == 200
    assert window.messages == []
