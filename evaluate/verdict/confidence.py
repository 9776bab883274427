"""The confidence in a verdict, given its doubts: high, fair or low."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from ...core import say
from ..money.flips import SURE, UNSURE
from .doubts import Doubt
from .rivals import (
    cheaper_way,
    may_be_worse,
    measured_rivals,
    money_rivals,
    strongest_first,
    weight,
    worse_rivals,
)  # fmt: skip
from .sentences import (
    chance,
    compared,
    futures_clause,
    outputs_clause,
    variant_name,
)

__all__ = ["AGAINST_BOTH", "AGAINST_TUNING", "LEVELS", "Level", "confidence"]

Results = Mapping[str, Any]
Level = Literal["low", "fair", "high"]
LEVELS: tuple[Level, ...] = get_args(Level)
LOW, FAIR, HIGH = range(3)
# A chance of 90% is high confidence; the 80% from which rule 7 fires is fair. The other side mirrors this.
SURELY, SURELY_NOT = 0.9, 0.1
RATHER_NOT = 0.2
# Doubts that could flip the verdict, each as a clause; other doubts only weaken it.
AGAINST_TUNING = {
    "answers_in_train": "a tuned model may recite answers of the test",
    "cheaper_way": "a cheaper alternative was not tried",
    "facts": "another way is right about the facts more often",
    "weak_baseline": "the baseline is weak",
    "foreign_guide": "the guide is not the team's own",
}
AGAINST_BOTH = {
    "template": "the rules can be met without any model",
    "one_repaired": "only one side was repaired",
    "few_cases": "there are few independent cases",
    "repeated": "many cases repeat the same request",
    "cached_price": "the price of cached tokens is unknown",
    "near_flip": "a small change of one input flips it",
    "reused": "the test set has been used often",
}
Judged = tuple[int, str]


def confidence(
    results: Results, decision: str, rule: int, doubts: Sequence[Doubt], *, margin: float = 0.03
) -> dict[str, str]:
    """`{level, sentence}` of a decision and the rule that made it.

    - fine-tune: high from a 90% chance of paying back in time, if the whole interval of the difference lies above
      -margin; else fair.
    - keep prompting for worse outputs: high if the whole interval lies at -margin or below, else fair. For the money:
      high up to a 10% chance of paying back in time, fair up to 20%, else low. For a measured alternative without
      training: fair, as its money is computed from the likely numbers alone, without their ranges.
    - cannot tell yet: low; the sentence names the decisions it lies between.
    - fix first: high for data and comparison, which are facts, not estimates; fair for a risk, which is measured.

    Each doubt that could flip fine-tune or keep prompting lowers the level by one step, down to low.
    """
    level, facts = _JUDGES[rule](results, margin)
    serious = AGAINST_TUNING | AGAINST_BOTH if decision == "fine-tune" else {}
    serious = AGAINST_BOTH if decision == "keep prompting" else serious
    clauses = [serious[doubt.kind] for doubt in doubts if doubt.kind in serious]
    lowered = max(LOW, level - len(clauses))
    if lowered < level:
        facts += f"; the confidence is not {LEVELS[level]} because {' and '.join(clauses[: level - lowered])}"
    return {"level": LEVELS[lowered], "sentence": f"{LEVELS[lowered].capitalize()}: {facts}."}


def _to_fix(results: Results, margin: float) -> Judged:
    return HIGH, "the problem is a fact, not an estimate; the result of the comparison is unknown until it is fixed"


def _surely_worse(results: Results, margin: float) -> Judged:
    rival = worse_rivals(results, margin)[0]
    name = variant_name(compared(results)[1])
    text = f"even at the best end of the range, {name} is {say.points(rival.high)} worse"
    return HIGH if rival.high <= -margin else FAIR, text if rival.strongest else f"{text} than {rival.label}"


def _may_be_either(results: Results, margin: float) -> Judged:
    rival = next((rival for rival in measured_rivals(results) if may_be_worse(rival, margin)), strongest_first(results))
    low, high = rival.low, rival.high
    if low >= 0:
        return LOW, f"it looks at least {say.points(low)} better, but on too few independent cases to rely on"
    name, best = variant_name(compared(results)[1]), f"{say.points(high)} better" if high > 0 else "no better"
    return LOW, f"{name} may be up to {say.points(low)} worse or {best}, so either decision may turn out right"


def _risky(results: Results, margin: float) -> Judged:
    return FAIR, "the risk is over its limit in a sample of outputs; the result of another training is unknown"


def _unpriced(results: Results, margin: float) -> Judged:
    return (
        LOW,
        f"{outputs_clause(results)}, but whether that is worth its cost depends on the missing numbers",
    )


def _unset(results: Results, margin: float) -> Judged:
    return (
        LOW,
        f"{outputs_clause(results)}, but whether that is worth its cost depends on a number that is not stated",
    )


def _pays(results: Results, margin: float) -> Judged:
    likely = min(chance(rival.money) for rival in money_rivals(results) if rival.money is not None)
    sure = likely >= SURELY and all(rival.low > -margin for rival in measured_rivals(results))
    return HIGH if sure else FAIR, f"{futures_clause(results['money'])}, and {outputs_clause(results)}"


def _does_not_pay(results: Results, margin: float) -> Judged:
    rival = next(rival for rival in money_rivals(results) if weight(rival) == "does not pay")
    money = {**results["money"], **(rival.money or {})}
    likely, earned = chance(money), money.get("probability_npv_positive")
    facts = futures_clause(money, only=True)
    if earned is not None and earned < likely:  # pays back in time, but the savings end before
        likely, facts = earned, futures_clause(money, only=True, earned=earned)
    if not rival.strongest:
        facts += f" against {rival.label}"
    return HIGH if likely <= SURELY_NOT else FAIR if likely <= RATHER_NOT else LOW, facts


def _in_between(results: Results, margin: float) -> Judged:
    money = results["money"]
    way = cheaper_way(results, margin)
    open_rivals = [rival for rival in money_rivals(results) if weight(rival) != "pays"]
    if not open_rivals and way is not None:
        return LOW, f"{futures_clause(money)}, but not against {way.what}"
    if open_rivals and not open_rivals[0].strongest:
        return LOW, f"{futures_clause(money)}, but not as surely against {open_rivals[0].label}"
    need, most = (say.of_hundred(share) for share in (SURE, UNSURE))
    return LOW, f"{futures_clause(money)}; {need} would mean “fine-tune”, {most} or fewer “keep prompting”"


_JUDGES = {
    1: _to_fix,
    2: _surely_worse,
    3: _may_be_either,
    4: _risky,
    5: _unpriced,
    6: _unset,
    7: _pays,
    8: _does_not_pay,
    9: _in_between,
}
