"""The first steps: what the decision asks for, and what would show whether each doubt about it is right."""

import math
from collections.abc import Mapping, Sequence

from ...core import roughly, say
from ..results import Decision, Rival, StepKind, VerdictFlip
from .doubts import Doubt, groups_cost, nearest_flip
from .evidence import Asks, CheaperWay, Evidence, Fault, Finding
from .names import listed, sentence, use, variant_name
from .sentences import gap_decimals
from .step import NOTHING, Known, Step, Worth, amount, unknown

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
    *BEFORE_ANY, "refused", "cheaper_way", "one_repaired", "weak_baseline", "foreign_guide", "few_cases", "reused", "near_flip"
)  # fmt: skip
NOT_VALID = "Until this is fixed, the numbers answer a different question."
ON_PART = "What more examples of that part bring was not measured."
NO_OUTPUT = "It changes no output."
NO_TIME = "How long it takes a person is neither stated nor measured."
ON_DECISION = "It depends on the decision."
ON_POINTS = "It depends on the points."
CONTENT_RULE = "Add a rule about content to the style, such as `grounded` or `covers`"
MOST_UNMEASURED = 3


def first_steps(
    evidence: Evidence,
    found: Finding,
    doubts: Sequence[Doubt],
    resolving: Mapping[str, Step],
    flips: Sequence[VerdictFlip],
) -> list[Step]:
    """What to fix; or the action of the decision, after the step that resolves its strongest doubt if that comes first.

    `found` is the result of the rule that fired; `resolving` has the steps that resolve the doubts, by their kind.
    """
    worth, doubt = Worth(evidence.results), doubts[0].kind
    if found.faults:
        return [_fix(worth, fault, n) for n, fault in enumerate(found.faults)]
    early = {"fine-tune": BEFORE_TUNING, "keep prompting": ()}.get(found.decision, BEFORE_ANY)
    before = resolving.get(doubt) if doubt in early else None
    if found.decision == "fine-tune":
        asked = _tune(evidence, worth, after=before is not None)
    else:
        asked = _asked(evidence, worth, found, flips)
    return [asked] if before is None else [before, asked]


def _fix(worth: Worth, fault: Fault, n: int) -> Step:
    """The remedy of one problem."""
    about = fault.risk or fault.what
    do = RISK_ADVICE.get(fault.risk or "") or fault.remedy or REMEDIES[fault.what]
    return Step(
        id=f"fix:{about}" if not n else f"fix:{about}:{n + 1}", kind="fix", do=sentence(do),
        points=unknown(NOT_VALID) if fault.cut is None else worth.of_cut(fault.cut),
        month=unknown(NOT_VALID), people=unknown(NO_TIME),
        machine=NOTHING if fault.risk is None else worth.training(1, "1 for the same pairs"),
    )  # fmt: skip


def _asked(evidence: Evidence, worth: Worth, found: Finding, flips: Sequence[VerdictFlip]) -> Step:
    """The action of a decision other than to fine-tune."""
    asks = found.asks
    if asks is None and found.decision == "keep prompting":
        asks = Asks("act", sentence(_keep(evidence, flips)), rival=evidence.baseline)
    if asks is None:
        asks = Asks("state", "Narrow down the number that the decision depends on most, then run again.")
    if asks.rival is not None:
        month, once = worth.switching(worth.today, asks.rival)
        return Step(
            id=f"act:{asks.rival}", kind="act", do=asks.do, points=worth.over_today(asks.rival), month=month, once=once,
            people=unknown(NO_TIME), currency=worth.currency,
        )  # fmt: skip
    if asks.kind == "cases":
        return _cases(evidence, worth, asks)
    if asks.way is not None:
        return way_step(evidence, worth, asks.way, asks.do)
    return Step(
        id="state", kind="state", do=asks.do, command=evidence.results.money_place.command, points=unknown(NO_OUTPUT),
        month=unknown(sentence(asks.turns) if asks.turns else ON_DECISION), people=unknown(NO_TIME),
    )  # fmt: skip


def _cases(evidence: Evidence, worth: Worth, asks: Asks) -> Step:
    """More test cases: how many would settle it, with which chance; nothing is known if they need not."""
    needed = asks.needed
    if needed is None:
        why = "More cases settle it only if the true difference is better than the measured one."
        return Step(id="cases", kind="cases", do=asks.do, points=unknown(why), month=unknown(why), people=unknown(why))
    more = max(needed.cases - evidence.comparison.n, 1)
    return _more_cases(worth, asks.do, more, chance=needed.chance)


def _more_cases(worth: Worth, do: str, more: int, *, chance: float | None = None) -> Step:
    people, once = worth.labelling(more)
    settle = f" They settle it with a chance of {say.chance(chance)}." if chance is not None else ""
    return Step(
        id="cases", kind="cases", do=do, points=unknown(f"They show a difference and make none.{settle}"),
        month=unknown("They change no cost."), once=once, people=people, machine=worth.testing_all(more), chance=chance,
        currency=worth.currency,
    )  # fmt: skip


def _enough_cases(evidence: Evidence, worth: Worth, decision: Decision) -> Step:
    """The cases up to the number of independent ones from which there are no longer few, at the present design effect."""
    comparison = evidence.comparison
    n, others = comparison.n, " from other groups" if groups_cost(comparison) else ""
    effective = comparison.n_effective or n
    more = max(math.ceil(ENOUGH * n / max(effective, 1.0)) - n, 1)
    first = f"score at least {ENOUGH} independent cases{others}"
    then = ", then decide again"
    if decision == "fine-tune":
        candidate = variant_name(evidence.candidate)
        then = f" before the switch; a small share of real requests can go to {candidate} now"
    return _more_cases(worth, sentence(first + then), more)


def way_step(evidence: Evidence, worth: Worth, way: CheaperWay, do: str) -> Step:
    """An alternative that costs less and was not tried."""
    same = way.standing == "same outputs"
    points = Known(amount(0.0), "The prompt is the same, so the outputs are.") if same else unknown(
        "Its outputs were not measured."
    )  # fmt: skip
    saved = worth.saved_way(way.key, way.name)
    month, once = (unknown("What it costs is not known."), NOTHING)
    if saved is not None:
        month, once = worth.saved(saved, f"by {way.what} in place of {variant_name(evidence.baseline)}")
    return Step(
        id=f"try:{way.name if way.key == 'variant' else way.key}", kind="try", do=do, points=points, month=month, once=once,
        people=unknown(NO_TIME), currency=worth.currency,
    )  # fmt: skip


def _tune(evidence: Evidence, worth: Worth, *, after: bool) -> Step:
    """A small start with the candidate; `after` a test, it depends on the result of that."""
    baseline, candidate = variant_name(evidence.baseline), variant_name(evidence.candidate)
    month, once = worth.tuning()
    do = f"send a small share of real requests to {candidate} and keep {baseline} as the fallback"
    if after:
        do = f"if {candidate} still wins then, send it a small share of real requests and keep {baseline} as the fallback"
    return Step(
        id=f"act:{evidence.candidate}", kind="act", do=sentence(do), points=worth.of_candidate(), month=month,
        once=once, people=worth.engineering(), currency=worth.currency,
    )  # fmt: skip


def _keep(evidence: Evidence, flips: Sequence[VerdictFlip]) -> str:
    """The step after a keep-prompting verdict: nothing now, and when to decide again."""
    change = next((flip for flip in flips if flip.decision == "fine-tune" and flip.from_ and _plain(flip)), None)
    now = "change nothing now" if evidence.baseline == "prompted" else use(evidence.baseline)
    if change is None:
        return f"{now}; decide again when the outputs, the prices or the volume change"
    up, many = change.to > (change.from_ or 0.0), change.key in ("requests_per_day", "requests_total")
    what = change.what if many else f"the {change.what}"
    moves = ("reach" if up else "fall to") if many else ("reaches" if up else "falls to")
    value = f"about {say.count(roughly(change.to, 3))}" if many else say.money(change.to, evidence.money.currency)
    per = " per million tokens" if change.key.rpartition(".")[2].startswith("price") else ""
    return f"{now}; decide again when {what} {moves} {value}{per}"


def _plain(flip: VerdictFlip) -> bool:
    """Whether the input changes on its own and can be monitored."""
    return flip.key.rpartition(".")[2] in (
        "requests_per_day", "requests_total", "failure_cost", "price_input", "price_output", "hourly"
    )  # fmt: skip


# --- what resolves doubts -------------------------------------------------------------------------------------------


def resolving_steps(
    evidence: Evidence, decision: Decision, doubts: Sequence[Doubt], flips: Sequence[VerdictFlip]
) -> dict[str, Step]:
    """A step for each doubt that something can be done about, by its kind, in the order of the doubts.

    Every way that was not measured is a step of its own.
    """
    worth, steps = Worth(evidence.results), {}
    for kind in dict.fromkeys(doubt.kind for doubt in doubts):
        for step in _resolving(evidence, worth, kind, decision, flips):
            steps[kind if kind not in steps else step.id] = step
    return steps


def _resolving(
    evidence: Evidence, worth: Worth, kind: str, decision: Decision, flips: Sequence[VerdictFlip]
) -> list[Step]:
    match kind:
        case "cheaper_way":
            way = evidence.cheaper_way
            do = "" if way is None else sentence(f"try {way.what} first, then run again")
            return [] if way is None else [way_step(evidence, worth, way, do)]
        case "few_cases":
            return [_enough_cases(evidence, worth, decision)]
        case "unmeasured":
            return [_unmeasured(row) for row in evidence.unmeasured[:MOST_UNMEASURED]]
        case "unchecked":
            return [_unchecked(evidence)]
        case "near_flip" | "stated" | "volume" | "cached_price":
            return [_verified(evidence, kind, flips)]
        case "reused":
            chosen = evidence.baseline if decision == "keep prompting" else evidence.candidate
            return [_unseen(evidence, worth, variant_name(chosen))]
    do, why = _words(evidence, kind, decision)
    machine = NOTHING  # what has to be trained or answered again
    if kind in ("answers_in_train", "facts", "warned"):
        machine = worth.training(1, "1 for the same pairs")
    elif kind == "foreign_guide":
        machine = worth.testing(evidence.baseline)
    return [_check(kind, do, why, machine=machine)] if do else []


def _words(evidence: Evidence, kind: str, decision: Decision) -> tuple[str, str]:
    """What to do about a doubt, and why its points are not known; empty if nothing can be done."""
    gap = say.points(evidence.strongest.value, gap_decimals(evidence.results))
    level = f"To draw level it would have to gain {gap}."
    match kind:
        case "template":
            do = f"{CONTENT_RULE}, or use the template; then run `tuneworth evaluate` again"
            if decision == "keep prompting":
                do = (
                    "read some outputs of the template; if people would not accept them, add a rule that says why, then run "
                    "`tuneworth evaluate` again"
                )
            return do, "Which of the template's outputs people would not accept is not known."
        case "contradicted":
            do = "add a rule about the right answer, such as `equals` or `same_fields`, then run `tuneworth evaluate` again"
            if evidence.results.correctness is not None:
                do = "read the outputs that are wrong there, and train on more examples of them; then run again"
            return do, f"What the rules do not see is not part of the {evidence.results.good} share."
        case "slice":
            return "read its outputs there, and train on more examples of that part; then run again", ON_PART
        case "near_misses":
            style = evidence.results.style
            rule = None if style is None or style.near_misses is None else style.near_misses.rule
            if rule == "people":
                return "have people judge outputs blind (section Examples)", "What people accept is not known."
            do = f"add a rule `{rule}` to the style, which compares each output with its reference; then run again"
            return do, "How many of the accepted outputs are wrong is not known."
        case "repeated":
            return "add test cases with other requests", "How other requests fare shows only in a new comparison."
        case "answers_in_train":
            data = evidence.results.data
            remedy = "" if data is None or data.certificate is None else data.certificate.answers_remedy
            return (
                f"{remedy} Then train and compare again",
                "How much the tuned model recites shows only in a new comparison.",
            )
        case "facts":
            return FACTS_ADVICE, "What better examples bring was not measured."
        case "one_repaired":
            other = evidence.candidate if decision == "keep prompting" else evidence.baseline
            do = f"repair the outputs of {variant_name(other)} as well and run `tuneworth evaluate` again"
            return do, "The repair of its outputs was not measured."
        case "weak_baseline":
            do = "repeat the comparison with a stronger model and the same guide"
            return do, f"No stronger model was measured. {level}"
        case "foreign_guide":
            do = "have the team improve the guide and run `tuneworth evaluate` again"
            return do, f"No other guide was measured. {level}"
        case "warned":
            warned = next(risk.id for risk in evidence.results.risks if risk.status == "warn")
            return RISK_ADVICE.get(warned, ""), f"The risk does not show in the {evidence.results.good} share."
        case "references" | "refused":
            return _references(evidence), f"It changes what counts as {evidence.results.good}."
        case "integrity":
            do = "read these outputs next to their requests, and find out where they come from"
            return do, "How the variant answers these requests is not known."
        case "style":
            do = "review the rules in the style file and set `reviewed: true` there"
            return do, f"It changes what counts as {evidence.results.good}."
    return "", ""


def _unseen(evidence: Evidence, worth: Worth, chosen: str) -> Step:
    """As many test cases again, which nothing was chosen by."""
    n = evidence.comparison.n
    people, once = worth.labelling(n)
    return Step(
        id="cases:unseen", kind="cases", do="Repeat the comparison on unseen cases.",
        points=unknown(f"How much of the share of {chosen} is luck is not known."), month=unknown(ON_POINTS), once=once,
        people=people, machine=worth.testing_all(n), currency=worth.currency,
    )  # fmt: skip


def _check(
    id: str, do: str, why: str, *, kind: StepKind = "check", command: str | None = None, money: str = ON_POINTS,
    machine: Known = NOTHING,
) -> Step:  # fmt: skip
    return Step(
        id=f"{kind}:{id}", kind=kind, do=sentence(do), command=command, points=unknown(why), month=unknown(money),
        people=unknown(NO_TIME), machine=machine,
    )  # fmt: skip


def _references(evidence: Evidence) -> str:
    """What to do about the rule that most of the examples' own outputs break."""
    rules = {} if evidence.results.data is None else evidence.results.data.checks
    rule = max(rules, key=lambda name: rules[name].share, default=None)
    if rule is None or not rules[rule].share:
        return "check whether the rules that the references break are right, then run `tuneworth evaluate` again"
    share = say.percent(rules[rule].share)
    return f"check whether rule `{rule}` is right, which {share} of the examples' own outputs break"


def _unmeasured(row: Rival) -> Step:
    why = f"Not measured: {sentence(row.why or 'it was not measured')}"
    return _check(row.name, f"measure {variant_name(row.name)}", why, kind="measure")


def _unchecked(evidence: Evidence) -> Step:
    """The risks that were not checked; how to check a single one is said, that of several is with each risk."""
    risks = [risk for risk in evidence.results.risks if risk.status == "not checked"]
    names = listed([risk.id for risk in risks], most=len(risks))
    do = f"check the risks that were not: {names} (`to_check` of each in results.json says how)"
    if len(risks) == 1:
        do = risks[0].to_check or f"check the risk of {names}"
    return _check("unchecked", do, f"The risks do not show in the {evidence.results.good} share.", money=NO_OUTPUT)


def _verified(evidence: Evidence, kind: str, flips: Sequence[VerdictFlip]) -> Step:
    """The number behind the money that should be verified."""
    file, command = evidence.results.money_place
    again, turns = f"under [roi] in {file} and run `{command}`", "It shows whether the decision holds."
    do = f"check the numbers {again.replace('under', 'stated under', 1)}: the run measured others"
    flip = nearest_flip(flips) if kind == "near_flip" else None
    if flip is not None:
        do = f"verify the {flip.what} before spending anything, state the range {again}"
        turns = f"At {say.count(flip.to)} instead of {say.count(flip.from_)} the verdict is “{flip.decision}”."
    if kind == "cached_price":
        do = f"state `price_cached` {again}"
    if kind == "volume":
        do = f"state the requests a day as `[low, likely, high]` {again}"
    return _check(kind, do, NO_OUTPUT, kind="state", command=command, money=turns)
