"""Scores of outputs: whole failures, the three shares, and which rows count."""

import numpy as np
import polars as pl
import pytest

from tuneworth.evaluate import score_outputs, tokens_of
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.evaluate.results import Tokens
from tuneworth.evaluate.scores.quality import compare_variants, quality_of, scored_rows
from tuneworth.style import parse_style

STYLE = parse_style("checks: [{kind: punctuation, end: none}, {kind: grounded}, {kind: length, max: 9, level: should}]")


def tables(outputs: list[str | None], *, reasons: list[str | None] | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    ids = [f"p{n}" for n in range(len(outputs))]
    pairs = pl.DataFrame(
        {"id": ids, "input": ["about 5 V"] * len(ids), "fields": [None] * len(ids), "output": ["x"] * len(ids)}
    )
    rows = {
        "id": ids,
        "variant": "v",
        "output": outputs,
        "finish_reason": reasons or [None] * len(ids),
        "output_tokens": 7,
    }
    made = pl.DataFrame(rows, schema_overrides={"output": pl.String, "finish_reason": pl.String})
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in OUTPUT_SCHEMA.items() if name not in made.columns]
    return pairs, made.with_columns(missing).cast(OUTPUT_SCHEMA).select(list(OUTPUT_SCHEMA))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("output", "reason", "acceptable", "consistent", "faithful"),
    [
        ("5 V part", None, True, True, True),
        ("5 V part.", None, False, False, True),
        ("7 V part", None, False, True, False),
        ("a rather long text for 5 V", None, True, True, True),  # breaks a should rule alone
        (None, None, False, False, False),
        ("  ", None, False, False, False),
        ("5 V part", "length", False, False, False),
        ("5 V part", "max_tokens", False, False, False),  # a provider's own word
        ("5 V part", "refusal", False, False, False),
        ("5 V part", "stop", True, True, True),
        ("I'm sorry, but I cannot help with 5 V", None, False, False, False),
    ],
)
def test_an_output_is_acceptable_if_it_breaks_no_must_rule(output, reason, acceptable, consistent, faithful):
    scores = score_outputs(*tables([output], reasons=[reason]), STYLE)
    assert scores.table.select("acceptable", "consistent", "faithful").row(0) == (acceptable, consistent, faithful)
    assert bool(len(scores.table["violations"][0])) is (not acceptable or len(output or "") > 9)


def test_tables_in_a_different_order_are_rejected():
    pairs, outputs = tables(["a", "b"])
    with pytest.raises(ValueError, match="same order"):
        score_outputs(pairs, outputs.reverse(), STYLE)


def test_a_pair_unscored_for_one_variant_is_dropped_for_all():
    pairs, outputs = tables(["5 V", "5 V", "7 V"])
    lost = outputs.with_columns(error=pl.Series(["timed out", None, None]))
    scores = {"a": score_outputs(pairs, outputs, STYLE), "b": score_outputs(pairs, lost, STYLE)}
    rows = scored_rows(scores)
    assert rows.tolist() == [False, True, True]
    assert quality_of(scores["a"], rows, None, STYLE, seed=0).acceptable.share == 0.5
    assert quality_of(scores["b"], rows, None, STYLE, seed=0).unscored == 1
    assert scores["b"].table["violations"][0].to_list() == []
    assert set(scores["b"].status.row(0)) == {"unscored"}


def test_checks_count_only_the_outputs_that_they_apply_to():
    style = parse_style("checks: [{kind: ends_with, any: ['{package}']}]")
    pairs, outputs = tables(["a SOT", "b", "c"])
    pairs = pairs.with_columns(fields=pl.Series(['{"package": "SOT"}', '{"package": "SOT"}', None]))
    scores = score_outputs(pairs, outputs, style)
    check = quality_of(scores, np.ones(3, bool), None, style, seed=0).checks["ends_with"]
    assert (check.fail, check.n, check.not_applicable, check.share) == (1, 2, 1, 0.5)


def test_the_comparison_counts_pairs():
    first = score_outputs(*tables(["5 V", "5 V.", "5 V.", "7 V"]), STYLE)
    second = score_outputs(*tables(["5 V", "5 V", "5 V", "7 V"]), STYLE)
    found = compare_variants(
        {"a": first, "b": second}, np.ones(4, bool), None, STYLE, baseline="a", candidate="b", seed=0
    )
    assert [found.both, found.only_candidate, found.only_baseline, found.neither] == [1, 2, 0, 1]
    assert found.difference.value == 0.5
    assert set(found.checks) == {"punctuation", "grounded", "length"}


def test_unknown_tokens_stay_unknown():
    _, outputs = tables(["a"])
    known = Tokens(fixed=None, input=None, output=7.0, cached=None, reasoning=None)
    assert tokens_of(outputs, np.ones(1, bool), None) == known
