"""The ranges of the money: the same figures for ten thousand draws of every input that is not known exactly.

Measured items are resampled together; ranges are triangular.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np

from ..statistics.intervals import group_codes, share_interval
from .comparison import Account
from .inputs.options import Pair
from .inputs.quantity import Quantity, share_prior

__all__ = [
    "VOLUME_RANGE", "Simulated", "draw_values", "npv_distribution", "outcomes", "payback_distribution", "percentile",
    "simulated", "spreads", "tornado", "with_bands",
]  # fmt: skip

# A single volume is drawn between these multiples of it; the report says that the range is Tuneworth's own.
VOLUME_RANGE = (0.5, 1.0, 1.5)
CHUNK = 2_000_000  # weights in memory at once: 16 MB
# More groups than this are merged at random into this many blocks: the spread of a mean does not change (by more than
# 1%, its own error with so many blocks), and the work stops growing.
MOST_BLOCKS = 5_000
# Half a success and half a failure are added to each drawn share (the Jeffreys prior): 8 of 8 does not prove 100%.
PSEUDO = 0.5
SHARES = (".acceptance", ".rescued", ".wrong_facts")
BARS = 24  # enough to show the shape of ten thousand draws without their noise
MOST_BARS = 1_000  # only a rounding error could give more
# The axis ends at the 99th percentile, but no farther than is useful: a saving that is nearly zero in some draws pays
# back only after thousands of years. It reaches at least to the target, so that no draw that pays back in time is
# outside the axis.
TARGETS, MEDIANS = 2, 3
PERCENTS = (5, 50, 95)


def draw_values(
    quantities: Mapping[str, Quantity], *, groups: Sequence[Any] | np.ndarray | None, seed: int, draws: int
) -> dict[str, np.ndarray]:
    """Every input as `(draws,)`, or `(1,)` if it is known exactly.

    Measured items are resampled together, by group if there are groups, so that both variants always see the same items.
    Ranges are triangular. The draws of an input do not depend on which other inputs exist.
    """
    values = {}
    for key, quantity in quantities.items():
        if quantity.value is None:
            continue
        if quantity.n is not None:
            values[key] = _chance(key, seed).beta(*share_prior(float(quantity.value), quantity.n), draws)
            continue
        ends = range_of(quantity)
        values[key] = np.array([float(quantity.value)]) if ends is None else _triangular(key, ends, seed, draws)

    return values | _resampled([q for q in quantities.values() if q.items is not None], groups, seed, draws)


def range_of(quantity: Quantity) -> tuple[float, float, float] | None:
    """The low end, likely value and high end of an input; a single volume has Tuneworth's own range."""
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


def _resampled(
    measured: Sequence[Quantity], groups: Sequence[Any] | np.ndarray | None, seed: int, draws: int
) -> dict[str, np.ndarray]:
    """Means of the measured items, reweighted in each draw: the Bayesian bootstrap (Rubin 1981), by group.

    Every group gets one exponential weight with mean 1, the same for all variants and columns, so the draws are paired.
    The ordinary bootstrap only repeats the observed items; here shares also get a prior. Its half success and half
    failure weigh as much as one independent item, which is more than one item if items come in groups.
    """
    if not measured:
        return {}
    items = {quantity.key: np.asarray(quantity.items, dtype=float) for quantity in measured}
    lengths = {key: len(column) for key, column in items.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"all variants must have the same items in the same order; their counts are {lengths}")
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
    """The group of each item, or the block that its group belongs to if there are very many groups."""
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
        known_groups = None if groups is None else np.asarray(groups, dtype=object)[known]
        independent = share_interval(quantity.items[known], known_groups).n_effective
        chance, draws = _chance(quantity.key, seed), len(total)
        # In items: one independent item counts as this many.
        success, failure = known.sum() / max(independent, 1.0) * chance.standard_gamma(PSEUDO, (2, draws))
        total, weight = total + success, weight + success + failure
    # A draw without any known value falls back to the mean; this happens if nearly all values are unknown.
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), float(quantity.value or 0))


@dataclass(frozen=True)
class Simulated:
    """Payback days (inf = never; None for a one-off batch) and present value, one entry per draw `(draws,)`."""

    payback_days: np.ndarray | None
    npv: np.ndarray


def simulated(values: Account, pair: Pair | None = None) -> Simulated | None:
    """Payback and value of every draw, of the candidate against the baseline or of another pair of these values.

    None if a price, a token count, an acceptance or a volume is missing.
    """
    pair = pair or values.pair
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw with nothing acceptable, or without a saving
        npv, days = pair.value("npv"), None if values.batch else pair.value("payback_days")
    return None if npv is None else Simulated(None if days is None else np.atleast_1d(days), np.atleast_1d(npv))


def outcomes(values: Account, pair: Pair | None = None) -> dict[str, float | int | None]:
    """The keys of `money` that come from draws, of `simulated`; None if unknown, and for a payback of "never"."""
    keys = [f"{what}_p{p}" for what in ("payback_days", "npv") for p in PERCENTS]
    found: dict[str, float | int | None] = dict.fromkeys(
        ["probability_of_payback_in_target", "probability_npv_positive", *keys, "draws"]
    )
    result = simulated(values, pair)
    if result is None:
        return found
    found |= {"probability_npv_positive": float(np.mean(result.npv > 0)), "draws": len(result.npv)}
    found |= _percentiles("npv", result.npv)
    if result.payback_days is not None:
        in_time = result.payback_days <= values.inputs["target_payback_days"]
        found["probability_of_payback_in_target"] = float(np.mean(in_time))
        found |= _percentiles("payback_days", result.payback_days)
    return found


def _percentiles(what: str, values: np.ndarray) -> dict[str, float | None]:
    ends = np.quantile(values, [percent / 100 for percent in PERCENTS], method="inverted_cdf").tolist()
    return {f"{what}_p{p}": end if math.isfinite(end) else None for p, end in zip(PERCENTS, ends, strict=True)}


def percentile(values: np.ndarray, percent: int) -> float | None:
    """The percentile as one of the draws, never an average with an infinite one; None if it is infinite."""
    value = float(np.quantile(values, percent / 100, method="inverted_cdf"))
    return value if np.isfinite(value) else None


def tornado(quantities: Mapping[str, Quantity], drawn: Account) -> list[dict[str, float | str]]:
    """The value with one input at a time at its low and high end, the widest first; inputs without effect are omitted.

    A range has its own ends; a measured input goes from the 5th to the 95th percentile of its resampled mean.
    """
    likely = {key: np.array([float(q.value)]) for key, q in quantities.items() if q.value is not None}
    points = Account(likely, drawn.conditions, "drawn")
    simulated(points)
    rows: list[tuple[float, dict[str, float | str]]] = []
    for key, quantity in quantities.items():
        ends = range_of(quantity)
        if quantity.items is not None or quantity.n is not None:
            low, high = (float(end) for end in np.quantile(drawn.inputs[key], [0.05, 0.95]))
        elif ends is not None:
            low, _, high = ends
        else:
            continue
        at = [simulated(points.changed({key: np.array([end])})) for end in (low, high)]
        if at[0] is None or at[1] is None:
            continue
        values = float(at[0].npv[0]), float(at[1].npv[0])
        if np.all(np.isfinite(values)) and abs(values[1] - values[0]) > 1e-9:
            row: dict[str, float | str] = {"key": key, "low": low, "high": high}
            rows.append((abs(values[1] - values[0]), row | {"npv_low": values[0], "npv_high": values[1]}))
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def spreads(values: Account, *, target_days: float) -> dict[str, Any]:
    """The two distributions of `money`; None if the money cannot be computed. A one-off batch has no payback distribution.

    `target_days` is the likely value if a range is stated.
    """
    result = simulated(values)
    if result is None:
        return {"payback_distribution": None, "npv_distribution": None}
    days = result.payback_days
    return {
        "payback_distribution": None if days is None else payback_distribution(days, target_days),
        "npv_distribution": npv_distribution(result.npv),
    }


def payback_distribution(days: np.ndarray, target_days: float) -> dict[str, Any]:
    """`money.payback_distribution` of the drawn payback days `(draws,)`, inf for never.

    `bins` of equal round width have the share of draws from `from` up to but excluding `to`; `beyond` is the share that
    pays back after the last bin and `never` the share that does not pay back. All shares add up to 1.
    """
    back = days[np.isfinite(days)]
    bins, beyond = [], 0.0
    if len(back):
        far = max(TARGETS * target_days, MEDIANS * _quantile(back, 0.5))
        end = max(min(_quantile(back, 0.99), far), min(target_days, float(back.max())))
        bins, _, beyond = _bins(back, float(back.min()), end, len(days))
    return {
        "bins": bins,
        "never": float(np.mean(~np.isfinite(days))),
        "target_days": target_days,
        "beyond": beyond,
    }


def npv_distribution(npv: np.ndarray) -> dict[str, Any]:
    """`money.npv_distribution` of the drawn values `(draws,)`: bins as for the payback, and the shares outside them."""
    finite = npv[np.isfinite(npv)]
    if not len(finite):
        return {"bins": [], "below": float(np.mean(npv < 0)), "beyond": float(np.mean(npv > 0))}
    bins, below, beyond = _bins(finite, _quantile(finite, 0.005), _quantile(finite, 0.995), len(npv))
    return {
        "bins": bins,
        "below": below + float(np.mean(npv == -np.inf)),
        "beyond": beyond + float(np.mean(npv == np.inf)),
    }


def with_bands(curve: Sequence[Mapping[str, Any]], values: Account) -> list[dict[str, Any]]:
    """The volume curve with the 5th and 95th percentile of the value, with the volume fixed and the other inputs drawn."""
    rows = []
    for row in curve:
        result = simulated(values.changed({"requests_per_day": np.array([float(row["requests_per_day"])])}))
        ends = [None, None] if result is None else [percentile(result.npv, p) for p in (5, 95)]
        rows.append({**row, "npv_p5": ends[0], "npv_p95": ends[1]})
    return rows


def _bins(values: np.ndarray, low: float, high: float, draws: int) -> tuple[list[dict[str, float]], float, float]:
    """Bins from low to high with their shares of all `draws`, and the shares below and beyond them."""
    edges = _edges(low, high)
    if len(edges) == 1:  # a single value: a bin without width
        counts = [int(np.sum(values == edges[0]))]
        below, beyond = int(np.sum(values < edges[0])), int(np.sum(values > edges[0]))
        edges = edges * 2
    else:
        places = np.searchsorted(edges, values, side="right")
        filled = np.bincount(places, minlength=len(edges) + 1)
        counts, below, beyond = filled[1:-1].tolist(), int(filled[0]), int(filled[-1])
    bins = [
        {"from": start, "to": end, "share": count / draws}
        for (start, end), count in zip(pairwise(edges), counts, strict=True)
    ]
    return bins, below / draws, beyond / draws


def _edges(low: float, high: float) -> list[float]:
    """Multiples of a round step (1, 2, 2.5 or 5 times a power of ten) around low to high, the last above high."""
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-280):
        return [low]
    rough = (high - low) / BARS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    exact = Decimal(f"{step:.3g}")  # so that 3 x 0.1 is 0.3
    first, last = math.floor(low / step), math.floor(high / step) + 1
    first -= float(first * exact) > low  # 0.95 / 0.05 is a little below 19
    last += float(last * exact) <= high
    return [float(index * exact) for index in range(first, min(last, first + MOST_BARS) + 1)]


def _quantile(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, share, method="inverted_cdf"))
