"""The next step: one action that follows from the decision and its strongest doubt."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import roughly, say
from .doubts import Doubt, groups_cost, nearest_flip
from .rivals import cheaper_way
from .sentences import compared, sentence, use, variant_name

__all__ = ["RISK_ADVICE", "next_step"]

Results = Mapping[str, Any]
CONTENT_RULE = "Add a rule about content to the style, such as `grounded` or `covers`"
ENOUGH = 50  # with this many independent cases `few_cases` is no longer a doubt
RISK_ADVICE = {
    "overfitting": "Train for fewer epochs or on more distinct examples, then compare again",
    "memorisation": "Remove near copies from the training examples, mask private data (`mask = true` under [curate]) or train "
    "for fewer epochs, then compare again",
    "forgetting": "Train at a lower learning rate or for fewer epochs, then compare again",
}


def next_step(
    results: Results, found: Mapping[str, Any], doubts: Sequence[Doubt], flips: Sequence[Results], *, margin: float
) -> str:
    """One sentence, with commands and settings in backticks.

    `found` is the result of the rule that fired, with `decision` and, if the rule sets it, `next`. A doubt that names
    something to try first takes precedence over the step for the decision itself.
    """
    decision, doubt = found["decision"], doubts[0].kind
    if decision == "fix first":
        return found.get("next") or sentence("Fix the problem above, then run again")
    if doubt == "template" and decision != "keep prompting":
        return sentence(f"{CONTENT_RULE}, or use the template; then run `tuneworth evaluate` again")
    if doubt == "answers_in_train":
        return f"{results['data']['certificate']['answers_remedy']} Then train and compare again."
    if found.get("next"):
        return found["next"]
    if decision == "fine-tune":
        return sentence(_tune(results, doubt, flips, margin))
    if decision == "keep prompting":
        return sentence(_keep(results, flips))
    return "Narrow down the number that the decision depends on most, then run again."


def _tune(results: Results, doubt: str, flips: Sequence[Results], margin: float) -> str:
    """The step after a fine-tune verdict: a small start, or first the test that would resolve its doubt."""
    baseline, candidate = (variant_name(name) for name in compared(results))
    start = f"send a small share of real requests to {candidate} and keep {baseline} as the fallback"
    then = f"if {candidate} still wins, send it a small share of real requests"
    if doubt == "cheaper_way":
        way = cheaper_way(results, margin)
        assert way is not None
        return f"try {way.what} first, then run again"
    if doubt == "one_repaired":
        return f"repair the outputs of {baseline} as well and run `tuneworth evaluate` again; {then}"
    if doubt == "weak_baseline":
        return f"repeat the comparison with a stronger model and the same guide; {then}"
    if doubt == "foreign_guide":
        return f"have the team improve the guide and run `tuneworth evaluate` again; {then}"
    if doubt == "few_cases":
        others = " from other groups" if groups_cost(results["comparison"]) else ""
        first = f"score at least {ENOUGH} independent cases{others} before the switch"
        return f"{first}; a small share of real requests can go to {candidate} now"
    if doubt == "reused":
        return f"repeat the comparison on unseen cases; {then}"
    if doubt == "near_flip":
        flip = nearest_flip(flips)
        assert flip is not None
        first = f"verify the {flip['what']} before spending anything"
        return f"{first}, state the range under [roi] and run `tuneworth roi`; {then}"
    return start


def _keep(results: Results, flips: Sequence[Results]) -> str:
    """The step after a keep-prompting verdict: nothing now, and when to decide again."""
    change = next((flip for flip in flips if flip["decision"] == "fine-tune" and flip["from"] and _plain(flip)), None)
    baseline, _ = compared(results)
    now = "change nothing now" if baseline == "prompted" else use(baseline)
    if change is None:
        return f"{now}; decide again when the outputs, the prices or the volume change"
    up, many = change["to"] > change["from"], change["key"] in ("requests_per_day", "requests_total")
    what = change["what"] if many else f"the {change['what']}"
    moves = ("reach" if up else "fall to") if many else ("reaches" if up else "falls to")
    return f"{now}; decide again when {what} {moves} {_value(results, change)}"


def _plain(flip: Results) -> bool:
    """Whether the input changes on its own and can be monitored."""
    return flip["key"].rpartition(".")[2] in (
        "requests_per_day", "requests_total", "failure_cost", "price_input", "price_output", "hourly"
    )  # fmt: skip


def _value(results: Results, flip: Results) -> str:
    key = flip["key"].rpartition(".")[2]
    if key.startswith("requests"):
        return f"about {say.count(roughly(flip['to'], 3))}"
    text = say.money(flip["to"], results["money"]["currency"])
    return f"{text} per million tokens" if key.startswith("price") else text
