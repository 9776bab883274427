"""Successive halving: many candidates on few pairs, the better half of them on twice as many, and so on."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .settings import FEWEST_PAIRS


@dataclass(frozen=True)
class Round:
    """`candidates` have been measured on the first `pairs` pairs when the round ends."""

    candidates: int
    pairs: int


@dataclass(frozen=True)
class Halved:
    """`outcomes[c]`: the outcomes of candidate c on the first pairs, as many as it was measured on; `best`: the winner."""

    outcomes: tuple[np.ndarray, ...]
    best: int


def plan_rounds(candidates: int, pairs: int, *, most_calls: int | None = None) -> tuple[Round, ...]:
    """The rounds of a search, the last one on all `pairs`; fewer pairs, then fewer candidates, where calls are limited.

    The candidates halve and the pairs double from round to round, so that each round costs about the same (Karnin et
    al. 2013, "Almost optimal exploration in multi-armed bandits"); unlike there, outcomes of earlier rounds are kept. No
    candidate is dropped on fewer than FEWEST_PAIRS pairs. Empty if even two candidates on these exceed `most_calls`.
    """
    for number in range(candidates, 1, -1):
        for most in range(pairs, min(pairs, FEWEST_PAIRS) - 1, -1):
            rounds = _rounds(number, most)
            if most_calls is None or calls_of(rounds) <= most_calls:
                return rounds
    return ()


def _rounds(candidates: int, pairs: int) -> tuple[Round, ...]:
    halvings = math.ceil(math.log2(candidates))
    affordable = 1 + int(math.log2(max(pairs / FEWEST_PAIRS, 1)))
    count = max(1, min(halvings, affordable))
    return tuple(Round(-(-candidates // 2**n), -(-pairs // 2 ** (count - 1 - n))) for n in range(count))


def calls_of(rounds: Sequence[Round]) -> int:
    """The outputs that the rounds need; each candidate gets every pair once."""
    before = [0, *(r.pairs for r in rounds)]
    return sum(r.candidates * (r.pairs - seen) for r, seen in zip(rounds, before, strict=False))


def halve(
    rounds: Sequence[Round],
    measure: Callable[[Sequence[int], int, int], Sequence[np.ndarray]],
    *,
    prefer: Callable[[int], object],
    on_round: Callable[[Round, Sequence[int]], None] | None = None,
) -> Halved:
    """The best candidate by the share of outcomes, after each round of which the better half goes on.

    `measure(candidates, start, end)` gives the outcomes of these candidates on the pairs from `start` to `end`, NaN where
    one could not be scored. Among equals the smaller `prefer(candidate)` wins, then the earlier one. `on_round` gets each
    round and its candidates before it begins.
    """
    alive, seen = list(range(rounds[0].candidates)), 0
    outcomes: list[np.ndarray] = [np.empty(0) for _ in alive]
    for number, this in enumerate(rounds):
        if on_round:
            on_round(this, alive)
        for candidate, found in zip(alive, measure(alive, seen, this.pairs), strict=True):
            outcomes[candidate] = np.concatenate([outcomes[candidate], np.asarray(found, dtype=float)])
        seen = this.pairs
        ranked = sorted(alive, key=lambda c: (-_share(outcomes[c]), prefer(c), c))
        alive = sorted(ranked[: rounds[number + 1].candidates]) if number + 1 < len(rounds) else ranked[:1]
    return Halved(tuple(outcomes), alive[0])


def _share(outcomes: np.ndarray) -> float:
    known = outcomes[~np.isnan(outcomes)]
    return float(known.mean()) if len(known) else -1.0
