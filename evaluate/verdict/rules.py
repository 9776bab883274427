"""The verdict: the first of nine rules that fires turns the results into one decision."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...core import say
from ..statistics.planning import FEWEST_CASES, FEWEST_GROUPS, enough_cases
from .causes import cause_lines
from .confidence import confidence
from .doubts import Doubt, found_doubts
from .invalid import found_invalid, unlike_people
from .money_rules import cost_unset, does_not_pay, hopeless, in_between, moved_money, no_money, pays
from .next_step import FACTS_ADVICE
from .next_steps import next_steps
from .rivals import HAIR, Rival, guide_can_go, may_be_worse, measured_rivals, strongest_first, worse_rivals
from .sentences import (
    as_it_stands,
    both_shares,
    compared,
    difference_line,
    discordant_clause,
    groups_line,
    lost_facts,
    missing_cases,
    others_line,
    sentence,
    share_of,
    use,
    variant_name,
)
from .step import Asks

__all__ = ["decide", "with_judgements"]

Results = Mapping[str, Any]
MONEY_AFTER = 5  # rules up to this one ignore the money
KEEP = "Keep prompting"
FEWEST = f"{FEWEST_CASES} separate cases, or {FEWEST_GROUPS} groups, are the minimum"
INVALID = Doubt(
    "invalid", "Until that is fixed, the numbers on this page answer a different question; do not quote them."
)
Verdict = dict[str, Any]


def decide(results: Results, *, margin: float = 0.03, facts_margin: float | None = None) -> Verdict | None:
    """The `verdict` of results.json; None if the candidate was not compared with a way without training.

    `margin` is the loss in acceptable outputs that counts as not worse, `facts_margin` that in outputs that are right
    about the facts, by default the same.

    An intersection-union test: *fine-tune* only if the candidate is shown to be no worse than every measured rival, each
    at 5%, and training pays against each rival that it does not surely beat, the strongest in any case. No rival is
    selected by its result, so nothing has to be corrected for their number (Berger 1982, Technometrics 24, 295).

    Reads `quality`, `comparison` (with the strongest rival), `rivals`, `money`, `risks`, `data`, `variants` and
    `guide_comparison` (`plain` against the variant with a guide) of the results, and if present `validity`
    (`[{what, text}]`: problems found by the caller that make data or comparison invalid).
    From `money` it reads currency, baseline, candidate, variants, requests_per_day, requests_total, missing,
    saving_per_request, investment, running_cost_per_day, payback_days with p5 and p95, npv, npv_p50,
    probability_of_payback_in_target, probability_npv_positive, target_payback_days, horizon_days, failures,
    failure_cost, carrying_failure_cost, alternatives, tornado, flips and assumptions.
    """
    comparison = results.get("comparison")
    if not comparison or comparison["difference"]["value"] is None:
        return None
    results = {**results, "facts_margin": margin if facts_margin is None else facts_margin}
    number, verdict = _first(results, margin)
    flips = _flips(results, margin, verdict["decision"]) if number > MONEY_AFTER else []
    # An invalid comparison shows nothing about other variants either.
    also = "" if number == 1 else _also(results, margin, verdict)
    decision = verdict["decision"]
    doubts = found_doubts(results, decision, margin=margin, flips=flips, about_money=number > MONEY_AFTER)
    if number == 1:
        doubts = [INVALID]
    steps = next_steps(results, verdict, number, doubts, flips, margin=margin)
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
        "next": steps[0].do,
        "steps": [step.to_json() for step in steps],
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
    """An addition to the sentence: the guide has no use."""
    guided = guide_can_go(results, margin)
    if guided is None or variant_name("plain") in verdict["sentence"]:
        return ""
    return f" The guide of {variant_name(guided)} can be dropped: the outputs are no worse without it."


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
        "problems": problems,
    }


def _worse(results: Results, margin: float) -> Verdict | None:
    """Rule 2: the candidate is surely worse than a way without training."""
    rivals = worse_rivals(results, margin)
    if _too_few(results) or not rivals:
        return None
    rival = rivals[0]
    return {
        "decision": "keep prompting",
        "sentence": f"{KEEP}: {both_shares(results, rival.name)}.",
        "reasons": [
            difference_line(results, rival),
            *([sentence(discordant_clause(results))] if rival.strongest else []),
            "Outputs that are significantly worse are not worth a lower cost.",
            *others_line(results, rival.name),
        ],
        "asks": Asks("act", sentence(use(rival.name)), rival.name),
    }


def _too_few(results: Results) -> bool:
    comparison = results["comparison"]
    n = comparison.get("n") or FEWEST_CASES
    return not enough_cases(n, comparison.get("n_effective"), comparison.get("groups")).enough


def _undecided(results: Results, margin: float) -> Verdict | None:
    """Rule 3: there are too few cases, or the candidate may be worse than a rival; skipped if neither could matter."""
    rivals = [rival for rival in measured_rivals(results) if may_be_worse(rival, margin)]
    if (not rivals and not _too_few(results)) or hopeless(results):
        return None
    rival = rivals[0] if rivals else strongest_first(results)
    comparison = results["comparison"]
    n, groups = comparison.get("n") or results["quality"][compared(results)[1]]["n"], comparison.get("groups")
    grouped = bool(groups) and groups < n
    these = f"{'this' if n == 1 else 'these'} {say.count(n, 'case')}"
    if _too_few(results):
        could = f"{these} {'is' if n == 1 else 'are'} too few to decide"
        if grouped:
            could = f"{these} in {say.count(groups, 'group')} are too few to decide"
    else:
        # This is the end of the range that is shown; the decisive one-sided end is a little closer.
        could = f"on {these} it could be up to {say.points(rival.low)} worse"
    needed = _needed(rivals or [rival])
    ask, more = (
        "more test cases are needed",
        "More cases help only if the true difference is better than the measured one.",
    )
    if needed is not None:
        missing = missing_cases(needed, n, groups if grouped else None)
        ask = f"{missing} would settle it"
        more = sentence(f"with {missing} the chance is {say.chance(needed['chance'])} that the range is narrow enough")
    return {
        "decision": "cannot tell yet",
        "sentence": f"Cannot tell yet: {both_shares(results, rival.name)}, but {could}; {ask}.",
        "reasons": [
            difference_line(results, rival),
            f"A loss of up to {say.points(margin)} counts as not worse; {FEWEST}.",
            more,
            groups_line(results),
        ],
        "asks": Asks("cases", sentence(_more_cases(needed, n, groups if grouped else None)), needed),
    }


def _needed(rivals: Sequence[Rival]) -> Results | None:
    """The cases that would settle the comparison with each of these rivals; None if more cases need not."""
    every = [rival.needed for rival in rivals]
    known = [needed for needed in every if needed is not None]
    return None if len(known) < len(every) else max(known, key=lambda needed: needed["cases"])


def _more_cases(needed: Results | None, n: int, groups: int | None) -> str:
    """The cases to add, as an instruction."""
    if needed is None:
        others = " from other groups" if groups else ""
        return f"add unseen test cases{others} or train on better examples, then run again"
    return f"add {missing_cases(needed, n, groups, unseen=True)}, then run again"


def _risky(results: Results, margin: float) -> Verdict | None:
    """Rule 4: a measured risk is over its limit, or the facts are surely worse; a risk that was not checked never fires."""
    over = [risk for risk in results.get("risks") or [] if risk["status"] == "over" and risk.get("measured", True)]
    if over:
        first = f"{over[0]['id']} is over its limit ({over[0]['evidence']})"
        reasons = [sentence(f"{risk['id']}: {risk['evidence']}") for risk in over]
        problems = [{"what": "training", "text": risk["evidence"], "risk": risk["id"]} for risk in over]
    elif (lost := lost_facts(results, results["facts_margin"])) is not None:
        first, reasons = lost, [sentence(lost)]
        problems = [{"what": "training", "text": lost, "remedy": FACTS_ADVICE}]
    else:
        return None
    return {
        "decision": "fix first",
        "what": "training",
        "sentence": f"Fix the training first: {first}.",
        "reasons": [*reasons, as_it_stands(results)],
        "problems": problems,
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
    """The acceptable shares at which the candidate may be worse than its strongest rival, and at which it is.

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
    moved = {**results, "money": moved_money(results["money"], flip["beyond"])}
    _, candidate = compared(results)
    share = share_of(results, candidate)
    if flip["key"] != f"{candidate}.acceptance" or share is None or abs((flip["from"] or 0) - share) > HAIR:
        return moved  # a share stated only for the money does not change the comparison
    quality, comparison = results["quality"][candidate], results["comparison"]
    by = flip["to"] - flip["from"]
    by += math.copysign(0.01 * flip["to"], by)
    ends = {key: value + by for key, value in comparison["difference"].items()}
    moved["comparison"] = {**comparison, "difference": ends, "low_one_sided": comparison["low_one_sided"] + by}
    moved["rivals"] = [_moved_row(row, by) for row in results.get("rivals") or []]
    better = min(max(share + by, 0.0), 1.0)
    moved["quality"] = {
        **results["quality"],
        candidate: {**quality, "acceptable": {**quality["acceptable"], "share": better}},
    }
    return moved


def _moved_row(row: Results, by: float) -> Results:
    """A rival's row with the candidate better by this much."""
    if not row["measured"]:
        return row
    ends = {key: value + by for key, value in row["difference"].items()}
    return {**row, "difference": ends, "low_one_sided": row["low_one_sided"] + by}
