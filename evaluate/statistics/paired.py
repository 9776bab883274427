"""Two variants on the same items: the difference, its interval, and how likely chance alone would give it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from .grouping import DIFFERENCES, Grouping, grouped, worth_of
from .holm import holm
from .intervals import outcomes_of, quantile
from .newcombe import newcombe_ends, newcombe_paired
from .power import detectable_difference, pairs_needed
from .sign_flip import PValue, mcnemar_exact, sign_flip

__all__ = ["Comparison", "DifferenceEnds", "compare", "difference_ends", "holm", "newcombe_paired", "pairs_needed"]


@dataclass(frozen=True)
class Comparison:
    """Candidate minus baseline on the same items.

    `low` and `high` are the two-sided interval, `low_one_sided` the one-sided 95 % lower end. `detectable_difference`
    is the gap from the baseline that so many items show in four of five tests at the measured share of discordant
    pairs; None where no gap is wide enough. `n_effective` independent items are what the n are worth.
    """

    difference: float | None
    low: float | None
    high: float | None
    low_one_sided: float | None
    p_value: float | None
    mid_p: float | None
    method: str
    both: int
    only_candidate: int
    only_baseline: int
    neither: int
    discordant_share: float | None
    detectable_difference: float | None
    n: int
    n_effective: float
    groups: int | None

    def to_json(self) -> dict[str, Any]:
        """The keys of `comparison` in results.json, without the two names."""
        keys = asdict(self)
        difference = {"value": keys.pop("difference"), "low": keys.pop("low"), "high": keys.pop("high")}
        return {"difference": difference, **keys}


def compare(
    baseline: np.ndarray,
    candidate: np.ndarray,
    groups: Sequence[Any] | np.ndarray | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two variants' outcomes on the same items, in the same order.

    Outcomes are 0 or 1, or each item's mean over repeats. The test is the exact McNemar test, over groups or with
    means its general form, the exact sign-flip test. The interval is Newcombe's method 10, over groups on n / design
    effect with Student's t. Nothing is drawn by chance; `seed` is taken like everywhere.
    """
    baseline, candidate = outcomes_of(baseline), outcomes_of(candidate)
    if baseline.shape != candidate.shape:
        raise ValueError(f"two lists of outcomes of one length are needed, not {len(baseline)} and {len(candidate)}")
    n = len(baseline)
    if n == 0:
        return _nothing(None if groups is None else 0)
    grouping = grouped(groups, n)
    whole = bool(np.all(np.isin(baseline, (0, 1)) & np.isin(candidate, (0, 1))))
    ends, worth = difference_ends(baseline, candidate, grouping, confidence=confidence)
    chance = _chance(baseline, candidate, grouping, whole)
    both, more, less, neither = _counts(baseline, candidate)
    discordant = float(np.abs(candidate - baseline).mean())
    return Comparison(
        difference=float(np.mean(candidate - baseline)),
        low=float(ends.low),
        high=float(ends.high),
        low_one_sided=float(ends.low_one_sided),
        p_value=chance.exact,
        mid_p=chance.mid,
        method=_method(grouping, whole),
        both=both,
        only_candidate=more,
        only_baseline=less,
        neither=neither,
        discordant_share=discordant,
        # One pair more of each kind, so that no discordant pair among few does not count as never.
        detectable_difference=detectable_difference(
            float(baseline.mean()), float(worth.outcomes), (discordant * n + 1) / (n + 2)
        ),
        n=n,
        n_effective=float(worth.independent),
        groups=None if groups is None else len(grouping.sizes),
    )


def _nothing(groups: int | None) -> Comparison:
    return Comparison(
        None, None, None, None, None, None, "nothing to compare", 0, 0, 0, 0, None, None, 0, 0.0, groups
    )  # fmt: skip


class DifferenceEnds(NamedTuple):
    """Both ends of the difference's interval, and the one-sided 95 % ends."""

    low: np.ndarray
    high: np.ndarray
    low_one_sided: np.ndarray
    high_one_sided: np.ndarray


def difference_ends(
    baseline: np.ndarray, candidate: np.ndarray, grouping: Grouping, *, confidence: float = 0.95
) -> tuple[DifferenceEnds, Any]:
    """The interval of the paired difference and what the items are worth, for many sets at once: `(..., items)`.

    Newcombe's method 10 on the four cells; with means over repeats, on the cells that are expected of them.
    """
    n, difference = grouping.items, candidate - baseline
    shared = np.minimum(baseline, candidate)
    more, less = np.maximum(difference, 0.0).sum(axis=-1), np.maximum(-difference, 0.0).sum(axis=-1)
    both = shared.sum(axis=-1)
    cells = [both, more, less, np.maximum(n - both - more - less, 0.0)]
    variance = (more + less) / n - ((more - less) / n) ** 2
    worth = worth_of(difference, np.abs(difference) > 1e-9, variance, grouping, DIFFERENCES)
    scaled = [cell * worth.outcomes / n for cell in cells]
    two_sided = newcombe_ends(scaled, quantile(confidence, worth.freedom))
    one_sided = newcombe_ends(scaled, quantile(0.90, worth.freedom))
    return DifferenceEnds(*two_sided, *one_sided), worth


def _counts(baseline: np.ndarray, candidate: np.ndarray) -> tuple[int, int, int, int]:
    """Items of both, only the candidate, only the baseline, neither.

    With means over repeats, an item counts for the variant with the higher mean, else by whether both reach a half.
    """
    more, less = candidate > baseline, candidate < baseline
    tied = ~more & ~less
    cells = (tied & (candidate >= 0.5), more, less, tied & (candidate < 0.5))
    both, only_candidate, only_baseline, neither = (int(cell.sum()) for cell in cells)
    return both, only_candidate, only_baseline, neither


def _chance(baseline: np.ndarray, candidate: np.ndarray, grouping: Grouping, whole: bool) -> PValue:
    difference = candidate - baseline
    if whole and grouping.alone:
        return mcnemar_exact(int(np.sum(difference > 0)), int(np.sum(difference < 0)))
    return sign_flip(grouping.sums(difference))


def _method(grouping: Grouping, whole: bool) -> str:
    interval = "Newcombe's paired interval (method 10)"
    if not grouping.alone:
        return f"exact sign-flip test over groups; {interval} on n / design effect, with Student's t"
    if not whole:
        return f"exact sign-flip test over items; {interval} on the variance of the means over repeats"
    return f"exact McNemar test; {interval}"
