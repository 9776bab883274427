"""Which rivals are measured: by name, by price, by time; the cheapest first, each one left out with its reason."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.evaluate import (
    Allowance,
    EvaluateSettings,
    Raw,
    RetrySettings,
    Variant,
    VariantSettings,
    expected_seconds,
    left_out_by_settings,
    plan_baselines,
    plan_variants,
    read_roi,
)
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.style import parse_style

STYLE = parse_style("name: S\nchecks: [{kind: starts_with, any: [Box]}, {kind: clean, level: should}]")
TRAIN = pl.DataFrame(
    [{"id": f"p{n}", "group": None, "input": f"in {n}", "output": f"out {n}"} for n in range(9)],
    schema=dict.fromkeys(("id", "group", "input", "output"), pl.String),
)


def baselines(
    settings: EvaluateSettings, *, folder: Path = Path(), train: pl.DataFrame = TRAIN, style: Any = STYLE
) -> list[Any]:
    variants = plan_variants(settings, folder=folder, style=style, train=TRAIN, adapter=Path("a"))
    return plan_baselines(settings, variants, style=style, train=train, folder=folder)


def test_the_cheapest_rivals_come_first_and_plain_has_none():
    found = baselines(EvaluateSettings())
    assert [baseline.name for baseline in found] == ["nearest", "prompted + retry", "tuned + short guide"]
    near, again, short = found
    assert (near.variant.way, near.variant.of, near.variant.few_shot) == ("nearest", ("prompted",), 3)
    assert (near.variant.guide, near.variant.tuned) == (near.base.guide, False)
    assert again.retry == RetrySettings(tries=3)
    assert (short.variant.guide, short.variant.adapter, short.variant.tuned) == ('Start with "Box".', Path("a"), True)


def test_each_prompted_variant_has_its_own_retries_and_others_have_them_if_they_ask():
    named = {
        "prompted": VariantSettings(retry=RetrySettings(tries=5)), "tuned": VariantSettings(retry=RetrySettings()),
        "hosted": VariantSettings(endpoint="http://127.0.0.1:1/v1", model="m"),
    }  # fmt: skip
    settings = EvaluateSettings(variants=("plain", "hosted", "prompted", "tuned"), named=named)
    found = {baseline.name: baseline for baseline in baselines(settings)}
    assert list(found) == [
        "nearest", "hosted + retry", "prompted + retry", "tuned + retry", "tuned + short guide",
    ]  # fmt: skip
    assert found["prompted + retry"].retry == RetrySettings(tries=5)
    assert found["nearest"].base.name == "prompted"
    assert found["tuned + retry"].variant.tuned


def test_a_rival_that_would_be_a_variant_again_is_not_offered(tmp_path: Path):
    (tmp_path / "out.jsonl").write_text("")
    named = {"prompted": VariantSettings(examples="nearest"), "tuned": VariantSettings(guide="style.yaml")}
    assert [baseline.name for baseline in baselines(EvaluateSettings(named=named))] == ["prompted + retry"]
    collected = {"prompted": VariantSettings(outputs="out.jsonl"), "tuned": VariantSettings(outputs="out.jsonl")}
    settings = EvaluateSettings(variants=("prompted", "tuned"), named=collected)
    assert baselines(settings, folder=tmp_path) == []
    only = EvaluateSettings(variants=("plain", "tuned"))
    assert [baseline.name for baseline in baselines(only)] == ["nearest", "plain + retry", "tuned + short guide"]
    lax = parse_style("name: S\nchecks: [{kind: clean, level: should}]")
    assert "tuned + short guide" not in [baseline.name for baseline in baselines(EvaluateSettings(), style=lax)]


def test_a_constrained_rival_exists_where_the_style_has_a_pattern_of_the_whole_text():
    hosted = {"prompted": VariantSettings(endpoint="http://127.0.0.1:1/v1", model="m")}
    whole = parse_style("name: S\nchecks: [{kind: pattern, regex: '[a-z]+', whole: true}]")
    found = baselines(EvaluateSettings(named=hosted), style=whole)
    assert [baseline.name for baseline in found][:2] == ["prompted + constrained", "nearest"]
    assert (found[0].variant.way, found[0].variant.of) == ("constrained", ("prompted",))
    assert found[0].variant.constraint is not None
    named = EvaluateSettings(named=hosted, rivals=("prompted + constrained",))
    (baseline,) = [
        baseline for baseline in baselines(named) if baseline.name == "prompted + constrained"
    ]  # of a style without one
    assert left_out_by_settings(baseline, named, None) == baseline.why
    assert baseline.why


def test_the_table_of_nearest_changes_its_prompt(tmp_path: Path):
    (tmp_path / "short.md").write_text("Be brief.")
    named = {"nearest": VariantSettings(few_shot=7, guide="short.md", repair="safe")}
    near = baselines(EvaluateSettings(named=named), folder=tmp_path)[0].variant
    assert (near.few_shot, near.guide, near.settings.repair) == (7, "Be brief.", "safe")
    fewer = {"prompted": VariantSettings(few_shot=2)}
    assert baselines(EvaluateSettings(named=fewer))[0].variant.few_shot == 2
    none = {"prompted": VariantSettings(few_shot=0)}
    assert baselines(EvaluateSettings(named=none))[0].variant.few_shot == 3


@pytest.mark.parametrize(
    ("url", "price", "paid"),
    [
        ("http://127.0.0.1:1/v1", None, False),
        ("http://127.0.0.1:1/v1", 1, True),
        ("https://api.example.com/v1", None, True),
        ("https://api.example.com/v1", 0, False),
        ("https://api.example.com/v1", 1, True),
    ],
)
def test_what_is_paid_needs_a_name(url: str, price: int | None, paid: bool):
    named = {"prompted": VariantSettings(endpoint=url, model="m")}
    table = {"requests_per_day": 10, "prompted": {"price_input": price, "price_output": price}}
    roi = None if price is None else read_roi(table)
    for rivals, left in (("auto", paid), ("all", False), (("nearest", "prompted + retry"), False), ("none", True)):
        settings = EvaluateSettings(named=named, rivals=rivals)  # type: ignore[arg-type]
        near, again, _ = baselines(settings)
        assert [left_out_by_settings(baseline, settings, roi) is not None for baseline in (near, again)] == [left, left]
    settings = EvaluateSettings(named=named, rivals=("nearest",))
    assert [left_out_by_settings(baseline, settings, roi) for baseline in baselines(settings)] == [
        None, "it is not among the stated rivals", "it is not among the stated rivals",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["nearest + repair", "tuned, else prompted", "template", "searched", "plain + constrained"]
)
def test_every_name_that_tuneworth_gives_is_known(name: str):
    assert [baseline.name for baseline in baselines(EvaluateSettings(rivals=(name,)))]


def test_an_unknown_name_is_an_error():
    with pytest.raises(ConfigError, match='"rivals" names "neares"; did you mean "nearest"'):
        baselines(EvaluateSettings(rivals=("neares",)))


# --- time -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.just(0.0) | st.floats(0.01, 100), max_size=8), st.floats(0, 300), st.sampled_from([1.0, 1 / 3]))
def test_the_sum_of_all_rivals_stays_within_the_runs_own_time(lengths: list[float], own: float, share: float):
    allowance = Allowance(share, own=own)
    for seconds in lengths:
        why = allowance.refuses(seconds)
        assert (why is None) == (allowance.spent + seconds <= share * own or seconds == 0)
        if why is None:
            allowance.spent += seconds
        else:
            assert why.startswith("it would take about ")
    assert allowance.spent <= share * own + 1e-9


def raw_of(*, seconds: float, sent: int, written: int | None, count: int = 10, **settings: Any) -> Raw:
    row = {"id": "p", "variant": "v", "sample": 0, "output": "x", "input_tokens": sent, "cached_tokens": 0}
    row |= {"output_tokens": written, "reasoning_tokens": 0, "seconds": seconds, "finish_reason": "stop"}
    outputs = pl.DataFrame([row | {"model": "m", "error": None}] * count, schema=OUTPUT_SCHEMA)
    return Raw(Variant("v", "base model", settings=VariantSettings(**settings)), outputs, fixed_tokens=100)


def test_a_rival_takes_as_long_as_its_tokens_at_the_speed_of_its_variant():
    raw = raw_of(seconds=2, sent=150, written=40)
    assert expected_seconds(raw, calls=10, input_tokens=500) == pytest.approx(20)
    assert expected_seconds(raw, calls=5, input_tokens=250) == pytest.approx(10)
    assert 20 < expected_seconds(raw, calls=10, input_tokens=5000) < 200
    assert expected_seconds(raw_of(seconds=2, sent=150, written=None), calls=5, input_tokens=1) == pytest.approx(10)
    hosted = raw_of(seconds=2, sent=150, written=40, endpoint="http://127.0.0.1:1/v1", model="m", concurrency=4)
    assert expected_seconds(hosted, calls=20, input_tokens=None) == pytest.approx(10)
    assert expected_seconds(raw_of(seconds=2, sent=1, written=1, count=0), calls=5, input_tokens=1) == 0
