"""Cached tokens of collected outputs are paid as cached: every figure by hand, as a user gets it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.evaluate.money import MeasuredVariant, check_roi, compute_money, read_roi
from tuneworth.project import judge_outputs

N = 120
PRICES = {"price_input": 2.5, "price_output": 10}
ROI = {
    "requests_per_day": 1000,
    "investment": {"compute": 300},
    "running": {"per_month": 0},
    "tuned": PRICES,
}
STYLE = "name: t\nchecks:\n  - {kind: ends_with, any: [good], id: good}\n"


def usage(prompt: int, cached: int, output: int = 150) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }  # fmt: skip


def judged(folder: Path, prompted: list[dict[str, Any]], roi: dict[str, Any]) -> dict[str, Any]:
    """results.json of 120 requests whose outputs of both variants are good, with these usages of the prompted one."""
    ids = [f"p{row}" for row in range(len(prompted))]
    pairs = [{"id": id, "input": f"Describe part {row} of {chr(97 + row % 26)}{row}", "output": "a good"}
             for row, id in enumerate(ids)]  # fmt: skip
    outputs = {
        "prompted": [
            {"id": id, "output": f"p {id} good", "usage": used} for id, used in zip(ids, prompted, strict=True)
        ],
        "tuned": [{"id": id, "output": f"t {id} good", "usage": usage(150, 0)} for id in ids],
    }
    (folder / "style.yaml").write_text(STYLE)
    run = judge_outputs(pairs, outputs, folder / "style.yaml", roi=roi, out=folder / "run")
    return json.loads((run.folder / "results.json").read_text())


@pytest.mark.slow
def test_a_request_costs_what_its_cached_tokens_do(tmp_path: Path):
    found = judged(tmp_path, [usage(2150, 2000)] * N, {**ROI, "prompted": {**PRICES, "price_cached": 0.25}})["money"]
    # (150 × 2.5 + 2,000 × 0.25 + 150 × 10) ÷ 1,000,000, against (150 × 2.5 + 150 × 10) ÷ 1,000,000
    assert found["variants"]["prompted"]["cost_per_request"] == 0.002375
    assert found["saving_per_request"] == pytest.approx(0.0005, rel=1e-12)
    assert found["payback_days"] == pytest.approx(600, rel=1e-12)
    line = next(line for line in found["derivation"] if line["key"] == "variants.prompted.cost_per_request")
    assert line["numbers"] == "((2,150 - 2,000) × 2.5 + 2,000 × 0.25 + 150 × 10) ÷ 1,000,000"
    why = {row["key"]: row["why"] for row in found["alternatives_out"]}
    assert why["cached_guide"].startswith("the cache is in use: 2,000 of 2,150")
    assert found["cached_guide"] is None
    assert "cached_guide" not in [row["key"] for row in found["alternatives"]]


@pytest.mark.slow
def test_stated_fixed_tokens_and_a_stated_share_of_them_win(tmp_path: Path):
    prompted = {**PRICES, "price_cached": 0.25, "fixed_tokens": 2000}
    costs = []
    for stated in ({}, {"cached_share": 0.5}, {"cached_share": 0}):
        money = judged(tmp_path, [usage(2150, 2000)] * N, {**ROI, "prompted": {**prompted, **stated}})["money"]
        details = {line["key"]: line.get("detail", "") for line in money["assumptions"]}
        assert ("in place of what the run measured" in details["prompted.cached_share"]) == bool(stated)
        costs.append(money["variants"]["prompted"]["cost_per_request"])
    assert costs == pytest.approx([0.002375, 0.004625, 0.006875], rel=1e-12)


@pytest.mark.slow
def test_an_unknown_price_of_cached_tokens_is_a_range_that_is_named(tmp_path: Path):
    results = judged(tmp_path, [usage(2150, 2000)] * N, {**ROI, "prompted": PRICES})
    money = results["money"]
    line = next(line for line in money["assumptions"] if line["key"] == "prompted.price_cached")
    assert (line["source"], line["range"]) == ("default", [0.0, 1.25, 2.5])
    assert money["tornado"][0]["key"] == "prompted.price_cached"
    assert "roi.prompted.price_cached" in money["warnings"][-1]
    said = json.dumps(results["verdict"])
    assert "State `price_cached` under [roi]" in said
    assert "price of cached tokens of the prompted model is unknown" in said


def test_a_cached_share_without_fixed_tokens_is_refused_and_names_both():
    table = {**ROI, "prompted": {**PRICES, "cached_share": 0.5}}
    with pytest.raises(ConfigError, match=r"roi\.prompted: cached_share is a share of fixed_tokens"):
        check_roi(read_roi(table), ["prompted", "tuned"], whole=["prompted", "tuned"])
    check_roi(read_roi(table), ["prompted", "tuned"])  # an endpoint or a model on this machine counts its fixed prompt
    table["prompted"] |= {"fixed_tokens": 2000}
    check_roi(read_roi(table), ["prompted", "tuned"], whole=["prompted", "tuned"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "used",
    [usage(2150, 2000, output=999_999_997), usage(999_999_000, 0), usage(2150, 2000, output=900_000)],
)
def test_an_answer_that_claims_far_too_many_tokens_has_an_unknown_count(tmp_path: Path, used: dict[str, Any]):
    usages = [used, *[usage(2150, 2000)] * (N - 1)]
    results = judged(tmp_path, usages, {**ROI, "prompted": {**PRICES, "price_cached": 0.25}})
    assert results["money"]["variants"]["prompted"]["cost_per_request"] == pytest.approx(0.002375, rel=1e-12)


@pytest.mark.slow
def test_hidden_reasoning_is_counted(tmp_path: Path):
    usages = [usage(2150, 2000, output=40 * 150), *[usage(2150, 2000)] * (N - 1)]
    results = judged(tmp_path, usages, {**ROI, "prompted": {**PRICES, "price_cached": 0.25}})
    assert results["tokens"]["prompted"]["output"] == pytest.approx((6000 + 150 * (N - 1)) / N)


counts = st.integers(0, 3000)


@pytest.mark.slow
@given(st.lists(st.tuples(counts, counts), min_size=2, max_size=12), st.integers(0, 2000), st.booleans())
def test_the_cost_is_the_sum_of_what_each_call_costs(calls: list[tuple[int, int]], fixed: int, stated: bool):
    """A second implementation: each call's fresh, cached and written tokens at their prices, on average."""
    prompts = np.array([max(a, b) + (fixed if stated else 0) for a, b in calls], dtype=float)
    cached = np.array([min(a, b) for a, b in calls], dtype=float)
    table = {**PRICES, "price_cached": 0.25, "price_cache_write": 0, **({"fixed_tokens": fixed} if stated else {})}
    run = {
        name: MeasuredVariant(None, prompts, np.full(len(calls), 150.0), np.ones(len(calls)), cached_tokens=cached)
        for name in ("prompted", "tuned")
    }
    money = compute_money(
        read_roi({**ROI, "prompted": table}), baseline="prompted", candidate="tuned", measured=run, draws=40
    ).to_json()
    paid = float(np.mean((prompts - cached) * 2.5 + cached * 0.25 + 150 * 10)) / 1e6
    assert money["variants"]["prompted"]["cost_per_request"] == pytest.approx(paid, rel=1e-12)
