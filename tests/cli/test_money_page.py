"""docs/money.md: its ten lines run and print what the page shows, and its figures are those that are counted."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from tuneworth.examples import example_path

PAGE = (Path(__file__).parents[2] / "docs" / "money.md").read_text(encoding="utf-8")
TEN = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]


def test_ten_lines_give_the_answer_that_the_page_shows(command, tmp_path, monkeypatch):
    assert len(TEN.splitlines()) <= 10
    (tmp_path / "money.toml").write_text(TEN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    printed = command("roi", "--config", "money.toml").out.splitlines()
    shown = re.findall(r"```console\n\$ tuneworth roi --config money.toml\n(.*?)…\n```", PAGE, re.DOTALL)[
        0
    ].splitlines()
    assert len(shown) > 10
    assert [line.rstrip() for line in printed[: len(shown)]] == shown


@pytest.fixture
def article(command, tmp_path):
    """The money of the article with some of its lines changed: `(old, new)` for each."""

    def count(*changes):
        text = example_path("article.toml").read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "article.toml").write_text(text, encoding="utf-8")
        return command("roi", "--config", tmp_path / "article.toml", "--json").json

    return count


def cell(label: str) -> str:
    """The last cell of the row that begins so."""
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| {label}"))
    return row.rstrip(" |").rpartition(" | ")[2]


def test_the_formulas_have_the_numbers_of_the_article(article):
    money = article()
    costs = [money["variants"][name]["cost_per_request"] for name in ("prompted", "tuned")]
    assert cell("cost of a request") == f"prompted {costs[0]:.6g}, tuned {costs[1]:.6g} EUR"
    assert cell("the same with a prompt cache").endswith(f": {money['cached_guide']['cost_per_request']:.6g} EUR")
    assert cell("saving per request") == f"{money['saving_per_request']:.6g} EUR, {100 * money['saving_share']:.0f}%"
    assert cell("saving per day") == f"{money['saving_per_day']:.6g} EUR"
    assert cell("payback") == f"{money['payback_days']:.0f} days"
    assert cell("requests to pay back") == f"{money['requests_to_pay_back']:,.0f}"
    assert cell("break-even volume") == f"{money['break_even_requests_per_day']:.6g} a day"
    assert cell("value") == f"{money['npv']:,.2f} EUR in 365 days"


@pytest.mark.slow
def test_what_a_failure_costs_has_the_numbers_of_the_article(article):
    ignored = 'failures = "ignore"  '
    repaired = article((ignored, 'failures = "repair"\nfailure_cost = 0.10  '))
    saved, days = repaired["saving_per_day"], repaired["payback_days"]
    assert cell('`"repair"`') == f"at 0.10 EUR: {saved:.2f} EUR saved a day, payback {days:.2f} days"
    dropped = article((ignored, 'failures = "drop"  '))
    costs = [dropped["variants"][name]["cost_per_acceptable_output"] for name in ("prompted", "tuned")]
    assert cell('`"drop"`') == f"{costs[0]:.6g} → {costs[1]:.6g} EUR, {100 * dropped['saving_share']:.0f}% less"


@pytest.mark.slow
def test_what_could_be_done_instead_has_the_numbers_of_the_article(article):
    text = " ".join(PAGE.split())
    (cached,) = (way for way in article()["alternatives"] if way["key"] == "cached_guide")
    share, days = 100 * cached["tuning"]["saving_share"], cached["tuning"]["payback_days"]
    assert f"a cache at a quarter of the price, {share:.0f}% remain to be saved and it takes {days:.0f} days" in text
    tuned = "[roi.tuned]                      # the same model and prices, tuned: no guide in the prompt\n"
    prices = tomllib.loads(example_path("article.toml").read_text(encoding="utf-8"), parse_float=Decimal)["roi"][
        "tuned"
    ]
    changes = [
        (f"{tuned}price_input = {prices['price_input']}\nprice_output = {prices['price_output']}",
         f"{tuned}price_input = {2 * prices['price_input']}\nprice_output = {2 * prices['price_output']}"),
    ]  # fmt: skip
    twice = article(*changes)
    assert twice["payback_days"] is None
    assert f"at twice the price never pays: it costs {-100 * twice['saving_share']:.0f}% more than the prompt" in text
    assert f"twice the price: {twice['break_even_fixed_tokens']:.0f} tokens" in cell("break-even guide")
