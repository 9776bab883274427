"""Successive halving against an exhaustive oracle, and the schedule against its budget."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.evaluate.search.halving import Round, calls_of, halve, plan_rounds
from tuneworth.evaluate.search.settings import FEWEST_PAIRS


def run(rounds: tuple[Round, ...], outcomes: np.ndarray, sizes: list[int] | None = None) -> tuple[int, list[list[int]]]:
    """The winner, and the pairs that each candidate was measured on."""
    asked: list[list[int]] = [[] for _ in outcomes]

    def measure(candidates, start, end):
        for candidate in candidates:
            asked[candidate] += range(start, end)
        return [outcomes[candidate, start:end] for candidate in candidates]

    halved = halve(rounds, measure, prefer=(sizes or [0] * len(outcomes)).__getitem__)
    for candidate, found in enumerate(halved.outcomes):
        np.testing.assert_array_equal(found, outcomes[candidate, : len(asked[candidate])])
    return halved.best, asked


@pytest.mark.slow
def test_every_field_of_four_ends_as_the_oracle_says():
    rounds = plan_rounds(4, 8)
    assert rounds == (Round(4, 4), Round(2, 8))
    columns = {count: np.array([1.0] * count + [0.0] * (4 - count)) for count in range(5)}
    for first in product(range(5), repeat=4):
        survivors = sorted(range(4), key=lambda c: (-first[c], c))[:2]
        for second in product((0, 4), repeat=2):
            later = dict(zip(survivors, second, strict=True))
            outcomes = np.array([np.concatenate([columns[first[c]], columns[later.get(c, 0)]]) for c in range(4)])
            expected = min(survivors, key=lambda c: (-(first[c] + later[c]), c))
            assert run(rounds, outcomes)[0] == expected, (first, second)


@given(st.integers(2, 30), st.integers(4, 40), st.integers(0, 2**32 - 1))
def test_each_round_keeps_the_better_half_of_the_one_before(candidates, pairs, seed):
    rounds = plan_rounds(candidates, pairs)
    outcomes = np.random.default_rng(seed).integers(0, 2, (candidates, pairs)).astype(float)
    best, asked = run(rounds, outcomes)
    for before, after in pairwise(rounds):
        alive = [c for c in range(candidates) if len(asked[c]) >= before.pairs]
        kept = [c for c in alive if len(asked[c]) >= after.pairs]
        worst = min(outcomes[c, : before.pairs].mean() for c in kept)
        assert all(outcomes[c, : before.pairs].mean() <= worst for c in set(alive) - set(kept))
        assert len(kept) == after.candidates
    last = [c for c in range(candidates) if len(asked[c]) == rounds[-1].pairs]
    assert outcomes[best].mean() == max(outcomes[c].mean() for c in last)
    assert all(pairs == list(range(len(pairs))) for pairs in asked)
    assert sum(map(len, asked)) == calls_of(rounds)


@given(st.integers(2, 40), st.integers(1, 100), st.one_of(st.none(), st.integers(1, 2_000)))
def test_a_schedule_stays_within_its_calls_and_uses_them(candidates, pairs, most):
    rounds = plan_rounds(candidates, pairs, most_calls=most)
    if not rounds:
        assert most is not None
        assert most < 2 * min(pairs, FEWEST_PAIRS)
        return
    assert most is None or calls_of(rounds) <= most
    assert rounds[-1].pairs <= pairs
    assert rounds[0].candidates <= candidates
    assert all(r.pairs >= min(pairs, FEWEST_PAIRS) for r in rounds)
    assert all(a.candidates > b.candidates and a.pairs < b.pairs for a, b in pairwise(rounds))
    if most is None:
        assert (rounds[0].candidates, rounds[-1].pairs) == (candidates, pairs)


def test_twice_the_calls_never_give_a_smaller_search():
    sizes = [(r[0].candidates, r[-1].pairs) for calls in range(8, 400) if (r := plan_rounds(12, 64, most_calls=calls))]
    assert sizes == sorted(sizes)
    assert sizes[-1] == (12, 64)


def test_the_usual_schedule():
    rounds = plan_rounds(12, 64)
    assert rounds == (Round(12, 8), Round(6, 16), Round(3, 32), Round(2, 64))
    assert calls_of(rounds) == 12 * 8 + 6 * 8 + 3 * 16 + 2 * 32


def test_among_equals_the_shorter_prompt_wins_then_the_earlier():
    rounds, outcomes = plan_rounds(4, 4), np.ones((4, 4))
    assert run(rounds, outcomes, [5, 3, 3, 9])[0] == 1
    assert run(rounds, outcomes)[0] == 0


def test_an_output_that_never_arrived_counts_for_nothing():
    nan = float("nan")
    outcomes = np.array([[1, 0, 1, 0], [nan, nan, 1, 1], [nan, nan, nan, nan]])
    assert run((Round(3, 4),), outcomes)[0] == 1
    assert run((Round(2, 4),), outcomes[[2, 0]])[0] == 1


@pytest.mark.parametrize("calls", [1, 7])
def test_too_few_calls_give_no_schedule(calls):
    assert plan_rounds(12, 64, most_calls=calls) == ()
    assert plan_rounds(12, 64, most_calls=8) == (Round(2, 4),)
