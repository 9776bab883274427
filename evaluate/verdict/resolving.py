"""The steps that resolve doubts: what would show whether each is right."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import say
from .doubts import Doubt, nearest_flip
from .next_step import FACTS_ADVICE, NO_OUTPUT, NO_TIME, RISK_ADVICE, enough_cases_step, way_step
from .rivals import cheaper_way, unmeasured
from .sentences import compared, gap_decimals, listed, sentence, variant_name
from .step import NOTHING, Kind, Known, Step, unknown
from .worth import Worth

__all__ = ["resolving_steps"]

Results = Mapping[str, Any]
CONTENT_RULE = "Add a rule about content to the style, such as `grounded` or `covers`"
ON_POINTS = "It depends on the points."
MOST_UNMEASURED = 3


def resolving_steps(
    results: Results, decision: str, doubts: Sequence[Doubt], flips: Sequence[Results], *, margin: float
) -> dict[str, Step]:
    """A step for each doubt that something can be done about, by its kind, in the order of the doubts.

    Every way that was not measured is a step of its own.
    """
    worth, steps = Worth(results), {}
    for kind in dict.fromkeys(doubt.kind for doubt in doubts):
        for step in _resolving(worth, kind, decision, flips, margin):
            steps[kind if kind not in steps else step.id] = step
    return steps


def _resolving(worth: Worth, kind: str, decision: str, flips: Sequence[Results], margin: float) -> list[Step]:
    results = worth.results
    if kind == "cheaper_way":
        way = cheaper_way(results, margin)
        return [] if way is None else [way_step(worth, way, sentence(f"try {way.what} first, then run again"))]
    if kind == "few_cases":
        return [enough_cases_step(worth, decision)]
    if kind == "unmeasured":
        return [_unmeasured(row) for row in unmeasured(results)[:MOST_UNMEASURED]]
    if kind == "unchecked":
        return _unchecked(results)
    if kind in ("near_flip", "stated", "volume", "cached_price"):
        return _stated(results, kind, flips)
    if kind == "reused":
        return [_unseen(worth, variant_name(compared(results)[0 if decision == "keep prompting" else 1]))]
    do, why = _words(results, kind, decision)
    return [_check(kind, do, why, machine=_machine(worth, kind))] if do else []


def _words(results: Results, kind: str, decision: str) -> tuple[str, str]:
    """What to do about a doubt, and why its points are not known; empty if nothing can be done."""
    gap = say.points(results["comparison"]["difference"]["value"], gap_decimals(results))
    level = f"To draw level it would have to gain {gap}."
    match kind:
        case "template":
            return _template(decision), "Which of the template's outputs people would not accept is not known."
        case "repeated":
            return "add test cases with other requests", "How other requests fare shows only in a new comparison."
        case "answers_in_train":
            return _apart(results), "How much the tuned model recites shows only in a new comparison."
        case "facts":
            return FACTS_ADVICE, "What better examples bring was not measured."
        case "one_repaired":
            do = f"repair the outputs of {_other(results, decision)} as well and run `tuneworth evaluate` again"
            return do, "The repair of its outputs was not measured."
        case "weak_baseline":
            do = "repeat the comparison with a stronger model and the same guide"
            return do, f"No stronger model was measured. {level}"
        case "foreign_guide":
            do = "have the team improve the guide and run `tuneworth evaluate` again"
            return do, f"No other guide was measured. {level}"
        case "warned":
            return _near(results), "The risk does not show in the acceptable share."
        case "references":
            return _references(results), "It changes what counts as acceptable."
        case "style":
            do = "review the rules in the style file and set `reviewed: true` there"
            return do, "It changes what counts as acceptable."
    return "", ""


def _machine(worth: Worth, kind: str) -> Known:
    """The time of the machine for what has to be trained or answered again."""
    if kind in ("answers_in_train", "facts", "warned"):
        return worth.training(1, "1 for the same pairs")
    return worth.testing(compared(worth.results)[0]) if kind == "foreign_guide" else NOTHING


def _unseen(worth: Worth, chosen: str) -> Step:
    """As many test cases again, which nothing was chosen by."""
    n = worth.results["comparison"]["n"]
    people, once = worth.labelling(n)
    return Step(
        id="cases:unseen", kind="cases", do="Repeat the comparison on unseen cases.",
        points=unknown(f"How much of the share of {chosen} is luck is not known."), month=unknown(ON_POINTS), once=once,
        people=people, machine=worth.testing_all(n), currency=worth.currency,
    )  # fmt: skip


def _check(
    id: str, do: str, why: str, *, kind: Kind = "check", command: str | None = None, money: str = ON_POINTS,
    machine: Known = NOTHING,
) -> Step:  # fmt: skip
    return Step(
        id=f"{kind}:{id}", kind=kind, do=sentence(do), command=command, points=unknown(why), month=unknown(money),
        people=unknown(NO_TIME), machine=machine,
    )  # fmt: skip


def _template(decision: str) -> str:
    if decision == "keep prompting":
        return (
            "read some outputs of the template; if people would not accept them, add a rule that says why, then run "
            "`tuneworth evaluate` again"
        )
    return f"{CONTENT_RULE}, or use the template; then run `tuneworth evaluate` again"


def _apart(results: Results) -> str:
    return f"{results['data']['certificate']['answers_remedy']} Then train and compare again"


def _other(results: Results, decision: str) -> str:
    """The side that was not repaired: not the one that the verdict is for."""
    baseline, candidate = compared(results)
    return variant_name(candidate if decision == "keep prompting" else baseline)


def _near(results: Results) -> str:
    risk = next(risk for risk in results["risks"] if risk["status"] == "warn")
    return RISK_ADVICE.get(risk["id"], "")


def _references(results: Results) -> str:
    """What to do about the rule that most of the examples' own outputs break."""
    rules = (results.get("data") or {}).get("checks") or {}
    rule = max(rules, key=lambda name: rules[name].get("share") or 0.0, default=None)
    if rule is None or not rules[rule].get("share"):
        return "check whether the rules that the references break are right, then run `tuneworth evaluate` again"
    share = say.percent(rules[rule]["share"])
    return f"check whether rule `{rule}` is right, which {share} of the examples' own outputs break"


def _unmeasured(row: Results) -> Step:
    why = sentence(str(row.get("why") or "it was not measured"))
    return _check(row["name"], f"measure {variant_name(row['name'])}", f"Not measured: {why}", kind="measure")


def _unchecked(results: Results) -> list[Step]:
    """The risks that were not checked; how to check a single one is said, that of several is with each risk."""
    risks = [risk for risk in results.get("risks") or [] if risk["status"] == "not checked"]
    names = listed([risk["id"] for risk in risks], most=len(risks))
    do = f"check the risks that were not: {names} (`to_check` of each in results.json says how)"
    if len(risks) == 1:
        do = risks[0].get("to_check") or f"check the risk of {names}"
    return [_check("unchecked", do, "The risks do not show in the acceptable share.", money=NO_OUTPUT)]


def _stated(results: Results, kind: str, flips: Sequence[Results]) -> list[Step]:
    """The numbers behind the money that should be verified."""
    again, turns = "under [roi] and run `tuneworth roi`", "It shows whether the decision holds."
    do = f"check the numbers {again.replace('under', 'stated under', 1)}: the run measured others"
    if kind == "near_flip":
        flip = nearest_flip(flips)
        assert flip is not None
        do = f"verify the {flip['what']} before spending anything, state the range {again}"
        turns = f"At {say.count(flip['to'])} instead of {say.count(flip['from'])} the verdict is “{flip['decision']}”."
    if kind == "cached_price":
        do = f"state `price_cached` {again}"
    if kind == "volume":
        do = f"state the requests a day as `[low, likely, high]` {again}"
    return [_check(kind, do, NO_OUTPUT, kind="state", command="tuneworth roi", money=turns)]
