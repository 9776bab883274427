"""What to do next, ranked: what the verdict asks for, then whatever else would bring something, the most first."""

from collections.abc import Iterator, Sequence

from ...core import say
from ...style import RuleInUse
from ..results import Decision, Results, VerdictFlip
from .confidence import AGAINST_BOTH, AGAINST_TUNING
from .doubts import Doubt
from .evidence import Evidence, Finding
from .first_steps import NO_TIME, first_steps, resolving_steps, way_step
from .names import sentence, variant_name
from .step import NOTHING, Known, Step, Worth, amount, ranked, unknown

MOST_RULES = 3  # of one variant
AGAINST = AGAINST_TUNING | AGAINST_BOTH
LONGEST_RULE = 60  # characters of a rule's sentence in a step
NOTICEABLE = 0.005  # half a point
FEWEST_FOR_CURVE = 160  # train pairs; an eighth of fewer is too little to train on
CURVE_PARTS = 1 / 8 + 1 / 4 + 1 / 2  # of the train pairs, a training each
WORSE, TOO_DEAR = 2, 8  # rules of the verdict


def next_steps(
    evidence: Evidence, found: Finding, rule: int, doubts: Sequence[Doubt], flips: Sequence[VerdictFlip]
) -> list[Step]:
    """All steps, at least one: first what rule number `rule` asks for, whose result is `found`, then the check that could
    overturn it, then the others, ranked.

    After *fix first* there are no others, since their numbers are not valid.
    """
    decision = found.decision
    resolving = resolving_steps(evidence, decision, doubts, flips)
    first = first_steps(evidence, found, doubts, resolving, flips)
    if decision == "fix first":
        return first
    # The variant that the verdict says to use, or that it would be about if it could tell.
    used = evidence.candidate
    if decision == "keep prompting":
        used = (found.asks.rival if found.asks is not None else None) or evidence.baseline
    worth, gains = Worth(evidence.results), list[Step]()
    if decision != "fine-tune":
        gains += [*_switch(evidence, worth, decision), *_guide(evidence, worth, decision, used)]
        gains += [
            way_step(evidence, worth, way, sentence(f"try {way.what}, then run again")) for way in evidence.cheaper_ways
        ]
    if decision != "keep prompting":
        gains += _forms(evidence, worth)
    gains += _rules(worth, used)
    if rule == WORSE:
        gains += _rules(worth, evidence.candidate, against=used)
    if rule != TOO_DEAR:
        gains += _examples(worth, again=rule == WORSE, shown=any(step.kind == "rule" for step in gains))
    doubted = resolving.get(doubts[0].kind) if doubts[0].kind in AGAINST else None
    if doubted is not None and doubted.id not in {step.id for step in first}:
        first.append(doubted)
    taken = {step.id for step in first}
    rest = {step.id: step for step in [*gains, *resolving.values()] if step.id not in taken}
    return [*first, *ranked(rest.values())]


def _switch(evidence: Evidence, worth: Worth, decision: Decision) -> Iterator[Step]:
    """Until it can be told: the strongest rival instead of the variant in use today, if that is better or cheaper."""
    rival, today = evidence.baseline, worth.today
    # Whether people accept a template's outputs has a step of its own.
    if decision != "cannot tell yet" or today in (None, rival) or rival == "template":
        return
    points, (month, once) = worth.over_today(rival), worth.switching(today, rival)
    gained = [part.amount.value for part in (points, month, once) if part.amount is not None]
    if not any(value and value > 0 for value in gained):
        return
    yield Step(
        id=f"switch:{rival}", kind="switch", do=sentence(f"until then, use {variant_name(rival)}"), points=points,
        month=month, once=once, people=unknown(NO_TIME), currency=worth.currency,
    )  # fmt: skip


def _guide(evidence: Evidence, worth: Worth, decision: Decision, used: str) -> Iterator[Step]:
    """The guide away, where the same model is no worse without it, from the variant that goes on being used."""
    guided, comparison = evidence.useless_guide, evidence.results.guide_comparison
    if guided is None or comparison is None:
        return
    if guided != (used if decision == "keep prompting" else evidence.baseline):
        return
    ends = comparison.difference
    points = Known(
        amount(ends.value, ends.low, ends.high).times(-1),
        f"The measured difference of {variant_name('plain')} to {variant_name(guided)}.",
    )
    month, once = worth.switching(guided, "plain")
    yield Step(
        id=f"guide:{guided}", kind="guide", do=sentence(f"drop the guide of {variant_name(guided)}"), points=points,
        month=month, once=once, people=unknown(NO_TIME), currency=worth.currency,
    )  # fmt: skip


def _forms(evidence: Evidence, worth: Worth) -> Iterator[Step]:
    """The candidate with another variant as its fallback, where that was measured and is better."""
    candidate, results = evidence.candidate, evidence.results
    ours = results.share_of(candidate)
    for name, variant in results.variants.items():
        theirs = results.share_of(name)
        made_of = variant.way == "cascade" and candidate in variant.of
        if not made_of or theirs is None or ours is None or theirs - ours < NOTICEABLE:
            continue
        how = f"{say.percent(theirs)} - {say.percent(ours)} {results.good}, as measured; the range was not computed."
        month, once = worth.of_form(name, candidate)
        yield Step(
            id=f"form:{name}", kind="form",
            do=sentence(f"use {variant_name(name)}, which answers where an output breaks a rule"),
            points=Known(amount(theirs - ours), how), month=month, once=once, people=unknown(NO_TIME),
            currency=worth.currency,
        )  # fmt: skip


def _rules(worth: Worth, name: str, *, against: str | None = None) -> Iterator[Step]:
    """The rules that keep most outputs of a variant from being acceptable, each for itself.

    `against` is the better variant that is used instead: then the model would have to be trained again and to draw level.
    """
    quality = worth.results.quality.get(name)
    if quality is None:
        return
    cut = next((found for found in quality.causes if found.cause == "cut"), None)
    if cut is not None:
        to = f" to {say.count(cut.enough)} or more" if cut.enough else ""
        do = f"raise the token limit of {variant_name(name)}{to}, then run `tuneworth evaluate` again"
        yield _rule_step(worth, name, f"cut:{name}", do, worth.of_cut(name), against)
    alone = {rule: check.alone for rule, check in quality.checks.items() if check.alone is not None}
    most = MOST_RULES if against is None else 1
    for rule in sorted(alone, key=lambda rule: -(alone[rule].share or 0.0))[:most]:
        if alone[rule].outputs:
            do = _to_meet(worth.results, name, rule, again=against is not None)
            yield _rule_step(worth, name, f"rule:{rule}:{name}", do, worth.of_rule(name, rule), against)


def _to_meet(results: Results, name: str, rule: str, *, again: bool) -> str:
    """How a variant comes to meet a rule, which is named with what it says."""
    variant = results.variants.get(name)
    rules = {} if results.style is None else results.style.checks
    named = f"`{rule}`{_said(rules[rule]) if rule in rules else ''}"
    if variant is not None and variant.way == "template":
        return f"change the template until it meets {named}"
    if rule in rules and rules[rule].about == "correctness":
        wrong = f"of the kinds that {variant_name(name)} gets wrong by `{rule}` (section Correctness)"
        if variant is not None and variant.way == "classifier":
            return f"add training pairs {wrong}"
        if variant is None or not variant.tuned:
            return f"put examples {wrong} into its prompt"
        return f"if you train again, add pairs {wrong}" if again else f"add training pairs {wrong}, then train again"
    if variant is None or not variant.tuned:
        return f"put {named} into the prompt of {variant_name(name)}, with an example"
    return f"if you train again, add pairs that show {named}" if again else (
        f"add training pairs that show {named}, then train again"
    )  # fmt: skip


def _rule_step(worth: Worth, name: str, id: str, do: str, points: Known, against: str | None) -> Step:
    month, once = worth.of_points(points)
    if against is not None and not worth.draws_level(name, points, against):
        month, once = unknown(f"It would still be worse than {variant_name(against)}."), NOTHING
    return Step(
        id=id, kind="rule", do=sentence(do), points=Known(points.amount, f"{points.how} {worth.reached(name, points)}".strip()),
        month=month, once=once, people=unknown(NO_TIME), machine=worth.testing(name), currency=worth.currency,
    )  # fmt: skip


def _said(rule: RuleInUse) -> str:
    """What a rule says, in brackets, if that is short and plain."""
    text = rule.sentence.rstrip(".")
    return f' ("{text}")' if text and len(text) <= LONGEST_RULE and not {"`", "\n", '"'} & set(text) else ""


def _examples(worth: Worth, *, again: bool, shown: bool) -> Iterator[Step]:
    """As many training pairs again, by the learning curve; or the curve, if there is none.

    `again` is for a model that is not used now; `shown` says that a step names what its pairs should show.
    """
    curve, trained = worth.results.learning_curve, worth.results.training
    if curve is not None and curve.doubling is not None:
        gain, pairs, doubled = curve.doubling.gain, curve.doubling.to // 2, curve.doubling.to
        if gain.high < NOTICEABLE:
            return
        points = Known(
            amount(gain.value, gain.low, gain.high),
            f"The learning curve from {say.count(pairs)} to {say.count(doubled)} pairs.",
        )
        (month, saved), (people, once) = worth.of_points(points), worth.labelling(pairs)
        if saved.amount is not None:  # of a batch: what is saved once, less what the pairs cost
            cost = once.amount or amount(0.0)
            once = Known(saved.amount.plus(cost), f"{saved.how} {once.how}")
        do = f"write {say.count(pairs)} more training pairs, as many again, then train and compare again"
        yield Step(
            id="examples", kind="examples", do=sentence(f"if you train again: {do}" if again else do), points=points,
            month=month, once=once, people=people,
            machine=worth.training(2, "2 for twice the pairs"), currency=worth.currency,
        )  # fmt: skip
        return
    why = unknown("No learning curve was measured.")
    if again and not shown:
        yield Step(
            id="examples", kind="examples", do="Train again only with more or better examples.", points=why, month=why,
            people=why, machine=worth.training(1, "1 for the same pairs"),
        )  # fmt: skip
    if trained is not None and trained.train_pairs >= FEWEST_FOR_CURVE and trained.hosted is None:
        yield Step(
            id="measure:examples", kind="measure", command="tuneworth train --learning-curve",
            do="Train on parts of the pairs to see what more of them would bring.", points=why, month=why,
            machine=worth.training(CURVE_PARTS, "(1/8 + 1/4 + 1/2)"), people=NOTHING,
        )  # fmt: skip
