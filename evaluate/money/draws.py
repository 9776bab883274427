"""Ten thousand draws of every input that is not known exactly: measured items drawn again together, ranges triangular."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..statistics.intervals import group_codes, share_interval
from .quantities import Quantity

__all__ = ["VOLUME_RANGE", "draw_values", "range_of"]

# A single volume is drawn from this much of it, so much, and so much: the range is ours and the report says so.
VOLUME_RANGE = (0.5, 1.0, 1.5)
CHUNK = 2_000_000  # weights held at once: 16 MB
# More groups than this are put together at random into so many blocks: the spread of a mean stays what it is (to 1%,
# its own error at so many blocks), and the work does not grow further.
MOST_BLOCKS = 5_000
# Half a success and half a failure are added to each drawn share (the Jeffreys prior): 8 of 8 is not 100% for certain.
PSEUDO = 0.5
SHARES = (".acceptance", ".rescued")


def draw_values(
    quantities: Mapping[str, Quantity], *, groups: Sequence[Any] | np.ndarray | None, seed: int, draws: int
) -> dict[str, np.ndarray]:
    """Every input as `(draws,)`, or `(1,)` where it is known exactly.

    Measured items are drawn again together, over groups where there are any, so that both variants always see the
    same items. Ranges are triangular. An input's draws do not depend on which other inputs there are.
    """
    values = {}
    for key, quantity in quantities.items():
        if quantity.value is None:
            continue
        ends = range_of(quantity)
        values[key] = np.array([float(quantity.value)]) if ends is None else _triangular(key, ends, seed, draws)
    return values | _redrawn([q for q in quantities.values() if q.items is not None], groups, seed, draws)


def range_of(quantity: Quantity) -> tuple[float, float, float] | None:
    """The low end, likely value and high end of an input; a single volume has the range that is ours."""
    if quantity.range is not None:
        return float(quantity.range.low), float(quantity.range.likely), float(quantity.range.high)
    if quantity.key == "requests_per_day" and quantity.value:
        volume = float(quantity.value)
        return VOLUME_RANGE[0] * volume, VOLUME_RANGE[1] * volume, VOLUME_RANGE[2] * volume
    return None


def _triangular(key: str, ends: tuple[float, float, float], seed: int, draws: int) -> np.ndarray:
    low, likely, high = ends
    if low == high:
        return np.array([likely])
    return _chance(key, seed).triangular(low, likely, high, draws)


def _chance(key: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(key.encode())])


def _redrawn(
    measured: Sequence[Quantity], groups: Sequence[Any] | np.ndarray | None, seed: int, draws: int
) -> dict[str, np.ndarray]:
    """Means of the measured items, weighted anew in each draw: the Bayesian bootstrap (Rubin 1981), by group.

    Every group gets one weight, exponential with mean 1, the same for all variants and all their columns, so the draws
    are paired. Where the ordinary bootstrap only repeats what was seen, shares also get their prior: its half success
    and half failure weigh as much as one independent item, which is more than one item where items come in groups.
    """
    if not measured:
        return {}
    items = {quantity.key: np.asarray(quantity.items, dtype=float) for quantity in measured}
    lengths = {key: len(column) for key, column in items.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the variants' items must be the same and in one order; their numbers are {lengths}")
    codes, count = _blocks(groups, next(iter(lengths.values())), seed)
    columns = []
    for quantity in measured:
        column = items[quantity.key]
        known = ~np.isnan(column)
        weight = known.astype(float) if quantity.per is None else quantity.per
        columns += [np.where(known, column, 0.0), weight]
    table = np.array([np.bincount(codes, weights=column, minlength=count) for column in columns])
    sums = _weighted(table, seed, draws)
    return {
        quantity.key: _means(quantity, sums[2 * index], sums[2 * index + 1], groups, seed)
        for index, quantity in enumerate(measured)
    }


def _blocks(groups: Sequence[Any] | np.ndarray | None, n: int, seed: int) -> tuple[np.ndarray, int]:
    """Each item's group, or the block that its group was put into where there are very many."""
    codes, count = group_codes(groups, n)
    if count <= MOST_BLOCKS:
        return codes, count
    block = _chance("blocks", seed).permutation(count) % MOST_BLOCKS
    return block[codes], MOST_BLOCKS


def _weighted(table: np.ndarray, seed: int, draws: int) -> np.ndarray:
    """The sums of each row of `table` `(columns, groups)` under the weights of each draw, `(columns, draws)`."""
    count = table.shape[1]
    chance, parts, step = _chance("items", seed), [], max(1, CHUNK // count)
    for start in range(0, draws, step):
        weights = chance.standard_exponential((min(step, draws - start), count))
        parts.append(table @ weights.T)
    return np.concatenate(parts, axis=1)


def _means(
    quantity: Quantity,
    total: np.ndarray,
    weight: np.ndarray,
    groups: Sequence[Any] | np.ndarray | None,
    seed: int,
) -> np.ndarray:
    if quantity.key.endswith(SHARES):
        assert quantity.items is not None
        known = ~np.isnan(quantity.items)
        kept = None if groups is None else np.asarray(groups, dtype=object)[known]
        alone = share_interval(quantity.items[known], kept).n_effective
        chance, draws = _chance(quantity.key, seed), len(total)
        # In items: one independent item is worth so many of them.
        success, failure = known.sum() / max(alone, 1.0) * chance.standard_gamma(PSEUDO, (2, draws))
        total, weight = total + success, weight + success + failure
    # A draw without any known value (nearly all unknown) falls back to the mean.
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), float(quantity.value or 0))
