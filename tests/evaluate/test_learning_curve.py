"""The learning curve: its fit against scipy, its interval against scenarios with a known curve, edge cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from tuneworth.evaluate import fit_curve
from tuneworth.evaluate.learning_curve import Curve, fit_power_law

SIZES = [37, 75, 150, 300]


def world(curve: Curve, items: int, seed: int) -> np.ndarray:
    """Outcomes `(items, sizes)`; most items are equally hard for all four models."""
    rng = np.random.default_rng(seed)
    errors = np.array([curve.error(size) for size in SIZES])
    shared = rng.random((items, 1)) < 0.6
    return (np.where(shared, rng.random((items, 1)), rng.random((items, 4))) >= errors).astype(float)


@pytest.mark.parametrize("curve", [Curve(0.05, 1.5, 0.4), Curve(0.0, 2.0, 0.35), Curve(0.02, 8.0, 0.9)])
def test_a_curve_without_noise_is_recovered(curve):
    found = fit_power_law(SIZES, np.array([curve.error(size) for size in SIZES]))
    assert found.gain(300) == pytest.approx(curve.gain(300), abs=0.003)


@pytest.mark.parametrize("errors", [(0.5, 0.38, 0.3, 0.26), (0.6, 0.4, 0.35, 0.34), (0.9, 0.7, 0.6, 0.45)])
def test_scipy_finds_no_better_curve(errors):
    y = np.array(errors)
    level = (y + y.mean()) / 2
    deviation = np.sqrt(level * (1 - level))

    def law(n, e, b, c):
        return e + b * n**-c

    def squares(e: float, b: float, c: float) -> float:
        return float(np.sum(((law(np.array(SIZES, dtype=float), e, b, c) - y) / deviation) ** 2))

    bounds = ([0, 0, 0.07], [1, 100, 1.0])
    theirs, _ = curve_fit(law, SIZES, y, p0=(0.1, 1.0, 0.5), sigma=deviation, bounds=bounds, max_nfev=20_000)
    ours = fit_power_law(SIZES, y)
    # The grid of c is coarse, so a small difference is allowed; a tenth of a point at each point would be 1e-5.
    assert squares(ours.e, ours.b, ours.c) <= squares(*theirs) + 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("curve", [Curve(0.05, 1.5, 0.4), Curve(0.0, 2.0, 0.35), Curve(0.3, 1.0, 0.3)])
def test_the_interval_covers_the_true_gain(curve):
    found = [fit_curve(SIZES, world(curve, 100, seed), seed=seed, draws=200).doubling.gain for seed in range(60)]
    covered = [gain.low <= curve.gain(300) <= gain.high for gain in found]
    assert np.mean(covered) >= 0.83  # 0.90 was the least of 150 worlds each; a percentile of best fits gave 0.66


def test_items_that_all_agree_leave_room_for_doubt():
    found = fit_curve(SIZES, np.ones((60, 4)))
    gain = found.doubling.gain
    assert (gain.value, gain.low) == (pytest.approx(0, abs=1e-3), pytest.approx(0, abs=1e-6))
    assert gain.high > 1e-4


def test_an_error_that_rises_with_the_examples_gives_no_gain():
    outcomes = np.zeros((200, 4))
    for column, share in enumerate((0.9, 0.85, 0.8, 0.7)):
        outcomes[: int(share * 200), column] = 1
    found = fit_curve(SIZES, outcomes)
    assert Curve(found.fit.e, found.fit.b, found.fit.c).gain(300) == 0
    assert found.doubling.gain.high < 0.03


def test_whole_groups_are_resampled():
    outcomes = world(Curve(0.05, 1.5, 0.4), 40, 1)
    alone = fit_curve(SIZES, np.repeat(outcomes, 5, axis=0))
    grouped = fit_curve(SIZES, np.repeat(outcomes, 5, axis=0), np.repeat(np.arange(40), 5))
    wide, narrow = grouped.doubling.gain, alone.doubling.gain
    assert wide.high - wide.low > narrow.high - narrow.low


def test_two_sizes_are_too_few_for_a_curve():
    found = fit_curve([10, 20], np.ones((5, 2)))
    assert (found.fit, found.doubling) == (None, None)
    assert "too few for a curve" in found.sentence


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 10**6))
def test_any_outcomes_give_an_ordered_interval_in_0_to_1(items, seed):
    rng = np.random.default_rng(seed)
    found = fit_curve(SIZES, rng.integers(0, 2, (items, 4)), rng.integers(0, 5, items), draws=50)
    gain = found.doubling.gain
    assert 0 <= gain.low <= gain.value <= gain.high <= 1
    shuffled = rng.permutation(4)
    again = fit_curve([SIZES[i] for i in shuffled], rng.integers(0, 2, (items, 4)), draws=50)
    assert list(again.sizes) == list(SIZES)


@pytest.mark.parametrize("sizes", [[1, 2, 3], [5, 5, 6, 7], [0, 1, 2, 3]])
def test_sizes_that_do_not_match_are_rejected(sizes):
    with pytest.raises(ValueError, match=r"sizes"):
        fit_curve(sizes, np.ones((3, 4)))


def test_the_sentence_has_the_gain_from_doubling():
    said = fit_curve(SIZES, world(Curve(0.05, 1.5, 0.4), 300, 3)).sentence
    assert said.startswith("Doubling the examples to 600 would give ")
    assert said.endswith(" points).")
