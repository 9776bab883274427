"""What makes data or comparison invalid, with the remedy for each: the verdict's first rule."""

from collections.abc import Mapping
from typing import Any

from ...core import from_json, say
from ...style import Discrimination
from .causes import found_causes
from .rivals import same_model
from .sentences import (
    compared,
    listed,
    rules_unlike_people,
    scored_name,
    share_of,
    variant_name,
)

__all__ = ["Problem", "found_invalid", "unlike_people"]

ORDER = ("data", "rules", "comparison", "training")
MOST_RECITED = 0.02  # of the test requests; the certificate asks for a remedy from the same share on
WEAK = 0.5  # a guide below this share that gains nothing over no guide is not the team's best prompt
AGAIN = "then run again"
# Judgements of people count from this many on, in this many requests or groups: an interval from fewer is unreliable.
FEWEST_JUDGED, FEWEST_REQUESTS = 50, 20
SLIGHT = 0.2  # agreement up to this kappa is slight (Landis and Koch 1977, Biometrics 33, 159)
Results = Mapping[str, Any]
Problem = dict[str, str]


def found_invalid(results: Results) -> list[Problem]:
    """One `{what, text}` per problem that the caller found (`validity`) or that the results show (with its `remedy`).

    These are leakage, rules that accept every output or answers to other requests, answers that were recited, outputs
    that are missing, cut, unscored or not a variant's own, people who judge otherwise than the rules, a guide that is
    empty, cut off or without effect, different settings, and no acceptable output at all. Invalid data come first, as
    they make the comparison invalid too, and a training that failed comes last.
    """
    problems = [dict(problem) for problem in results.get("validity") or []]
    leaked = (((results.get("data") or {}).get("certificate")) or {}).get("pairs_at_or_above") or 0
    if leaked and not any(problem["what"] == "data" for problem in problems):
        inputs = "input also occurs" if leaked == 1 else "inputs also occur"
        text = f"{leaked:,} test or validation {inputs} in the training data, so the test proves nothing"
        remedy = "split again with `tuneworth curate`, which keeps duplicates on one side, then train and compare again"
        problems.append(_problem(text, remedy, what="data"))
    for check in (_all_accepted, _indiscriminate, _recited, found_causes, unlike_people, _guide, _settings, _nothing):
        problems += check(results)
    return sorted(problems, key=lambda problem: ORDER.index(problem["what"]))


def _problem(text: str, remedy: str, *, what: str = "comparison") -> Problem:
    return {"what": what, "text": text, "remedy": remedy}


def _all_accepted(results: Results) -> list[Problem]:
    """No rule can make an output unacceptable, so every variant is acceptable whatever it generates."""
    checks = (results.get("style") or {}).get("checks") or {}
    if not checks or any(check["level"] == "must" for check in checks.values()):
        return []
    text = "no rule of the style is a `must`, so every output counts as acceptable"
    remedy = (
        "in the style, remove `level: should` from each rule whose violation makes an output unusable, then run again"
    )
    return [_problem(text, remedy, what="rules")]


def _indiscriminate(results: Results) -> list[Problem]:
    """The rules accept answers to other requests, so an acceptable output need not be a right one."""
    found = (results.get("style") or {}).get("discrimination")
    measured = from_json(found, Discrimination) if found else None
    if measured is None or not measured.weak:
        return []
    text = measured.sentence
    remedy = (
        "add a rule about content to the style, such as `grounded` or `covers`, then run `tuneworth evaluate` again"
    )
    return [_problem(f"{text[:1].lower()}{text[1:]}", remedy, what="rules")]


def _recited(results: Results) -> list[Problem]:
    """The candidate gives answers of the training word for word, which are also the references of these requests."""
    risk = next((risk for risk in results.get("risks") or [] if risk["id"] == "memorisation"), {})
    recited, n = risk.get("recited") or 0, risk.get("n") or 0
    remedy = ((results.get("data") or {}).get("certificate") or {}).get("answers_remedy")
    if not remedy or recited <= MOST_RECITED * n:
        return []
    text = (
        f"{say.count(recited)} of {say.count(n)} outputs of {variant_name(compared(results)[1])} are training answers word "
        "for word, which also answer these test requests, so the test cannot tell reciting from answering"
    )
    return [_problem(text, f"{remedy.rstrip('.')}; then train and compare again", what="data")]


def unlike_people(results: Results) -> list[Problem]:
    """The rules surely agree with people less than one person does with the others; with one person, hardly at all.

    Outputs judged by themselves are decisive if there are enough, else preferences.
    """
    rules = (results.get("judgements") or {}).get("rules") or {}
    basis = next((key for key in ("acceptable", "preferences") if _enough(rules.get(key))), None)
    if basis is None:
        return []
    found, raters = rules[basis], rules[basis]["raters"]
    high = raters["difference"]["high"] if _enough(raters) else None
    if _enough(raters):
        unlike = high is not None and high < 0
    else:
        unlike, raters = found["kappa"]["high"] is not None and found["kappa"]["high"] < SLIGHT, None
    remedy = (
        "change the rules until they accept what people accept (`judgements.rules` in results.json lists outputs on which "
        "they differ), then run `tuneworth evaluate` and judge again"
    )
    return [_problem(rules_unlike_people(found, raters), remedy)] if unlike else []


def _enough(found: Results | None) -> bool:
    return found is not None and found["n"] >= FEWEST_JUDGED and found["groups"] >= FEWEST_REQUESTS


def _guide(results: Results) -> list[Problem]:
    """A guide is empty or cut off, or has no effect: prompted not above plain and under half acceptable.

    Only a comparison with the same model without the guide shows its effect. Where another way without training is the
    strongest, and good, the comparison does not depend on this guide.
    """
    strongest, _ = compared(results)
    of = ((results.get("variants") or {}).get(strongest) or {}).get("of") or [strongest]
    baseline = (results.get("guide_comparison") or {}).get("candidate") or of[0]
    if baseline not in (strongest, *of) and (share_of(results, strongest) or 0.0) >= WEAK:
        return []
    variant = (results.get("variants") or {}).get(baseline) or {}
    if variant.get("guide") and variant.get("guide_tokens") == 0:
        return [
            _problem(
                f"the guide of {variant_name(baseline)} is empty", f"give {variant_name(baseline)} its guide, {AGAIN}"
            )
        ]
    if variant.get("guide_cut"):
        text = f"the guide of {variant_name(baseline)} was cut off, so the model did not see all of it"
        return [_problem(text, f"shorten the guide or use a model with a longer context, {AGAIN}")]
    if not (variant.get("guide") or baseline == "prompted") or "plain" not in results["quality"] or baseline == "plain":
        return []
    if not same_model(results, baseline, "plain"):
        return []
    with_guide, without = share_of(results, baseline), share_of(results, "plain")
    if with_guide is None or without is None or with_guide > without or with_guide >= WEAK:
        return []
    return [
        _problem(
            f"the guide has no effect, as {scored_name(results, baseline)} gives an acceptable output in "
            f"{say.percent(with_guide)} of cases with it and in {say.percent(without)} without it",
            f"improve the guide or use a model that can follow it, {AGAIN}",
        )
    ]


def _settings(results: Results) -> list[Problem]:
    """The user's settings differ; settings that an endpoint refused (`refused_settings`) do not count."""
    one, other = ((results.get("variants") or {}).get(name) or {} for name in compared(results))
    refused = {*(one.get("refused_settings") or ()), *(other.get("refused_settings") or ())}
    first, second = one.get("settings") or {}, other.get("settings") or {}
    differ = [key for key in first if key in second and first[key] != second[key] and key not in refused]
    if not differ:
        return []
    values = listed([f"{key} {first[key]} and {second[key]}" for key in differ])
    remedy = f"give both variants the same {listed(differ)}, {AGAIN}"
    return [_problem(f"the two variants ran with different settings: {values}", remedy)]


def _nothing(results: Results) -> list[Problem]:
    """No output is acceptable: the style is more likely to blame than the variants."""
    if any(share_of(results, name) != 0 for name in compared(results)):
        return []
    names = " and ".join(variant_name(name) for name in compared(results))
    text = f"no output of {names} is acceptable, so the style schema may be too strict"
    return [_problem(text, f"fix or drop the rules that nearly every output breaks, {AGAIN}")]
