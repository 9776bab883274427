"""How sure a verdict is: high, fair or low, and why, in one sentence."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from ..money.flips import SURE, UNSURE, weigh
from ..wording import days, percent, points, variant_name
from .doubt import Doubt
from .money_phrases import chance
from .phrases import compared
from .rivals import cheaper_way

__all__ = ["LEVELS", "Level", "confidence"]

Level = Literal["low", "fair", "high"]
LEVELS: tuple[Level, ...] = get_args(Level)
LOW, FAIR, HIGH = range(3)
# Nine chances in ten are high; the four in five from which rule 7 fires are fair. Their mirror for the other side.
SURELY, SURELY_NOT = 0.9, 0.1
RATHER_NOT = 0.2
FEWEST = 0.005  # a share that reads 0 of 100
# Doubts that could turn the answer, each as a clause; other doubts only blur it.
AGAINST_TUNING = {
    "cheaper_way": "a cheaper way was not tried",
    "better_untuned": "another way without training does better",
    "weak_baseline": "the baseline is weak",
    "foreign_guide": "the guide is not the team's own",
}
AGAINST_BOTH = {
    "few_cases": "there are few separate cases",
    "near_flip": "a small change of one input turns it",
    "reused": "the test set was used often",
}
Results = Mapping[str, Any]
Judged = tuple[int, str]


def confidence(
    results: Results, decision: str, rule: int, doubts: Sequence[Doubt], *, margin: float = 0.03
) -> dict[str, str]:
    """`{level, sentence}` of a decision and the rule that gave it.

    - fine-tune: high from nine chances in ten of paying back in time, if the whole interval of the difference lies
      above -margin; else fair.
    - keep prompting for worse outputs: high if the whole interval lies at -margin or below, else fair. For the money:
      high up to one chance in ten of paying back in time, fair up to two, else low. For a measured way without
      training: fair, as its money is counted from the likeliest numbers alone, without their ranges.
    - cannot tell yet: low; the sentence says what it lies between.
    - fix first: high for data and comparison, which are found, not estimated; fair for a risk, which is measured.

    Each doubt that could turn fine-tune or keep prompting takes one step away, down to low.
    """
    level, facts = _JUDGES[rule](results, margin)
    serious = AGAINST_TUNING | AGAINST_BOTH if decision == "fine-tune" else {}
    serious = AGAINST_BOTH if decision == "keep prompting" else serious
    clauses = [serious[doubt.kind] for doubt in doubts if doubt.kind in serious]
    lowered = max(LOW, level - len(clauses))
    if lowered < level:
        facts += f"; not {LEVELS[level]}, since {' and '.join(clauses[: level - lowered])}"
    return {"level": LEVELS[lowered], "sentence": f"{LEVELS[lowered].capitalize()}: {facts}."}


def _invalid(results: Results, margin: float) -> Judged:
    return HIGH, "what is to be fixed was found, not estimated; how the comparison ends is open until then"


def _worse(results: Results, margin: float) -> Judged:
    high = results["comparison"]["difference"]["high"]
    name = variant_name(compared(results)[1])
    return HIGH if high <= -margin else FAIR, f"even at its best {name} would be {points(high)} worse"


def _not_told(results: Results, margin: float) -> Judged:
    low, high = (results["comparison"]["difference"][end] for end in ("low", "high"))
    if low >= 0:
        return LOW, f"it looks better, by {points(low)} at least, but on too few separate cases to build on"
    name, best = variant_name(compared(results)[1]), f"{points(high)} better" if high > 0 else "no better"
    return LOW, f"{name} may be up to {points(low)} worse or {best}, so either answer may turn out right"


def _risky(results: Results, margin: float) -> Judged:
    return FAIR, "the risk is over its limit as far as a sample of outputs shows it; how it is after mending is open"


def _unpriced(results: Results, margin: float) -> Judged:
    return LOW, f"{_outputs(results)}, but whether that is worth its cost cannot be said without the missing numbers"


def _unset(results: Results, margin: float) -> Judged:
    return LOW, f"{_outputs(results)}, but whether that is worth its cost hangs on a number that nobody has stated"


def _pays(results: Results, margin: float) -> Judged:
    sure = chance(results["money"]) >= SURELY and results["comparison"]["difference"]["low"] > -margin
    return HIGH if sure else FAIR, f"{_futures(results)}, and {_outputs(results)}"


def _does_not_pay(results: Results, margin: float) -> Judged:
    money = results["money"]
    likely, earned = chance(money), money.get("probability_npv_positive")
    if weigh(likely, money["npv_p50"]) != "does not pay":
        return FAIR, (
            "that the way without training does as well was measured; what it saves is an estimate from the likeliest "
            "numbers, and how far off that may be was not counted"
        )
    facts = _futures(results, only=True)
    if earned is not None and earned < likely:  # soon paid back, and yet for nothing: the savings end before
        likely, facts = earned, _futures(results, only=True, earned=earned)
    return HIGH if likely <= SURELY_NOT else FAIR if likely <= RATHER_NOT else LOW, facts


def _in_between(results: Results, margin: float) -> Judged:
    money = results["money"]
    way = cheaper_way(results, margin)
    if weigh(chance(money), money["npv_p50"]) == "pays" and way is not None:
        return LOW, f"{_futures(results)}, but not against {way.what}"
    need, most = (f"{100 * share:.0f}" for share in (SURE, UNSURE))
    return LOW, f"{_futures(results)}; {need} would say “fine-tune”, {most} or fewer “keep prompting”"


_JUDGES = {
    1: _invalid,
    2: _worse,
    3: _not_told,
    4: _risky,
    5: _unpriced,
    6: _unset,
    7: _pays,
    8: _does_not_pay,
    9: _in_between,
}


def _outputs(results: Results) -> str:
    """What is known of the outputs, as a clause."""
    difference = results["comparison"]["difference"]
    low, value = difference["low"], difference["value"]
    if low > 0:
        return f"a gap of {points(value)} is more than chance"
    if low == 0:
        return "the outputs are no worse"
    return f"the outputs are at most {points(low)} worse"


def _futures(results: Results, *, only: bool = False, earned: float | None = None) -> str:
    """How many of a hundred drawn futures are paid back in time; where `earned` is given, earn what they cost.

    Behind "only" and "hardly" English puts the verb first.
    """
    money = results["money"]
    likely = chance(money) if earned is None else earned
    few = only or likely <= FEWEST
    if earned is not None or money.get("requests_total") is not None:
        what = "does it save more than it costs" if few else "it saves more than it costs"
    else:
        within = f"within {days(money['target_payback_days'])}"
        what = f"is the money back {within}" if few else f"the money is back {within}"
    if likely <= FEWEST:
        return f"in hardly any possible future {what}"
    if likely >= 1 - FEWEST:
        return f"in practically every possible future {what}"
    return f"in {'only ' if only else ''}{_of_hundred(likely)} of 100 possible futures {what}"


def _of_hundred(share: float) -> str:
    """Whole hundredths; a share that rounding would carry over the line between two answers says on which side it is."""
    text = percent(share).removesuffix(" %")
    if float(text) >= 100 * SURE > 100 * share:
        return f"just under {text}"
    return f"just over {text}" if float(text) <= 100 * UNSURE < 100 * share else text
