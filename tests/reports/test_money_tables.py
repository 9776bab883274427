"""The ways without tuning and the derivation of every figure, in the report of a run whose money was counted."""

import html
import re
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tuneworth.evaluate import compute_money, read_roi
from tuneworth.examples import example_path
from tuneworth.reports import write_report


def counted(results: dict[str, Any]) -> None:
    table = tomllib.loads(example_path("article.toml").read_text(encoding="utf-8"), parse_float=Decimal)["roi"]
    results["money"] = compute_money(read_roi(table), baseline="prompted", candidate="tuned", draws=50).to_json()


@pytest.fixture
def pages(make_run: Callable[..., Path]) -> Callable[..., list[str]]:
    def made(change: Callable[[dict[str, Any]], None]) -> list[str]:
        run = make_run(change=change)
        write_report(run)
        return [(run / name).read_text(encoding="utf-8") for name in ("report.html", "report.md")]

    return made


def test_the_report_shows_the_ways_without_tuning_and_every_figure(pages):
    page, markdown = pages(counted)
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u00a0", " ").split())
    assert "prompted with its guide cached 0.00500 EUR 30 % 70 % (stated) 56 days" in text
    assert "Every figure, to follow with a pocket calculator" in text
    assert "= (500 × 5.714285714 + 150 × 5.714285714 + 150 × 22.857142857) ÷ 1,000,000" in text
    assert "| prompted with its guide cached | 0.005" in markdown


def test_warnings_and_names_from_data_are_shown_and_escaped(pages):
    def hostile(results: dict[str, Any]) -> None:
        counted(results)
        results["money"]["warnings"] = ["<script>alert(1)</script>"]
        results["money"]["alternatives"][0]["name"] = "<b>|name"
        results["money"]["derivation"][0]["words"] = "<img src=x>"

    page, _ = pages(hostile)
    for text in ("<script>alert(1)", "<b>|name", "<img src=x>"):
        assert text not in page
        assert html.escape(text) in page


def test_a_run_without_alternatives_has_no_table_of_them(pages):
    def bare(results: dict[str, Any]) -> None:
        counted(results)
        results["money"].update(alternatives=[], derivation=[])

    page, markdown = pages(bare)
    assert "Without any training" not in page
    assert "Without training" not in markdown
