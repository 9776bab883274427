"""Variants that need no call, the strongest rival, and how each rival stands."""

from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tuneworth.evaluate import EvaluateSettings, Raw, Variant, VariantSettings, evaluate_outputs
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.evaluate.rivals.contest import enter
from tuneworth.evaluate.rivals.standing import strongest_rival, untrained_names
from tuneworth.style import parse_style

STYLE = parse_style(
    'checks: [{kind: ends_with, any: ["{package}"]}, {kind: punctuation, end: none}, {kind: grounded, facts: [numbers]}]'
)
GOOD, FIXABLE, BAD = "right", "fixable", "wrong"


def pairs(n) -> pl.DataFrame:
    rows = [
        {
            "id": f"p{k}", "group": None, "input": f"volts: {k} V\npackage: DIP", "system": None, "reference_ok": True,
            "fields": f'{{"volts": "{k} V", "package": "DIP"}}', "output": f"{k} V, DIP",
        }
        for k in range(n)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"group": pl.String, "system": pl.String})


def raw(name, kinds, *, tuned=False, tokens=(100, 10), seconds=1.0, **settings) -> Raw:
    """Outputs of the given kinds: right, wrong, or right after repair."""
    texts = {GOOD: "{} V, DIP", FIXABLE: "{} V, DIP.", BAD: "{}77 V, DIP"}
    rows = [
        {
            "id": f"p{k}", "variant": name, "sample": 0, "output": texts[kind].format(k), "input_tokens": tokens[0],
            "output_tokens": tokens[1], "seconds": seconds, "finish_reason": "stop",
        }
        for k, kind in enumerate(kinds)
    ]  # fmt: skip
    variant = Variant(name, "adapter" if tuned else "base model", tuned=tuned, settings=VariantSettings(**settings))
    return Raw(variant, pl.DataFrame(rows, schema=OUTPUT_SCHEMA), fixed_tokens=40)


def contest(*raws, rivals="auto", candidate="tuned", baseline=None, train=None, **named):
    variants = tuple(r.variant.name for r in raws)
    settings = EvaluateSettings(rivals=rivals, variants=variants, candidate=candidate, named=named)
    return enter(
        pairs(len(raws[0].outputs)), raws, STYLE, candidate=candidate, baseline=baseline, settings=settings, train=train,
        seed=0,
    )  # fmt: skip


def shares(found) -> dict[str, float]:
    return {name: float(scores.items["acceptable"].mean()) for name, scores in found.scores.items()}


def test_repair_is_given_to_both_sides_and_the_candidate_competes_in_its_best_form() -> None:
    found = contest(
        raw("prompted", [GOOD, FIXABLE, FIXABLE, BAD]), raw("tuned", [GOOD, GOOD, FIXABLE, BAD], tuned=True)
    )
    assert shares(found) == {
        "prompted": 0.25, "tuned": 0.5, "prompted + repair": 0.75, "tuned + repair": 0.75, "tuned, else prompted": 0.75,
    }  # fmt: skip
    assert found.candidate == "tuned + repair"
    assert found.raws["tuned + repair"].variant.tuned
    assert found.raws["prompted + repair"].variant.of == ("prompted",)


def test_a_repair_that_makes_nothing_acceptable_is_no_variant() -> None:
    found = contest(raw("prompted", [GOOD, BAD]), raw("tuned", [GOOD, GOOD], tuned=True))
    assert list(found.raws) == ["prompted", "tuned", "tuned, else prompted"]
    assert found.candidate == "tuned"


def test_without_rivals_there_are_only_the_given_variants() -> None:
    found = contest(raw("prompted", [FIXABLE, BAD]), raw("tuned", [FIXABLE, GOOD], tuned=True), rivals="none")
    assert (list(found.raws), found.candidate) == (["prompted", "tuned"], "tuned")


@pytest.mark.slow
def test_of_named_rivals_only_those_are_added_and_repair_for_both_sides() -> None:
    given = raw("prompted", [FIXABLE, BAD]), raw("tuned", [FIXABLE, GOOD], tuned=True)
    found = contest(*given, rivals=("prompted + repair",))
    assert list(found.raws) == ["prompted", "tuned", "prompted + repair", "tuned + repair"]
    assert list(contest(*given, rivals=("template",), train=pairs(30)).raws) == ["prompted", "tuned", "template"]


@pytest.mark.slow
def test_a_template_is_learned_from_train_pairs_or_taken_as_stated() -> None:
    given = raw("prompted", [BAD, BAD]), raw("tuned", [GOOD, GOOD], tuned=True)
    assert shares(contest(*given, train=pairs(30)))["template"] == 1
    assert "template" not in contest(*given).raws
    stated = contest(*given, template=VariantSettings(template="just {package}"))
    assert stated.raws["template"].outputs["output"].to_list() == ["just DIP", "just DIP"]


@pytest.mark.slow
@given(st.lists(st.tuples(*[st.sampled_from([GOOD, FIXABLE, BAD])] * 2), min_size=1, max_size=12))
def test_a_cascade_is_right_where_either_is_and_costs_the_second_call_only_where_it_is_needed(rows) -> None:
    first, second = (list(kinds) for kinds in zip(*rows, strict=True))
    found = contest(
        raw("prompted", second, tokens=(500, 20), seconds=3.0), raw("tuned", first, tuned=True, tokens=(60, 10))
    )
    cascade, ok = found.raws["tuned, else prompted"], (GOOD, FIXABLE)
    # A repair that helps one variant is part of its best form; a variant that it does not help has nothing to fix.
    expected = [a in ok or b in ok for a, b in rows]
    assert found.scores["tuned, else prompted"].items["acceptable"].to_list() == expected
    sent = [a == BAD for a in first]
    assert cascade.cascade is not None
    assert cascade.cascade.sent.to_list() == sent
    assert cascade.outputs["input_tokens"].to_list() == [60 + 500 * s for s in sent]
    assert cascade.outputs["seconds"].to_list() == [1 + 3 * s for s in sent]


def test_a_cascade_of_untrained_variants_is_a_rival_and_one_with_the_candidate_is_not() -> None:
    given = (
        raw("small", [GOOD, BAD], fallback="large"), raw("large", [BAD, GOOD]), raw("tuned", [GOOD, GOOD], tuned=True),
    )  # fmt: skip
    found = contest(*given, small=VariantSettings(model="s", fallback="large"), large=VariantSettings(model="l"))
    names = untrained_names(list(found.raws.values()), candidate=found.candidate, baseline=None)
    assert "small, else large" in names
    assert not any(name.startswith("tuned") for name in names)
    assert shares(found)["small, else large"] == 1


def test_a_stated_baseline_counts_as_untrained_whatever_its_name() -> None:
    raws = [raw("a-tuned", [GOOD], tuned=True), raw("b", [GOOD]), raw("tuned", [GOOD], tuned=True)]
    assert untrained_names(raws, candidate="tuned", baseline=None) == ["b"]
    assert untrained_names(raws, candidate="tuned", baseline="a-tuned") == ["a-tuned", "b"]


def test_the_strongest_is_the_cheapest_of_the_best() -> None:
    costs = {"a": Decimal(3), "b": Decimal(2), "c": Decimal(1)}
    assert strongest_rival({"a": 0.9, "b": 0.88, "c": 0.8}, costs, margin=0.03) == "b"
    assert strongest_rival({"a": 0.9, "b": 0.88, "c": 0.8}, {**costs, "b": None}, margin=0.03) == "a"
    assert strongest_rival({"a": 0.9, "b": 0.9}, {"a": None, "b": None}, margin=0.03, preferred="b") == "b"
    assert strongest_rival({"a": None}, {}, margin=0.03) is None


NAMES = ("prompted", "retry", "other")


@pytest.mark.slow
@pytest.mark.parametrize("baseline", [None, *NAMES])
def test_the_answer_does_not_depend_on_what_is_called_the_baseline(baseline) -> None:
    chance = np.random.default_rng(5)
    kinds = {
        name: np.where(chance.random(300) < share, GOOD, BAD).tolist()
        for name, share in (("prompted", 0.75), ("retry", 0.97), ("other", 0.5), ("tuned", 0.94))
    }
    raws = [raw(name, values, tuned=name == "tuned") for name, values in kinds.items()]
    found = evaluate_outputs(
        pairs(300), raws, STYLE, candidate="tuned", baseline=baseline, margin=0.03, settings=EvaluateSettings()
    ).results
    assert found.comparison.baseline == "retry"
    again = evaluate_outputs(
        pairs(300), raws, STYLE, candidate="tuned", margin=0.03, settings=EvaluateSettings()
    ).results
    # What a step brings is counted from the variant in use today, which this is.
    assert replace(found.verdict, steps=[]) == replace(again.verdict, steps=[])
    for one, today in ((found, baseline or "prompted"), (again, "prompted")):
        rows = {row.name: row for row in one.rivals}
        assert [name for name, row in rows.items() if row.today] == [today]
        assert rows[today].over_today is None
        if today != "retry":
            shares = rows["retry"].acceptable.share - rows[today].acceptable.share
            assert rows["retry"].over_today.value == pytest.approx(shares)
    assert [row.name for row in found.rivals if row.strongest] == ["retry"]
    assert all(row.measured for row in found.rivals)
