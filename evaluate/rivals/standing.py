"""How every rival stands against the candidate: in outputs, facts and money."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import polars as pl

from ..money.comparison import Account
from ..money.inputs.inputs import collect_quantities, conditions_of
from ..money.inputs.measured import MeasuredVariant
from ..money.inputs.options import COST, EFFECTIVE, Way
from ..money.inputs.origins import with_origins
from ..money.inputs.settings import RoiSettings, Triangular
from ..outputs.table import Raw
from ..results import NO_MODEL, Difference, Interval, Money, Rival
from ..scores.quality import difference_of, share_of
from ..scores.score import Scores, item_means
from ..statistics.paired import compare
from ..statistics.planning import cases_needed

Groups = np.ndarray | None


def untrained_names(raws: Sequence[Raw], *, candidate: str, baseline: str | None) -> list[str]:
    """The variants that need no training: all but the candidate, what is made from it, and other tuned models.

    A stated baseline counts as untrained, whatever its name suggests.
    """
    names = []
    for raw in raws:
        variant = raw.variant
        tuned = variant.tuned or variant.source == "adapter" or candidate in (variant.name, *variant.of)
        if variant.name == baseline or not tuned:
            names.append(variant.name)
    return [name for name in names if name != candidate]


def strongest_rival(
    shares: Mapping[str, float | None],
    costs: Mapping[str, Decimal | None],
    *,
    margin: float,
    preferred: str | None = None,
) -> str | None:
    """The rival with the highest acceptable share; of those within the margin of it, the cheapest.

    A rival of unknown cost is never the cheaper one. Ties go to the `preferred` one, then to the first. None if none was
    scored. The verdict holds against all rivals, so this choice, made on the test pairs, cannot favour the candidate.
    """
    known = {name: share for name, share in shares.items() if share is not None}
    if not known:
        return None

    def cost(name: str) -> Decimal:
        value = costs.get(name)
        return Decimal("Infinity") if value is None else value

    best = min(known, key=lambda name: (-known[name], cost(name), name != preferred))
    if costs.get(best) is None:
        return best
    near = [name for name in known if known[name] >= known[best] - margin + 1e-12]
    return min(near, key=lambda name: (cost(name), -known[name], name != preferred))


def costs_of_requests(
    roi: RoiSettings | None,
    names: Sequence[str],
    measured: Mapping[str, MeasuredVariant],
    *,
    baseline: str | None = None,
    today: date | None = None,
) -> dict[str, Decimal | None]:
    """The cost of one request to each variant with its failures, in the currency of `[roi]`; None if it is unknown.

    The cost of rented machines is divided by the requests per day.
    """
    if roi is None or not names:
        return dict.fromkeys(names)
    roi = with_origins(roi, measured, baseline or names[0])
    quantities = collect_quantities(roi, list(measured), measured, None, today=today or datetime.now(UTC).date())
    values = {key: quantity.value for key, quantity in quantities.items() if quantity.value is not None}
    volume = roi.requests_per_day.likely if isinstance(roi.requests_per_day, Triangular) else roi.requests_per_day
    account = Account(values, conditions_of(roi, names[0], names[0], measured))
    return {name: _cost(account.way(name), volume) for name in names}


def _cost(way: Way, volume: Decimal | None) -> Decimal | None:
    cost = way.value(EFFECTIVE) if way.value(EFFECTIVE) is not None else way.value(COST)
    if cost is None or not way.always_on:
        return cost
    machines = way.value("machine_cost_per_day")
    return cost + machines / volume if machines is not None and volume else None


def rival_rows(
    names: Sequence[str],
    raws: Mapping[str, Raw],
    scores: Mapping[str, Scores],
    rows: np.ndarray,
    groups: Groups,
    *,
    candidate: str,
    strongest: str | None,
    today: str | None = None,
    money: Money | None,
    margin: float,
    left_out: Sequence[tuple[str, str]] = (),
    seed: int,
) -> list[Rival]:
    """The rivals, the cheapest first, then those that were not measured with the reason.

    `today` is the one in use today, which each is also compared with.
    """
    kept = None if groups is None else groups[rows]
    shares = {name: _values(scores[name].items, "acceptable", rows) for name in {*names, candidate}}
    facts = {name: _values(scores[name].items, "faithful", rows) for name in shares}

    def row(name: str) -> Rival:
        found = compare(shares[name], shares[candidate], kept, seed=seed)
        return Rival(
            name=name,
            way=raws[name].variant.way,
            of=list(raws[name].variant.of),
            measured=True,
            strongest=name == strongest,
            today=name == today,
            over_today=_over(shares[today], shares[name], kept, seed=seed) if today not in (None, name) else None,
            acceptable=share_of(shares[name], kept, seed=seed),
            difference=difference_of(found),
            low_one_sided=found.low_one_sided,
            p_value=found.p_value,
            n=found.n,
            n_effective=found.n_effective,
            groups=found.groups,
            facts=_difference(facts[name], facts[candidate], kept, seed=seed),
            needed=cases_needed(shares[name], shares[candidate], kept, margin=margin),
            **_money_of(name, money, main=name == strongest),
            calls=_calls(raws[name], rows, scores[name].samples),
            seconds=_mean(item_means(scores[name].table["seconds"], scores[name].samples)[rows]),
            why=None,
        )

    measured = sorted(
        map(row, names), key=lambda row: (row.cost_per_request is None, row.cost_per_request or 0.0, row.calls)
    )
    return measured + [_unmeasured(name, why) for name, why in left_out]


def _values(items: pl.DataFrame, share: str, rows: np.ndarray) -> np.ndarray:
    return items[share].cast(pl.Float64).fill_null(float("nan")).to_numpy()[rows]


def _difference(first: np.ndarray, second: np.ndarray, groups: Groups, *, seed: int) -> Difference | None:
    """How much higher the second is, over the items with both values; None if there are none (no rule is about facts)."""
    known = ~np.isnan(first) & ~np.isnan(second)
    if not known.any():
        return None
    kept = None if groups is None else groups[known]
    return difference_of(compare(first[known], second[known], kept, seed=seed))


def _over(today: np.ndarray, other: np.ndarray, groups: Groups, *, seed: int) -> Interval | None:
    found = _difference(today, other, groups, seed=seed)
    if found is None or found.value is None or found.low is None or found.high is None:
        return None
    return Interval(value=found.value, low=found.low, high=found.high)


def _unmeasured(name: str, why: str) -> Rival:
    return Rival(
        name=name, way=None, of=[], measured=False, strongest=False, today=False, over_today=None, acceptable=None,
        difference=None, low_one_sided=None, p_value=None, n=None, n_effective=None, groups=None, facts=None, needed=None,
        **_money_of(name, None, main=False), calls=None, seconds=None, why=why,
    )  # fmt: skip


def _money_of(name: str, money: Money | None, *, main: bool) -> dict[str, float | None]:
    """What training gains against this rival: that of the account itself, or of the alternative with this name."""
    costs = None if money is None else money.variants.get(name)
    ways = () if money is None else money.alternatives
    entries = (way.tuning for way in ways if way.key == "variant" and way.name == name)
    against = money if main else next(entries, None)
    batch = money is not None and money.requests_total is not None
    return {
        "cost_per_request": None if costs is None else costs.effective_cost_per_request,
        "cost_per_usable_output": None if costs is None else costs.cost_per_acceptable_output,
        "payback_days": None if against is None else against.payback_days,
        "npv": None if against is None else against.npv,
        "npv_p50": None if against is None else against.npv_p50,
        "probability": None if against is None
        else against.probability_npv_positive if batch else against.probability_of_payback_in_target,
    }  # fmt: skip


def _calls(raw: Raw, rows: np.ndarray, samples: int) -> float:
    """The mean number of calls for a request."""
    if raw.variant.way in NO_MODEL:
        return 0.0
    if raw.cascade is not None:
        sent = item_means(raw.cascade.sent, samples)[rows]
        return _calls(raw.cascade.first, rows, samples) + float(np.mean(sent)) * _calls(
            raw.cascade.second, rows, samples
        )
    return 1.0 if raw.calls is None else _mean(item_means(raw.calls, samples)[rows]) or 1.0


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
