"""The field of a prompt search: forms of the guide, sets of examples, the order of the pairs, the settings."""

from collections import Counter
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.evaluate import EvaluateSettings, SearchSettings, Variant, read_evaluate, score_outputs
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.evaluate.search.candidates import (
    FORMS,
    Mistake,
    broken_rules,
    find_mistakes,
    guide_forms,
    plan_field,
    search_order,
)
from tuneworth.evaluate.search.settings import ReflectionSettings
from tuneworth.style import check_sentence, parse_style

from ..conftest import pair

STYLE = parse_style("""
about: One label.
checks:
  - {kind: starts_with, any: [Box], id: starts}
  - {kind: length, max: 6, unit: words, id: short}
  - {kind: punctuation, end: none, id: no-stop, level: should}
""")
MISTAKE = Mistake("a red lamp", "Lamp", ('Start with "Box".',), "Box with a lamp")


def train(count: int = 30) -> pl.DataFrame:
    rows = [pair(n) for n in range(count)]
    return pl.DataFrame(
        {
            "id": [row["id"] for row in rows],
            "group": [row["family"] for row in rows],
            "input": [f"{row['input']['thing']}, {row['input']['colour']}" for row in rows],
            "output": [row["output"] for row in rows],
            "fields": [None] * count,
            "system": [None] * count,
        },
        schema_overrides={"fields": pl.String, "system": pl.String},
    )


BASE = Variant("prompted", "base model", guide="Write a label.", examples=(("q", "a"),))


def field(count: int, mistakes=(MISTAKE,), base: Variant = BASE, seed: int = 0):
    return plan_field(base, train=train(), style=STYLE, count=count, seed=seed, mistakes=mistakes)


# --- forms ------------------------------------------------------------------------------------------------------------


def test_each_form_says_every_must_rule_in_its_own_sentence():
    forms = guide_forms("Write a label.", STYLE, [MISTAKE])
    assert tuple(forms) == FORMS
    assert forms["as it is"] == "Write a label."
    for name in ("short", "checklist"):
        for check in STYLE.checks:
            assert (check_sentence(check) in forms[name]) == (check.level == "must")
    assert "One label." in forms["checklist"]
    assert "\n" not in forms["short"]
    assert forms["corrected"].startswith("Write a label.\n")
    assert all(text in forms["corrected"] for text in (MISTAKE.request, MISTAKE.wrong, MISTAKE.right, *MISTAKE.rules))


def test_a_variant_without_a_guide_gets_that_of_the_style_with_corrections():
    forms = guide_forms(None, STYLE, [MISTAKE])
    assert forms["as it is"] is None
    assert "## Form" in forms["corrected"]
    assert "corrected" not in guide_forms("x", STYLE)


def scored(outputs: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    pairs = train(len(outputs))
    rows = [
        {"id": id, "variant": "v", "sample": 0, "output": text, "finish_reason": "stop"}
        for id, text in zip(pairs["id"], outputs, strict=True)
    ]
    return pairs, score_outputs(pairs, pl.DataFrame(rows, schema=OUTPUT_SCHEMA), STYLE).table


def test_mistakes_show_rules_that_are_not_shown_yet():
    pairs, table = scored(["Box", "Lamp", "Box a b c d e f g", "Lamp", "Lamp a b c d e f g", ""])
    found = find_mistakes(pairs, table, STYLE)
    assert [one.wrong for one in found] == ["Lamp a b c d e f g"]
    assert found[0].right == pairs["output"][4]
    assert len(found[0].rules) == 2
    pairs, table = scored(["Box", "Lamp", "Lamp", "Box a b c d e f g"])
    assert [one.wrong for one in find_mistakes(pairs, table, STYLE)] == ["Lamp", "Box a b c d e f g"]
    assert find_mistakes(*scored(["Box.", ""]), STYLE) == ()


def test_each_missed_right_answer_is_a_mistake_of_its_own():
    style = parse_style("checks: [{kind: label, labels: [refund, invoice, login, other]}]", where="test")
    pairs = train(4).with_columns(output=pl.Series(["refund", "refund", "invoice", "login"]))
    rows = [{"id": id, "variant": "v", "sample": 0, "output": "other", "finish_reason": "stop"} for id in pairs["id"]]
    right = pairs.with_columns(references=pl.concat_list("output"))
    table = score_outputs(right, pl.DataFrame(rows, schema=OUTPUT_SCHEMA), style).table
    assert [one.right for one in find_mistakes(pairs, table, style)] == ["refund", "invoice", "login"]


def test_broken_rules_are_the_schemas_sentences_once_and_without_preferences():
    _, table = scored(["Lamp a b c d e f g.", ""])
    rules = broken_rules(STYLE, table["violations"][0].to_list())
    assert len(rules) == 2
    assert all(rule.startswith(check_sentence(check)) for rule, check in zip(rules, STYLE.checks[:2], strict=True))
    assert broken_rules(STYLE, table["violations"][1].to_list()) == ["Give an output (empty output)."]


# --- the field ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_field_begins_with_the_prompt_as_it_is_and_varies_both_parts():
    found = field(12)
    assert found[0].variant == BASE
    assert {one.guide for one in found} == set(FORMS)
    assert len({one.examples for one in found}) >= 4
    prompts = [(one.variant.guide, one.variant.examples, one.variant.few_shot) for one in found]
    assert len(set(prompts)) == len(prompts) == 12
    assert any(one.variant.nearest is not None and one.prompt_bytes > len(one.variant.guide or "") for one in found)
    assert all(one.variant.name == "prompted" for one in found)
    assert len({one.name for one in found}) == 12


def test_a_smaller_field_is_the_beginning_of_a_larger_one():
    fields = [field(count) for count in (2, 5, 12, 30)]
    for small, large in pairwise(fields):
        assert [one.name for one in small] == [one.name for one in large[: len(small)]]


def test_the_planned_field_has_the_size_of_the_real_one():
    assert [one.name for one in field(12, None)] == [one.name for one in field(12)]
    assert "corrected" not in {one.guide for one in field(12, ())}


def test_the_field_depends_on_the_seed_and_not_on_the_order_of_train():
    shuffled = plan_field(BASE, train=train().reverse(), style=STYLE, count=12, seed=0, mistakes=())

    def examples(candidates):
        return [(one.name, one.variant.guide, one.variant.examples) for one in candidates]

    assert examples(shuffled) == examples(field(12, ()))
    assert examples(field(12, (), seed=7)) != examples(field(12, ()))


def test_sets_of_examples_that_train_cannot_fill_are_left_out():
    few = plan_field(BASE, train=train(2), style=STYLE, count=50, seed=0, mistakes=())
    assert {one.variant.few_shot for one in few} == {0, 1, 2}
    assert few[0].prompt_bytes == len("Write a label.") + len("qa")


# --- the order of the pairs -------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.none(), st.integers(0, 6)), max_size=40), st.integers(0, 5))
def test_pairs_come_in_an_order_that_spreads_over_groups(groups, seed):
    rows = {"id": [f"p{n}" for n in range(len(groups))], "group": [None if g is None else f"g{g}" for g in groups]}
    pairs = pl.DataFrame(rows, schema={"id": pl.String, "group": pl.String})
    ordered = search_order(pairs, seed=seed)
    assert sorted(ordered["id"]) == sorted(pairs["id"])
    assert search_order(pairs.reverse(), seed=seed)["id"].to_list() == ordered["id"].to_list()
    different = len({g for g in groups if g is not None}) + groups.count(None)
    first = ordered["group"].head(different).to_list()
    assert max(Counter(g for g in first if g is not None).values(), default=0) <= 1


# --- settings ---------------------------------------------------------------------------------------------------------


def test_the_table_is_no_variant():
    problems: list[str] = []
    table = {
        "variants": ["plain", "prompted", "tuned"],
        "prompted": {"few_shot": 2},
        "search": {"candidates": 6, "budget_cost": Decimal(3), "reflection": {"endpoint": "http://h/v1", "model": "m"}},
    }
    settings = read_evaluate(table, where="evaluate", problems=problems)
    assert problems == []
    assert settings is not None
    assert list(settings.named) == ["prompted"]
    assert settings.search.candidates == 6
    assert settings.search.reflection == ReflectionSettings(endpoint="http://h/v1", model="m")
    assert read_evaluate({}, where="evaluate", problems=problems).search == SearchSettings()


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"candidates": 1}, '"candidates" is 1; expected 2 to 200'),
        ({"max_pairs": 3}, '"max_pairs" is 3; expected 4 or more'),
        ({"budget_calls": 0}, '"budget_calls" is 0'),
        ({"budget_cost": Decimal(0)}, '"budget_cost" is 0'),
        ({"seed": -1}, '"seed" is -1'),
        ({"guide": "x"}, 'unknown key "guide"'),
        ({"reflection": {"endpoint": "http://h/v1"}}, '"model" is missing'),
        ({"reflection": {"endpoint": "http://h/v1", "model": "m", "price_input": Decimal(1)}}, "belong together"),
    ],
)
def test_wrong_settings_are_named_with_their_place(table, problem):
    problems: list[str] = []
    assert read_evaluate({"search": table}, where="evaluate", problems=problems) is None
    assert problem in problems[0]
    assert problems[0].startswith("evaluate.search")


def test_no_variant_may_be_called_search():
    problems: list[str] = []
    read_evaluate({"variants": ["search", "tuned"]}, where="evaluate", problems=problems)
    assert "[evaluate.search] is for the prompt search" in problems[0]


def test_the_page_names_every_setting():
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    part = page[page.index("| in `[evaluate.search]`") :]
    for name in SearchSettings.__dataclass_fields__:
        assert f"| `{name}` |" in part.split("\n\n")[0]
    assert EvaluateSettings().search == SearchSettings()
