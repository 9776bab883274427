"""The confidence in a verdict, given its doubts: high, fair or low."""

from collections.abc import Sequence
from typing import get_args

from ...core import say
from ..money.simulate import SURE, UNSURE
from ..results import Confidence, Decision, Level
from .doubts import Doubt
from .evidence import Evidence
from .money_sentences import futures_clause
from .names import variant_name
from .sentences import outputs_clause

LEVELS: tuple[Level, ...] = get_args(Level)
LOW, FAIR, HIGH = range(3)
# A chance of 90% is high confidence; the 80% from which rule 7 fires is fair. The other side mirrors this.
SURELY, SURELY_NOT = 0.9, 0.1
RATHER_NOT = 0.2
# Doubts that could flip the verdict, each as a clause; other doubts only weaken it.
AGAINST_TUNING = {
    "contradicted": "the references contradict the rules",
    "slice": "it is worse in a part of the requests",
    "answers_in_train": "a tuned model may recite answers of the test",
    "cheaper_way": "a cheaper alternative was not tried",
    "facts": "another way is right about the facts more often",
    "weak_baseline": "the baseline is weak",
    "foreign_guide": "the guide is not the team's own",
}
AGAINST_BOTH = {
    "refused": "the rules refuse most of what people wrote",
    "integrity": "some outputs may not answer their own requests",
    "template": "the rules can be met without any model",
    "one_repaired": "only one side was repaired",
    "few_cases": "there are few independent cases",
    "repeated": "many cases repeat the same request",
    "cached_price": "the price of cached tokens is unknown",
    "near_flip": "a small change of one input flips it",
    "reused": "the test set has been used often",
}
# The rules may accept what is wrong, or have not been read, so no verdict that rests on them is of high confidence.
CAPPED = {"near_misses": "the rules often accept wrong outputs", "style": "the style has not been reviewed"}
Judged = tuple[int, str]


def confidence(evidence: Evidence, decision: Decision, rule: int, doubts: Sequence[Doubt]) -> Confidence:
    """The confidence in a decision and the rule that made it.

    - fine-tune: high from a 90% chance of paying back in time, if the whole interval of the difference lies above
      -margin; else fair.
    - keep prompting for worse outputs: high if the whole interval lies at -margin or below, else fair. For the money:
      high up to a 10% chance of paying back in time, fair up to 20%, else low. For a measured alternative without
      training: fair, as its money is computed from the likely numbers alone, without their ranges.
    - cannot tell yet: low; the sentence names the decisions it lies between.
    - fix first: high for data and comparison, which are facts, not estimates; fair for a risk, which is measured.

    Each doubt that could flip fine-tune or keep prompting lowers the level by one step, down to low; a style that has not
    been reviewed keeps it from being high, and so do rules that often accept near misses where the acceptable share decides.
    """
    level, facts = _JUDGES[rule - 1](evidence)
    serious = AGAINST_TUNING | AGAINST_BOTH if decision == "fine-tune" else {}
    serious = AGAINST_BOTH if decision == "keep prompting" else serious
    clauses = [serious[doubt.kind] for doubt in doubts if doubt.kind in serious]
    lowered = max(LOW, level - len(clauses))
    clauses = clauses[: level - lowered]
    if serious and lowered == HIGH and (caps := [CAPPED[doubt.kind] for doubt in doubts if doubt.kind in CAPPED]):
        lowered, clauses = FAIR, caps
    if lowered < level:
        facts += f"; the confidence is not {LEVELS[level]} because {' and '.join(clauses)}"
    return Confidence(level=LEVELS[lowered], sentence=f"{LEVELS[lowered].capitalize()}: {facts}.")


def _to_fix(evidence: Evidence) -> Judged:
    return HIGH, "the problem is a fact, not an estimate; the result of the comparison is unknown until it is fixed"


def _surely_worse(evidence: Evidence) -> Judged:
    rival, name = evidence.better_rivals[0], variant_name(evidence.candidate)
    text = f"even at the best end of the range, {name} is {say.points(rival.high)} worse"
    return HIGH if rival.high <= -evidence.margin else FAIR, text if rival.strongest else f"{text} than {rival.label}"


def _may_be_either(evidence: Evidence) -> Judged:
    rival = next(iter(evidence.open_rivals), evidence.strongest)
    if rival.low >= 0:
        return LOW, f"it looks at least {say.points(rival.low)} better, but on too few independent cases to rely on"
    name, best = variant_name(evidence.candidate), f"{say.points(rival.high)} better" if rival.high > 0 else "no better"
    return LOW, f"{name} may be up to {say.points(rival.low)} worse or {best}, so either decision may turn out right"


def _risky(evidence: Evidence) -> Judged:
    return FAIR, "the risk is over its limit in a sample of outputs; the result of another training is unknown"


def _unpriced(evidence: Evidence) -> Judged:
    return LOW, f"{outputs_clause(evidence)}, but whether that is worth its cost depends on the missing numbers"


def _unset(evidence: Evidence) -> Judged:
    return LOW, f"{outputs_clause(evidence)}, but whether that is worth its cost depends on a number that is not stated"


def _pays(evidence: Evidence) -> Judged:
    likely = min(rival.gain.chance for rival in evidence.money_rivals if rival.gain is not None)
    sure = likely >= SURELY and all(rival.low > -evidence.margin for rival in evidence.rivals)
    return HIGH if sure else FAIR, f"{futures_clause(evidence.money)}, and {outputs_clause(evidence)}"


def _does_not_pay(evidence: Evidence) -> Judged:
    beaten = ((rival, rival.gain) for rival in evidence.money_rivals if rival.gain is not None)
    rival, gain = next((rival, gain) for rival, gain in beaten if gain.weight == "does not pay")
    likely, earned = gain.chance, None
    if gain.earned is not None and gain.earned < likely:  # pays back in time, but the savings end before
        likely = earned = gain.earned
    facts = futures_clause(evidence.money, likely, only=True, earned=earned)
    if not rival.strongest:
        facts += f" against {rival.label}"
    return HIGH if likely <= SURELY_NOT else FAIR if likely <= RATHER_NOT else LOW, facts


def _in_between(evidence: Evidence) -> Judged:
    futures, way = futures_clause(evidence.money), evidence.cheaper_way
    open_rivals = [rival for rival in evidence.money_rivals if rival.weight != "pays"]
    if not open_rivals and way is not None:
        return LOW, f"{futures}, but not against {way.what}"
    if open_rivals and not open_rivals[0].strongest:
        return LOW, f"{futures}, but not as surely against {open_rivals[0].label}"
    need, most = (say.of_hundred(share) for share in (SURE, UNSURE))
    return LOW, f"{futures}; {need} would mean “fine-tune”, {most} or fewer “keep prompting”"


# By the number of the rule, from 1 on.
_JUDGES = (
    _to_fix, _surely_worse, _may_be_either, _risky, _unpriced, _unset, _pays, _does_not_pay, _in_between
)  # fmt: skip
