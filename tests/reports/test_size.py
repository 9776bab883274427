"""A page stays under 500 KB whatever stands in it, and its texts are cut no shorter than that needs."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworth.reports import write_report

from .chromium import Window
from .real_run import ROI

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
    texts = re.findall(r'<div class="output">(.*?)</div>', cards, re.DOTALL)
    return len(html.encode()), [len(re.sub("<[^>]+>", "", text)) for text in texts]


@pytest.mark.slow
def test_of_200_rows_of_long_text_some_are_left_out_before_texts_get_too_short_to_judge(
    make_run: Callable[..., Path],
) -> None:
    run = make_run(n=200)
    lengthen(run, characters=4000)
    size, lengths = shown(write_report(run)[0])
    assert 470_000 < size < MOST
    assert 300 <= len(lengths) < 600
    outputs = lengths[0::3] + lengths[1::3]
    assert min(outputs) >= 260
    assert min(lengths[2::3]) >= 130


def multiply(run: Path, times: int) -> None:
    """Write each request and each output several times, under other ids."""
    for name in ("pairs", "outputs"):
        path = run / "evaluate" / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        more = [{**row, "id": f"{row['id']}-{n}"} for n in range(times) for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in more), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("variants", [("plain", "prompted", "tuned"), ("plain", "prompted", "short", "rival", "tuned")])
def test_200_rows_of_several_variants_fit_and_say_what_is_left_out(
    evaluated_run: Callable[..., Path], variants: tuple[str, ...]
) -> None:
    run = evaluated_run(n=84, variants=variants)
    multiply(run, 3)
    page = write_report(run)[0]
    html = page.read_text(encoding="utf-8")
    assert page.stat().st_size < MOST
    assert 120 <= html.count('<article class="card') <= 200
    assert html.count('<details class="others">') == 8
    assert "To save space, only the first 8 show the other variants." in html


@pytest.mark.slow
def test_requests_of_a_hundred_fields_fit_in_fewer_rows_and_the_rule_says_how_many(
    make_run: Callable[..., Path],
) -> None:
    run = make_run(n=260)
    path = run / "curate" / "test.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["fields"] = {f"a long name of a field {n}": "and what stands in it " * 9 for n in range(100)}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    page = write_report(run)[0]
    cards = page.read_text(encoding="utf-8").count('<article class="card')
    assert page.stat().st_size < MOST
    assert 8 <= cards < 100
    assert f"{cards} of 260 requests are shown" in page.read_text(encoding="utf-8")


def test_short_texts_are_not_cut(make_run: Callable[..., Path]) -> None:
    page = write_report(make_run(n=60))[0]
    assert page.stat().st_size < MOST
    assert "more characters" not in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_80_rows_of_short_texts_are_shown_whole_the_first_twenty_with_all_variants(
    evaluated_run: Callable[..., Path],
) -> None:
    page = write_report(evaluated_run(n=80, variants=("plain", "prompted", "tuned"), roi=ROI))[0]
    html = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 470_000
    assert html.count('<article class="card') == 80
    assert html.count('<details class="others">') == 20
    assert "more characters" not in html
    assert html.count('<ol class="faults">') > 80


@pytest.mark.slow
def test_all_but_the_examples_leaves_them_nearly_half_of_the_page(evaluated_run: Callable[..., Path]) -> None:
    run = evaluated_run(n=80, variants=("plain", "prompted", "tuned"), roi=ROI)
    assert write_report(run, examples=False)[0].stat().st_size < 280_000


@pytest.mark.slow
@pytest.mark.parametrize("word", ["W", "\U0001f600", "&", "\u0301", "\u202e"])
def test_one_word_of_a_million_letters_fits(make_run: Callable[..., Path], word: str) -> None:
    run = make_run(n=6)
    lengthen(run, characters=1_000_000, word=word)
    size, lengths = shown(write_report(run)[0])
    assert size < MOST
    assert max(lengths) >= 1000


@pytest.mark.browser
def test_a_page_of_long_words_opens_and_its_cards_stay_inside(window: Window, make_run: Callable[..., Path]) -> None:
    run = make_run(n=200)
    lengthen(run, characters=4000, word="W")
    for width in (320, 1280):
        window.open(write_report(run)[0], width=width, unfold=True)
        assert window.value("document.documentElement.scrollWidth") <= width
        assert 100 <= window.value("document.querySelectorAll('.card').length") <= 200
    assert window.messages == []
