"""The section about methods says what this run did, by its name, and nothing about what it did not."""

import html
import re
from pathlib import Path
from typing import Any

import pytest

from tuneworth.curate import CurateSettings
from tuneworth.evaluate import EvaluateSettings
from tuneworth.reports import read_run, write_report
from tuneworth.reports.page import render_section
from tuneworth.reports.sections.method import check_lines, section
from tuneworth.reports.sections.settings import DEFAULTS, settings_of
from tuneworth.reports.stored import StoredRun

from ..shared import results_of

ATTACK = "</dd></dl><script>alert(1)</script>"


def texts(run: StoredRun) -> dict[str, str]:
    """What stands under each method, by the end of its anchor."""
    body = html.unescape(render_section(section(run), {})).replace("\xa0", " ")
    found = re.findall(r'<dt id="m-([a-z-]+)">[^<]*</dt>\s*<dd>(.*?)</dd>', body, flags=re.DOTALL)
    return {name: re.sub(r"<[^>]+>", " ", text) for name, text in found}


def stored(results: dict[str, Any], facts: dict[str, Any] | None = None) -> StoredRun:
    return StoredRun(Path("r"), results_of(results), {}, {}, facts or {})


def quality(**keys: Any) -> dict[str, Any]:
    return {"quality": {"tuned": {"n": 100, "groups": None, "n_effective": 100.0, "samples": 1} | keys}}


def compared(method: str, **keys: Any) -> dict[str, Any]:
    found = {"baseline": "prompted", "candidate": "tuned", "difference": {"value": 0.2, "low": 0.1, "high": 0.3}, "n": 100,
             "n_effective": 80.0, "p_value": 0.00123, "mid_p": 0.0009, "method": method, "low_one_sided": 0.12,
             "only_candidate": 30, "only_baseline": 10, "discordant_share": 0.4, "detectable_difference": 0.17}  # fmt: skip
    return quality() | {"comparison": found | keys}


def test_an_independent_test_set_says_wilson_alone_and_groups_say_what_they_cost():
    alone = texts(stored(quality()))["ranges"]
    assert "Wilson 1927" in alone
    assert "Korn" not in alone
    grouped = texts(stored(quality(groups=20, n_effective=41.2)))["ranges"]
    assert "100 requests form 20 groups and are worth 41.2 independent requests" in grouped
    assert "Korn and Graubard" in grouped
    assert "pass^k" in texts(stored(quality(samples=3)))["ranges"]


@pytest.mark.parametrize(("method", "wanted", "unwanted"), [
    ("exact McNemar test; Newcombe's paired interval (method 10)", "McNemar 1947", "sign-flip"),
    ("exact sign-flip test over groups; Newcombe's paired interval (method 10) on n / design effect, with Student's t",
     "the summed difference of each group", "McNemar 1947"),
    ("exact sign-flip test over groups; Newcombe's paired interval (method 10) on each variant's n / design effect, with "
     "Student's t", "its own n / design effect", "McNemar 1947"),
    ("exact sign-flip test over items; Newcombe's paired interval (method 10) on the variance of the means over repeats",
     "the summed difference of each request", "design effect"),
])  # fmt: skip
def test_the_comparison_names_the_test_that_was_made(method: str, wanted: str, unwanted: str):
    text = texts(stored(compared(method)))["comparison"]
    assert wanted in text
    assert unwanted not in text
    for said in ("p = 0.0012", "mid-p = 0.0009", "17 points", "40%", "+12 points"):
        assert said in text, said


def test_what_a_run_did_not_do_is_not_told():
    assert set(texts(stored({}))) == {"requests", "scores"}
    found = texts(stored(compared("exact McNemar test; Newcombe's paired interval (method 10)")))
    assert not {"money", "risks", "similarity", "judgements", "training", "similar_rows", "verdict"} & set(found)


@pytest.mark.slow
def test_a_real_run_tells_its_methods_and_holds_them_against_its_results(evaluated_run):
    run = read_run(evaluated_run(n=42))
    found = texts(run)
    assert {
        "requests",
        "variants",
        "scores",
        "ranges",
        "comparison",
        "checks",
        "similarity",
        "money",
        "verdict",
    } <= set(found)
    assert run.results.comparison.method in found["comparison"]
    assert "10,000 simulated scenarios" in found["money"]
    assert f"Here it was rule {run.results.verdict.rule}:" in found["verdict"]
    page = write_report(run.path)[0].read_text(encoding="utf-8")
    assert all(page.count(f'id="m-{name}"') == 1 for name in found)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_every_rule_stands_with_its_p_values_the_surest_first(evaluated_run):
    run = read_run(evaluated_run(n=42, roi=None))
    assert run.results.comparison is not None
    checks = run.results.comparison.checks
    lines = check_lines(checks)
    assert {line[0] for line in lines} == set(checks)
    order = [checks[line[0]].p_value for line in lines]
    assert order == sorted(order)


def test_the_judgements_of_people_are_told_with_their_test():
    together = {"p_value": 0.04, "method": "Wilson's interval", "preferred": {"share": 0.7}}
    text = texts(stored({"judgements": {"together": together}}))["judgements"]
    assert "exact sign test" in text
    assert "p = 0.0400" in text


def test_the_defaults_of_the_table_are_those_of_the_commands():
    real = {"curate": CurateSettings(), "evaluate": EvaluateSettings()}
    assert {key: getattr(real[key[0]], key[1]) for key in DEFAULTS} == DEFAULTS


def test_a_setting_says_where_it_comes_from():
    results = {
        "verdict": {"rule": 7},
        "data": {"near_duplicate": {"threshold": 0.9}, "tested": {"pairs": 80, "of": 535}},
        "training": {"settings": {"epochs": 3, "learning_rate": 0.001, "rank": 8}, "by_rule": ["learning_rate"]},
        "variants": {"prompted": {"few_shot": 3, "settings": {"temperature": 0.0, "max_new_tokens": "auto"}},
                     "tuned": {"few_shot": 0, "settings": {"temperature": 0.5, "max_new_tokens": "auto"}}},
        "provenance": {"test_set_used": 2},
    }  # fmt: skip
    config = {"curate": {"near_duplicate": 0.9}, "train": {"epochs": 3}, "evaluate": {"max_pairs": 80}}
    found = {
        s.key: (s.value, s.source)
        for s in settings_of(results_of(results), {"config": config, "seed": 5, "seed_stated": True})
    }
    assert found == {
        "curate.near_duplicate": ("0.9", "stated"), "curate.keep": ("best style", "default"),
        "curate.conflicts": ("quarantine", "default"), "train.epochs": ("3", "stated"),
        "train.learning_rate": ("0.001", "by rule"), "train.rank": ("8", "default"),
        "evaluate.margin": ("3\xa0points", "default"), "evaluate.temperature": ("prompted: 0, tuned: 0.5", "default"),
        "evaluate.max_new_tokens": ("as long as the longest training outputs", "default"),
        "evaluate.few_shot": ("prompted: 3", "default"), "evaluate.max_pairs": ("80 of 535", "stated"),
        "seed": ("5", "stated"), "test_set_used": ("2 times", "measured"),
    }  # fmt: skip


def test_nothing_is_called_a_default_of_a_run_whose_settings_are_not_known():
    assert settings_of(results_of(verdict={"rule": 7}), {}) == []


def test_hostile_names_stay_text(make_run):
    def change(results: dict[str, Any]) -> None:
        results["variants"] = {ATTACK: {"model": ATTACK, "settings": {ATTACK: ATTACK}}}
        results["style"]["name"] = ATTACK
        results["comparison"]["checks"] = {ATTACK: {"value": None, "p_value": None, "level": "must"}}
        results["validity"] = [{"text": ATTACK}]
        results["rivals"] = [{"name": ATTACK, "measured": True}, {"name": ATTACK, "measured": False, "why": ATTACK}]

    page = write_report(make_run(change=change))[0].read_text(encoding="utf-8")
    assert "<script>alert" not in page


def test_the_lead_counts_methods_and_stated_settings():
    run = stored(quality(), {"seed": 1, "seed_stated": True, "config": {}})
    said = "The 3 methods behind the numbers, with their sources, and "
    assert section(run).lead == f"{said}1 key setting, 1 of them stated by the team."
