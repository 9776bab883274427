"""How every rival stands against the candidate: in outputs, facts and money."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from ..money.comparison import Account
from ..money.inputs.inputs import collect_quantities, conditions_of
from ..money.inputs.measured import MeasuredVariant
from ..money.inputs.options import COST, EFFECTIVE, Way
from ..money.inputs.origins import with_origins
from ..money.inputs.settings import RoiSettings, Triangular
from ..outputs.table import Raw
from ..scores.quality import share_of
from ..scores.score import Scores, item_means
from ..statistics.paired import compare
from ..statistics.planning import cases_needed

__all__ = ["costs_of_requests", "rival_rows", "strongest_rival", "untrained_names"]

Groups = np.ndarray | None
MONEY = ("payback_days", "npv", "npv_p50")
CHANCES = ("probability_of_payback_in_target", "probability_npv_positive")


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
    money: Mapping[str, Any] | None,
    margin: float,
    left_out: Sequence[tuple[str, str]] = (),
    seed: int,
) -> list[dict[str, Any]]:
    """`rivals` of results.json, the cheapest first, then those that were not measured with the reason.

    `today` is the one in use today, which each is also compared with.
    """
    kept = None if groups is None else groups[rows]
    measured = [
        _row(
            raws[name],
            scores,
            rows,
            kept,
            candidate=candidate,
            strongest=name == strongest,
            today=today,
            money=money,
            margin=margin,
            seed=seed,
        )
        for name in names
    ]
    measured.sort(key=lambda row: (row["cost_per_request"] is None, row["cost_per_request"] or 0.0, row["calls"]))
    return measured + [_unmeasured(name, why) for name, why in left_out]


def _row(
    raw: Raw, scores: Mapping[str, Scores], rows: np.ndarray, groups: Groups, *, candidate: str, strongest: bool,
    today: str | None, money: Mapping[str, Any] | None, margin: float, seed: int,
) -> dict[str, Any]:  # fmt: skip
    name = raw.variant.name
    ours, other = (scores[who].items for who in (name, candidate))
    rival, tuned = (_values(items, "acceptable", rows) for items in (ours, other))
    facts = _difference(*(_values(items, "faithful", rows) for items in (ours, other)), groups=groups, seed=seed)
    keys = compare(rival, tuned, groups, seed=seed).to_json()
    over = None
    if today not in (None, name):
        over = _difference(_values(scores[today].items, "acceptable", rows), rival, groups=groups, seed=seed)
    return {
        "name": name,
        "way": raw.variant.way,
        "of": list(raw.variant.of),
        "measured": True,
        "strongest": strongest,
        "today": name == today,
        "over_today": over,
        "acceptable": share_of(rival, groups, seed=seed),
        "difference": keys["difference"],
        **{key: keys[key] for key in ("low_one_sided", "p_value", "n", "n_effective", "groups")},
        "facts": facts,
        "needed": cases_needed(rival, tuned, groups, margin=margin),
        **_money_of(name, money, main=strongest),
        "calls": _calls(raw, rows, scores[name].samples),
        "seconds": _mean(item_means(scores[name].table["seconds"], scores[name].samples)[rows]),
        "why": None,
    }


def _values(items: pl.DataFrame, share: str, rows: np.ndarray) -> np.ndarray:
    return items[share].cast(pl.Float64).fill_null(float("nan")).to_numpy()[rows]


def _difference(first: np.ndarray, second: np.ndarray, groups: Groups, *, seed: int) -> dict[str, Any] | None:
    """How much higher the second is, over the items with both values; None if there are none (no rule is about facts)."""
    known = ~np.isnan(first) & ~np.isnan(second)
    if not known.any():
        return None
    kept = None if groups is None else groups[known]
    return compare(first[known], second[known], kept, seed=seed).to_json()["difference"]


def _unmeasured(name: str, why: str) -> dict[str, Any]:
    keys = (
        "way", "over_today", "acceptable", "difference", "low_one_sided", "p_value", "n", "n_effective", "groups", "facts",
        "needed", "cost_per_request", "cost_per_usable_output", *MONEY, "probability", "calls", "seconds",
    )  # fmt: skip
    row: dict[str, Any] = {"name": name, "of": [], "measured": False, "strongest": False, "today": False, "why": why}
    return row | dict.fromkeys(keys)


def _money_of(name: str, money: Mapping[str, Any] | None, *, main: bool) -> dict[str, Any]:
    """What training gains against this rival: that of the account itself, or of the alternative with this name."""
    figures: dict[str, Any] = dict.fromkeys(("cost_per_request", "cost_per_usable_output", *MONEY, "probability"))
    if money is None:
        return figures
    costs = money["variants"].get(name) or {}
    figures["cost_per_request"] = costs.get("effective_cost_per_request")
    figures["cost_per_usable_output"] = costs.get("cost_per_acceptable_output")
    entries = (e["tuning"] for e in money.get("alternatives") or [] if e["key"] == "variant" and e["name"] == name)
    against = money if main else next(entries, None)
    if against is None:
        return figures
    batch = money.get("requests_total") is not None
    return figures | {key: against.get(key) for key in MONEY} | {"probability": against.get(CHANCES[batch])}


def _calls(raw: Raw, rows: np.ndarray, samples: int) -> float:
    """The mean number of calls for a request."""
    if raw.variant.way == "template":
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
