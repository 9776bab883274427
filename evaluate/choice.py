"""Choice of the baseline: the cheapest untrained variant that is not worse than the best, on validation pairs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from .money.comparison import Account
from .money.inputs import MeasuredVariant, collect_quantities, conditions_of
from .money.settings import RoiSettings, Triangular
from .statistics.intervals import share_interval
from .statistics.paired import Comparison, compare

__all__ = ["Choice", "Considered", "choose_baseline", "cost_of_request"]

Groups = Sequence[Any] | np.ndarray | None


@dataclass(frozen=True)
class Considered:
    """A variant considered for the baseline: its share of acceptable outputs with the ends of its interval, its cost per
    request, and the comparison with the best variant (a difference of 0 for the best itself)."""

    share: float | None
    low: float | None
    high: float | None
    cost_per_request: Decimal | None
    not_worse: bool
    difference: Mapping[str, float | None]


@dataclass(frozen=True)
class Choice:
    """The chosen baseline and the evidence for it, from `n` validation pairs that were scored for all variants."""

    baseline: str
    how: Literal["stated", "validation", "only one"]
    n: int
    considered: Mapping[str, Considered]

    def to_json(self) -> dict[str, Any]:
        """`choice` in results.json."""
        return {"baseline": self.baseline, "how": self.how, "n": self.n, "considered": _json(self.considered)}


def choose_baseline(
    scores: Mapping[str, np.ndarray],
    groups: Groups = None,
    *,
    costs: Mapping[str, Decimal | None],
    margin: float,
    stated: str | None = None,
    seed: int = 0,
) -> Choice:
    """Choose among the variants without training, the keys of `scores`, by their outcomes on the validation pairs.

    `scores` are item means of acceptable outputs, in the same order, NaN where an item was not scored; such an item is
    ignored for all variants. The best has the highest share; a variant is not worse if the one-sided 95% lower end of
    its difference from the best is above -margin; the cheapest of these is chosen. Ties go to the cheaper, then to the
    earlier one. With few pairs it is hard to show that a variant is not worse, so the best is usually chosen; it also is
    if its cost is unknown, since nothing is then known to be cheaper. Without any scored pair the most expensive is
    chosen, to avoid a weak baseline. A `stated` baseline is kept, with the others as information.
    """
    if not scores:
        if stated is None:
            raise ValueError("no variant to choose from")
        return Choice(stated, "stated", 0, {})
    rows = _scored(scores)
    kept = None if groups is None else np.asarray(groups, dtype=object)[rows]
    values = {name: np.asarray(items, dtype=float)[rows] for name, items in scores.items()}
    n = int(rows.sum())
    best = _best(values, costs) if n else _most_expensive(list(scores), costs)
    against = {name: compare(values[best], outcomes, kept, seed=seed) for name, outcomes in values.items()} if n else {}
    considered = {
        name: _considered(outcomes, kept, costs.get(name), against.get(name), name == best, margin, seed)
        for name, outcomes in values.items()
    }
    if stated is not None:
        return Choice(stated, "stated", n, considered)
    if len(scores) == 1:
        return Choice(next(iter(scores)), "only one", n, considered)
    return Choice(_cheapest(considered, best), "validation", n, considered)


def cost_of_request(
    roi: RoiSettings,
    name: str,
    fixed: float | None,
    input: float | None,
    output: float | None,
    *,
    requests_per_second: float | None = None,
    today: date | None = None,
) -> Decimal | None:
    """The cost of one request to a variant by `[roi]`, with these mean tokens if it states none.

    `fixed` are the tokens of the prompt without a request, `input` those that a request adds. The cost of rented machines
    is divided by the requests per day. None if a price, a token count or the volume is missing.
    """
    measured = MeasuredVariant(fixed, _one(input), _one(output), None, requests_per_second=requests_per_second)
    today = today or datetime.now(UTC).date()
    quantities = collect_quantities(roi, [name], {name: measured}, None, today=today)
    values = {key: quantity.value for key, quantity in quantities.items() if quantity.value is not None}
    way = Account(values, replace(conditions_of(roi, name, name), failures="ignore")).way(name)
    cost = way.value("cost_per_request")
    if cost is None or not way.always_on:
        return cost
    volume = roi.requests_per_day.likely if isinstance(roi.requests_per_day, Triangular) else roi.requests_per_day
    return way.value("machine_cost_per_day") / volume if volume else None


def _one(mean: float | None) -> np.ndarray | None:
    return None if mean is None else np.array([mean])


def _scored(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """A mask of the items that every variant has a score for."""
    known = [~np.isnan(np.asarray(items, dtype=float)) for items in scores.values()]
    if len({len(items) for items in known}) > 1:
        raise ValueError(
            f"all variants need the same number of scores, found {sorted({len(items) for items in known})}"
        )
    return np.logical_and.reduce(known) if known else np.zeros(0, dtype=bool)


def _best(values: Mapping[str, np.ndarray], costs: Mapping[str, Decimal | None]) -> str:
    """The variant with the highest share; among equal ones the cheapest, then the earliest."""
    # Exact sums, so that the order of the items cannot decide between equal shares.
    return min(values, key=lambda name: (-math.fsum(values[name]), _cost(costs.get(name))))


def _most_expensive(names: Sequence[str], costs: Mapping[str, Decimal | None]) -> str:
    known = [name for name in names if costs.get(name) is not None]
    return max(known, key=lambda name: _cost(costs.get(name))) if len(known) == len(names) else names[0]


def _cheapest(considered: Mapping[str, Considered], best: str) -> str:
    """The cheapest variant that is not worse and has a known cost; the best one if its cost is unknown."""
    if considered[best].cost_per_request is None:
        return best
    fit = [name for name, entry in considered.items() if entry.not_worse and entry.cost_per_request is not None]
    return min(fit, key=lambda name: (_cost(considered[name].cost_per_request), -(considered[name].share or 0.0)))


def _cost(cost: Decimal | None) -> Decimal:
    return Decimal("Infinity") if cost is None else cost


def _considered(
    outcomes: np.ndarray, groups: Groups, cost: Decimal | None, against: Comparison | None, best: bool, margin: float,
    seed: int,
) -> Considered:  # fmt: skip
    interval = share_interval(outcomes, groups, seed=seed)
    if best or against is None:
        zero = 0.0 if against is not None else None
        difference = {"value": zero, "low": zero, "high": zero, "low_one_sided": zero}
        return Considered(interval.share, interval.low, interval.high, cost, best, difference)
    ends = {"value": against.difference, "low": against.low, "high": against.high}
    not_worse = against.low_one_sided is not None and against.low_one_sided > -margin
    difference = {**ends, "low_one_sided": against.low_one_sided}
    return Considered(interval.share, interval.low, interval.high, cost, not_worse, difference)


def _json(considered: Mapping[str, Considered]) -> dict[str, Any]:
    rows = {}
    for name, entry in considered.items():
        table = asdict(entry)
        cost = table.pop("cost_per_request")
        rows[name] = {
            "acceptable": {key: table.pop(key) for key in ("share", "low", "high")},
            "cost_per_request": None if cost is None else float(cost),
            **table,
        }
    return rows
