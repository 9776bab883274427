"""The sequential test of a served model: the false alarms of a year, by enumeration and by simulation, and what it finds."""

from collections.abc import Callable
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tuneworth.deploy.watch.sequential import BETS, LEAST_SLACK, MOST_SLACK, YEAR, draw_rows, follow, luck_of, spent_by

WEEKS = np.arange(52) * 7.0
ANY_FALL = -1.0  # a margin that every fall reaches, so that the evidence alone decides


def looks_at(rng, histories, falls: Callable[[int], np.ndarray], *, looks: int = 52, k: int = 40):
    """The rows and the falls of looks, `(histories, k)` each, at a test set whose falls in look n are `falls(n)`: `(items,)`
    or `(histories, items)`."""
    rows, drawn = [], []
    for n in range(looks):
        now = np.broadcast_to(falls(n), (histories, np.shape(falls(n))[-1]))
        places = np.argsort(rng.random(now.shape), axis=1)[:, :k]
        rows.append(places)
        drawn.append(np.take_along_axis(now, places, axis=1))
    return rows, drawn


def followed(rng, histories, falls, *, tested, margin=0.03):
    rows, looks = looks_at(rng, histories, falls)
    return follow(looks, WEEKS, slack=luck_of(rows, looks, tested=tested), margin=margin)


def first_alarm(worse: np.ndarray) -> np.ndarray:
    """`(histories,)`: the looks up to the first alarm, infinite without one."""
    return np.where(worse.any(axis=0), worse.argmax(axis=0) + 1.0, np.inf)


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=2, max_size=7), st.data())
def test_the_factor_of_a_look_is_at_most_1_on_average_over_every_draw_of_any_set_without_a_fall(falls, data):
    assume(np.mean(falls) <= MOST_SLACK)
    k, bet = data.draw(st.integers(1, len(falls))), data.draw(st.sampled_from(list(BETS)))
    over = np.array(falls) - max(LEAST_SLACK, float(np.mean(falls)))
    factors = [np.prod(1 + bet * over[list(draw)]) for draw in combinations(range(len(falls)), k)]
    assert min(factors) >= 0
    assert np.mean(factors) <= 1 + 1e-12


@pytest.mark.parametrize("falls", [[1, -1, 0, 0, 0], [1, 1, -1, -1, 0], [1, 0, 0, 0, -1], [0, 0, 0, 0, 0]])
@pytest.mark.parametrize("alpha", [0.9, 0.5])
def test_every_possible_year_of_a_small_test_set_has_no_more_false_alarms_than_were_spent(falls, alpha):
    days, draws = [0.0, 120.0, 240.0], list(combinations(falls, 2))
    paths = np.array(list(product(range(len(draws)), repeat=3)))
    looks = [np.array(draws, dtype=float)[paths[:, n]] for n in range(3)]
    course = follow(looks, days, slack=LEAST_SLACK, margin=ANY_FALL, alpha=alpha)
    alarms = np.maximum.accumulate(course.evidence >= 1 / alpha).mean(axis=1)
    assert np.all(alarms <= course.spent)
    if falls == [1, 1, -1, -1, 0] and alpha == 0.9:
        assert alarms[-1] > 0  # else the bound is not tried


def test_the_evidence_keeps_villes_bound_in_simulated_years():
    rng = np.random.default_rng(0)
    falls = np.repeat([1.0, -1.0, 0.0], [20, 20, 60])
    _, looks = looks_at(rng, 400, lambda n: falls, k=20)
    course = follow(looks, WEEKS, slack=LEAST_SLACK, margin=ANY_FALL, alpha=0.2)
    assert 0 < (course.evidence >= 5).any(axis=0).mean() <= 0.2


@pytest.mark.slow
def test_a_model_whose_answers_vary_is_no_false_alarm_although_its_rows_come_again_and_again():
    rng = np.random.default_rng(1)
    chance = np.where(np.arange(100) < 20, 0.5, (np.arange(100) % 10 < 8) * 1.0)
    recorded = rng.random((1000, 100)) < chance
    course = followed(rng, 1000, lambda n: recorded - 1.0 * (rng.random((1000, 100)) < chance), tested=100)
    assert course.worse.any(axis=0).mean() <= 0.05


@pytest.mark.parametrize("swapped_at", [0, 8, 30])
def test_a_fall_of_10_points_is_found_within_a_median_of_four_looks_whenever_it_begins(swapped_at):
    rng = np.random.default_rng(2)
    broken = 1.0 * (np.arange(200) < 20)
    course = followed(rng, 200, lambda n: broken * (n >= swapped_at), tested=200)
    needed = first_alarm(course.worse) - swapped_at
    assert needed.min() >= 1
    assert np.median(needed) <= 4
    assert abs(np.median(course.since[min(swapped_at + 6, 51)]) - swapped_at) <= 1


def test_half_a_margin_is_hardly_ever_an_alarm():
    rng = np.random.default_rng(3)
    small = 1.0 * (np.arange(200) < 5)
    course = followed(rng, 200, lambda n: small, tested=200, margin=0.05)
    assert course.worse.any(axis=0).mean() <= 0.05


def test_a_repaired_server_is_as_judged_again_and_a_second_fall_is_found():
    rng = np.random.default_rng(4)
    broken = 1.0 * (np.arange(200) < 40)
    worse = followed(rng, 50, lambda n: broken * (5 <= n < 15 or n >= 35), tested=200).worse
    assert worse[13].all()
    assert not worse[25:35].any()
    assert worse[45].all()


def test_a_look_without_answers_changes_nothing():
    rng = np.random.default_rng(5)
    broken = 1.0 * (np.arange(200) < 10)
    rows, looks = looks_at(rng, 5, lambda n: broken, looks=6)
    rows, with_gap = [*rows[:3], rows[0], *rows[3:]], [*looks[:3], np.full((5, 40), np.nan), *looks[3:]]
    course = follow(with_gap, [0, 7, 14, 15, 21, 28, 35], slack=luck_of(rows, with_gap, tested=200))
    plain = follow(looks, [0, 7, 14, 21, 28, 35], slack=luck_of(rows[:3] + rows[4:], looks, tested=200))
    assert course.spent[-1] == pytest.approx(plain.spent[-1])
    assert course.fall[2] == pytest.approx(course.fall[3])
    assert np.allclose(course.slack[4:], plain.slack[3:])


def test_a_replaced_model_is_not_taken_for_one_whose_answers_vary():
    rng = np.random.default_rng(6)
    swapped = np.repeat([1.0, -1.0, 0.0], [30, 10, 160])
    varying = lambda n: np.where(np.arange(200) < 40, rng.choice([-0.5, 0.5], (50, 200)), 0.0)  # noqa: E731
    luck = [
        luck_of(*looks_at(rng, 50, falls), tested=200)[-1].mean() for falls in (lambda n: swapped * (n >= 20), varying)
    ]
    assert luck[0] < 0.015
    assert luck[1] > 1.5 * luck[0]


@given(st.lists(st.floats(0, 400), min_size=1, max_size=80))
def test_no_year_spends_more_than_its_5_percent(gaps):
    days = np.cumsum([0.0, *gaps])
    spent = spent_by(days.tolist())
    assert np.all(np.diff(spent) >= 0)
    assert spent[days < YEAR][-1] <= 0.05
    for start in days:
        within = (days >= start) & (days < start + YEAR)
        before = spent[days < start][-1] if np.any(days < start) else 0.0
        opened = np.diff(spent[within], prepend=before)[1:].sum()  # the look at the start ends an earlier gap
        assert opened <= 0.05 + 1e-12


@given(st.integers(1, 60), st.integers(1, 80), st.integers(0, 5))
def test_a_draw_has_each_row_once_and_is_the_same_for_the_same_seed(tested, count, seed):
    drawn = draw_rows(tested, count, seed=[seed])
    assert len(set(drawn.tolist())) == min(tested, count)
    assert np.array_equal(drawn, draw_rows(tested, count, seed=[seed]))


def test_every_row_is_drawn_as_often_as_any_other():
    counts = np.bincount(np.concatenate([draw_rows(20, 5, seed=[7, n]) for n in range(2000)]), minlength=20)
    assert abs(counts / 2000 - 0.25).max() < 0.04
