"""The reasons to doubt a verdict, the strongest first, and how sure it is after them: high, fair or low."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ...core import say
from ..money.flips import SURE, UNSURE, weigh
from .rivals import better_untuned, cheaper_way
from .sentences import (
    capital,
    chance,
    compared,
    futures_clause,
    groups_of_similar,
    input_name,
    listed,
    outputs_clause,
    variant_name,
)

__all__ = ["LEVELS", "Doubt", "Level", "confidence", "found_doubts", "groups_cost", "nearest_flip", "strongest_doubt"]

WEAK_BASELINE = 0.5
FEW_INDEPENDENT = 50
FEW_GROUPS = 20
# Cases by separate ones from which groups are a doubt of their own: a fifth of the cases is lost, and intervals are an
# eighth wider (the square root). Below, the problem is the number of cases, not their groups.
COSTLY_GROUPS = 1.25
WIDE = 0.2
DEFECTIVE_REFERENCES = 0.9
OFTEN_USED = 3
CLOSE_BY = 0.15  # an error this small is within that of most estimates
UNSTABLE = 0.1
SHARES = ("acceptance", "cached_share")
Results = Mapping[str, Any]


@dataclass(frozen=True)
class Doubt:
    """One reason for doubt: its kind, by which other parts of the verdict know it, and what people read."""

    kind: str
    text: str


def found_doubts(
    results: Results, decision: str, *, margin: float = 0.03, flips: Sequence[Results] = (), about_money: bool = True
) -> list[Doubt]:
    """All doubts that apply, those that could flip the verdict before those that only weaken it; the last always does.

    `flips` are the verdict's own. Doubts about the money count only where the verdict rests on it.
    """
    turning = (_better_untuned, _weak_baseline, _foreign_guide, _few_cases, _wide, _warned)
    money = (_cheaper_way, _stated, _near_flip, _volume) if about_money else ()
    way, stated, near, volume = ((look,) for look in money) if money else ((), (), (), ())
    seen = {**results, "verdict_flips": flips, "margin": margin}
    looks = (*way, *turning, *stated, *near, _unstable, _references, _style, _reused, *volume, _unchecked, _sample)
    told = ((look.__name__[1:], look(seen, decision)) for look in looks)
    return [Doubt(kind, text) for kind, text in told if text]


def strongest_doubt(
    results: Results, decision: str, *, margin: float = 0.03, flips: Sequence[Results] = (), about_money: bool = True
) -> str:
    """The text of the first of `found_doubts`."""
    return found_doubts(results, decision, margin=margin, flips=flips, about_money=about_money)[0].text


def _sample(results: Results, decision: str) -> str:
    return "The test pairs are a sample; what users ask next year may differ from them."


def _better_untuned(results: Results, decision: str) -> str | None:
    """The tuned model was compared with a way without training that is not the best one."""
    name = better_untuned(results, results["margin"])
    if name is None or decision == "keep prompting":
        return None
    baseline, _ = _baseline(results)
    return (
        f"{capital(variant_name(name))} does better than {variant_name(baseline)} without any training, and was not "
        "what the tuned model was compared with."
    )


def _cheaper_way(results: Results, decision: str) -> str | None:
    """An untried way without training may save as much as training does."""
    way = cheaper_way(results, results["margin"]) if decision == "fine-tune" else None
    if way is None:
        return None
    return f"Against {way.what}, which needs no training, it might not pay; try that first."


def _near_flip(results: Results, decision: str) -> str | None:
    """An input that needs to be only a little different for another verdict."""
    flip = nearest_flip(results["verdict_flips"])
    if flip is None:
        return None
    now, then = (say.count(flip[end]) for end in ("from", "to"))
    return f"It hangs by a thread: with {then} instead of {now} as {flip['what']} the answer is “{flip['decision']}”."


def nearest_flip(flips: Sequence[Results]) -> Results | None:
    """Of the flip points that are close by the nearest one; shares have doubts of their own."""
    near = [flip for flip in flips if flip["from"] and abs(flip["to"] / flip["from"] - 1) < CLOSE_BY]
    near = [flip for flip in near if not flip["key"].endswith(SHARES)]
    return min(near, key=lambda flip: abs(flip["to"] / flip["from"] - 1), default=None)


def _warned(results: Results, decision: str) -> str | None:
    """A measured risk that is not over its limit, but near."""
    risks = [risk for risk in results.get("risks") or [] if risk["status"] == "warn"]
    if decision != "fine-tune" or not risks:
        return None
    return f"A risk to watch, {risks[0]['id']}: {risks[0]['evidence'].rstrip('.')}."


def _unstable(results: Results, decision: str) -> str | None:
    """Repeating the same request gives another result."""
    unstable = (results["quality"].get(results["comparison"]["candidate"]) or {}).get("unstable")
    share = unstable.get("share") if isinstance(unstable, Mapping) else unstable
    if not share or share < UNSTABLE:
        return None
    return f"Asked again, {say.percent(share)} of the requests are sometimes answered acceptably and sometimes not."


def _unchecked(results: Results, decision: str) -> str | None:
    """What was not checked."""
    names = [risk["id"] for risk in results.get("risks") or [] if risk["status"] == "not checked"]
    if decision != "fine-tune" or not names:
        return None
    return f"Not checked: {', '.join(names)}."


def _baseline(results: Results) -> tuple[str, float | None]:
    name = results["comparison"]["baseline"]
    return name, ((results["quality"].get(name) or {}).get("acceptable") or {}).get("share")


def _ahead(results: Results) -> bool:
    return results["comparison"]["difference"]["value"] > 0


def _weak_baseline(results: Results, decision: str) -> str | None:
    """A better prompted model may close the gap: no reason to doubt a decision to keep prompting."""
    name, share = _baseline(results)
    if decision == "keep prompting" or share is None or share >= WEAK_BASELINE or not _ahead(results):
        return None
    seldom = f"an acceptable output in only {say.percent(share)} of cases" if share else "no acceptable output at all"
    text = f"The baseline is weak: {variant_name(name)} gives {seldom}"
    if _by_us(results, name):
        return f"{text}, and Tuneworth wrote its guide; a stronger model or the team's own guide may close the gap."
    return f"{text}; a stronger model with the same guide may close the gap."


def _by_us(results: Results, name: str) -> bool:
    return ((results.get("variants") or {}).get(name) or {}).get("guide") == "written by Tuneworth"


def _foreign_guide(results: Results, decision: str) -> str | None:
    name, _ = _baseline(results)
    if decision == "keep prompting" or not _by_us(results, name) or not _ahead(results):
        return None
    return f"Tuneworth wrote the guide of {variant_name(name)}, not the team; a better guide may close the gap."


def groups_cost(comparison: Mapping[str, Any]) -> bool:
    """Whether it matters that the cases come in groups, by the effective sample size (the design effect, n / worth).

    With few groups the estimate is poor, so assume the worst: a group is worth one case.
    """
    n, groups = comparison.get("n"), comparison.get("groups")
    if not n or not groups or groups >= n:
        return False
    separate = groups if groups < FEW_GROUPS else comparison.get("n_effective") or n
    return n >= COSTLY_GROUPS * separate


def _few_cases(results: Results, decision: str) -> str | None:
    comparison = results["comparison"]
    n, groups = comparison.get("n"), comparison.get("groups")
    worth = comparison.get("n_effective") or n
    if groups and n and groups_cost(comparison) and (groups < FEW_GROUPS or worth < FEW_INDEPENDENT):
        worth = max(1, round(worth))
        return (
            f"The {say.count(n)} test cases come from only {groups_of_similar(groups)} and are worth about "
            f"{say.count(worth, 'separate case')}."
        )
    if n and worth < FEW_INDEPENDENT:
        few = "" if n < FEW_INDEPENDENT else f", worth about {say.count(max(1, round(worth)))} separate ones"
        return f"The test set is small: {say.count(n, 'case')}{few}."
    return None


def _wide(results: Results, decision: str) -> str | None:
    difference = results["comparison"]["difference"]
    if difference["high"] - difference["low"] <= WIDE:
        return None
    low, high = (say.signed_points(difference[end]) for end in ("low", "high"))
    return f"The difference is known only roughly: it lies between {low} and {high}."


def _stated(results: Results, decision: str) -> str | None:
    money = results.get("money")
    if not money:
        return None
    names = [
        input_name(entry["key"], money)
        for entry in money.get("assumptions", [])
        if "in place of what the run measured" in (entry.get("detail") or "")
    ]
    return f"The money rests on stated numbers where the run measured others: {listed(names)}." if names else None


def _references(results: Results, decision: str) -> str | None:
    share = ((results.get("reference") or {}).get("acceptable") or {}).get("share")
    if share is None or share >= DEFECTIVE_REFERENCES:
        return None
    return (
        f"Only {say.percent(share)} of the test set's own references are acceptable, so the style may ask for more than "
        "people do."
    )


def _style(results: Results, decision: str) -> str | None:
    if (results.get("style") or {}).get("reviewed") is not False:
        return None
    return "Nobody has reviewed the style schema that decides what is acceptable."


def _reused(results: Results, decision: str) -> str | None:
    used = (results.get("provenance") or {}).get("test_set_used") or 0
    if used <= OFTEN_USED:
        return None
    return f"This test set was used {used} times; choices made on its results make it look better than new data."


def _volume(results: Results, decision: str) -> str | None:
    """A volume range assumed by Tuneworth that reaches another answer."""
    flips = [flip["to"] for flip in results["verdict_flips"] if flip["key"] == "requests_per_day"]
    for entry in (results.get("money") or {}).get("assumptions", []):
        if entry["key"] == "requests_per_day" and "Tuneworth's own" in (entry.get("detail") or ""):
            low, _, high = entry["range"]
            if any(low <= flip <= high for flip in flips):
                return (
                    f"The volume is a single stated number; within half of it to half as much again ({say.count(low)} to "
                    f"{say.count(high)} requests a day, Tuneworth's own range) the answer turns."
                )
    return None


Level = Literal["low", "fair", "high"]
LEVELS: tuple[Level, ...] = get_args(Level)
LOW, FAIR, HIGH = range(3)
# Nine chances in ten are high; the four in five from which rule 7 fires are fair. Mirrored for the other side.
SURELY, SURELY_NOT = 0.9, 0.1
RATHER_NOT = 0.2
# Doubts that could flip the answer, each as a clause; other doubts only weaken it.
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

    Each doubt that could flip fine-tune or keep prompting lowers the level by one step, down to low.
    """
    level, facts = _JUDGES[rule](results, margin)
    serious = AGAINST_TUNING | AGAINST_BOTH if decision == "fine-tune" else {}
    serious = AGAINST_BOTH if decision == "keep prompting" else serious
    clauses = [serious[doubt.kind] for doubt in doubts if doubt.kind in serious]
    lowered = max(LOW, level - len(clauses))
    if lowered < level:
        facts += f"; not {LEVELS[level]}, since {' and '.join(clauses[: level - lowered])}"
    return {"level": LEVELS[lowered], "sentence": f"{LEVELS[lowered].capitalize()}: {facts}."}


def _to_fix(results: Results, margin: float) -> Judged:
    return HIGH, "what is to be fixed was found, not estimated; how the comparison ends is open until then"


def _surely_worse(results: Results, margin: float) -> Judged:
    high = results["comparison"]["difference"]["high"]
    name = variant_name(compared(results)[1])
    return HIGH if high <= -margin else FAIR, f"even at its best {name} would be {say.points(high)} worse"


def _may_be_either(results: Results, margin: float) -> Judged:
    low, high = (results["comparison"]["difference"][end] for end in ("low", "high"))
    if low >= 0:
        return LOW, f"it looks better, by {say.points(low)} at least, but on too few separate cases to build on"
    name, best = variant_name(compared(results)[1]), f"{say.points(high)} better" if high > 0 else "no better"
    return LOW, f"{name} may be up to {say.points(low)} worse or {best}, so either answer may turn out right"


def _risky(results: Results, margin: float) -> Judged:
    return FAIR, "the risk is over its limit as far as a sample of outputs shows it; how it is after mending is open"


def _unpriced(results: Results, margin: float) -> Judged:
    return (
        LOW,
        f"{outputs_clause(results)}, but whether that is worth its cost cannot be said without the missing numbers",
    )


def _unset(results: Results, margin: float) -> Judged:
    return (
        LOW,
        f"{outputs_clause(results)}, but whether that is worth its cost hangs on a number that nobody has stated",
    )


def _pays(results: Results, margin: float) -> Judged:
    sure = chance(results["money"]) >= SURELY and results["comparison"]["difference"]["low"] > -margin
    return HIGH if sure else FAIR, f"{futures_clause(results['money'])}, and {outputs_clause(results)}"


def _does_not_pay(results: Results, margin: float) -> Judged:
    money = results["money"]
    likely, earned = chance(money), money.get("probability_npv_positive")
    if weigh(likely, money["npv_p50"]) != "does not pay":
        return FAIR, (
            "that the way without training does as well was measured; what it saves is an estimate from the likeliest "
            "numbers, and how far off that may be was not counted"
        )
    facts = futures_clause(money, only=True)
    if earned is not None and earned < likely:  # pays back soon, but in vain: the savings end before
        likely, facts = earned, futures_clause(money, only=True, earned=earned)
    return HIGH if likely <= SURELY_NOT else FAIR if likely <= RATHER_NOT else LOW, facts


def _in_between(results: Results, margin: float) -> Judged:
    money = results["money"]
    way = cheaper_way(results, margin)
    if weigh(chance(money), money["npv_p50"]) == "pays" and way is not None:
        return LOW, f"{futures_clause(money)}, but not against {way.what}"
    need, most = (say.of_hundred(share) for share in (SURE, UNSURE))
    return LOW, f"{futures_clause(money)}; {need} would say “fine-tune”, {most} or fewer “keep prompting”"


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
