"""What a reader sees in the first ten seconds, of every kind of run."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tuneworth.reports import read_run, write_report
from tuneworth.reports.sections import why
from tuneworth.reports.sections.first_screen import Headline, headline
from tuneworth.reports.sections.three_numbers import three_numbers
from tuneworth.reports.stored import StoredRun
from tuneworth.reports.words import typeset, typeset_parts

from ..shared import results_of
from .first_screen_kinds import KINDS, kind_maker
from .page_parts import part_start

TERMS = (
    "p-value", "confidence interval", "McNemar", "Wilson", "Newcombe", "bootstrap", "NPV", "percentile", "quantile",
    "sigma", "null hypothesis", "chrF",
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A run of a kind, made once."""
    return kind_maker(tmp_path_factory.mktemp)


def words(html: str) -> str:
    """The text of a piece of a page, blanks made plain."""
    text = re.sub(r"<(style|script)\b.*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return " ".join(text.replace("&nbsp;", " ").replace("\xa0", " ").replace("&#34;", '"').split())


def before_method(run: Path) -> str:
    html = (run / "report.html").read_text(encoding="utf-8")
    return html[html.index("<body") : part_start(html, "method")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_run_says_what_to_do_how_sure_and_why_to_doubt(runs: Callable[[str], Path], kind: str) -> None:
    found, (label, sure, sentence, doubt, step) = headline(read_run(runs(kind))), KINDS[kind][1]
    assert found.label == label
    assert found.sure.startswith(sure)
    assert bool(found.sure) == bool(found.sure_why) == bool(sure)
    assert sentence in found.sentence
    assert doubt in found.doubt
    assert step in "".join(text for text, _ in found.next_parts)
    assert len(found.numbers) == 3
    assert "None" not in str([(side.value, side.detail) for number in found.numbers for side in number.sides])
    assert '"' not in found.sentence + found.doubt


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_link_within_the_page_has_its_end(runs: Callable[[str], Path], kind: str) -> None:
    html = (runs(kind) / "report.html").read_text(encoding="utf-8")
    ids = set(re.findall(r'\sid="([^"]+)"', html))
    ends = {unquote(end) for end in re.findall(r'\shref="#([^"?]+)', html)}
    assert ends
    assert ends - ids - {f"i-{tone}" for tone in ("go", "stay", "open", "fix", "none")} == set()


@pytest.mark.slow
def test_each_of_the_three_numbers_leads_to_where_it_comes_from(runs: Callable[[str], Path]) -> None:
    acceptable, cost, payback = three_numbers(read_run(runs("pays")))
    assert [side.origin for side in acceptable.sides] == ["#shares", "#shares"]
    assert acceptable.change_origin == "#difference"
    assert [side.origin for side in cost.sides] == [
        f"#f-variants.{name}.effective_cost_per_request" for name in ("prompted", "tuned")
    ]
    assert payback.sides[0].origin == "#f-payback_days"
    assert payback.change_origin == "#payback"
    shown = (runs("pays") / "report.html").read_text(encoding="utf-8")
    assert '<a class="origin" href="#f-payback_days">53' in shown


def alternative(name: str, days: float | None) -> dict[str, Any]:
    return {"key": "variant", "name": name, "saving_per_request": 0.001, "needs_training": False,
            "effective_cost_per_request": 0.006, "tuning": {"payback_days": days}}  # fmt: skip


@pytest.mark.parametrize(
    ("low", "said", "detail"),
    [
        (-0.02, "to recover 200 EUR compared with prompted", "8.9 to 25 days; 139 days compared with nearest examples"),
        (0.05, "to recover 200 EUR", "8.9 to 25 days"),
    ],
)
def test_a_payback_says_against_what_where_a_way_that_may_be_as_good_is_cheaper(
    make_run: Callable[..., Path], low: float, said: str, detail: str
) -> None:
    def rival(results: dict[str, Any]) -> None:
        results["money"]["alternatives"] = [alternative("nearest", 139)]
        results["rivals"] = [
            {"name": "nearest", "measured": True, "difference": {"value": 0.1, "low": low, "high": 0.2}}
        ]

    run = read_run(make_run(change=rival))
    side = three_numbers(run)[2].sides[0]
    assert [text.replace("\xa0", " ") for text in (side.name, side.detail)] == [said, detail]
    compared = "and after 139 days compared with the prompted model with the nearest examples"
    assert (compared in why_lead(run).replace("\xa0", " ")) == (low < 0)


@pytest.mark.slow
def test_without_prices_the_tokens_lead_to_their_section(runs: Callable[[str], Path]) -> None:
    _, tokens, payback = three_numbers(read_run(runs("no prices")))
    assert tokens.title == "Tokens per request"
    assert {side.origin for side in tokens.sides} == {"#tokens"}
    assert payback.sides[0].origin == payback.change_origin == ""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_term_of_the_trade_stands_before_the_method(runs: Callable[[str], Path], kind: str) -> None:
    shown = words(before_method(runs(kind)))
    assert [term for term in TERMS if re.search(rf"\b{re.escape(term)}\b", shown, re.IGNORECASE)] == []
    assert not re.search(r"\b(CI|None|nan|inf)\b", shown)


def why_lead(run: StoredRun) -> str:
    assert run.results.verdict is not None
    return why.lead(run, run.results.verdict)


def stored(results: dict[str, Any]) -> StoredRun:
    quality = {
        name: {"n": 60, "acceptable": {"share": 1.0, "low": 0.94, "high": 1.0}} for name in ("prompted", "tuned")
    }
    parts = {"quality": quality, "comparison": {"baseline": "prompted", "candidate": "tuned", "difference": {
        "value": 0.0, "low": -0.06, "high": 0.06}}}  # fmt: skip
    return StoredRun(Path("run"), results_of(parts | results), {}, {})


def test_two_perfect_variants_have_a_first_screen() -> None:
    acceptable, _, _ = headline(stored({"verdict": {"decision": "fine-tune", "sentence": "Fine-tune: both."}})).numbers
    assert [side.value for side in acceptable.sides] == ["100%", "100%"]
    assert acceptable.change == "0\xa0points (−6 to +6\xa0points)"


def test_a_run_from_before_verdicts_said_how_sure_has_a_first_screen() -> None:
    found = headline(stored({"verdict": {"decision": "keep prompting", "sentence": "Keep prompting: it is dear."}}))
    assert (found.sure, found.sure_level, found.sure_why) == ("", 0, "")
    assert found.sentence == "It is dear."
    assert found.next_step == ""


@pytest.mark.parametrize(
    ("chance", "said"),
    [(0.0, "under 1% likely"), (0.004, "under 1% likely"), (0.5, "50% likely"), (0.996, "over 99% likely")],
)
def test_draws_never_show_that_something_is_certain(chance: float, said: str) -> None:
    money = {"variants": {}, "requests_per_day": 10, "saving_per_request": 1, "payback_days": 5.0, "currency": "EUR"}
    run = stored({"money": money | {"probability_of_payback_in_target": chance, "target_payback_days": 90}})
    assert three_numbers(run)[2].change.replace("\xa0", " ") == f"{said} within 90 days"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(100, 73, "27% less"), (100, 100, "the same"), (100, 98.5, "2% less"), (100, 4000, "40 times as much"),
     (10**6, 1, ">99.99% less"), (0, 5, ""), (100, 250, "150% more")],
)  # fmt: skip
def test_a_change_is_said_in_words_that_fit(before: float, after: float, said: str) -> None:
    costs = {
        name: {"cost_per_request": value, "cost_per_acceptable_output": value}
        for name, value in (("prompted", before), ("tuned", after))
    }
    run = stored({"money": {"variants": costs, "currency": "EUR"}})
    assert three_numbers(run)[1].change.replace("\xa0", " ") == said


def test_a_page_sets_quotes_and_minus_signs_and_leaves_commands_alone() -> None:
    assert (
        typeset('"rival" is -3.5 points, 2026-11-25, a-b, 5-8 and x-3')
        == "“rival” is −3.5 points, 2026-11-25, a-b, 5-8 and x-3"
    )
    parts = typeset_parts('Set `baseline = "b"` to "b".')
    assert parts == [("Set ", False), ('baseline = "b"', True), (" to “b”.", False)]
    assert typeset_parts("a lone ` stays") == [("a lone ` stays", False)]


@pytest.mark.parametrize(("letters", "size"), [(10, 0), (165, 0), (166, 1), (251, 2), (401, 3)])
def test_a_longer_sentence_is_set_smaller(letters: int, size: int) -> None:
    assert Headline("", "", "x" * letters, (), "", "").size == size


def flip(key: str, now: float | None, then: float, decision: str = "keep prompting") -> dict[str, Any]:
    what = {"requests_per_day": "requests a day", "failure_cost": "cost of an unacceptable output"}.get(key, key)
    return {"key": key, "what": what, "from": now, "to": then, "decision": decision}


def turned(*flips: dict[str, Any]) -> list[str]:
    run = stored({"verdict": {"decision": "fine-tune", "flips": list(flips)}, "money": {"currency": "EUR"}})
    return [f"{one.if_}: {one.answer}".replace("\xa0", " ") for one in why.flips(run)]


def test_what_would_turn_the_answer_is_a_sentence_with_units() -> None:
    assert turned(flip("requests_per_day", 2000, 1015.5)) == [
        "If requests a day fall from 2,000 to 1,016: keep prompting"
    ]
    assert turned(flip("failure_cost", 0.1, 0.25)) == [
        "If the cost of an unacceptable output rises from 0.10 EUR to 0.25 EUR: keep prompting"
    ]
    assert turned(flip("failure_cost", None, 0.02)) == [
        "If the cost of an unacceptable output is 0.02 EUR or more: keep prompting"
    ]
    assert "from 38% to 36%" in turned(flip("tuned.acceptance", 0.38, 0.359))[0]


def test_the_nearest_change_comes_first_and_what_is_out_of_reach_is_left_out() -> None:
    found = turned(flip("a", 100, 1000), flip("b", 100, 90), flip("c", 100, 150), flip("d", 1, 1000))
    assert [text.split()[2] for text in found] == ["b", "c", "a"]


def test_many_changes_wait_under_a_disclosure(make_run: Callable[..., Path]) -> None:
    def many(results: dict[str, Any]) -> None:
        results["verdict"]["flips"] = [flip(f"input_{n}", 100, 101 + n) for n in range(12)]

    html = write_report(make_run(change=many))[0].read_text(encoding="utf-8")
    part = html[html.index('id="why"') : html.index('id="quality"')]
    assert part.count("<li><span") == 12
    assert words(part).index("9 larger changes") > words(part).index("input 2")


@pytest.mark.slow
def test_the_reasons_open_with_what_was_found(runs: Callable[[str], Path]) -> None:
    lead = why_lead(read_run(runs("pays"))).replace("\xa0", " ")
    assert lead.startswith(
        "The tuned model is 21 points better; the investment pays back within 90 days in 92 of 100 simulated scenarios; "
    )
    assert "the answer becomes “cannot tell yet”" in lead
    assert why_lead(read_run(runs("nothing acceptable"))) == "Two things need to be fixed before the numbers are valid."


def test_texts_of_a_run_stay_texts_on_the_first_screen(make_run: Callable[..., Path]) -> None:
    attack = '<img src=x onerror=alert(1)>`<b>x</b>`"</h1>'

    def poison(results: dict[str, Any]) -> None:
        verdict = results["verdict"]
        verdict.update(
            sentence=attack, doubt=attack, next=attack, reasons=[attack], flips=[flip(attack, 2, 3, "fix first")]
        )
        verdict["confidence"] = {"level": "high", "sentence": f"High: {attack}"}

    html = write_report(make_run(change=poison))[0].read_text(encoding="utf-8")
    assert html.count("&lt;img src=x") >= 6
    assert "<img" not in html
    assert "<b>x</b>" not in html


@pytest.mark.slow
def test_each_number_says_what_its_ranges_are(runs: Callable[[str], Path]) -> None:
    assert [number.ranges for number in three_numbers(read_run(runs("pays")))] == [
        "95% ranges",
        "95% ranges",
        "90% ranges",
    ]
    assert three_numbers(read_run(runs("no prices")))[1].ranges == ""
    assert "Payback 90% ranges" in words((runs("pays") / "report.html").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_next_step_says_what_it_brings_where_that_is_known(make_run: Any) -> None:
    known = {"id": "act:x", "kind": "act", "do": "Use x.", "points": {"value": 0.2, "low": None, "high": None}}
    for points, shown in ((known["points"], True), (None, False)):
        step = {**known, "points": points}
        run = make_run(
            change=lambda results, step=step: results.update(verdict={**results["verdict"], "steps": [step]})
        )
        page = write_report(run)[0].read_text(encoding="utf-8")
        first = page[page.index('id="verdict"') : page.index('class="body"')]
        assert ("+20 points" in words(first)) == shown
