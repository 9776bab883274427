"""How far rules agree with people, and one person with the others: shares, Cohen's kappa, precision and recall."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..results import Agreement, ApartOutput, Coefficient, RaterAgreement, Raters, Share
from .intervals import share_interval
from .paired import compare

DRAWS = 10_000  # ends of a kappa's interval then vary by about 0.005
PRIOR = 0.5  # per cell: Jeffreys' prior; an empty cell is rare, not impossible
BITS = (np.arange(8)[:, None] >> np.array([2, 1, 0])) & 1  # cell to decisions: rules, one person, the other people
RULES, ONE, OTHERS = range(3)


def kappa(cells: np.ndarray, first: int = RULES, second: int = OTHERS) -> np.ndarray:
    """Cohen's kappa (1960) of two of three yes/no decisions: `(..., 8)` to `(...)`; NaN if chance alone always agrees.

    Cell 4a + 2b + c holds the weight of the decisions a, b, c: of the rules, of one person and of the other people.
    """
    shares = cells / cells.sum(axis=-1, keepdims=True)
    one, other = shares @ BITS[:, first], shares @ BITS[:, second]
    agreed, chance = shares @ (BITS[:, first] == BITS[:, second]), one * other + (1 - one) * (1 - other)
    found = np.full(np.shape(chance), np.nan)
    return np.divide(agreed - chance, 1 - chance, out=found, where=chance < 1 - 1e-12)


def people_agreement(
    rules: np.ndarray,
    yes: np.ndarray,
    raters: np.ndarray,
    groups: Sequence[Any],
    *,
    apart: Sequence[ApartOutput] = (),
    mirrored: bool = False,
) -> Agreement | None:
    """The rules' decisions against people's; None if no item has a majority. `apart` are items to name where they differ.

    Of each item: the rules' decision, how many of its `raters` decided yes, and its group. Items without a majority are
    left out. `raters` compares the rules with one person on the same footing: both against the majority of the other
    people, over every decision of a person on an item that others decided too. The interval of a kappa is that of its
    posterior under Jeffreys' prior on the cells, with the counts scaled to the effective number of decisions; kappas of
    one table are drawn together. Precision and recall are those of "no". `mirrored` is for decisions between two sides
    whose names are exchangeable: chance is then one half, and kappa is 2 * agreement - 1 (Bennett et al. 1954).
    """
    rules, yes, raters = np.asarray(rules, dtype=bool), np.asarray(yes, np.int64), np.asarray(raters, np.int64)
    majority, decided = 2 * yes > raters, 2 * yes != raters
    if not decided.any():
        return None
    names = [group for group, kept in zip(groups, decided, strict=True) if kept]
    one, other = rules[decided], majority[decided]
    agreed = share_interval(one == other, names)
    cells = np.bincount(4 * one + other, minlength=8).astype(float)
    ends = _draws(cells * agreed.n_effective / cells.sum(), mirrored)
    return Agreement(
        n=len(one),
        groups=agreed.groups or len(one),
        agreement=Share(share=agreed.share, low=agreed.low, high=agreed.high),
        kappa=_interval(_sides(cells, mirrored), ends, RULES),
        precision=None if mirrored else _share(~other[~one], [n for n, kept in zip(names, ~one, strict=True) if kept]),
        recall=None if mirrored else _share(~one[~other], [n for n, kept in zip(names, ~other, strict=True) if kept]),
        raters=_beside_one_person(rules, yes, raters, groups, mirrored),
        apart=apart,
    )


def _beside_one_person(
    rules: np.ndarray, yes: np.ndarray, raters: np.ndarray, groups: Sequence[Any], mirrored: bool
) -> Raters | None:
    """Rules and one person against the majority of the other people; None if no two people decided the same item."""
    items, own, others = _decisions(yes, raters)
    if not len(items):
        return None
    rule = rules[items]
    names = [groups[item] for item in items]
    difference = compare(own == others, rule == others, names)
    cells = np.bincount(4 * rule + 2 * own + others, minlength=8).astype(float)
    draws = _draws(cells * difference.n_effective / cells.sum(), mirrored)
    sides = _sides(cells, mirrored)
    apart = kappa(draws) - kappa(draws, ONE)
    return Raters(
        n=len(np.unique(items)),
        decisions=len(items),
        groups=difference.groups or len(items),
        one_person=RaterAgreement(agreement=float(np.mean(own == others)), kappa=_interval(sides, draws, ONE)),
        rules=RaterAgreement(agreement=float(np.mean(rule == others)), kappa=_interval(sides, draws, RULES)),
        difference=_ends(float(kappa(sides) - kappa(sides, ONE)), apart),
    )


def _decisions(yes: np.ndarray, raters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One row per decision of a person on an item that others decided: item, decision, majority of the others.

    Decisions on which the others are evenly divided are left out.
    """
    parts = []
    for decision, count in ((True, yes), (False, raters - yes)):
        margin = 2 * (yes - decision) - (raters - 1)
        kept = np.flatnonzero((margin != 0) & (count > 0))
        items = np.repeat(kept, count[kept])
        parts.append((items, np.full(len(items), decision), margin[items] > 0))
    items, own, others = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return items, own, others


def _draws(counts: np.ndarray, mirrored: bool) -> np.ndarray:
    """Draws of the cells' shares `(draws, 8)` from their posterior; cells that cannot occur stay empty."""
    used = np.arange(8) if counts[BITS[:, ONE] == 1].any() else np.flatnonzero(BITS[:, ONE] == 0)
    shares = np.zeros((DRAWS, 8))
    shares[:, used] = np.random.default_rng(0).dirichlet(counts[used] + PRIOR, size=DRAWS)
    return _sides(shares, mirrored)


def _sides(cells: np.ndarray, mirrored: bool) -> np.ndarray:
    """The cells, or with exchangeable sides their mean with the cells of the other names."""
    return (cells + cells[..., ::-1]) / 2 if mirrored else cells


def _interval(cells: np.ndarray, draws: np.ndarray, decider: int) -> Coefficient:
    return _ends(float(kappa(cells, decider)), kappa(draws, decider))


def _ends(value: float, draws: np.ndarray) -> Coefficient:
    """The value with the middle 95% of its draws, widened to include it; all None if it is undefined."""
    if np.isnan(value):
        return Coefficient(value=None, low=None, high=None)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Coefficient(value=value, low=min(float(low), value), high=max(float(high), value))


def _share(values: np.ndarray, groups: Sequence[Any]) -> Share | None:
    found = share_interval(values, groups)
    return None if not found.n else Share(share=found.share, low=found.low, high=found.high)
