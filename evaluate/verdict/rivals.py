"""Alternatives that need no training: another measured variant, or the same prompt for less."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..money.alternatives import beats_tuning
from .sentences import compared, share_of, variant_name

__all__ = ["CheaperWay", "better_untuned", "cheaper_way", "guide_can_go", "not_worse"]
__all__ += ["same_model"]

Results = Mapping[str, Any]
WAYS = {
    "cached_guide": "with its guide in the prompt cache",
    "short_guide": "with a shorter guide",
    "no_few_shot": "without its examples",
    "batch": "in batches, which may take hours",
}


@dataclass(frozen=True)
class CheaperWay:
    """An alternative without training against which the tuned model does not pay off.

    `standing` is `measured` if its outputs were scored in this run, `same outputs` if the prompt is unchanged
    and only its price is assumed, `assumed` if its outputs may differ or arrive later and were not tested.
    `as_good` is whether it was at least as good as the candidate; None if unknown.
    """

    what: str
    standing: Literal["measured", "same outputs", "assumed"]
    as_good: bool | None
    cost: float | None


def cheaper_way(results: Results, margin: float) -> CheaperWay | None:
    """The strongest of `money.alternatives` against which tuning does not pay off: measured, else priced, else assumed.

    A measured one counts if it is not worse than the baseline, a cached guide if the cached share was not stated.
    """
    money = results.get("money") or {}
    target, batch = money.get("target_payback_days"), money.get("requests_total") is not None
    winning = [e for e in money.get("alternatives") or [] if beats_tuning(e, target, batch=batch)]
    ways = [_way(results, entry, margin) for entry in winning]
    candidates = [way for way in ways if way is not None]
    order = ("measured", "same outputs", "assumed")
    return min(candidates, key=lambda way: (order.index(way.standing), way.cost or 0.0), default=None)


def _way(results: Results, entry: Results, margin: float) -> CheaperWay | None:
    baseline, candidate = compared(results)
    key, name, cost = entry["key"], entry["name"], entry["effective_cost_per_request"]
    tuned_share = share_of(results, candidate)

    def as_good(share: float | None) -> bool | None:
        return None if share is None or tuned_share is None else share >= tuned_share - margin

    if key == "variant":
        if share_of(results, name) is None:
            return CheaperWay(variant_name(name), "assumed", None, cost)
        fits = not is_tuned(results, name) and not_worse(results, name, margin)
        return CheaperWay(variant_name(name), "measured", as_good(share_of(results, name)), cost) if fits else None
    what = f"{variant_name(baseline)} {WAYS.get(key, entry['what'])}"
    if key != "cached_guide":
        return CheaperWay(what, "assumed", None, cost)
    if _cache_known(results):
        return None
    return CheaperWay(what, "same outputs", as_good(share_of(results, baseline)), cost)


def _cache_known(results: Results) -> bool:
    """Whether the cached share was stated or measured, so that the cache offers no further saving."""
    key = f"{compared(results)[0]}.cached_share"
    entry = next((entry for entry in results["money"].get("assumptions") or [] if entry["key"] == key), None)
    if entry is None:
        return False
    return entry["source"] == "stated" or (entry["source"] == "measured" and bool(entry["value"]))


def is_tuned(results: Results, name: str) -> bool:
    """Whether the results show that a variant was fine-tuned."""
    variant = (results.get("variants") or {}).get(name) or {}
    return bool(variant.get("tuned")) or variant.get("source") == "adapter" or name == compared(results)[1]


def not_worse(results: Results, name: str, margin: float) -> bool:
    """Whether another variant is not worse than the baseline: by a paired comparison if there is one, else by its share."""
    paired = _paired(results, name)
    if paired is not None:
        return paired[0] is not None and paired[0] > -margin
    share, before = share_of(results, name), share_of(results, compared(results)[0])
    return share is not None and before is not None and share >= before


def _paired(results: Results, name: str) -> tuple[float | None, float | None] | None:
    """The lower ends, one-sided and two-sided, of the difference to the baseline, if the two were compared."""
    rival = (results.get("rivals") or {}).get(name)
    if rival is not None:
        return rival["low_one_sided"], rival["difference"]["low"]
    guide = results.get("guide_comparison")
    if name != "plain" or guide is None or guide.get("baseline") != "plain":
        return None
    # In that comparison the guided variant is the candidate, so the ends swap; the one-sided upper end may be missing.
    high = guide["difference"]["high"]
    one_sided = guide.get("high_one_sided", high)
    return None if one_sided is None else -one_sided, None if high is None else -high


def better_untuned(results: Results, margin: float) -> str | None:
    """The best other variant without training that is significantly better than the baseline, by at least the margin."""
    baseline, _ = compared(results)
    before = (results["quality"].get(baseline) or {}).get("acceptable") or {}
    shares = {}
    for name, quality in results["quality"].items():
        other = quality.get("acceptable") or {}
        if name == baseline or is_tuned(results, name) or other.get("low") is None or before.get("high") is None:
            continue
        paired = _paired(results, name)
        if other["share"] - before["share"] < margin:
            continue
        # Without a paired comparison the intervals must not overlap.
        if (other["low"] > before["high"]) if paired is None or paired[1] is None else paired[1] > 0:
            shares[name] = other["share"]
    return max(shares, key=lambda name: shares[name], default=None)


def guide_can_go(results: Results, margin: float) -> bool:
    """Whether the plain model is not worse than the guided baseline and gives acceptable outputs.

    If neither gives an acceptable output, the guide is not superfluous: the model is too weak to follow it. A different
    model without a guide shows nothing about the guide.
    """
    baseline, _ = compared(results)
    if baseline == "plain" or not share_of(results, "plain") or not same_model(results, baseline, "plain"):
        return False
    return not_worse(results, "plain", margin)


def same_model(results: Results, one: str, other: str) -> bool:
    """Whether two variants use the same model; true if the results do not name both models."""
    models = [((results.get("variants") or {}).get(name) or {}).get("model") for name in (one, other)]
    return None in models or models[0] == models[1]
