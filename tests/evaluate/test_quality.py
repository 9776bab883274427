"""Quality of variants with repeats: item means, checks, Holm, lengths; equal to plain shares with one sample."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import as_json
from tuneworth.evaluate import Raw, Variant, evaluate_outputs, score_outputs
from tuneworth.evaluate.money import read_roi
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.evaluate.scores.quality import compare_variants, quality_of, scored_rows
from tuneworth.style import parse_style

STYLE = parse_style(
    "checks: [{kind: punctuation, end: none}, {kind: grounded}, {kind: length, max: 4, level: should},"
    " {kind: ends_with, any: ['{package}'], when: package}]"
)
TEXTS = ("5 V part", "5 V part.", "7 V part", "a rather long text for 5 V", "", None, "part SOT")


def made(texts, samples=1):
    """Pairs and their outputs: `texts` has `samples` texts for each pair."""
    ids = [f"p{n}" for n in range(len(texts) // samples)]
    pairs = pl.DataFrame(
        {
            "id": ids, "input": "about 5 V", "output": "5 V part", "reference_ok": True,
            "fields": ['{"package": "SOT"}' if n % 2 else None for n in range(len(ids))],
            "group": [f"g{n // 2}" for n in range(len(ids))],
        },
        schema_overrides={"fields": pl.String},
    )  # fmt: skip
    rows = [
        {**dict.fromkeys(OUTPUT_SCHEMA), "id": ids[n // samples], "variant": "v", "sample": n % samples, "output": text}
        for n, text in enumerate(texts)
    ]
    return pairs, pl.DataFrame(rows, schema=OUTPUT_SCHEMA)


def quality(texts, samples=1, groups=None):
    scores = score_outputs(*made(texts, samples), STYLE)
    return as_json(quality_of(scores, scored_rows({"v": scores}), groups, STYLE, seed=0))


OUTPUTS = st.lists(st.sampled_from(TEXTS), min_size=2, max_size=14)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(OUTPUTS)
def test_repeats_that_are_all_the_same_change_nothing(texts):
    once, thrice = quality(texts), quality([text for text in texts for _ in range(3)], 3)
    for name in ("acceptable", "consistent", "faithful"):
        assert once[name] == thrice[name]
    assert thrice["unstable"]["share"] == 0
    assert set(thrice["pass_all"].values()) == {once["acceptable"]["share"]}
    for check, found in thrice["checks"].items():
        assert found["share"] == once["checks"][check]["share"]
        assert found["fail"] == 3 * once["checks"][check]["fail"]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(OUTPUTS, st.randoms())
def test_the_order_of_the_pairs_changes_nothing(texts, random):
    pairs, outputs = made(texts)
    order = list(range(len(texts)))
    random.shuffle(order)

    def found(rows):
        scores = score_outputs(pairs[rows], outputs[rows], STYLE)
        groups = pairs["group"].to_numpy()[rows]
        return quality_of(scores, np.ones(len(rows), bool), groups, STYLE, seed=0)

    straight, shuffled = as_json(found(list(range(len(texts))))), as_json(found(order))
    for key, value in straight.items():
        if key not in ("checks", "length"):
            assert shuffled[key] == pytest.approx(value)
        (one, alone), (other, also_alone) = (
            (dict(each["checks"]["grounded"]), each["checks"]["grounded"]["alone"]) for each in (straight, shuffled)
        )
        assert one | {"alone": None} == pytest.approx(other | {"alone": None})
        assert alone == pytest.approx(also_alone)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(OUTPUTS.filter(lambda texts: len(texts) % 2 == 0), st.sampled_from([1, 2]))
def test_what_a_rule_alone_prevents_is_what_the_style_without_it_accepts_more(texts, samples):
    found = quality(texts, samples)
    for check in STYLE.checks:
        alone = found["checks"][check.id]["alone"]
        if check.level == "should":
            assert alone is None
            continue
        without = replace(STYLE, checks=tuple(other for other in STYLE.checks if other is not check))
        scores = score_outputs(*made(texts, samples), without)
        accepted = scores.table["acceptable"].to_numpy()
        before = score_outputs(*made(texts, samples), STYLE).table["acceptable"].to_numpy()
        assert alone["outputs"] == int((accepted & ~before).sum())
        assert alone["share"] == pytest.approx(alone["outputs"] / len(texts))
        assert alone["low"] <= alone["share"] <= alone["high"]


def test_repeats_count_as_item_means():
    found = quality(["5 V part", "7 V part", "5 V part", "5 V SOT"], 2)
    assert found["acceptable"]["share"] == 0.5
    assert (found["samples"], found["pass_all"], found["unstable"]["share"]) == (2, {"1": 0.5, "2": 0.0}, 1.0)
    assert (found["checks"]["grounded"]["fail"], found["checks"]["grounded"]["n"]) == (1, 4)
    assert found["checks"]["grounded"]["share"] == 0.25
    # Only the second pair has a package, and one of its two outputs lacks it.
    package = found["checks"]["ends_with"]
    assert (package["fail"], package["n"], package["share"], package["not_applicable"]) == (1, 2, 0.5, 2)


def test_one_lost_sample_drops_its_pair_from_every_variant():
    pairs, outputs = made(["5 V part"] * 6, 2)
    lost = outputs.with_columns(error=pl.Series([None, "timed out", None, None, None, None]))
    scores = {"a": score_outputs(pairs, outputs, STYLE), "b": score_outputs(pairs, lost, STYLE)}
    rows = scored_rows(scores)
    assert rows.tolist() == [False, True, True]
    assert quality_of(scores["b"], rows, None, STYLE, seed=0).unscored == 1
    assert quality_of(scores["a"], rows, None, STYLE, seed=0).n == 2


def test_holm_is_over_the_must_checks_that_were_compared():
    first = score_outputs(*made(["7 V part.", "7 V part."] * 10), STYLE)
    second = score_outputs(*made(["5 V part", "5 V SOT"] * 10), STYLE)
    found = as_json(
        compare_variants({"a": first, "b": second}, np.ones(20, bool), None, STYLE, baseline="a", candidate="b", seed=0)
    )["checks"]
    assert found["length"]["p_holm"] is None  # a should check is information
    assert found["length"]["p_value"] is not None
    plain = sorted(check["p_value"] for check in found.values() if check["level"] == "must")
    assert min(check["p_holm"] for check in found.values() if check["p_holm"] is not None) == pytest.approx(
        3 * plain[0]
    )


def raw(name, texts, samples=1):
    return Raw(Variant(name, "outputs"), made(texts, samples)[1].with_columns(variant=pl.lit(name)))


def evaluated(*variants, n=12):
    pairs, _ = made([""] * n)
    return as_json(evaluate_outputs(pairs, variants, STYLE, baseline="a", candidate="b", margin=0.03).results)


def test_variants_may_have_different_numbers_of_samples():
    found = evaluated(*(raw(name, ["5 V part"] * 12 * k, k) for name, k in zip("abcde", (1, 2, 3, 1, 4), strict=True)))
    assert [found["quality"][name]["samples"] for name in "abcde"] == [1, 2, 3, 1, 4]
    assert found["comparison"]["n"] == 12
    assert found["verdict"] is not None


def test_one_variant_has_scores_and_no_verdict():
    found = evaluated(raw("a", ["5 V part"] * 12))
    assert found["quality"]["a"]["n"] == 12
    assert found["comparison"] is found["verdict"] is found["money"] is None
    assert found["quality"]["a"]["similarity"]["chrf"]["mean"] == pytest.approx(1)
    assert found["quality"]["a"]["two_sample"]["reason"].startswith("6 outputs")


def test_without_outputs_there_are_no_shares():
    lost = raw("a", ["5 V part"] * 12)
    lost = Raw(lost.variant, lost.outputs.with_columns(error=pl.lit("refused the connection")))
    found = evaluated(lost, raw("b", ["5 V part"] * 12))
    assert found["quality"]["b"]["n"] == 0
    assert found["quality"]["b"]["acceptable"] == {"share": None, "low": None, "high": None}
    assert found["quality"]["a"]["unscored"] == 12
    assert found["verdict"] is None


def test_references_that_break_the_rules_are_not_used():
    found = evaluated(raw("a", ["5 V part"] * 12))
    # Every other pair has a package, and the reference does not end with it.
    assert found["quality"]["a"]["similarity"]["chrf"]["n"] == 6
    assert found["quality"]["a"]["length"]["references"]["words"]["mean"] == 3


def test_tokens_of_dropped_pairs_do_not_count():
    tokens = pl.Series([5, None, None, None], dtype=pl.Int64)
    counted = raw("a", ["5 V part"] * 4)
    lost = counted.outputs.with_columns(error=pl.Series(["timed out", None, None, None]), cached_tokens=tokens)
    roi = read_roi({"requests_per_day": 9, "a": {"price_input": 1, "price_output": 1}})
    a, b = replace(counted, outputs=lost, fixed_tokens=9), raw("b", ["5 V part"] * 4)
    pairs, _ = made([""] * 4)
    found = as_json(evaluate_outputs(pairs, [a, b], STYLE, baseline="a", candidate="b", margin=0.03, roi=roi).results)
    assert found["comparison"]["n"] == 3
    json.dumps(found["money"], default=float, allow_nan=False)
    assert "NaN" not in str(found["money"])
