"""How many tokens the train pairs have, and how their lengths are distributed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ..examples import Example

__all__ = ["TokenCounts", "count_tokens", "length_histogram"]

BINS = 8  # of the histogram, about the maximum: a line of a terminal each


@dataclass(frozen=True)
class TokenCounts:
    """Tokens of the train pairs. `computed` is what the model computes of `total` in one epoch: a prefix that the
    pairs of a batch share is computed once, padding is added. `histogram` holds (from, below, pairs); the last bin
    has no upper end if its `below` is None.
    """

    total: int
    prompt: int
    answer: int
    computed: int
    shortest: int
    median: int
    longest: int
    longest_answer: int
    histogram: tuple[tuple[int, int | None, int], ...]


def count_tokens(examples: Sequence[Example], *, computed_share: float) -> TokenCounts:
    """The counts of these examples; `computed_share` is tokens computed per real token."""
    lengths = pl.Series([len(e.ids) for e in examples])
    prompt = sum(e.prompt_tokens for e in examples)
    total = int(lengths.sum())
    return TokenCounts(
        total=total, prompt=prompt, answer=total - prompt, computed=round(total * computed_share),
        shortest=int(lengths.min()), median=int(lengths.median()), longest=int(lengths.max()),  # type: ignore[arg-type]
        longest_answer=max(e.answer_tokens for e in examples), histogram=length_histogram(lengths),
    )  # fmt: skip


def length_histogram(lengths: pl.Series) -> tuple[tuple[int, int | None, int], ...]:
    """Bins of one round width for nearly all pairs; the few outliers share a first or last bin."""
    counts = np.sort(lengths.to_numpy())
    last = len(counts) - 1
    low, high = int(counts[math.floor(0.01 * last)]), int(counts[math.ceil(0.99 * last)])
    width = _round_up((high - low + 1) / BINS)
    edges = list(range(low // width * width, high + width + 1, width))
    if counts[0] < edges[0]:
        edges.insert(0, int(counts[0]))
    places = [*np.searchsorted(counts, edges).tolist(), len(counts)]
    bins = list(zip(edges, [*edges[1:], None], np.diff(places).tolist(), strict=True))
    while not bins[-1][2]:
        bins.pop()
    return tuple(bins)


def _round_up(number: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    power = 10 ** math.floor(math.log10(max(1.0, number)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= number)
