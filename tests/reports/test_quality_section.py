"""The quality section: its finding, the rules by what moved, and words instead of terms of the trade."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth.reports import read_run, verdict_text, write_report
from tuneworth.reports.sections.quality import lead
from tuneworth.reports.sections.quality_charts import difference_figure, parts_figure, shares_figure
from tuneworth.reports.sections.rules import check_rows, most_broken, moved_figure, moves, shown_variants
from tuneworth.reports.stored import StoredRun

from ..shared import results_of
from .page_parts import part_html

SHARE = {"share": 0.5, "low": 0.4, "high": 0.6}


def scored(share: float | None, **broken: int) -> dict[str, Any]:
    part = {"share": share, "low": share, "high": share}
    checks = {check: {"fail": fail, "n": 100, "level": "must", "about": "form"} for check, fail in broken.items()}
    return {"n": 100, "acceptable": part, "consistent": part, "faithful": part, "checks": checks}


def compared(**chances: tuple[float | None, float]) -> dict[str, Any]:
    """The comparison of `tuned` with `prompted`: for each check its corrected and its own probability."""
    checks = {check: {"p_holm": holm, "p_value": own} for check, (holm, own) in chances.items()}
    return {
        "baseline": "prompted",
        "candidate": "tuned",
        "difference": {"value": 0.5, "low": 0.4, "high": 0.6},
        "checks": checks,
    }


def run(quality: dict[str, Any], comparison: dict[str, Any] | None = None, **more: Any) -> StoredRun:
    return StoredRun(Path("r"), results_of({"quality": quality, "comparison": comparison, **more}), {}, {})


TWO = {"prompted": scored(0.3, a=60, b=10, c=5, d=0), "tuned": scored(0.86, a=10, b=40, c=6, d=0)}
CHANCES = compared(a=(0.001, 0.0001), b=(0.01, 0.005), c=(1.0, 0.9), d=(1.0, 1.0))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            run(TWO, CHANCES),
            "The tuned model gives an acceptable output in 86% of cases, the prompted model in 30%; "
            "it breaks 1 rule significantly less often and 1 rule significantly more often.",
        ),
        (
            run(TWO, compared(a=(1.0, 0.9))),
            "The tuned model gives an acceptable output in 86% of cases, the prompted model in 30%; "
            "no single rule is broken significantly more or less often.",
        ),
        (
            run(TWO),
            "The tuned model keeps every must rule on 86% of the requests.",
        ),
        (run({"v": scored(0.0)}), "“v” keeps every must rule on 0% of the requests."),
        (run({"v": scored(None)}), "No output could be scored, so it is unknown how well the rules are kept."),
        (run({}), "No output could be scored, so it is unknown how well the rules are kept."),
    ],
)
def test_the_section_opens_with_what_was_found(given: StoredRun, said: str) -> None:
    assert lead(given) == said


def test_rules_are_ordered_by_what_moved_and_chance_is_said_in_words() -> None:
    rows = check_rows(run(TWO, CHANCES))
    assert [row.id for row in rows] == ["a", "b", "c", "d"]
    assert [row.chance for row in rows] == ["significant", "significant", "could be chance", ""]
    assert [row.change for row in rows] == ["−50\u00a0points", "+30\u00a0points", "+1\u00a0point", "0\u00a0points"]
    assert moves(run(TWO, CHANCES)) == (1, 1)


def test_a_rule_outside_the_correction_is_judged_by_its_own_probability() -> None:
    rows = check_rows(run(TWO, compared(a=(None, 0.04), b=(None, 0.06), c=(0.06, 0.01))))
    assert [row.moved for row in rows] == [True, False, False, None]


def test_the_rule_that_is_broken_most_is_named_and_none_where_none_is() -> None:
    worst = most_broken(check_rows(run(TWO, CHANCES)))
    assert worst is not None
    assert (worst.id, worst.broken) == ("b", ("10 of 100", "40 of 100"))
    assert most_broken(check_rows(run({"v": scored(1.0, a=0)}))) is None


def test_the_slope_draws_what_moved_and_counts_the_rest() -> None:
    given = run(TWO, CHANCES)
    drawn = moved_figure(given, check_rows(given))
    assert re.findall(r'class="move (\w+)" x1="0"', drawn) == ["better", "worse", "same"]
    assert "1 more rule hardly changed." in drawn
    assert 'id="moved"' in drawn
    alone = run({"v": scored(0.5, a=5)})
    assert moved_figure(alone, check_rows(alone)) == ""


def test_of_five_variants_the_table_shows_the_two_compared() -> None:
    names = ("plain", "prompted", "short", "rival", "tuned")
    five = run({name: scored(0.5, a=5) for name in names}, CHANCES)
    assert shown_variants(five) == ([1, 4], [0, 2, 3])
    assert shown_variants(run(TWO, CHANCES)) == ([0, 1], [])


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.3, "lies entirely above zero"),
        (-0.3, -0.1, "lies entirely below zero"),
        (-0.1, 0.3, "cannot say which of the two is better"),
        (0.0, 0.3, "cannot say which of the two is better"),
        (None, None, "There are too few requests to give a range"),
    ],
)
def test_the_range_of_the_difference_is_read_for_the_reader(low: float | None, high: float | None, said: str) -> None:
    comparison = copy.deepcopy(CHANCES)
    comparison["difference"] = {"value": 0.1, "low": low, "high": high}
    assert said in difference_figure(run(TWO, comparison))


def test_other_ways_without_training_stand_below_the_strongest_the_hardest_first() -> None:
    rows = [
        {"name": name, "measured": True, "difference": {"value": value, "low": value - 0.1, "high": value + 0.1}}
        for name, value in (("prompted + retry", 0.3), ("nearest", 0.1), ("prompted", 0.5))
    ]
    drawn = difference_figure(run(TWO, CHANCES, rivals=[*rows, {"name": "lost", "measured": False, "why": "no pairs"}]))
    names = re.findall(r'<span class="name">([^<]+)', drawn)
    assert names == ["prompted", "nearest examples", "prompted, retried"]
    assert "<b>tuned minus …</b>" in drawn
    assert "The range of tuned minus prompted lies entirely above zero" in drawn
    assert 'id="difference"' in drawn


def test_of_many_variants_only_the_compared_are_drawn_with_every_share() -> None:
    names = ["prompted", "prompted + repair", "nearest", "large", "tuned", "tuned + repair"]
    quality = {name: scored(0.1 * number) for number, name in enumerate(names)}
    how = {name: {"way": "repair", "of": [name.removesuffix(" + repair")]} for name in names if "+" in name}
    given = run(quality, compared() | {"baseline": "large", "candidate": "tuned + repair"}, variants=how)
    acceptable = ["large", "tuned, repaired", "tuned", "nearest examples", "prompted, repaired", "prompted"]
    assert re.findall(r'<span class="name">([^<]+)', shares_figure(given)) == acceptable
    drawn = parts_figure(given).split("The numbers of this chart")
    assert re.findall(r'<span class="name">([^<]+)', drawn[0]) == ["large", "tuned, repaired"] * 2
    assert drawn[-1].count("<td>Faithful: ") == 6


def test_of_more_than_eight_variants_the_best_are_drawn_and_the_numbers_have_all() -> None:
    quality = {f"way-{number}": scored(number / 20) for number in range(10)} | {"b": scored(0.1), "t": scored(0.2)}
    drawn = shares_figure(run(quality, compared() | {"baseline": "b", "candidate": "t"})).split(
        "The numbers of this chart"
    )
    names = re.findall(r'<span class="name">([^<]+)', drawn[0])
    assert names == ["b", "t", *(f"way-{number}" for number in range(9, 3, -1))]
    assert "4 more are in the numbers of this chart." in drawn[0]
    assert drawn[1].count("<td>way-") == 10


def test_shares_that_were_not_measured_leave_a_row_that_says_so() -> None:
    drawn = shares_figure(run({"a": scored(None), "b": scored(1.0)}))
    assert drawn.count("not measured") >= 2
    assert parts_figure(run({"a": scored(None), "b": scored(1.0)})).count("not measured") >= 2
    assert 'id="shares"' in drawn
    assert "nan" not in drawn


def test_of_many_rules_those_that_moved_least_stand_under_a_disclosure(make_run: Callable[..., Path]) -> None:
    def multiply(results: dict[str, Any]) -> None:
        for number, name in enumerate(("prompted", "tuned")):
            checks = results["quality"][name]["checks"]
            checks |= {
                f"rule-{n}": {"fail": n * number, "n": 400, "level": "must", "about": "form"} for n in range(300)
            }

    page = write_report(make_run(change=multiply))[0].read_text(encoding="utf-8")
    body = part_html(page, "quality")
    assert f"{300 + 6 - 20} more rules, which changed less" in body
    table = body.split("more rules, which changed less")[0].split("<tbody>")[-1]
    assert table.count("<tr>") == 20


JARGON = (
    r"\bp ?[=<>] ?[\d.]|p-value|\bCI\b|confidence interval|McNemar|Wilson|Newcombe|bootstrap|chrF|\bHolm\b|percentile"
)


def test_no_term_of_the_trade_stands_in_quality_or_in_tokens_and_time(evaluated_run: Callable[..., Path]) -> None:
    page = write_report(evaluated_run(n=42))[0].read_text(encoding="utf-8")
    for section in ("quality", "tokens"):
        body = part_html(page, section)
        assert len(body) > 2000
        assert re.findall(JARGON, re.sub(r"<[^>]*>", " ", body)) == []


def test_chance_is_explained_where_the_method_explains_it(
    evaluated_run: Callable[..., Path], make_run: Callable[..., Path]
) -> None:
    page = write_report(evaluated_run(n=42))[0].read_text(encoding="utf-8")
    assert page.count('href="#m-checks"') == page.count('id="m-checks"') == 1
    untested = write_report(make_run())[0].read_text(encoding="utf-8")
    assert untested.count('href="#m-checks"') == untested.count('id="m-checks"') == 0


def test_rules_link_to_their_examples_only_where_examples_are_shown(evaluated_run: Callable[..., Path]) -> None:
    run_folder = evaluated_run(n=42)
    linked = write_report(run_folder)[0].read_text(encoding="utf-8")
    assert re.search(r'<a class="see" href="#requests" data-check="[\w-]+">See examples</a>', linked)
    bare = write_report(run_folder, examples=False)[0].read_text(encoding="utf-8")
    assert 'href="#requests"' not in bare
    assert "data-check=" not in bare


def test_the_chart_shows_shares_that_add_up_with_their_difference() -> None:
    quality = {"prompted": scored(1.0), "tuned": scored(0.875), "plain": scored(0.876)}
    text = re.sub(r"<[^>]+>", " ", str(shares_figure(run(quality, CHANCES))))
    assert "87.5%" in text
    assert "88%" in text  # of another one, which no difference stands beside


def test_the_faults_that_the_rules_miss_are_in_every_form_of_the_report(make_run: Callable[..., Path]) -> None:
    kinds = {"two values swapped": (0.1, 0.2), "number changed": (0.46, 0.5)}
    near = {
        "n": 900, "caught": 0.28, "rule": "same_fields", "survivors": [{"kind": "two values swapped", "text": "{b} <{a}>"}],
        "by_kind": {kind: {"n": 450, "caught": must, "with_should": some} for kind, (must, some) in kinds.items()},
    }  # fmt: skip

    def miss(results: dict[str, Any]) -> None:
        results["style"]["near_misses"] = near

    page, *_ = write_report(make_run(change=miss))
    body = part_html(page.read_text(encoding="utf-8"), "quality")
    markdown = page.with_name("report.md").read_text(encoding="utf-8").replace("\xa0", " ")
    terminal = " ".join(verdict_text(read_run(page.parent).results).split())
    for said in ("The must rules catch 28% of near misses", "A same_fields rule would compare each output"):
        assert said in " ".join(markdown.replace("\\_", "_").split())
        assert said in terminal
        assert said in body
    assert 0 < body.index(">two values swapped<") < body.index(">number changed<")
    assert "{b} &lt;{a}&gt;" in body
    bare = write_report(make_run(change=miss), examples=False)[0].read_text(encoding="utf-8")
    assert "two values swapped" in bare
    assert "{b} &lt;{a}&gt;" not in bare
