"""The verdict: from the results to one decision, by the first of ten rules that fires."""

import math
from collections.abc import Mapping
from typing import Any

from .doubt import strongest_doubt
from .phrases import (
    as_it_stands,
    best_flip,
    both_shares,
    chance,
    chance_line,
    cheaper_way,
    compared,
    cost_line,
    difference_line,
    discordant_line,
    groups_line,
    guide_can_go,
    input_name,
    listed,
    sentence,
    token_lines,
    when_it_pays,
)
from .validity import found_invalid
from .wording import cases, count, money_text, points

__all__ = ["decide"]

SURE = 0.8  # a payback as likely as this is enough to spend the money
UNSURE = 0.5  # one no likelier than this is not
MONEY_AFTER = 5  # rules up to this one do not weigh the money
Results = Mapping[str, Any]
Verdict = dict[str, Any]


def decide(results: Results, *, margin: float = 0.03) -> Verdict | None:
    """The `verdict` of results.json; None where fewer than two variants were scored.

    Reads `quality`, `comparison`, `money`, `risks`, `data` and `variants` of the results, and where they are there
    `validity` (`[{what, text}]`: what the caller found that makes data or comparison invalid) and `guide_comparison`
    (`plain` against the prompted baseline, keys as in `comparison`).
    """
    comparison = results.get("comparison")
    if not comparison or comparison["difference"]["value"] is None:
        return None
    rules = (_invalid, _worse, _not_told, _risky, _no_money, _cost_unset, _pays, _does_not_pay, _in_between)
    # The last rule always fires, so there is a first one that does.
    number, found = next((n, found) for n, rule in enumerate(rules, start=1) if (found := rule(results, margin)))
    # An invalid comparison says nothing about the guide either.
    also = "" if number == 1 else guide_can_go(results, margin)
    return {
        "decision": found["decision"],
        "what": found.get("what"),
        "rule": number,
        "sentence": found["sentence"] + also,
        "reasons": found["reasons"][:4],
        "doubt": strongest_doubt(results, found["decision"], about_money=number > MONEY_AFTER),
        "flips": found.get("flips", []),
    }


def _invalid(results: Results, margin: float) -> Verdict | None:
    """Rule 1: the data or the comparison is invalid."""
    problems = [*(results.get("validity") or []), *found_invalid(results)]
    if not problems:
        return None
    problems.sort(key=lambda problem: problem["what"] != "data")  # wrong data makes the comparison wrong as well
    what = problems[0]["what"]
    first = problems[0]["text"].rstrip(".")
    return {
        "decision": "fix first",
        "what": what,
        "sentence": f"Fix the {what} first: {first}.",
        "reasons": [sentence(problem["text"]) for problem in problems] + [as_it_stands(results)],
    }


def _worse(results: Results, margin: float) -> Verdict | None:
    """Rule 2: the candidate is worse."""
    difference = results["comparison"]["difference"]
    if not (difference["high"] < 0 and difference["value"] <= -margin):
        return None
    return {
        "decision": "keep prompting",
        "sentence": f"Keep prompting: {both_shares(results)}.",
        "reasons": [
            difference_line(results),
            discordant_line(results),
            "Outputs that are surely worse are not weighed against what they cost.",
        ],
    }


def _not_told(results: Results, margin: float) -> Verdict | None:
    """Rule 3: it cannot be said that the candidate is not worse."""
    comparison = results["comparison"]
    low = comparison["low_one_sided"]
    if low > -margin:
        return None
    n, needed = comparison.get("n") or results["quality"][compared(results)[1]]["n"], _cases_needed(comparison, margin)
    could = f"on {'this' if n == 1 else 'these'} {cases(n)} it could be up to {points(low)} worse"
    more = f"About {count(needed)} cases would tell if the difference stays as it is." if needed else (
        "More cases would help only if the difference turns out smaller than it looks."
    )  # fmt: skip
    ask = f"about {count(needed)} cases would tell" if needed else "more test cases are needed"
    return {
        "decision": "cannot tell yet",
        "sentence": f"Cannot tell yet: {both_shares(results)}, but {could}; {ask}.",
        "reasons": [
            difference_line(results),
            f"Up to {points(margin)} count as not worse.",
            more,
            groups_line(results),
        ],
    }


def _cases_needed(comparison: Results, margin: float) -> int | None:
    """Cases at which the one-sided lower end would stand above -margin: its distance shrinks with the root of n.

    Rounded up to two digits; None where the difference itself is not above -margin.
    """
    value, low, n = comparison["difference"]["value"], comparison["low_one_sided"], comparison.get("n")
    if not n or value <= -margin:
        return None
    needed = n * ((value - low) / (value + margin)) ** 2
    size = 10 ** max(math.floor(math.log10(needed)) - 1, 0)
    return math.ceil(needed / size) * size


def _risky(results: Results, margin: float) -> Verdict | None:
    """Rule 4: a measured risk is over its limit; one that was not checked never fires."""
    over = [risk for risk in results.get("risks") or [] if risk["status"] == "over"]
    if not over:
        return None
    return {
        "decision": "fix first",
        "what": "training",
        "sentence": f"Fix the training first: {over[0]['id']} is over its limit ({over[0]['evidence']}).",
        "reasons": [sentence(f"{risk['id']}: {risk['evidence']}") for risk in over] + [as_it_stands(results)],
    }


def _no_money(results: Results, margin: float) -> Verdict | None:
    """Rule 5: prices or volume are missing."""
    money = results.get("money")
    every = "prices and requests_per_day in [roi]"
    if money is None:
        state = f"state {every}"
    elif not money.get("missing") and money.get("saving_per_request") is not None and chance(money) is not None:
        return None
    elif money.get("missing"):
        state, every = f"state {listed(money['missing'])}", ", ".join(money["missing"])
    else:
        state = "an option without any acceptable output has no cost per acceptable output"
        every = 'failures other than "drop"'
    return {
        "decision": "cannot tell yet",
        "sentence": f"Cannot tell yet: {both_shares(results)}; whether that pays is open: {state}.",
        "reasons": [difference_line(results), sentence(f"To count the money, state {every}"), *token_lines(results)],
    }


def _cost_unset(results: Results, margin: float) -> Verdict | None:
    """Rule 6: better, but the money does not carry it as long as a failure costs nothing."""
    money = results["money"]
    counted = money.get("failure_cost") is not None or money.get("failures") in ("drop", "repair")
    if counted or results["comparison"]["difference"]["low"] <= 0 or _carries(money):
        return None
    least = money.get("carrying_failure_cost")
    if least is None:
        return None
    cost = money_text(least, money["currency"])
    return {
        "decision": "cannot tell yet",
        "sentence": (
            f"Cannot tell yet: {both_shares(results)}; that pays if an unacceptable output costs more than {cost}."
        ),
        "reasons": [
            difference_line(results),
            cost_line(money),
            "State what an unacceptable output costs (failure_cost).",
        ],
        "flips": _flips(money),
    }


def _pays(results: Results, margin: float) -> Verdict | None:
    """Rule 7: it is likely enough to pay back in time."""
    money = results["money"]
    if not _carries(money):
        return None
    return {
        "decision": "fine-tune",
        "sentence": f"Fine-tune: {both_shares(results)}; {when_it_pays(money)}.",
        "reasons": [difference_line(results), cost_line(money), chance_line(money), *token_lines(results)],
        "flips": _flips(money),
    }


def _does_not_pay(results: Results, margin: float) -> Verdict | None:
    """Rule 8: it is unlikely to pay back in time, or does not pay at all."""
    money = results["money"]
    if chance(money) > UNSURE and (money["npv_p50"] is None or money["npv_p50"] > 0):
        return None
    cheaper = cheaper_way(results, margin)
    flip = best_flip(money)
    said = f"; {cheaper}" if cheaper else f"; {flip}" if flip else ""
    reasons = [difference_line(results), cost_line(money), chance_line(money)]
    reasons += [sentence(text) for text in (cheaper, flip) if text]
    return {
        "decision": "keep prompting",
        "sentence": f"Keep prompting: {both_shares(results)}, but {when_it_pays(money)}{said}.",
        "reasons": reasons,
        "flips": _flips(money),
    }


def _in_between(results: Results, margin: float) -> Verdict | None:
    """Rule 9: the chance of paying back in time is neither high nor low."""
    money = results["money"]
    widest = money["tornado"][0]["key"] if money.get("tornado") else None
    open_input = f"it hangs most on {input_name(widest, money)}" if widest else "the ranges are too wide"
    return {
        "decision": "cannot tell yet",
        "sentence": f"Cannot tell yet: {both_shares(results)}; {when_it_pays(money)}, and {open_input}.",
        "reasons": [difference_line(results), chance_line(money), cost_line(money)],
        "flips": _flips(money),
    }


def _carries(money: Results) -> bool:
    median = money["npv_p50"]
    # A median beyond all numbers: the baseline delivers nothing acceptable at any price.
    return chance(money) >= SURE and (median is None or median > 0)


def _flips(money: Results) -> list[dict[str, Any]]:
    """Where the money tips over, one input at a time, and what would be decided beyond it."""
    beyond = "keep prompting" if (money.get("npv") or 0) > 0 else "fine-tune"
    return [
        {"key": flip.get("key"), "what": flip["what"], "from": flip["from"], "to": flip["to"], "decision": beyond}
        for flip in money.get("flips") or []
    ]
