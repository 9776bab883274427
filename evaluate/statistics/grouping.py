"""Items in groups: which item is in which group, and how many independent items they are worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

__all__ = ["DIFFERENCES", "SHARES", "Grouping", "Prior", "Worth", "group_codes", "grouped", "worth_of"]


class Prior(NamedTuple):
    """What is taken of the intra-group correlation before any item is seen: its mean, and 1 / its variance."""

    mean: float
    precision: float


# Anything from 0 to 1 alike: the mean and the precision of the uniform distribution.
SHARES = Prior(1 / 2, 12.0)
# What makes a whole group hard for one variant mostly makes it hard for the other: the difference is less alike.
DIFFERENCES = Prior(0.3, 10.0)
# How many items' worth of "as scattered as single outcomes" stands against the scatter of means over repeats.
REPEATS_WEIGHT = 1.0


@dataclass(frozen=True)
class Grouping:
    """`sizes` of the groups `(groups,)`; `order` sorts the items by group, whose first stand at `starts`."""

    sizes: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    @property
    def items(self) -> int:
        """How many items there are."""
        return len(self.order)

    @property
    def alone(self) -> bool:
        """Whether every item is a group of its own."""
        return len(self.sizes) == len(self.order)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Each group's sum: `(..., items)` to `(..., groups)`."""
        return values if self.alone else np.add.reduceat(values[..., self.order], self.starts, axis=-1)


class Worth(NamedTuple):
    """What items are worth: `independent` ones as scattered as theirs, `outcomes` single 0/1 outcomes; and how well
    that is known, in degrees of freedom (infinite where there are no groups)."""

    independent: np.ndarray
    outcomes: np.ndarray
    freedom: np.ndarray


def group_codes(groups: Sequence[Any] | np.ndarray | None, n: int) -> tuple[np.ndarray, int]:
    """Each item's group as a number from 0, and how many groups there are; None or NaN = a group of its own."""
    if groups is None:
        return np.arange(n), n
    if len(groups) != n:
        raise ValueError(f"{len(groups)} groups for {n} items")
    seen: dict[Any, int] = {}
    # NaN is what differs from itself, of whatever float type.
    keys = (("none", i) if group is None or group != group else ("group", group) for i, group in enumerate(groups))
    codes = np.fromiter((seen.setdefault(key, len(seen)) for key in keys), dtype=np.int64, count=n)
    return codes, len(seen)


def grouped(groups: Sequence[Any] | np.ndarray | None, n: int) -> Grouping:
    """The items' groups in the form that the statistics take."""
    codes, count = group_codes(groups, n)
    sizes = np.bincount(codes, minlength=count)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    return Grouping(sizes.astype(float), np.argsort(codes, kind="stable"), starts)


def worth_of(
    values: np.ndarray, telling: np.ndarray, variance: np.ndarray, grouping: Grouping, prior: Prior
) -> Worth:  # fmt: skip
    """How many independent items `values` `(..., items)` are worth: n / (1 + rho (sum(size^2) / n - 1)).

    rho, the intra-group correlation, is the analysis of variance's (Donner 1986, Int. Statist. Rev. 54, 67), drawn to
    the prior by the precision of both: the estimate of two groups, or of two failures, is worth little. `telling`
    marks the items that differ from what most are; a group without any tells nothing of rho.
    `variance` is that of single 0/1 outcomes with the same mean; means over repeats scatter less and are worth more.
    """
    n = grouping.items
    shrunk = _scatter(values, telling, variance)
    if grouping.alone:
        independent = np.full(values.shape[:-1], float(n))
        return Worth(independent, n / shrunk, np.full_like(independent, np.inf))
    rho, precision = _correlation(values, telling, grouping, prior)
    size = float(np.sum(grouping.sizes**2)) / n  # the mean size of an item's group
    effect = 1 + rho * (size - 1)
    # Satterthwaite: of the design effect only the part above 1 is estimated, with this precision.
    freedom = precision * (effect / np.maximum(effect - 1, 1e-12)) ** 2
    return Worth(n / effect, n / (effect * shrunk), freedom)


def _scatter(values: np.ndarray, telling: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The items' variance as a share of that of 0/1 outcomes, drawn to 1 where few items tell."""
    own = np.mean(values**2, axis=-1) - np.mean(values, axis=-1) ** 2
    ratio = np.divide(own, variance, out=np.ones_like(own), where=variance > 1e-12)
    count = np.sum(telling, axis=-1)
    return (count * np.clip(ratio, 0.0, 1.0) + REPEATS_WEIGHT) / (count + REPEATS_WEIGHT)


def _correlation(
    values: np.ndarray, telling: np.ndarray, grouping: Grouping, prior: Prior
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The intra-group correlation, estimate and prior weighted by their precision, and the precision of both."""
    sizes, count = grouping.sizes, len(grouping.sizes)
    if count == 1:  # nothing at all tells how alike its items are: they may be worth one
        return np.ones(values.shape[:-1]), np.full(values.shape[:-1], prior.precision)
    estimate, known = _anova(values, grouping)
    # 1 / variance of the estimate from one group, at rho = 1/2 (Donner 1986): 1.8 for a pair, 8 at most.
    each = 8 * sizes * (sizes - 1) / (sizes + 1) ** 2
    precision = np.where(known, (grouping.sums(telling.astype(float)) > 0) @ each, 0.0)
    both = precision + prior.precision
    return (precision * estimate + prior.precision * prior.mean) / both, both


def _anova(values: np.ndarray, grouping: Grouping) -> tuple[np.ndarray, np.ndarray]:
    """The analysis of variance's intra-group correlation, 0 to 1; and where there is any variance to estimate from."""
    sizes, n, count = grouping.sizes, grouping.items, len(grouping.sizes)
    centred = values - values.mean(axis=-1, keepdims=True)
    explained = np.sum(grouping.sums(centred) ** 2 / sizes, axis=-1)
    total = np.sum(centred**2, axis=-1)
    between, within = explained / (count - 1), np.maximum(total - explained, 0.0) / (n - count)
    size = (n - float(np.sum(sizes**2)) / n) / (count - 1)
    whole = between + (size - 1) * within
    known = (total > 1e-12 * n) & (whole > 1e-12)
    rho = np.divide(between - within, whole, out=np.zeros_like(whole), where=known)
    return np.clip(rho, 0.0, 1.0), known
