"""The verdict: the first of nine rules that fires turns the results into one decision."""

import math
from collections.abc import Mapping
from typing import Any

from ...core import say
from .causes import cause_lines
from .confidence import confidence
from .doubts import Doubt, found_doubts
from .invalid import found_invalid, unlike_people
from .money_rules import cost_unset, does_not_pay, hopeless, in_between, no_money, pays
from .next_step import RISK_ADVICE, next_step
from .rivals import better_untuned, guide_can_go
from .sentences import (
    as_it_stands,
    both_shares,
    compared,
    difference_line,
    discordant_clause,
    groups_line,
    sentence,
    share_of,
    variant_name,
)

__all__ = ["decide", "with_judgements"]

Results = Mapping[str, Any]
MONEY_AFTER = 5  # rules up to this one ignore the money
# With fewer independent cases no interval is reliable; benchmarks/coverage.md validates them from here on.
FEWEST_CASES = 20
REMEDIES = {
    "data": "separate the test set from the training examples, then train and run again; until then no number is valid",
    "comparison": "fix the problem above, then run again; until then the numbers below answer a different question",
    "training": "fix the risk described below, then train and compare again",
}
INVALID = Doubt(
    "invalid", "Until that is fixed, the numbers on this page answer a different question; do not quote them."
)
HAIR = 1e-9  # a difference of exactly the margin must not depend on the last bit of a float
Verdict = dict[str, Any]


def decide(results: Results, *, margin: float = 0.03) -> Verdict | None:
    """The `verdict` of results.json; None if fewer than two variants were scored.

    Reads `quality`, `comparison`, `money`, `risks`, `data` and `variants` of the results, and if present `validity`
    (`[{what, text}]`: problems found by the caller that make data or comparison invalid), `guide_comparison` (`plain`
    against the guided baseline), `rivals` (`{NAME: ...}`: other variants without training against the baseline; both
    with the keys of `comparison`) and `choice` (how the baseline was chosen).
    From `money` it reads currency, baseline, candidate, variants, requests_per_day, requests_total, missing,
    saving_per_request, investment, running_cost_per_day, payback_days with p5 and p95, npv, npv_p50,
    probability_of_payback_in_target, probability_npv_positive, target_payback_days, horizon_days, failures,
    failure_cost, carrying_failure_cost, alternatives, tornado, flips and assumptions.
    """
    comparison = results.get("comparison")
    if not comparison or comparison["difference"]["value"] is None:
        return None
    number, verdict = _first(results, margin)
    flips = _flips(results, margin, verdict["decision"]) if number > MONEY_AFTER else []
    # An invalid comparison shows nothing about other variants either.
    also = "" if number == 1 else _also(results, margin, verdict)
    decision = verdict["decision"]
    doubts = found_doubts(results, decision, margin=margin, flips=flips, about_money=number > MONEY_AFTER)
    if number == 1:
        doubts = [INVALID]
    return {
        "decision": decision,
        "what": verdict.get("what"),
        "rule": number,
        "sentence": verdict["sentence"] + also,
        "confidence": confidence(results, decision, number, doubts, margin=margin),
        "reasons": [*([] if number == 1 else map(sentence, cause_lines(results))), *verdict["reasons"]][:4],
        "doubt": doubts[0].text,
        "flips": flips,
        "not_checked": [risk["id"] for risk in results.get("risks") or [] if risk["status"] == "not checked"],
        "next": next_step(results, verdict, doubts, flips, margin=margin),
    }


def with_judgements(results: Results, judgements: Mapping[str, Any]) -> dict[str, Any]:
    """The results with people's judgements in place of earlier ones, and the verdict that follows.

    Judgements change a verdict only by its first rule, so the margin is irrelevant. The verdict without them is kept in
    `judgements.verdict_without` where they change it, so that better rules or other judgements restore it.
    """
    before = (results.get("judgements") or {}).get("verdict_without") or results.get("verdict")
    judged = {**results, "judgements": judgements}
    verdict = decide(judged) if unlike_people(judged) else before
    kept = None if verdict == before else before
    return {**judged, "judgements": {**judgements, "verdict_without": kept}, "verdict": verdict}


def _first(results: Results, margin: float) -> tuple[int, Verdict]:
    """The first rule that fires; the last one always does."""
    rules = (_invalid, _worse, _undecided, _risky, no_money, cost_unset, pays, does_not_pay, in_between)
    return next((n, verdict) for n, rule in enumerate(rules, start=1) if (verdict := rule(results, margin)))


def _also(results: Results, margin: float, verdict: Verdict) -> str:
    """An addition to the sentence: another variant without training that is as good or better."""
    baseline, _ = compared(results)
    better, text = better_untuned(results, margin), verdict["sentence"]
    if better is not None:
        share, before = share_of(results, better), share_of(results, baseline)
        assert share is not None
        assert before is not None
        by = f"{say.points(share - before)} better than"
        if f"{variant_name(better)} is {by}" in text:
            return ""
        end = "use that" if verdict["decision"] == "keep prompting" else "that is the one to beat"
        return f" Without any training, {variant_name(better)} is {by} {variant_name(baseline)}; {end}."
    if guide_can_go(results, margin) and variant_name("plain") not in text:
        return " The guide can be dropped without any training: the outputs are no worse without it."
    return ""


def _invalid(results: Results, margin: float) -> Verdict | None:
    """Rule 1: the data or the comparison is invalid."""
    problems = found_invalid(results)
    if not problems:
        return None
    what = problems[0]["what"]
    first = problems[0]["text"].rstrip(".")
    return {
        "decision": "fix first",
        "what": what,
        "sentence": f"Fix the {what} first: {first}.",
        "reasons": [sentence(problem["text"]) for problem in problems] + [as_it_stands(results)],
        "next": sentence(problems[0].get("remedy") or REMEDIES[what]),
    }


def _worse(results: Results, margin: float) -> Verdict | None:
    """Rule 2: the candidate is worse."""
    difference = results["comparison"]["difference"]
    if _too_few(results) or not (difference["high"] < 0 and difference["value"] <= -margin + HAIR):
        return None
    return {
        "decision": "keep prompting",
        "sentence": f"Keep prompting: {both_shares(results)}.",
        "reasons": [
            difference_line(results),
            sentence(discordant_clause(results)),
            "Outputs that are significantly worse are not worth a lower cost.",
        ],
        "next": (
            f"Keep {variant_name(compared(results)[0])}. Train again only with more or better examples; the checks below "
            f"show what {variant_name(compared(results)[1])} gets wrong."
        ),
    }


def _too_few(results: Results) -> bool:
    comparison = results["comparison"]
    return (comparison.get("n_effective") or comparison.get("n") or FEWEST_CASES) < FEWEST_CASES


def _undecided(results: Results, margin: float) -> Verdict | None:
    """Rule 3: there are too few cases, or non-inferiority is not shown; skipped if neither could matter."""
    comparison = results["comparison"]
    low, n = comparison["low_one_sided"], comparison.get("n") or results["quality"][compared(results)[1]]["n"]
    if (low > -margin + HAIR and not _too_few(results)) or hopeless(results):
        return None
    needed, grouped = _cases_needed(comparison, margin), (comparison.get("groups") or n) < n
    these = f"{'this' if n == 1 else 'these'} {say.count(n, 'case')}"
    if _too_few(results):
        could = f"{these} {'is' if n == 1 else 'are'} too few to decide"
        if grouped:
            could = f"{these} in {say.count(comparison['groups'], 'group')} are too few to decide"
    else:
        # This is the end of the range that is shown; the decisive one-sided end is a little closer.
        could = f"on {these} it could be up to {say.points(comparison['difference']['low'])} worse"
    ask, more = (
        "more test cases are needed",
        "More cases help only if the true difference is better than the measured one.",
    )
    if needed is not None:
        missing = f"about {say.count(_rounded_up(needed - n))} more cases{' from other groups' if grouped else ''}"
        ask, more = (
            f"{missing} would settle it",
            sentence(f"{missing} would settle it if the difference does not change"),
        )
    return {
        "decision": "cannot tell yet",
        "sentence": f"Cannot tell yet: {both_shares(results)}, but {could}; {ask}.",
        "reasons": [
            difference_line(results),
            f"A loss of up to {say.points(margin)} counts as not worse; {FEWEST_CASES} independent cases are the minimum.",
            more,
            groups_line(results),
        ],
        "next": sentence(_more_cases(comparison, needed, grouped)),
    }


def _more_cases(comparison: Results, needed: float | None, grouped: bool) -> str:
    """The cases to add, as an instruction."""
    others = " from other groups" if grouped else ""
    if needed is None:
        return f"add unseen test cases{others} or train on better examples, then run again"
    missing = say.count(_rounded_up(needed - comparison["n"]))
    return f"add about {missing} unseen test cases{others}, then run again"


def _cases_needed(comparison: Results, margin: float) -> float | None:
    """The number of cases at which the one-sided lower end exceeds -margin: its distance shrinks with the root of n.

    It is at least enough for the minimum of effective cases; None if the difference itself is not above -margin.
    """
    value, low, n = comparison["difference"]["value"], comparison["low_one_sided"], comparison.get("n")
    if not n or value <= -margin + HAIR:
        return None
    worth = comparison.get("n_effective") or n
    return max(n * ((value - low) / (value + margin)) ** 2, n * FEWEST_CASES / worth, n + 2)


def _rounded_up(number: float) -> int:
    """Rounded up to two digits: more would look exact."""
    size = 10 ** max(math.floor(math.log10(number)) - 1, 0)
    return math.ceil(number / size - HAIR) * size


def _risky(results: Results, margin: float) -> Verdict | None:
    """Rule 4: a measured risk is over its limit; one that was not checked never fires."""
    over = [risk for risk in results.get("risks") or [] if risk["status"] == "over" and risk.get("measured", True)]
    if not over:
        return None
    return {
        "decision": "fix first",
        "what": "training",
        "sentence": f"Fix the training first: {over[0]['id']} is over its limit ({over[0]['evidence']}).",
        "reasons": [sentence(f"{risk['id']}: {risk['evidence']}") for risk in over] + [as_it_stands(results)],
        "next": sentence(RISK_ADVICE.get(over[0]["id"], REMEDIES["training"])),
    }


def _flips(results: Results, margin: float, decision: str) -> list[dict[str, Any]]:
    """Where the decision flips, one input at a time, with the decision of the same rules beyond each point.

    For each input, it keeps the nearest point to each other decision in each direction.
    """
    nearest: dict[tuple[str, str, bool], dict[str, Any]] = {}
    for flip in sorted([*results["money"].get("flips", []), *_share_flips(results, margin)], key=_distance):
        other = _first(_moved(results, flip), margin)[1]["decision"]
        place = (flip["key"], other, flip["to"] > (flip["from"] or 0))
        if other != decision and place not in nearest:
            nearest[place] = {"key": flip["key"], "what": flip["what"], "from": flip["from"], "to": flip["to"]}
            nearest[place]["decision"] = other
    order = list(dict.fromkeys(flip["key"] for flip in [*results["money"].get("flips", []), *nearest.values()]))
    return sorted(nearest.values(), key=lambda flip: order.index(flip["key"]))


def _distance(flip: Results) -> float:
    return abs(flip["to"] - (flip["from"] or 0))


def _share_flips(results: Results, margin: float) -> list[dict[str, Any]]:
    """The acceptable shares at which the candidate is no longer non-inferior, and at which it is worse.

    The interval is assumed to move with the share and to keep its width.
    """
    comparison, (_, candidate) = results["comparison"], compared(results)
    share, difference = share_of(results, candidate), comparison["difference"]
    assert share is not None
    drops = (comparison["low_one_sided"] + margin, max(difference["high"], difference["value"] + margin))
    return [
        {
            "key": f"{candidate}.acceptance",
            "what": f'acceptable share of "{candidate}"',
            "from": share,
            "to": share - drop,
            "beyond": {},
        }
        for drop in drops
        if 0 < drop < share
    ]


def _moved(results: Results, flip: Results) -> dict[str, Any]:
    """The results just beyond a flip point."""
    moved = {**results, "money": {**results["money"], **flip["beyond"]}}
    _, candidate = compared(results)
    share = share_of(results, candidate)
    if flip["key"] != f"{candidate}.acceptance" or share is None or abs((flip["from"] or 0) - share) > HAIR:
        return moved  # a share stated only for the money does not change the comparison
    quality, comparison = results["quality"][candidate], results["comparison"]
    by = flip["to"] - flip["from"]
    by += math.copysign(0.01 * flip["to"], by)
    ends = {key: value + by for key, value in comparison["difference"].items()}
    moved["comparison"] = {**comparison, "difference": ends, "low_one_sided": comparison["low_one_sided"] + by}
    better = min(max(share + by, 0.0), 1.0)
    moved["quality"] = {
        **results["quality"],
        candidate: {**quality, "acceptable": {**quality["acceptable"], "share": better}},
    }
    return moved
