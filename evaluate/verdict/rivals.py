"""The rivals of the tuned model: every measured way without training, and the same prompt for less."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...core import completed, from_json
from ..money.alternatives import beats_tuning
from ..money.flips import Weight, weigh
from ..results import AlternativeBeyond
from .sentences import chance, compared, share_of, variant_name

__all__ = [
    "CheaperWay", "Rival", "cheaper_way", "cheaper_ways", "failures_cost", "guide_can_go", "may_be_worse", "measured_rivals",
    "money_rivals", "same_model", "strongest_first", "unmeasured", "weight", "worse_rivals",
]  # fmt: skip

Results = Mapping[str, Any]
HAIR = 1e-9  # a difference of exactly the margin must not depend on the last bit of a float
WAYS = {
    "cached_guide": "with its guide in the prompt cache",
    "short_guide": "with a shorter guide",
    "no_few_shot": "without its examples",
    "batch": "in batches, which may take hours",
}


@dataclass(frozen=True)
class Rival:
    """A measured way without training: the candidate's difference to it, and what training gains against it.

    `money` has the keys of `money` that rules read (chance, value, saving, payback), None if they are unknown.
    """

    name: str
    strongest: bool
    share: float
    value: float
    low: float
    high: float
    low_one_sided: float
    facts: Mapping[str, float] | None
    needed: Results | None
    money: Results | None

    @property
    def label(self) -> str:
        """The rival in words."""
        return variant_name(self.name)


def measured_rivals(results: Results) -> list[Rival]:
    """All measured rivals, the strongest first, then by their share. The strongest is the baseline of the comparison."""
    baseline, _ = compared(results)
    rows = [row for row in results.get("rivals") or [] if row["measured"] and row["difference"]["value"] is not None]
    if not any(row["name"] == baseline for row in rows):  # a comparison alone
        comparison = results["comparison"]
        rows.append({"name": baseline, "acceptable": {"share": share_of(results, baseline)}, **comparison})
    found = [_rival(results, row, strongest=row["name"] == baseline) for row in rows]
    return sorted(found, key=lambda rival: (not rival.strongest, -rival.share, rival.name))


def _rival(results: Results, row: Results, *, strongest: bool) -> Rival:
    difference = row["difference"]
    return Rival(
        row["name"], strongest, row["acceptable"]["share"], difference["value"], difference["low"], difference["high"],
        row["low_one_sided"], row.get("facts"), row.get("needed"), _money_against(results, row["name"], strongest=strongest),
    )  # fmt: skip


def _money_against(results: Results, name: str, *, strongest: bool) -> Results | None:
    money = results.get("money")
    if money is None or strongest:
        return money
    entries = money.get("alternatives") or []
    tuning = next((e["tuning"] for e in entries if e["key"] == "variant" and e["name"] == name), None)
    return None if tuning is None else {"requests_total": money.get("requests_total"), **tuning}


def strongest_first(results: Results) -> Rival:
    """The rival of the headline."""
    return measured_rivals(results)[0]


def surely_worse(rival: Rival, margin: float) -> bool:
    """Whether the candidate is surely worse than this rival, by at least the margin as measured."""
    return rival.high < 0 and rival.value <= -margin + HAIR


def worse_rivals(results: Results, margin: float) -> list[Rival]:
    """The rivals that the candidate is surely worse than.

    Where training pays against one as long as a failure costs nothing, and no cost is stated, the whole interval must
    lie at the margin or below: a loss within the margin may be worth its saving.
    """
    costless = not failures_cost(results.get("money") or {})

    def may_be_worth_it(rival: Rival) -> bool:
        return costless and rival.high > -margin and weight(rival) == "pays"

    return [rival for rival in measured_rivals(results) if surely_worse(rival, margin) and not may_be_worth_it(rival)]


def may_be_worse(rival: Rival, margin: float) -> bool:
    """Whether the candidate is not shown to be as good as this rival within the margin."""
    return rival.low_one_sided <= -margin + HAIR


def money_rivals(results: Results) -> list[Rival]:
    """The rivals against which training must pay: the strongest, and all that the candidate does not surely beat."""
    return [rival for rival in measured_rivals(results) if rival.strongest or rival.low <= 0]


def weight(rival: Rival) -> Weight | None:
    """Whether training pays against this rival; None if that is unknown."""
    money = rival.money
    if money is None or chance(money) is None:
        return None
    return weigh(chance(money), money["npv_p50"])


def unmeasured(results: Results) -> list[Results]:
    """The rows of rivals that were not measured, each with its reason."""
    return [row for row in results.get("rivals") or [] if not row["measured"]]


def failures_cost(money: Results) -> bool:
    """Whether an unacceptable output costs something."""
    return money.get("failure_cost") is not None or money.get("failures") in ("drop", "repair")


@dataclass(frozen=True)
class CheaperWay:
    """A way without training that was priced, but whose outputs were not scored.

    `key` and `name` are those of its entry in `money.alternatives`. `standing` is `same outputs` if the prompt is
    unchanged and only its price is assumed, `assumed` if its outputs may differ or arrive later. `as_good` is whether it
    is at least as good as the candidate; None if unknown.
    """

    key: str
    name: str
    what: str
    standing: Literal["same outputs", "assumed"]
    as_good: bool | None
    cost: float | None


def cheaper_way(results: Results, margin: float) -> CheaperWay | None:
    """The strongest of the unmeasured `money.alternatives` against which tuning does not pay off.

    A cached guide counts only if the cached share was not stated or measured.
    """
    money = results.get("money") or {}
    target, batch = money.get("target_payback_days"), money.get("requests_total") is not None
    winning = [e for e in money.get("alternatives") or [] if beats_tuning(_record(e), target, batch=batch)]
    order = ("same outputs", "assumed")
    ways = _ways(results, winning, margin)
    return min(ways, key=lambda way: (order.index(way.standing), way.cost or 0.0), default=None)


def _record(entry: Results) -> AlternativeBeyond:
    return from_json(completed(entry, AlternativeBeyond), AlternativeBeyond)


def cheaper_ways(results: Results, margin: float) -> list[CheaperWay]:
    """The unmeasured `money.alternatives` that cost less than the baseline of the comparison."""
    money = results.get("money") or {}
    saved = "saving_total" if money.get("requests_total") is not None else "saving_per_day"
    return _ways(results, [e for e in money.get("alternatives") or [] if (e.get(saved) or 0.0) > 0], margin)


def _ways(results: Results, entries: Iterable[Results], margin: float) -> list[CheaperWay]:
    return [way for entry in entries if (way := _way(results, entry, margin)) is not None]


def _way(results: Results, entry: Results, margin: float) -> CheaperWay | None:
    baseline, candidate = compared(results)
    key, name, cost = entry["key"], entry["name"], entry["effective_cost_per_request"]
    if key == "variant":
        return (
            CheaperWay(key, name, variant_name(name), "assumed", None, cost)
            if share_of(results, name) is None
            else None
        )
    what = f"{variant_name(baseline)} {WAYS.get(key, entry['what'])}"
    if key != "cached_guide":
        return CheaperWay(key, name, what, "assumed", None, cost)
    if _cache_known(results):
        return None
    ours, theirs = share_of(results, candidate), share_of(results, baseline)
    as_good = None if ours is None or theirs is None else theirs >= ours - margin
    return CheaperWay(key, name, what, "same outputs", as_good, cost)


def _cache_known(results: Results) -> bool:
    """Whether the cached share was stated or measured, so that the cache offers no further saving."""
    key = f"{compared(results)[0]}.cached_share"
    entry = next((entry for entry in results["money"].get("assumptions") or [] if entry["key"] == key), None)
    if entry is None:
        return False
    return entry["source"] == "stated" or (entry["source"] == "measured" and bool(entry["value"]))


def guide_can_go(results: Results, margin: float) -> str | None:
    """The guided model without its guide, if that is no worse and gives acceptable outputs: the guide has no use.

    If neither gives an acceptable output, the guide is not superfluous: the model is too weak to follow it. A different
    model without a guide shows nothing about the guide.
    """
    found = results.get("guide_comparison")
    if not found or not share_of(results, "plain") or not same_model(results, found["candidate"], "plain"):
        return None
    # The guided variant is the candidate there, so the plain model is no worse if the upper end is within the margin.
    high = found.get("high_one_sided", found["difference"]["high"])
    return found["candidate"] if high is not None and high < margin else None


def same_model(results: Results, one: str, other: str) -> bool:
    """Whether two variants use the same model; true if the results do not name both models."""
    models = [((results.get("variants") or {}).get(name) or {}).get("model") for name in (one, other)]
    return None in models or models[0] == models[1]
