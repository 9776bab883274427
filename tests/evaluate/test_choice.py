"""The baseline chosen on validation: examples by hand, and properties that always hold."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.evaluate import choose_baseline, compare, cost_of_request, read_roi

MARGIN = 0.03


def outcomes(good: int, of: int) -> np.ndarray:
    return np.array([1.0] * good + [0.0] * (of - good))


def chosen(scores: dict[str, np.ndarray], costs: dict[str, Any], **settings: Any) -> str:
    found = {name: None if cost is None else Decimal(str(cost)) for name, cost in costs.items()}
    return choose_baseline(scores, costs=found, margin=MARGIN, **settings).baseline


@pytest.mark.parametrize(
    ("good", "of", "costs", "expected"),
    [
        ((500, 500), 600, (1, 2), "a"),  # equal outcomes on many pairs: the cheaper one
        ((500, 500), 600, (2, 1), "b"),
        ((300, 500), 600, (1, 2), "b"),  # far worse: its price does not matter
        ((10, 10), 12, (1, 2), "a"),  # equally good with few pairs: the cheaper one
        ((9, 10), 12, (1, 2), "b"),  # few pairs do not show that one less is not worse
        ((499, 500), 600, (1, 2), "a"),  # many do
        ((499, 500), 600, (1, None), "b"),  # nothing is known to be cheaper than an unknown cost
        ((500, 499), 600, (2, None), "a"),
        ((500, 500), 600, (None, None), "a"),  # all equal: the first
        ((0, 0), 600, (2, 1), "b"),
        ((600, 600), 600, (2, 1), "b"),
    ],
)
def test_the_cheapest_variant_that_is_not_worse_than_the_best_is_chosen(
    good: tuple[int, int], of: int, costs: tuple[Any, Any], expected: str
) -> None:
    scores = {name: outcomes(count, of) for name, count in zip("ab", good, strict=True)}
    assert chosen(scores, dict(zip("ab", costs, strict=True))) == expected


def test_a_stated_baseline_is_kept_and_the_only_one_needs_no_evidence() -> None:
    scores = {"a": outcomes(1, 40), "b": outcomes(40, 40)}
    stated = choose_baseline(scores, costs={}, margin=MARGIN, stated="a")
    assert (stated.baseline, stated.how, set(stated.considered)) == ("a", "stated", {"a", "b"})
    assert choose_baseline({}, costs={}, margin=MARGIN, stated="a").n == 0
    alone = choose_baseline({"a": outcomes(1, 40)}, costs={}, margin=MARGIN)
    assert (alone.baseline, alone.how) == ("a", "only one")
    with pytest.raises(ValueError, match="no variant"):
        choose_baseline({}, costs={}, margin=MARGIN)


def test_an_item_without_a_score_counts_for_no_variant() -> None:
    first, second = outcomes(30, 40), outcomes(30, 40)
    first[0], second[39] = np.nan, np.nan
    groups = [f"g{n // 2}" for n in range(40)]
    found = choose_baseline({"a": first, "b": second}, groups, costs={}, margin=MARGIN)
    assert found.n == 38
    assert found.considered["a"].share == found.considered["b"].share == 29 / 38
    nothing = {"a": np.full(4, np.nan), "b": np.ones(4)}
    assert (
        chosen(nothing, {"a": 1, "b": 2}) == "b"
    )  # no evidence: the most expensive, since a weak baseline proves nothing
    with pytest.raises(ValueError, match="same number"):
        chosen({"a": outcomes(1, 3), "b": outcomes(1, 4)}, {})


def test_the_json_has_the_evidence_for_the_choice() -> None:
    scores, groups = {"a": outcomes(30, 60), "b": outcomes(57, 60)}, [n // 3 for n in range(60)]
    told = choose_baseline(
        scores, groups, costs={"a": Decimal("0.001"), "b": Decimal("0.002")}, margin=MARGIN
    ).to_json()
    expected = compare(scores["b"], scores["a"], groups)
    assert (told["baseline"], told["how"], told["n"]) == ("b", "validation", 60)
    assert told["considered"]["a"]["difference"] == {
        "value": -0.45, "low": expected.low, "high": expected.high, "low_one_sided": expected.low_one_sided
    }  # fmt: skip
    assert told["considered"]["a"]["not_worse"] is False
    assert told["considered"]["a"]["cost_per_request"] == 0.001
    assert told["considered"]["b"]["acceptable"]["share"] == 0.95
    assert told["considered"]["b"]["not_worse"] is True


names = st.lists(st.sampled_from("abcdef"), min_size=2, max_size=5, unique=True)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, np.ndarray], dict[str, Decimal | None]]:
    """Variants with outcomes on the same items, each with its cost."""
    chance = np.random.default_rng(draw(st.integers(0, 10**6)))
    n = draw(st.integers(1, 80))
    found = draw(names)
    scores = {name: (chance.random(n) < draw(st.sampled_from([0.5, 0.9, 1.0]))).astype(float) for name in found}
    costs = draw(st.lists(st.integers(1, 50), min_size=len(found), max_size=len(found), unique=True))
    return scores, {name: Decimal(cost) for name, cost in zip(found, costs, strict=True)}


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_variants_and_items_does_not_matter(world: Any, chance: Any) -> None:
    scores, costs = world
    expected = choose_baseline(scores, costs=costs, margin=MARGIN).baseline
    shuffled = list(scores)
    chance.shuffle(shuffled)
    places = list(range(len(scores[expected])))
    chance.shuffle(places)
    assert choose_baseline({n: scores[n][places] for n in shuffled}, costs=costs, margin=MARGIN).baseline == expected


@given(worlds())
def test_a_worse_and_more_expensive_variant_changes_nothing(world: Any) -> None:
    scores, costs = world
    expected = choose_baseline(scores, costs=costs, margin=MARGIN)
    worse = {**scores, "z": np.zeros_like(scores[expected.baseline])}
    if max(items.mean() for items in scores.values()) > 0:
        found = choose_baseline(worse, costs={**costs, "z": Decimal(99)}, margin=MARGIN)
        assert found.baseline == expected.baseline


@given(worlds())
def test_the_chosen_variant_is_not_worse_and_no_cheaper_one_qualifies(world: Any) -> None:
    scores, costs = world
    found = choose_baseline(scores, costs=costs, margin=MARGIN)
    assert found.considered[found.baseline].not_worse
    cheaper = [name for name in scores if costs[name] < costs[found.baseline]]
    assert not any(found.considered[name].not_worse for name in cheaper)


def test_the_cost_of_a_request_follows_from_prices_and_tokens() -> None:
    roi = read_roi(
        {
            "requests_per_day": [500, 1000, 1500],
            "a": {"price_input": 2, "price_output": 8},
            "b": {"price_input": 2, "price_output": 8, "output_tokens": 10},
            "own": {"hourly": 3},
        }
    )
    assert cost_of_request(roi, "a", 500, 150, 150) == Decimal("0.0025")
    assert cost_of_request(roi, "b", 500, 150, 150) == Decimal("0.00138")  # stated values take precedence
    assert cost_of_request(roi, "own", None, None, None) == Decimal("0.072")
    for missing in ("a", "nobody"):
        assert cost_of_request(roi, missing, None, 150, 150) is None
    assert cost_of_request(read_roi({"own": {"hourly": 3}}), "own", 1, 1, 1) is None
