"""report.md: one page for a pull request, whatever the run and its texts."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth.curate import curate, write_curated
from tuneworth.evaluate.results import Gate, Money
from tuneworth.reports import markdown as summary
from tuneworth.reports import read_run, write_report
from tuneworth.reports.stored import StoredRun
from tuneworth.style import read_style

from ..shared import record_of, results_of
from .first_screen_kinds import KINDS, kind_maker

HOSTILE = (
    "| `x` | [y](javascript:alert(1)) ![z](http://example.com/z.png) <img src=x onerror=alert(1)>\n# h\n\n---\n"
    "1. one\n<!-- c --> </td> *b* _i_ ~~s~~ $m$ &lt;b&gt; https://example.com/x @name #1"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The Markdown page of a kind of run, blanks made plain."""
    make = kind_maker(tmp_path_factory.mktemp)
    return lambda kind: (make(kind) / "report.md").read_text(encoding="utf-8").replace("\xa0", " ")


def cells(line: str) -> list[str]:
    """The cells of a row, split as GitHub does: at every bar without a backslash before it."""
    return re.split(r"(?<!\\)\|", line.strip().strip("|"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_one_page_with_whole_tables(page: Callable[[str], str], kind: str) -> None:
    lines = page(kind).split("\n")
    assert len(lines) < 90
    assert sum(map(len, lines)) < 9000
    widths: list[int] = []
    for line in lines:
        if line.startswith("|"):
            assert not widths or len(cells(line)) == widths[-1], line
            widths.append(len(cells(line)))
        else:
            widths = []
    assert not re.search(r"<(?!https)\w|\bNone\b|\bnan\b", page(kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_says_verdict_numbers_doubt_and_next_step(page: Callable[[str], str], kind: str) -> None:
    text, (label, sure, _, doubt, _) = page(kind), KINDS[kind][1]
    assert text.split("\n")[0].endswith(f": {label}")
    assert sure in text
    assert "**Strongest reason for doubt:** " in text
    assert doubt in text
    assert ("**What to do next:** " if label == "No verdict" else "## What to do next\n") in text
    assert "| Payback | " in text
    assert all(
        re.match(r"tuneworth |--baseline |baseline = |\w+_(cost|check|minutes)$|roi\.|\[low, |[a-z-]+$|results", code)
        for code in text.split("`")[1::2]
    )
    assert not re.search(r"(?<!`)\btuneworth (evaluate|curate|run|roi|why|export)\b", text)
    assert text.rstrip().endswith("evaluate/outputs.jsonl (every output).")


@pytest.mark.slow
def test_variants_rules_money_and_risks_stand_in_short_tables(page: Callable[[str], str]) -> None:
    text = page("five variants")
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows if "84 |" in row][:5] == [
        "tuned", "rival", "prompted", "short", "plain"
    ]  # fmt: skip
    assert "| tuned | 84 | 38% (28 to 49%) |" in text
    assert "| Payback | 79 days (45 to 183 days) |" in text
    assert "| Investment | 1,560 EUR |" in text
    assert "| Saving per day | " in text
    assert "| rival (strongest) | 1 call, " in text
    assert "“rival”, at 25% acceptable." in text
    assert "## Rules that changed most" in text
    assert "Not checked: overfitting" in text


@pytest.mark.slow
def test_without_prices_there_is_no_money_part(page: Callable[[str], str]) -> None:
    assert "## Money" not in page("no prices")
    assert "| – |" in page("no prices")
    assert "## Money" in page("a batch")
    assert "| Gain over 500,000 requests |" in page("a batch")


def test_hostile_texts_stay_texts(make_run: Callable[..., Path]) -> None:
    def poison(results: dict[str, Any]) -> None:
        verdict = results["verdict"]
        verdict.update(sentence=HOSTILE, doubt=HOSTILE, next=HOSTILE, reasons=[HOSTILE])
        verdict["confidence"] = {"level": "high", "sentence": f"High: {HOSTILE}"}
        results["project"] = HOSTILE
        for check in results["style"]["checks"].values():
            check["sentence"] = HOSTILE
        results["risks"][0].update(status="over", id=HOSTILE, evidence=HOSTILE)
        results["gates"] = [{"gate": HOSTILE, "value": 1, "holds": False}]
        for part in ("quality", "tokens", "seconds"):
            results[part][HOSTILE] = results[part].pop("tuned")
        results["money"]["variants"][HOSTILE] = results["money"]["variants"].pop("tuned")
        results["comparison"]["candidate"] = HOSTILE

    text = write_report(make_run(change=poison))[1].read_text(encoding="utf-8")
    assert text.count("alert") > 10
    assert not re.search(r"<(img|!--|/td)", text)
    typed = re.findall(r"(?<!\\)`.*?`", text)
    assert typed == ["`x`"]  # of the next step, whose commands stand between backticks
    assert not re.search(r"(?<!\\)\]\(", text)
    assert not re.search(r"(?<!\\)!?\[", text)
    assert [line for line in text.split("\n") if re.match(r"#+ ", line)][1:] == [
        "## Variants", "## Rules that changed most", "## Money", "## Risks", "## Gates"
    ]  # fmt: skip
    assert all(len(cells(line)) in (2, 3, 4, 7, 8) for line in text.split("\n") if line.startswith("|"))


def stored(**results: Any) -> StoredRun:
    return StoredRun(Path("run"), results_of(results), {}, {})


def test_many_variants_risks_and_gates_are_cut() -> None:
    scored = {f"v{n}": {"n": 5, "acceptable": {"share": 0.5, "low": 0.2, "high": 0.8}} for n in range(30)}
    rows = summary.variant_rows(stored(quality=scored))
    assert (len(rows), rows[-1][0]) == (11, "and 20 more")
    assert {len(row) for row in rows} == {7}
    risks = [{"id": f"r{n}", "status": "warn" if n < 8 else "over", "evidence": ""} for n in range(9)]
    assert [name for name, _, _ in summary.risk_lines(stored(risks=risks))] == ["r8", "r0", "r1", "r2", "r3"]
    gates = [{"gate": f"g{n}", "holds": n != 25} for n in range(26)]
    lines = summary.gate_lines([record_of(gate, Gate) for gate in gates])
    assert lines[0] == ("g25", "does not hold")
    assert len(lines) == 10


def test_a_loss_has_a_real_minus_and_never_stays_never() -> None:
    money = {
        "currency": "EUR", "failures": "ignore",
        "saving_per_request": -0.001, "saving_share": -0.032, "investment": 10.0, "npv": -5.0,
        "requests_per_day": 7.0, "saving_per_day": -0.007, "payback_days": None, "horizon_days": 365.0,
    }  # fmt: skip
    lines = dict(summary.money_lines(record_of(money, Money)))
    assert len(lines) == 6
    assert lines["Saving per request"].replace("\xa0", " ") == "−0.001 EUR, −3%"
    assert (lines["Payback"], lines["Breaks even"]) == ("never", "at no volume")


@pytest.mark.slow
def test_the_rules_that_did_not_move_are_left_out(evaluated_run: Callable[..., Path]) -> None:
    moved = summary.moved_rows(read_run(evaluated_run(n=42)))
    assert 0 < len(moved) <= 8
    changes = [abs(float(change.split("\xa0")[0].replace("−", "-"))) for *_, change in moved]
    assert changes == sorted(changes, reverse=True)
    assert 0 not in changes


@pytest.mark.slow
def test_a_curated_run_with_a_hundred_rules_is_one_page(tmp_path: Path) -> None:
    rules = "".join(f"  - {{id: r{n}, kind: forbidden, level: should, any: [word{n}]}}\n" for n in range(100))
    (tmp_path / "style.yaml").write_text(f"name: many\nchecks:\n{rules}", encoding="utf-8")
    rows = [{"id": f"r{n}", "input": f"thing {n} of kind {n * n}", "output": f"word{n} it is {n}"} for n in range(99)]
    write_curated(curate(rows, read_style(tmp_path / "style.yaml")), tmp_path / "run")
    text = write_report(tmp_path / "run")[1].read_text(encoding="utf-8")
    assert len(text.split("\n")) < 80
    assert "| More in report.html | | |" in text


def test_an_address_or_a_name_in_a_text_is_no_link_and_calls_nobody(make_run: Callable[..., Path]) -> None:
    text = (
        "see https://example.org/x, HTTP://example.org, ftp://example.org, www.example.org, ann@example.org, @ann, #12"
    )

    def change(results: dict[str, Any]) -> None:
        results["verdict"].update(doubt=text)
        results["project"] = "@ann #12"

    page = write_report(make_run(n=20, change=change))[1].read_text(encoding="utf-8")
    assert "example" in page
    assert not re.search(r"://|www\.|@|#\w", re.sub(r"&#\d+;", "", page.replace("#&#8288;", "")))
    shown = html.unescape(page).replace("\u2060", "").replace("\\", "")
    assert text in shown
    assert "@ann #12" in shown
