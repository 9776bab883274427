"""What makes a comparison invalid, as far as the results themselves show it."""

from collections.abc import Mapping
from typing import Any

from .phrases import compared, share_of
from .wording import percent, variant_name

__all__ = ["found_invalid"]

MOST_UNSCORED = 0.02
Results = Mapping[str, Any]


def found_invalid(results: Results) -> list[dict[str, str]]:
    """One `{what, text}` per problem: leakage, too much unscored, a guide without effect, settings that differ."""
    found = []
    leaked = (((results.get("data") or {}).get("certificate")) or {}).get("pairs_at_or_above") or 0
    if leaked:
        text = f"{leaked:,} test or validation inputs stand in the training data too, so the test proves nothing"
        found.append({"what": "data", "text": text})
    return found + [problem for check in (_unscored, _guide, _settings) for problem in check(results)]


def _unscored(results: Results) -> list[dict[str, str]]:
    found = []
    for name in compared(results):
        quality = results["quality"].get(name) or {}
        unscored = quality.get("unscored") or 0
        total = (quality.get("n") or 0) + unscored
        if total and unscored / total > MOST_UNSCORED:
            text = f"{unscored} of {total} outputs of {variant_name(name)} could not be scored; 2 % is the most"
            found.append({"what": "comparison", "text": text})
    return found


def _guide(results: Results) -> list[dict[str, str]]:
    """A guide that is empty, or that has no effect: prompted not above plain and under half acceptable."""
    baseline, _ = compared(results)
    variants = results.get("variants") or {}
    guided = (variants.get(baseline) or {}).get("guide")
    if guided and (variants.get(baseline) or {}).get("guide_tokens") == 0:
        return [{"what": "comparison", "text": f"the guide of {variant_name(baseline)} is empty"}]
    if not (guided or baseline == "prompted") or "plain" not in results["quality"] or baseline == "plain":
        return []
    with_guide, without = share_of(results, baseline), share_of(results, "plain")
    if with_guide is None or without is None or with_guide > without or with_guide >= 0.5:
        return []
    text = (
        f"the guide has no effect: {variant_name(baseline)} gives an acceptable output in {percent(with_guide)} "
        f"of cases, without a guide it is {percent(without)}"
    )
    return [{"what": "comparison", "text": text}]


def _settings(results: Results) -> list[dict[str, str]]:
    variants = results.get("variants") or {}
    one, other = ((variants.get(name) or {}).get("settings") for name in compared(results))
    if not one or not other:
        return []
    differ = [key for key in one if key in other and one[key] != other[key]]
    if not differ:
        return []
    said = ", ".join(f"{key} {one[key]} and {other[key]}" for key in differ)
    return [{"what": "comparison", "text": f"the two variants ran with different settings: {said}"}]
