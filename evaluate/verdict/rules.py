"""The verdict: the first of nine rules that fires turns the results into one decision."""

import math
from collections.abc import Iterator
from dataclasses import replace as replaced
from typing import TypeVar

from msgspec.structs import replace

from ...core import say
from ...curate import FEWEST_CASES, FEWEST_GROUPS, enough_cases
from ..results import (
    BeyondFlip,
    Comparison,
    Difference,
    Judgements,
    Money,
    MoneyFlip,
    NeededCases,
    Results,
    Rival,
    Routing,
    Verdict,
    VerdictFlip,
)
from .confidence import confidence
from .doubts import Doubt, found_doubts
from .evidence import HAIR, Asks, Evidence, Fault, Finding
from .first_steps import FACTS_ADVICE
from .invalid import cause_lines, found_invalid, unlike_people
from .money_rules import MONEY_RULES, hopeless
from .names import sentence, use, variant_name
from .next_steps import next_steps
from .sentences import (
    as_it_stands,
    both_shares,
    difference_line,
    discordant_clause,
    groups_line,
    lost_facts,
    missing_cases,
    others_line,
    rests_on,
    routing_line,
)

Compared = TypeVar("Compared", Comparison, Rival)
MONEY_AFTER = 5  # rules up to this one ignore the money
KEEP, TUNE = "Keep prompting", "Fine-tune"
FEWEST = f"{FEWEST_CASES} separate cases, or {FEWEST_GROUPS} groups, are the minimum"
INVALID = Doubt(
    "invalid", "Until that is fixed, the numbers on this page answer a different question; do not quote them."
)


def decide(results: Results, *, margin: float = 0.03, facts_margin: float | None = None) -> Verdict | None:
    """The verdict on results; None if the candidate was not compared with a way without training.

    `margin` is the loss in acceptable outputs that counts as not worse, `facts_margin` that in outputs that are right
    about the facts, by default the same.

    An intersection-union test: *fine-tune* only if the candidate is shown to be no worse than every measured rival, each
    at 5%, and training pays against each rival that it does not surely beat, the strongest in any case. No rival is
    selected by its result, so nothing has to be corrected for their number (Berger 1982, Technometrics 24, 295).
    """
    if results.comparison is None or results.comparison.difference.value is None:
        return None
    evidence = Evidence(results, margin, margin if facts_margin is None else facts_margin)
    number, found = _first(evidence)
    excepted = evidence.results.routing if found.decision == "fine-tune" else None
    if excepted is not None:
        found = _with_exceptions(evidence, found, excepted)
    flips = _flips(evidence, found.decision) if number > MONEY_AFTER else []
    # An invalid comparison shows nothing about other variants either.
    also = "" if number == 1 else _also(evidence, found)
    doubts = [INVALID]
    if number != 1:
        doubts = found_doubts(evidence, found.decision, flips=flips, about_money=number > MONEY_AFTER)
    steps = next_steps(evidence, found, number, doubts, flips)
    causes = [] if number == 1 else [sentence(line) for line in cause_lines(results)]
    return Verdict(
        decision=found.decision,
        what=found.faults[0].what if found.faults else None,
        rule=number,
        sentence=found.sentence + also,
        except_=[] if excepted is None else excepted.excepted,
        confidence=confidence(evidence, found.decision, number, doubts),
        reasons=[*causes, *found.reasons][:4],
        doubt=doubts[0].text,
        flips=flips,
        rests_on=rests_on(results),
        not_checked=[risk.id for risk in results.risks if risk.status == "not checked"],
        next=steps[0].do,
        steps=[step.record for step in steps],
    )


def with_judgements(results: Results, judgements: Judgements) -> Results:
    """The results with people's judgements in place of earlier ones, and the verdict that follows.

    Judgements change a verdict only by its first rule, so the margin is irrelevant. The verdict without them is kept in
    `judgements.verdict_without` where they change it, so that better rules or other judgements restore it.
    """
    earlier = results.judgements
    before = (earlier.verdict_without if earlier is not None else None) or results.verdict
    judged = replace(results, judgements=judgements)
    verdict = decide(judged) if unlike_people(judged) else before
    kept = None if verdict == before else before
    return replace(judged, judgements=replace(judgements, verdict_without=kept), verdict=verdict)


def _first(evidence: Evidence) -> tuple[int, Finding]:
    """The first rule that fires; the last one always does."""
    rules = (_invalid, _worse, _undecided, _risky, *MONEY_RULES)
    return next((n, found) for n, rule in enumerate(rules, start=1) if (found := rule(evidence)))


def _with_exceptions(evidence: Evidence, found: Finding, routing: Routing) -> Finding:
    """*Fine-tune* but for the requests that a rival surely answers better, and what sending them there gives."""
    parts = " or ".join(each.words for each in routing.excepted)
    return replaced(
        found,
        sentence=found.sentence.replace(TUNE, f"{TUNE}, except where {parts}", 1),
        reasons=[found.reasons[0], routing_line(evidence.results, routing), *found.reasons[1:]],
    )


def _also(evidence: Evidence, found: Finding) -> str:
    """An addition to the sentence: the guide has no use."""
    guided = evidence.useless_guide
    if guided is None or variant_name("plain") in found.sentence:
        return ""
    return f" The guide of {variant_name(guided)} can be dropped: the outputs are no worse without it."


def _invalid(evidence: Evidence) -> Finding | None:
    """Rule 1: the data or the comparison is invalid."""
    faults = found_invalid(evidence.results)
    if not faults:
        return None
    return Finding(
        "fix first",
        f"Fix the {faults[0].what} first: {faults[0].text.rstrip('.')}.",
        [*(sentence(fault.text) for fault in faults), as_it_stands(evidence.results)],
        faults=faults,
    )


def _worse(evidence: Evidence) -> Finding | None:
    """Rule 2: the candidate is surely worse than a way without training."""
    rivals, results = evidence.better_rivals, evidence.results
    if _too_few(evidence) or not rivals:
        return None
    rival = rivals[0]
    return Finding(
        "keep prompting",
        f"{KEEP}: {both_shares(results, rival.name)}.",
        [
            difference_line(evidence, rival),
            *([sentence(discordant_clause(results))] if rival.strongest else []),
            "Outputs that are significantly worse are not worth a lower cost.",
            *others_line(results, rival.name),
        ],
        asks=Asks("act", sentence(use(rival.name)), rival=rival.name),
    )


def _too_few(evidence: Evidence) -> bool:
    comparison = evidence.comparison
    return not enough_cases(comparison.n, comparison.n_effective, comparison.groups).enough


def _undecided(evidence: Evidence) -> Finding | None:
    """Rule 3: there are too few cases, or the candidate may be worse than a rival; skipped if neither could matter.

    A rival that is surely better is not open: whether the loss is worth its saving is a question of money, not of cases.
    """
    too_few = _too_few(evidence)
    rivals = [rival for rival in evidence.open_rivals if too_few or not rival.surely_better(evidence.margin)]
    if (not rivals and not too_few) or hopeless(evidence):
        return None
    rival = rivals[0] if rivals else evidence.strongest
    n, groups = evidence.comparison.n, evidence.comparison.groups
    groups = groups if groups and groups < n else None
    these = f"{'this' if n == 1 else 'these'} {say.count(n, 'case')}"
    if too_few:
        could = f"{these} {'is' if n == 1 else 'are'} too few to decide"
        if groups:
            could = f"{these} in {say.count(groups, 'group')} are too few to decide"
    else:
        # This is the end of the range that is shown; the decisive one-sided end is a little closer.
        could = f"on {these} it could be up to {say.points(rival.low)} worse"
    # The cases that would settle the comparison with each of these rivals; None if more cases need not.
    every = [rival.needed for rival in rivals or [rival]]
    known = [needed for needed in every if needed is not None]
    needed = None if len(known) < len(every) else max(known, key=lambda needed: needed.cases)
    ask = "more test cases are needed"
    more = "More cases help only if the true difference is better than the measured one."
    if needed is not None:
        missing = missing_cases(needed, n, groups)
        ask = f"{missing} would settle it"
        more = sentence(f"with {missing} the chance is {say.chance(needed.chance)} that the range is narrow enough")
    return Finding(
        "cannot tell yet",
        f"Cannot tell yet: {both_shares(evidence.results, rival.name)}, but {could}; {ask}.",
        [
            difference_line(evidence, rival),
            f"A loss of up to {say.points(evidence.margin)} counts as not worse; {FEWEST}.",
            more,
            groups_line(evidence.results),
        ],
        asks=Asks("cases", sentence(_more_cases(needed, n, groups)), needed=needed),
    )


def _more_cases(needed: NeededCases | None, n: int, groups: int | None) -> str:
    """The cases to add, as an instruction."""
    if needed is None:
        others = " from other groups" if groups else ""
        return f"add unseen test cases{others} or train on better examples, then run again"
    return f"add {missing_cases(needed, n, groups, unseen=True)}, then run again"


def _risky(evidence: Evidence) -> Finding | None:
    """Rule 4: a measured risk is over its limit, or the facts are surely worse; a risk that was not checked never fires."""
    over = [risk for risk in evidence.results.risks if risk.status == "over" and risk.measured]
    if over:
        first = f"{over[0].id} is over its limit ({over[0].evidence})"
        reasons = [sentence(f"{risk.id}: {risk.evidence}") for risk in over]
        faults = [Fault("training", risk.evidence or "", risk=risk.id) for risk in over]
    elif (lost := lost_facts(evidence)) is not None:
        first, reasons = lost, [sentence(lost)]
        faults = [Fault("training", lost, FACTS_ADVICE)]
    else:
        return None
    return Finding(
        "fix first",
        f"Fix the training first: {first}.",
        [*reasons, as_it_stands(evidence.results)],
        faults=faults,
    )


def _flips(evidence: Evidence, decision: str) -> list[VerdictFlip]:
    """Where the decision flips, one input at a time, with the decision of the same rules beyond each point.

    For each input, it keeps the nearest point to each other decision in each direction.
    """
    stated = evidence.money.flips
    nearest: dict[tuple[str, str, bool], VerdictFlip] = {}
    for flip in sorted([*stated, *_share_flips(evidence)], key=lambda flip: abs(flip.to - (flip.from_ or 0))):
        other = _first(_moved(evidence, flip))[1].decision
        place = (flip.key, other, flip.to > (flip.from_ or 0))
        if other != decision and place not in nearest:
            nearest[place] = VerdictFlip(key=flip.key, what=flip.what, from_=flip.from_, to=flip.to, decision=other)
    order = list(dict.fromkeys(flip.key for flip in [*stated, *nearest.values()]))
    return sorted(nearest.values(), key=lambda flip: order.index(flip.key))


def _share_flips(evidence: Evidence) -> Iterator[MoneyFlip]:
    """The acceptable shares at which the candidate may be worse than its strongest rival, and at which it is.

    The interval is assumed to move with the share and to keep its width.
    """
    rival, margin, share = evidence.strongest, evidence.margin, evidence.results.share_of(evidence.candidate) or 0.0
    for drop in (rival.low_one_sided + margin, max(rival.high, rival.value + margin)):
        if 0 < drop < share:
            key, what = f"{evidence.candidate}.acceptance", f'{evidence.results.good} share of "{evidence.candidate}"'
            yield MoneyFlip(key=key, what=what, from_=share, to=share - drop, beyond=None)


def _moved(evidence: Evidence, flip: MoneyFlip) -> Evidence:
    """The evidence just beyond a flip point."""
    results, candidate = evidence.results, evidence.candidate
    moved = replace(results, money=_moved_money(evidence.money, flip.beyond))
    share, before = results.share_of(candidate), flip.from_ or 0.0
    if flip.key != f"{candidate}.acceptance" or share is None or abs(before - share) > HAIR:
        return replaced(evidence, results=moved)  # a share stated only for the money does not change the comparison
    by = flip.to - before
    by += math.copysign(0.01 * flip.to, by)
    quality = results.quality[candidate]
    better = replace(quality.acceptable, share=min(max(share + by, 0.0), 1.0))
    moved = replace(
        moved, comparison=_raised(evidence.comparison, by), rivals=[_raised(row, by) for row in results.rivals],
        quality={**results.quality, candidate: replace(quality, acceptable=better)},
    )  # fmt: skip
    return replaced(evidence, results=moved)


def _moved_money(money: Money, beyond: BeyondFlip | None) -> Money:
    """The money with the figures beyond a flip point, as far as it has them."""
    if beyond is None:
        return money
    known = {name: value for name in beyond.__struct_fields__ if (value := getattr(beyond, name)) is not None}
    return replace(money, **{"npv_p50": None, **known})


def _raised(row: Compared, by: float) -> Compared:
    """A comparison with the candidate better by this much."""
    difference, one_sided = row.difference, row.low_one_sided
    if difference is None or one_sided is None:
        return row
    ends = [None if end is None else end + by for end in (difference.value, difference.low, difference.high)]
    raised = Difference(value=ends[0], low=ends[1], high=ends[2])
    return replace(row, difference=raised, low_one_sided=one_sided + by)
