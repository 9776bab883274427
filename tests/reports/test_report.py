import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import DataError
from tuneworth.reports import write_report

from .page_parts import part_html

PARTS = [
    "verdict", "comparison", "tokens", "seconds", "money", "risks", "data", "training", "provenance", "reference",
    "style", "variants",
]  # fmt: skip
HOSTILE = "</script><img src=x onerror=alert(1)> {{7*7}} {% raw %} \"quoted' & \x00 \u202ertl \U0001f600 | `code` *b*"


class Page(HTMLParser):
    """The words of a page, its tags, and the values of all attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.tags, self.values = "", [], []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.words += " " if tag in ("td", "th", "dt", "dd") else ""
        self.values += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += "" if self.cdata_elem else data  # scripts and styles are no words of the page


def read(run: Path, **options: bool) -> tuple[str, str]:
    html, markdown, _ = write_report(run, **options)
    return html.read_text(encoding="utf-8"), markdown.read_text(encoding="utf-8")


def words(html: str) -> str:
    return " ".join(Page(html).words.replace("\xa0", " ").split())


def leave_out(*keys: str) -> Callable[[dict[str, Any]], None]:
    return lambda results: results.update(dict.fromkeys(keys))


def test_both_files_are_written_into_the_run(make_run: Callable[..., Path]) -> None:
    run = make_run()
    assert write_report(run) == [run / "report.html", run / "report.md", run / "junit.xml"]
    assert sorted(path.name for path in run.glob("report*")) == ["report.html", "report.md"]


def test_the_first_screen_says_verdict_numbers_doubt_and_next_step(make_run: Callable[..., Path]) -> None:
    html, markdown = read(make_run())
    shown = words(html)
    for text in ("76.7%", "65 to 86%", "28.3%", "+48.3 points (+35 to +59 points)", "0.00559 EUR", "14 days"):
        assert text in shown
        assert text in markdown.replace("\xa0", " ").replace("**", "")
    for text in ("8.9 to 25 days", "a larger prompted model", "What to do next", "pays back its 200 EUR"):
        assert text in shown


def test_the_numbers_of_every_section_are_there(make_run: Callable[..., Path]) -> None:
    shown = words(read(make_run())[0])
    for text in ("43 of 51", "−84 points", "2,966", "−593", "268 tokens per second", "4,884,480", "exact McNemar",
                 "price list", "9f2c9f2c", "1.4 s"):  # fmt: skip
        assert text in shown, text


def test_no_term_of_the_trade_stands_before_the_method(make_run: Callable[..., Path]) -> None:
    html = read(make_run())[0]
    before = words(html[html.index("<body") : html.index('id="method"')])
    for term in ("p-value", "McNemar", "Wilson", "confidence interval", "bootstrap", "null", "None"):
        assert term not in before, term
    assert "Wilson" in words(html)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_each_part_may_be_missing(make_run: Callable[..., Path], part: str) -> None:
    html, markdown = read(make_run(change=leave_out(part)))
    shown = words(html)
    assert "acceptable" in shown
    assert not re.search(r"\b(None|null|nan|undefined)\b", shown)
    assert not re.search(r"\b(None|null|nan)\b", markdown)


def test_a_run_with_nothing_but_scores_of_one_variant_gives_a_page(make_run: Callable[..., Path]) -> None:
    def one(results: dict[str, Any]) -> None:
        results.update(dict.fromkeys(part for part in PARTS if part != "style"))
        del results["quality"]["prompted"]

    shown = words(read(make_run(change=one))[0])
    assert "No verdict 77% of the 60 outputs of the tuned model are acceptable." in shown
    assert "not measured" in shown


def test_a_run_where_nothing_was_scored_gives_a_page(make_run: Callable[..., Path]) -> None:
    shown = words(read(make_run(change=leave_out(*PARTS, "quality")))[0])
    assert "No outputs were scored in this run." in shown


def test_all_variants_stand_in_the_shares_and_the_checks(make_run: Callable[..., Path]) -> None:
    def more(results: dict[str, Any]) -> None:
        for name in ("plain", "hosted", "imported"):
            results["quality"][name] = results["quality"]["prompted"]

    html, markdown = read(make_run(change=more))
    quality = part_html(html, "quality")
    for name in ("prompted", "tuned", "plain", "hosted", "imported"):
        assert quality.count(f'data-label="{name}"') == 6, name
    assert "| imported | 60 |" in markdown


def test_a_payback_that_never_comes_is_never(make_run: Callable[..., Path]) -> None:
    def lose(results: dict[str, Any]) -> None:
        results["money"].update(
            payback_days=None, payback_days_p5=400.0, payback_days_p95=None, saving_per_request=-0.001,
            saving_per_day=-5.0, npv=-2025.0, break_even_requests_per_day=None,
        )  # fmt: skip
        results["verdict"]["decision"] = "keep prompting"

    shown = words(read(make_run(change=lose))[0])
    assert "to recover 200 EUR never 400 days to never" in shown


def test_missing_prices_are_named_and_tokens_shown_instead(make_run: Callable[..., Path]) -> None:
    def unpriced(results: dict[str, Any]) -> None:
        money = results["money"]
        for variant in money["variants"].values():
            variant.update(cost_per_request=None, cost_per_acceptable_output=None, effective_cost_per_request=None)
        money.update(dict.fromkeys(["saving_per_request", "saving_share", "saving_per_day", "payback_days", "parts"]))
        money.update(volume_curve=[], tornado=[], missing=["roi.prompted.price_input"])

    shown = words(read(make_run(change=unpriced))[0])
    assert "Tokens per request prompted 800" in shown
    assert "roi.prompted.price_input is missing." in shown
    assert "never" not in shown[: shown.index("What to do next")]


def test_violations_are_marked_where_they_stand(make_run: Callable[..., Path]) -> None:
    html = read(make_run())[0]
    assert re.search(r'<mark>3A<sup><a href="#n\d+-1-1" id="p\d+-1-1">1</a></sup></mark>', html)
    assert re.search(
        r'<li id="n\d+-1-1"><a href="#p\d+-1-1">grounded</a> “3A”; expected: a number of the request', html
    )
    assert "<b>package-last</b> expected: " in html


def test_disagreements_come_first_and_the_losses_before_the_gains(make_run: Callable[..., Path]) -> None:
    kinds = re.findall(r'data-kind="(\w+)"', read(make_run())[0])
    assert kinds == sorted(kinds, key=["lost", "won", "neither", "both"].index)
    assert (kinds.count("lost"), kinds.count("won"), len(kinds)) == (4, 33, 60)


@pytest.mark.slow
def test_at_most_two_hundred_examples_are_shown_and_all_disagreements_among_them(make_run: Callable[..., Path]) -> None:
    run = make_run(n=260)
    kinds = re.findall(r'data-kind="(\w+)"', read(run)[0])
    lines = [json.loads(line) for line in (run / "evaluate" / "outputs.jsonl").read_text().splitlines()]
    good = {(line["id"], line["variant"]) for line in lines if line["acceptable"]}
    differing = sum(((id_, "tuned") in good) != ((id_, "prompted") in good) for id_ in {line["id"] for line in lines})
    assert len(kinds) == 200
    assert kinds.count("lost") + kinds.count("won") == differing


@pytest.mark.slow
def test_without_examples_no_text_of_the_data_is_in_the_files(make_run: Callable[..., Path]) -> None:
    run = make_run()
    html, markdown = read(run, examples=False)
    for line in (run / "curate" / "test.jsonl").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        assert pair["output"] not in words(html) + markdown
        assert pair["id"] not in html + markdown


@pytest.mark.slow
def test_the_page_stays_under_its_size_with_long_texts(make_run: Callable[..., Path]) -> None:
    run = make_run(n=200)
    path = run / "evaluate" / "outputs.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line["output"] += " <&\U0001f600>" * 3000
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    html = read(run)[0]
    assert len(html.encode()) < 500_000
    assert 100 <= html.count('class="card') <= 200
    assert "more characters" in html


@pytest.mark.slow
def test_hostile_text_stays_text(make_run: Callable[..., Path]) -> None:
    def poison(results: dict[str, Any]) -> None:
        results["project"] = HOSTILE
        results["verdict"].update(sentence=HOSTILE, doubt=HOSTILE, reasons=[HOSTILE], flips=[
            {"key": HOSTILE, "what": HOSTILE, "from": 1, "to": 2, "decision": "fine-tune"}
        ])  # fmt: skip
        results["style"]["checks"]["grounded"]["sentence"] = HOSTILE
        results["risks"][0]["evidence"] = results["provenance"]["command"] = HOSTILE
        results["data"]["warnings"][0]["text"] = results["money"]["assumptions"][0]["detail"] = HOSTILE
        for part in ("quality", "tokens", "seconds", "variants"):
            results[part][HOSTILE] = results[part].pop("tuned")
        results["money"]["variants"][HOSTILE] = results["money"]["variants"].pop("tuned")
        results["comparison"]["candidate"] = HOSTILE

    run = make_run(change=poison)
    clean = Page(read(make_run())[0])
    make_run(change=poison)
    for path, keys in (
        (run / "evaluate" / "outputs.jsonl", ("id", "output")),
        (run / "curate" / "test.jsonl", ("id",)),
    ):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for line in lines[:1] + lines[60:61]:
            line.update(dict.fromkeys(keys, HOSTILE))
            line["variant"] = HOSTILE if line.get("variant") == "tuned" else line.get("variant")
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    html, markdown = read(run)
    page = Page(html)
    assert set(page.tags) <= set(clean.tags)  # none comes from the data
    assert page.tags.count("script") == 1
    assert not [name for name, _ in page.values if name.startswith("on")]
    assert "\x00" not in html + markdown
    assert "{{7*7}}" in page.words
    assert "49" not in re.findall(r"onerror=alert\(1\)> (\S+)", page.words)
    assert "<img" not in markdown
    assert "\\| \\`code\\` \\*b\\*" in markdown


def test_a_lone_surrogate_does_not_stop_the_report(make_run: Callable[..., Path]) -> None:
    run = make_run()
    text = (
        (run / "results.json").read_text(encoding="utf-8").replace('"project": "components"', '"project": "a\\ud800b"')
    )
    (run / "results.json").write_text(text, encoding="utf-8")
    assert "a\ufffdb" in read(run)[0]


def test_nothing_in_the_page_leads_to_a_server(make_run: Callable[..., Path]) -> None:
    html = read(make_run())[0]
    addresses = [value for name, value in Page(html).values if name in ("src", "href", "xlink:href", "action", "data")]
    assert addresses
    assert all(value.startswith(("#", "data:,")) for value in addresses)
    assert not re.search(r"url\((?!#(hatch|stripes)\))|@import", html)
    assert "default-src 'none'" in html


def test_every_chart_has_title_text_and_table(make_run: Callable[..., Path]) -> None:
    html = read(make_run())[0]
    figures = re.findall(r'<figure class="chart"[^>]*>.*?</figure>', html, re.DOTALL)
    assert len(figures) == html.count("<figure") >= 10
    for figure in figures:
        assert re.search(r"<figcaption>[^<]+</figcaption>", figure)
        assert re.search(r'role="img" aria-label="[^"]+"', figure)
        assert "<tbody><tr>" in figure


def test_an_imported_run_shows_its_own_pairs(make_run: Callable[..., Path]) -> None:
    run = make_run(change=leave_out("data", "training"))
    (run / "curate" / "test.jsonl").rename(run / "evaluate" / "pairs.jsonl")
    html = read(run)[0]
    assert html.count('class="card') == 60
    assert "does not know how they were selected" in words(html)


def test_a_broken_line_in_the_middle_is_named(make_run: Callable[..., Path]) -> None:
    run = make_run()
    path = run / "evaluate" / "outputs.jsonl"
    path.write_text("{broken\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(DataError, match=r"outputs\.jsonl, line 1"):
        write_report(run)


@pytest.mark.parametrize(("content", "said"), [
    (None, "not found"), ("{", "not readable as JSON"), ("[]", "expected an object"), ('{"schema": "x"}', "expected the schema"),
])  # fmt: skip
def test_results_that_cannot_be_read_are_an_error_and_write_nothing(
    tmp_path: Path, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "results.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        write_report(tmp_path)
    assert not list(tmp_path.glob("report*"))


def test_the_same_run_gives_the_same_report(make_run: Callable[..., Path]) -> None:
    run = make_run()
    assert read(run) == read(run)


def test_unreviewed_rules_are_said(make_run: Callable[..., Path]) -> None:
    html = read(make_run(change=lambda results: results["style"].update(reviewed=False)))[0]
    assert "have not been reviewed" in html
