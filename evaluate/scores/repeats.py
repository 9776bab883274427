"""Repeated outputs of one request: item means first, and how steady the variant is."""

from math import comb
from typing import Any

import numpy as np
import polars as pl

from ..statistics.intervals import share_interval

__all__ = ["by_item", "item_means", "pass_all", "repeats_of", "samples_of"]


def samples_of(ids: pl.Series) -> int:
    """How many outputs each item has; an item's rows stand together, and 1 where there is no item.

    Raises: ValueError where the items have different numbers of outputs, or one item's rows are apart.
    """
    if not len(ids):
        return 1
    runs = ids.rle().struct.field("len")
    if runs.n_unique() > 1 or len(runs) != ids.n_unique():
        raise ValueError("each item needs the same number of outputs, one after the other")
    return int(runs[0])


def by_item(values: pl.Series, samples: int) -> np.ndarray:
    """`(items, samples)` floats, NaN where a value is null; true is 1, false is 0."""
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy().reshape(-1, samples)


def item_means(values: pl.Series, samples: int) -> np.ndarray:
    """`(items,)`: each item's mean over the samples that have a value, NaN where none has."""
    table = by_item(values, samples)
    known = ~np.isnan(table)
    counts = known.sum(axis=1)
    sums = np.where(known, table, 0.0).sum(axis=1)
    return np.divide(sums, counts, out=np.full(len(table), np.nan), where=counts > 0)


def pass_all(successes: np.ndarray, samples: int) -> dict[str, float]:
    """pass^k for k = 1 to `samples`: the chance that k outputs of one request are all acceptable.

    Each item gives C(c, k) / C(n, k), the share of all choices of k of its n outputs in which every one is among the
    c acceptable ones, which is unbiased; the mean over items stands (Yao et al. 2024, arXiv 2406.12045). Empty without
    items. Keys are texts, as in JSON.

    >>> pass_all(np.array([2, 1]), 2)
    {'1': 0.75, '2': 0.5}
    """
    if not len(successes):
        return {}
    found = {}
    for k in range(1, samples + 1):
        of_count = np.array([comb(c, k) / comb(samples, k) for c in range(samples + 1)])
        found[str(k)] = float(of_count[successes].mean())
    return found


def repeats_of(outcomes: np.ndarray, groups: np.ndarray | None) -> dict[str, Any]:
    """`samples`, `pass_all` and `unstable` of a table of outcomes `(items, samples)` of 0 and 1.

    An item is unstable where some of its outputs are acceptable and some are not; of one output each that is unknown.
    """
    samples = outcomes.shape[1]
    successes = outcomes.sum(axis=1).astype(int)
    found = share_interval((successes > 0) & (successes < samples), groups)
    unstable = (found.share, found.low, found.high) if samples > 1 else (None, None, None)
    return {
        "samples": samples,
        "pass_all": pass_all(successes, samples),
        "unstable": dict(zip(("share", "low", "high"), unstable, strict=True)),
    }
