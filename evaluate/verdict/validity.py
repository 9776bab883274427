"""What makes a comparison invalid, as far as the results themselves show it."""

from collections.abc import Mapping
from typing import Any

from ...core import say
from .phrases import compared, listed, share_of, variant_name
from .rivals import same_model

__all__ = ["found_invalid"]

MOST_UNSCORED = 0.02
WEAK = 0.5  # a guide that gives less than this, and no more than none, is not the team's best prompt
AGAIN = "then run again"
Results = Mapping[str, Any]
Problem = dict[str, str]


def found_invalid(results: Results) -> list[Problem]:
    """One `{what, text}` per problem: what the caller found (`validity`), then what the results show, with its `remedy`.

    Leakage, too much unscored, a guide that is empty, cut off or without effect, settings that differ, nothing
    acceptable at all. Wrong data comes first: it makes the comparison wrong as well.
    """
    found = [dict(problem) for problem in results.get("validity") or []]
    leaked = (((results.get("data") or {}).get("certificate")) or {}).get("pairs_at_or_above") or 0
    if leaked and not any(problem["what"] == "data" for problem in found):
        stand = "input stands" if leaked == 1 else "inputs stand"
        text = f"{leaked:,} test or validation {stand} in the training data too, so the test proves nothing"
        remedy = "split again with `tuneworth curate`, which keeps repeats on one side, then train and compare again"
        found.append(_problem(text, remedy, what="data"))
    for check in (_unscored, _guide, _settings, _nothing):
        found += check(results)
    return sorted(found, key=lambda problem: problem["what"] != "data")


def _problem(text: str, remedy: str, *, what: str = "comparison") -> Problem:
    return {"what": what, "text": text, "remedy": remedy}


def _unscored(results: Results) -> list[Problem]:
    """Of the pairs that somebody asked for; those that any variant could not be scored on have left all variants."""
    most = max((quality.get("unscored") or 0) for quality in results["quality"].values())
    found = []
    for name in compared(results):
        quality = results["quality"].get(name) or {}
        unscored, total = quality.get("unscored") or 0, (quality.get("n") or 0) + most
        if unscored > MOST_UNSCORED * total + 1e-9:
            text = f"{unscored:,} of {total:,} outputs of {variant_name(name)} could not be scored; 2% is the most"
            remedy = "get the outputs that are missing or could not be scored, then run again"
            found.append(_problem(text, remedy))
    return found


def _guide(results: Results) -> list[Problem]:
    """A guide that is empty or cut off, or has no effect: prompted not above plain and under half acceptable.

    What it does is seen only beside the same model without it.
    """
    baseline, _ = compared(results)
    variant = (results.get("variants") or {}).get(baseline) or {}
    if variant.get("guide") and variant.get("guide_tokens") == 0:
        return [
            _problem(
                f"the guide of {variant_name(baseline)} is empty", f"give {variant_name(baseline)} its guide, {AGAIN}"
            )
        ]
    if variant.get("guide_cut"):
        text = f"the guide of {variant_name(baseline)} was cut off, so it never saw all of it"
        return [_problem(text, f"shorten the guide or take a model that holds all of it, {AGAIN}")]
    if not (variant.get("guide") or baseline == "prompted") or "plain" not in results["quality"] or baseline == "plain":
        return []
    if not same_model(results, baseline, "plain"):
        return []
    with_guide, without = share_of(results, baseline), share_of(results, "plain")
    if with_guide is None or without is None or with_guide > without or with_guide >= WEAK:
        return []
    return [
        _problem(
            f"the guide has no effect: {variant_name(baseline)} gives an acceptable output in {say.percent(with_guide)} "
            f"of cases, without a guide it is {say.percent(without)}",
            f"mend the guide, or give it to a model that can follow it, {AGAIN}",
        )
    ]


def _settings(results: Results) -> list[Problem]:
    """Settings that the user made differ; what an endpoint refused (`refused_settings`) is nobody's choice."""
    one, other = ((results.get("variants") or {}).get(name) or {} for name in compared(results))
    refused = {*(one.get("refused_settings") or ()), *(other.get("refused_settings") or ())}
    first, second = one.get("settings") or {}, other.get("settings") or {}
    differ = [key for key in first if key in second and first[key] != second[key] and key not in refused]
    if not differ:
        return []
    said = listed([f"{key} {first[key]} and {second[key]}" for key in differ])
    remedy = f"give both variants the same {listed(differ)}, {AGAIN}"
    return [_problem(f"the two variants ran with different settings: {said}", remedy)]


def _nothing(results: Results) -> list[Problem]:
    """No acceptable output at all says more about the style than about the variants."""
    if any(share_of(results, name) != 0 for name in compared(results)):
        return []
    names = " and ".join(variant_name(name) for name in compared(results))
    text = f"not one output of {names} is acceptable, so the style may ask for what nobody writes"
    return [
        _problem(
            text, "look at the rules that nearly every output breaks, mend or drop those that ask too much, " + AGAIN
        )
    ]
