"""Outputs that are repaired before scoring: what is scored, what is kept of the output as it came."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError, as_json
from tuneworth.evaluate import EvaluateSettings, Raw, Variant, VariantSettings, evaluate_outputs, read_evaluate
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.evaluate.scores.score import score_outputs
from tuneworth.style import parse_style, repair

STYLE = parse_style("""
name: t
checks:
  - {kind: ends_with, any: ["{size}"], when: size, id: size-last}
  - {kind: vocabulary, id: spelling, preferred: {"low noise": ["low-noise"]}}
  - {kind: grounded}
""")
TEXTS = [
    "low-noise part",
    "low noise part, 5 V",
    "part",
    "part of 9 V",
    "",
    "I'm sorry, but I cannot help with that.",
    " ",
]


def pairs(n: int) -> pl.DataFrame:
    fields = ['{"size": "5 V"}' if row % 2 else None for row in range(n)]
    return pl.DataFrame(
        {"id": [f"p{row}" for row in range(n)], "input": ["size: 5 V"] * n, "fields": fields, "output": "low noise, 5 V",
         "group": None, "reference_ok": True},
        schema_overrides={"group": pl.String, "fields": pl.String},
    )  # fmt: skip


def outputs(texts: list[str | None], **columns: list) -> pl.DataFrame:
    table = {
        "id": [f"p{row}" for row in range(len(texts))],
        "output": texts,
        "output_tokens": [7] * len(texts),
        **columns,
    }
    return pl.DataFrame(table, schema_overrides=OUTPUT_SCHEMA).select(
        pl.col(name) if name in table else pl.lit(None, kind).alias(name) for name, kind in OUTPUT_SCHEMA.items()
    )


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=8), st.sampled_from(["safe", "unsafe"]))
def test_repaired_outputs_are_scored_as_the_repaired_texts_are(texts, how):
    table, given_pairs = outputs(texts), pairs(len(texts))
    plain = score_outputs(given_pairs, table, STYLE).table
    scored = score_outputs(given_pairs, table, STYLE, repair=how).table
    fields = [{"size": "5 V"} if row % 2 else None for row in range(len(texts))]
    fixed = repair(STYLE, texts, fields, inputs=["size: 5 V"] * len(texts), unsafe=how == "unsafe").texts.to_list()
    whole = [not text.strip() or text.startswith("I'm sorry") for text in texts]
    expected = [old if fails else new for old, new, fails in zip(texts, fixed, whole, strict=True)]
    assert scored["output"].to_list() == expected
    again = score_outputs(given_pairs, outputs(expected), STYLE).table
    assert scored.select("acceptable", "violations").equals(again.select("acceptable", "violations"))
    assert scored["raw_acceptable"].to_list() == plain["acceptable"].to_list()
    assert scored["raw"].to_list() == [old if old != new else None for old, new in zip(texts, expected, strict=True)]
    assert scored["fixed"].is_null().equals(scored["raw"].is_null())
    assert scored.select(*set(OUTPUT_SCHEMA) - {"output"}).equals(table.select(*set(OUTPUT_SCHEMA) - {"output"}))
    assert (scored["acceptable"] >= plain["acceptable"]).all()


def test_an_output_that_was_cut_or_never_arrived_is_not_repaired():
    table = outputs(
        ["low-noise", "low-noise", None, "low-noise"],
        finish_reason=["length", "stop", None, None], error=[None, None, None, "timeout"],
    )  # fmt: skip
    scored = score_outputs(pairs(4), table, STYLE, repair="safe").table
    assert scored["output"].to_list() == ["low-noise", "low noise, 5 V", None, "low-noise"]
    assert scored["acceptable"].to_list() == [False, True, False, None]
    assert scored["raw"].to_list() == [None, "low-noise", None, None]


def test_without_repair_the_table_has_no_further_columns():
    scored = score_outputs(pairs(2), outputs(["part", "part"]), STYLE).table
    assert not {"raw", "fixed", "raw_acceptable"} & set(scored.columns)


def test_the_results_have_both_shares_and_the_tokens_of_the_output_as_it_came():
    texts = ["low-noise part", "low-noise part", "low noise part", "part of 9 V"] * 5
    raws = [
        Raw(Variant(name, "outputs", settings=VariantSettings(repair=how)), outputs(texts))
        for name, how in (("prompted", "off"), ("tuned", "safe"))
    ]
    done = evaluate_outputs(pairs(20), raws, STYLE, baseline="prompted", candidate="tuned", margin=0.03)
    results = as_json(done.results)
    before, after = results["quality"]["prompted"], results["quality"]["tuned"]
    assert before["raw"] is None
    assert after["raw"] == {**before["acceptable"], "changed": 15}
    assert (before["acceptable"]["share"], after["acceptable"]["share"]) == (0.25, 0.75)
    assert results["tokens"]["tuned"] == results["tokens"]["prompted"]
    assert [results["variants"][name]["repair"] for name in ("prompted", "tuned")] == ["off", "safe"]
    assert "the tuned model after repair gives an acceptable output in 75%" in str(results["verdict"])
    assert done.outputs["raw"][:20].null_count() == 20


def test_repair_is_a_setting_of_every_variant():
    problems: list[str] = []
    found = read_evaluate({"tuned": {"repair": "safe", "outputs": "a.jsonl"}}, where="[evaluate]", problems=problems)
    assert (problems, found.of("tuned").repair, found.of("plain").repair) == ([], "safe", "off")
    read_evaluate({"tuned": {"repair": "always"}}, where="[evaluate]", problems=problems)
    assert "repair" in problems[0]
    with pytest.raises(ConfigError, match='variant "other" needs a table'):
        EvaluateSettings(variants=("other", "tuned"), named={"other": VariantSettings(repair="safe")})
