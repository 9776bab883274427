"""The ranges of the money: the same figures for ten thousand draws of every input that is not known exactly.

Measured items are resampled together; ranges are triangular.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from ..results import Bin, Chances, NpvDistribution, PaybackDistribution, TornadoBar
from ..statistics.intervals import group_codes, share_interval
from .comparison import Account
from .inputs.options import Pair
from .inputs.quantity import Quantity, share_prior
from .inputs.settings import Triangular

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
SURE = 0.8  # a payback in time with this probability justifies the investment
UNSURE = 0.5  # at or below this probability it does not
SURELY = 0.975  # of the draws: one end of a 95% range
CLEAR = 0.1
Weight = Literal["pays", "open", "does not pay"]
NO_CHANCES = Chances(**dict.fromkeys(Chances.__struct_fields__))


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
        ends = quantity.drawn_range
        values[key] = np.array([float(quantity.value)]) if ends is None else _triangular(key, ends, seed, draws)

    return values | _resampled([q for q in quantities.values() if q.items is not None], groups, seed, draws)


def _triangular(key: str, ends: Triangular, seed: int, draws: int) -> np.ndarray:
    low, likely, high = map(float, ends)
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


def outcomes(values: Account, pair: Pair | None = None) -> Chances:
    """What the draws say; None if unknown, and for a payback of "never"."""
    result = simulated(values, pair)
    if result is None:
        return NO_CHANCES
    days, in_time, back = result.payback_days, None, [None] * 3
    if days is not None:
        in_time = float(np.mean(days <= values.inputs["target_payback_days"]))
        back = percentiles(days, 5, 50, 95)
    worth = percentiles(result.npv, 5, 50, 95)
    return Chances(
        probability_of_payback_in_target=in_time, probability_npv_positive=float(np.mean(result.npv > 0)),
        payback_days_p5=back[0], payback_days_p50=back[1], payback_days_p95=back[2],
        npv_p5=worth[0], npv_p50=worth[1], npv_p95=worth[2],
    )  # fmt: skip


def percentiles(values: np.ndarray, *percents: int) -> list[float | None]:
    """The percentiles as some of the draws, never an average with an infinite one; None for an infinite one."""
    ends = np.quantile(values, [percent / 100 for percent in percents], method="inverted_cdf").tolist()
    return [end if math.isfinite(end) else None for end in ends]


def tornado(quantities: Mapping[str, Quantity], drawn: Account) -> list[TornadoBar]:
    """The value with one input at a time at its low and high end, the widest first; inputs without effect are omitted.

    A range has its own ends; a measured input goes from the 5th to the 95th percentile of its resampled mean.
    """
    likely = {key: np.array([float(q.value)]) for key, q in quantities.items() if q.value is not None}
    points = Account(likely, drawn.conditions, "drawn")
    simulated(points)
    bars: list[TornadoBar] = []
    widths: dict[str, float] = {}
    for key, quantity in quantities.items():
        ends = quantity.drawn_range
        if quantity.items is not None or quantity.n is not None:
            low, high = (float(end) for end in np.quantile(drawn.inputs[key], [0.05, 0.95]))
        elif ends is not None:
            low, high = float(ends.low), float(ends.high)
        else:
            continue
        at = [simulated(points.changed({key: np.array([end])})) for end in (low, high)]
        if at[0] is None or at[1] is None:
            continue
        worst, best = float(at[0].npv[0]), float(at[1].npv[0])
        widths[key] = abs(best - worst)
        if math.isfinite(widths[key]) and widths[key] > 1e-9:
            bars.append(TornadoBar(key=key, low=low, high=high, npv_low=worst, npv_high=best))
    return sorted(bars, key=lambda bar: -widths[bar.key])


def payback_distribution(days: np.ndarray, target_days: float) -> PaybackDistribution:
    """`money.payback_distribution` of the drawn payback days `(draws,)`, inf for never.

    `target_days` is the likely value if a range is stated.
    """
    back = days[np.isfinite(days)]
    bins, beyond = [], 0.0
    if len(back):
        far = max(TARGETS * target_days, MEDIANS * _quantile(back, 0.5))
        end = max(min(_quantile(back, 0.99), far), min(target_days, float(back.max())))
        bins, _, beyond = _bins(back, float(back.min()), end, len(days))
    never = float(np.mean(~np.isfinite(days)))
    return PaybackDistribution(bins=bins, never=never, target_days=target_days, beyond=beyond)


def npv_distribution(npv: np.ndarray) -> NpvDistribution:
    """`money.npv_distribution` of the drawn values `(draws,)`."""
    finite = npv[np.isfinite(npv)]
    if not len(finite):
        return NpvDistribution(bins=[], below=float(np.mean(npv < 0)), beyond=float(np.mean(npv > 0)))
    bins, below, beyond = _bins(finite, _quantile(finite, 0.005), _quantile(finite, 0.995), len(npv))
    below, beyond = below + float(np.mean(npv == -np.inf)), beyond + float(np.mean(npv == np.inf))
    return NpvDistribution(bins=bins, below=below, beyond=beyond)


def _bins(values: np.ndarray, low: float, high: float, draws: int) -> tuple[list[Bin], float, float]:
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
        Bin(from_=start, to=end, share=count / draws)
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


# --- what the draws say about the candidate against a rival: the same draws for all, so they are paired -------------


def weigh(chance: float, npv_p50: float | None) -> Weight:
    """Whether it pays, by the chance of paying back in time and the median value over the horizon.

    A median of None is infinite: the baseline delivers nothing acceptable at any price.
    """
    earned = npv_p50 is None or npv_p50 > 0
    if chance >= SURE and earned:
        return "pays"
    return "open" if chance > UNSURE and earned else "does not pay"


@dataclass(frozen=True)
class Chance:
    """The share of draws that pay back in time (for a one-off batch: that gain), the share that gain, the median gain."""

    in_time: float
    gain: float
    median: float

    @property
    def weight(self) -> Weight:
        """Whether it pays."""
        return weigh(self.in_time, self.median)

    @property
    def clear(self) -> bool:
        """Whether more draws would not change the weight: a thousand know a share to about 0.03.

        Half of the draws gain where the median is 0.
        """
        near = abs(self.in_time - SURE), abs(self.in_time - UNSURE), abs(self.gain - 0.5)
        return min(near) > CLEAR


def chance_of(values: Account, pair: Pair) -> Chance | None:
    """What the draws say about a pair; None if its money cannot be computed."""
    result = simulated(values, pair)
    if result is None:
        return None
    gains, days = result.npv > 0, result.payback_days
    in_time = gains if days is None else days <= values.inputs["target_payback_days"]
    median = float(np.quantile(result.npv, 0.5, method="inverted_cdf"))
    return Chance(float(np.mean(in_time)), float(np.mean(gains)), median)


def surely_worse(values: Account, name: str) -> bool:
    """Whether a variant's outputs are acceptable less often than the candidate's in all but a few draws."""
    here, there = (
        values.inputs.get(f"{name}.acceptance"),
        values.inputs.get(f"{values.conditions.candidate}.acceptance"),
    )
    if here is None or there is None:
        return False
    return float(np.mean(here < there)) >= SURELY
