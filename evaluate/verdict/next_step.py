"""The first step: what the decision asks for, after the test that would resolve its strongest doubt."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...core import roughly, say
from .doubts import Doubt, groups_cost
from .rivals import CheaperWay
from .sentences import compared, sentence, use, variant_name
from .step import NOTHING, Amount, Asks, Known, Step, unknown
from .worth import Worth

__all__ = ["FACTS_ADVICE", "RISK_ADVICE", "enough_cases_step", "first_steps", "way_step"]

Results = Mapping[str, Any]
ENOUGH = 50  # with this many independent cases `few_cases` is no longer a doubt
RISK_ADVICE = {
    "overfitting": "Train for fewer epochs or on more distinct examples, then compare again",
    "memorisation": "Remove near copies from the training examples, mask private data (`mask = true` under [curate]) or train "
    "for fewer epochs, then compare again",
    "forgetting": "Train at a lower learning rate or for fewer epochs, then compare again",
}
FACTS_ADVICE = (
    "Train on examples whose facts all stand in the request (`curate` lists those that break a rule about facts) or for "
    "fewer epochs, then compare again"
)
REMEDIES = {
    "data": "separate the test set from the training examples, then train and run again; until then no number is valid",
    "comparison": "fix the problem above, then run again; until then the numbers below answer a different question",
    "rules": "fix the rules, then run `tuneworth evaluate` again; until then an acceptable output need not be a right one",
    "training": "fix the risk described below, then train and compare again",
}
# Doubts that come before acting on any decision but to keep prompting, and before acting on fine-tune alone.
BEFORE_ANY = ("template", "answers_in_train")
BEFORE_TUNING = (
    *BEFORE_ANY, "cheaper_way", "one_repaired", "weak_baseline", "foreign_guide", "few_cases", "reused", "near_flip"
)  # fmt: skip
NOT_VALID = "Until this is fixed, the numbers answer a different question."
NO_OUTPUT = "It changes no output."
NO_TIME = "How long it takes a person is neither stated nor measured."
ON_DECISION = "It depends on the decision."


def first_steps(
    results: Results,
    found: Mapping[str, Any],
    doubts: Sequence[Doubt],
    resolving: Mapping[str, Step],
    flips: Sequence[Results],
) -> list[Step]:
    """What to fix; or the action of the decision, after the step that resolves its strongest doubt if that comes first.

    `found` is the result of the rule that fired: the `decision`, with its `problems` or with what it `asks`. `resolving`
    has the steps that resolve the doubts, by their kind.
    """
    decision, worth, doubt = found["decision"], Worth(results), doubts[0].kind
    if decision == "fix first":
        problems = found.get("problems") or [{"what": "comparison", "text": ""}]
        return [_fix(worth, problem, n) for n, problem in enumerate(problems)]
    early = {"fine-tune": BEFORE_TUNING, "keep prompting": ()}.get(decision, BEFORE_ANY)
    before = resolving.get(doubt) if doubt in early else None
    asked = _asked(worth, found, flips, after=before is not None)
    return [asked] if before is None else [before, asked]


def _fix(worth: Worth, problem: Mapping[str, Any], n: int) -> Step:
    """The remedy of one problem."""
    about = problem.get("risk") or problem["what"]
    do = RISK_ADVICE.get(problem.get("risk", "")) or problem.get("remedy") or REMEDIES[problem["what"]]
    points = unknown(NOT_VALID)
    if (cut := problem.get("cut")) is not None:
        points = worth.of_cut(cut)
    return Step(
        id=f"fix:{about}" if not n else f"fix:{about}:{n + 1}", kind="fix", do=sentence(do), points=points,
        month=unknown(NOT_VALID), people=unknown(NO_TIME),
        machine=worth.training(1, "1 for the same pairs") if "risk" in problem else NOTHING,
    )  # fmt: skip


def _asked(worth: Worth, found: Mapping[str, Any], flips: Sequence[Results], *, after: bool) -> Step:
    """The action of the decision; `after` a test, it depends on the result of that."""
    asks: Asks | None = found.get("asks")
    if found["decision"] == "fine-tune":
        return _tune(worth, after=after)
    if asks is None and found["decision"] == "keep prompting":
        asks = Asks("act", sentence(_keep(worth.results, flips)), compared(worth.results)[0])
    if asks is None:
        asks = Asks("state", "Narrow down the number that the decision depends on most, then run again.")
    if asks.kind == "act":
        month, once = worth.switching(worth.today, asks.about)
        return Step(
            id=f"act:{asks.about}", kind="act", do=asks.do, points=worth.over_today(asks.about), month=month, once=once,
            people=unknown(NO_TIME), currency=worth.currency,
        )  # fmt: skip
    if asks.kind == "cases":
        return _cases(worth, asks)
    if asks.kind == "try":
        return way_step(worth, asks.about, asks.do)
    return _state(asks)


def _state(asks: Asks) -> Step:
    turns = sentence(asks.about) if asks.about else ON_DECISION
    return Step(
        id="state", kind="state", do=asks.do, command="tuneworth roi", points=unknown(NO_OUTPUT),
        month=unknown(turns), people=unknown(NO_TIME),
    )  # fmt: skip


def _cases(worth: Worth, asks: Asks) -> Step:
    """More test cases: how many would settle it, with which chance; nothing is known if they need not."""
    needed = asks.about
    if needed is None:
        why = "More cases settle it only if the true difference is better than the measured one."
        return Step(id="cases", kind="cases", do=asks.do, points=unknown(why), month=unknown(why), people=unknown(why))
    more = max(needed["cases"] - (worth.results["comparison"].get("n") or 0), 1)
    return _more_cases(worth, asks.do, more, chance=needed["chance"])


def _more_cases(worth: Worth, do: str, more: int, *, chance: float | None = None) -> Step:
    people, once = worth.labelling(more)
    settle = f" They settle it with a chance of {say.chance(chance)}." if chance is not None else ""
    return Step(
        id="cases", kind="cases", do=do, points=unknown(f"They show a difference and make none.{settle}"),
        month=unknown("They change no cost."), once=once, people=people, machine=worth.testing_all(more), chance=chance,
        currency=worth.currency,
    )  # fmt: skip


def enough_cases_step(worth: Worth, decision: str) -> Step:
    """The cases up to the number of independent ones from which there are no longer few, at the present design effect."""
    comparison = worth.results["comparison"]
    n, others = comparison["n"], " from other groups" if groups_cost(comparison) else ""
    effective = comparison.get("n_effective") or n
    more = max(math.ceil(ENOUGH * n / max(effective, 1.0)) - n, 1)
    first = f"score at least {ENOUGH} independent cases{others}"
    then = ", then decide again"
    if decision == "fine-tune":
        candidate = variant_name(compared(worth.results)[1])
        then = f" before the switch; a small share of real requests can go to {candidate} now"
    return _more_cases(worth, sentence(first + then), more)


def way_step(worth: Worth, way: CheaperWay, do: str) -> Step:
    """An alternative that costs less and was not tried."""
    same = way.standing == "same outputs"
    points = Known(Amount(0.0), "The prompt is the same, so the outputs are.") if same else unknown(
        "Its outputs were not measured."
    )  # fmt: skip
    saved = worth.saved_way(way.key, way.name)
    month, once = (unknown("What it costs is not known."), NOTHING)
    if saved is not None:
        month, once = worth.saved(saved, f"by {way.what} in place of {variant_name(compared(worth.results)[0])}")
    return Step(
        id=f"try:{way.name if way.key == 'variant' else way.key}", kind="try", do=do, points=points, month=month, once=once,
        people=unknown(NO_TIME), currency=worth.currency,
    )  # fmt: skip


def _tune(worth: Worth, *, after: bool) -> Step:
    """A small start with the candidate."""
    baseline, candidate = (variant_name(name) for name in compared(worth.results))
    month, once = worth.tuning()
    do = f"send a small share of real requests to {candidate} and keep {baseline} as the fallback"
    if after:
        do = f"if {candidate} still wins then, send it a small share of real requests and keep {baseline} as the fallback"
    return Step(
        id=f"act:{compared(worth.results)[1]}", kind="act", do=sentence(do), points=worth.of_candidate(), month=month,
        once=once, people=worth.engineering(), currency=worth.currency,
    )  # fmt: skip


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
