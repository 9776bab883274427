"""The reasons to doubt a verdict, the strongest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core import say
from ...curate import answers_in_train
from .rivals import cheaper_way, unmeasured
from .sentences import (
    capital,
    groups_of_similar,
    input_name,
    listed,
    repaired,
    scored_name,
    variant_name,
)

__all__ = ["Doubt", "found_doubts", "groups_cost", "nearest_flip", "strongest_doubt"]

WEAK_BASELINE = 0.5
FEW_INDEPENDENT = 50
FEW_GROUPS = 20
# From this ratio of cases to independent cases, groups are a doubt of their own: a fifth of the cases is lost, and
# intervals are an eighth wider (the square root). Below it, the problem is the number of cases, not their groups.
COSTLY_GROUPS = 1.25
WIDE = 0.2
DEFECTIVE_REFERENCES = 0.9
OFTEN_USED = 3
CLOSE_BY = 0.15  # most estimates are off by at least this much
UNSTABLE = 0.1
SHARES = ("acceptance", "cached_share")
Results = Mapping[str, Any]


@dataclass(frozen=True)
class Doubt:
    """One reason for doubt: its kind, which the rest of the verdict refers to, and its text for readers."""

    kind: str
    text: str


def found_doubts(
    results: Results, decision: str, *, margin: float = 0.03, flips: Sequence[Results] = (), about_money: bool = True
) -> list[Doubt]:
    """All doubts that apply, those that could flip the verdict before those that only weaken it; the last always applies.

    `flips` are the flip points of the verdict. Doubts about the money count only where the verdict depends on it.
    """
    flipping = (_facts, _one_repaired, _weak_baseline, _foreign_guide, _few_cases, _repeated, _wide, _warned)
    money = (_cheaper_way, _cached_price, _stated, _near_flip, _volume) if about_money else ()
    way, price, stated, near, volume = ((finder,) for finder in money) if money else ((), (), (), (), ())
    extended = {**results, "verdict_flips": flips, "margin": margin}
    finders = (
        _template,
        _answers_in_train,
        *way,
        *flipping,
        *price,
        *stated,
        *near,
        _unstable,
        _references,
        _style,
        _reused,
        *volume,
        _unmeasured,
        _unchecked,
        _sample,
    )
    doubts = ((finder.__name__[1:], finder(extended, decision)) for finder in finders)
    return [Doubt(kind, text) for kind, text in doubts if text]


def strongest_doubt(
    results: Results, decision: str, *, margin: float = 0.03, flips: Sequence[Results] = (), about_money: bool = True
) -> str:
    """The text of the first of `found_doubts`."""
    return found_doubts(results, decision, margin=margin, flips=flips, about_money=about_money)[0].text


def _answers_in_train(results: Results, decision: str) -> str | None:
    """Only a model that was trained on these pairs can recite their answers."""
    data = results.get("data") or {}
    if decision == "keep prompting" or not (data.get("certificate") or {}).get("answers_remedy"):
        return None
    return f"{capital(answers_in_train(data))}: a tuned model can recite them."


def _sample(results: Results, decision: str) -> str:
    return "The test pairs are a sample; next year's requests may differ from them."


def _template(results: Results, decision: str) -> str | None:
    """The rules can be met without any model, so they may not measure what a model is for."""
    row = next((row for row in results.get("rivals") or [] if row["name"] == "template" and row["measured"]), None)
    if row is None or row["difference"]["value"] is None:
        return None
    if row["difference"]["low"] > 0 or row["difference"]["value"] > results["margin"]:
        return None  # the tuned model is better
    share = say.percent(row["acceptable"]["share"])
    return (
        f"These rules can be met without any model: a template filled with the input's fields is acceptable in {share} of "
        "cases. If people would not accept its outputs, the style needs a rule that says why."
    )


def _unmeasured(results: Results, decision: str) -> str | None:
    """A way without training that was not measured may be as good."""
    names = [variant_name(row["name"]) for row in unmeasured(results)]
    if decision != "fine-tune" or not names:
        return None
    return f"Not every way without training was measured: {listed(names)} may do as well."


def _facts(results: Results, decision: str) -> str | None:
    """Another way without training is surely right about the facts more often."""
    limit = results.get("facts_margin") or results["margin"]
    rows = [row for row in results.get("rivals") or [] if (row.get("facts") or {}).get("high") is not None]
    worse = [row for row in rows if row["facts"]["high"] < 0 and row["facts"]["value"] <= -limit]
    worse = [row for row in worse if row["name"] not in ("template", results["comparison"]["baseline"])]
    if decision != "fine-tune" or not worse:
        return None
    row = min(worse, key=lambda row: row["facts"]["value"])
    return (
        f"{capital(variant_name(row['name']))} gets the facts right in {say.points(row['facts']['value'])} more of the cases, "
        "though fewer of its outputs are acceptable."
    )


def _one_repaired(results: Results, decision: str) -> str | None:
    """Only the variant that the verdict is for was repaired."""
    pair = (results["comparison"]["baseline"], results["comparison"]["candidate"])
    other, chosen = pair[::-1] if decision == "keep prompting" else pair
    names = results.get("variants") or {}
    if (
        not repaired(results, chosen)
        or repaired(results, other)
        or any("+ repair" in name for name in (chosen, *names))
    ):
        return None  # derived repairs are tried for both sides
    return f"Only the outputs of {variant_name(chosen)} were repaired; the same repair may help {variant_name(other)} as much."


def _cheaper_way(results: Results, decision: str) -> str | None:
    """An untried alternative without training may save as much as training does."""
    way = cheaper_way(results, results["margin"]) if decision == "fine-tune" else None
    if way is None:
        return None
    return f"Fine-tuning might not pay off against {way.what}, which needs no training; try that first."


def _near_flip(results: Results, decision: str) -> str | None:
    """A small change of one input would give another verdict."""
    flip = nearest_flip(results["verdict_flips"])
    if flip is None:
        return None
    now, then = (say.count(flip[end]) for end in ("from", "to"))
    return (
        f"It is a close call: with the {flip['what']} at {then} instead of {now}, the verdict is “{flip['decision']}”."
    )


def nearest_flip(flips: Sequence[Results]) -> Results | None:
    """The nearest flip point, if one is close by; shares have doubts of their own."""
    near = [flip for flip in flips if flip["from"] and abs(flip["to"] / flip["from"] - 1) < CLOSE_BY]
    near = [flip for flip in near if not flip["key"].endswith(SHARES)]
    return min(near, key=lambda flip: abs(flip["to"] / flip["from"] - 1), default=None)


def _warned(results: Results, decision: str) -> str | None:
    """A measured risk is close to its limit."""
    risks = [risk for risk in results.get("risks") or [] if risk["status"] == "warn"]
    if decision != "fine-tune" or not risks:
        return None
    return f"{capital(risks[0]['id'])} is close to its limit: {risks[0]['evidence'].rstrip('.')}."


def _unstable(results: Results, decision: str) -> str | None:
    """Repeating a request gives a different result."""
    unstable = (results["quality"].get(results["comparison"]["candidate"]) or {}).get("unstable")
    share = unstable.get("share") if isinstance(unstable, Mapping) else unstable
    if not share or share < UNSTABLE:
        return None
    return f"When repeated, {say.percent(share)} of the requests get an acceptable output only some of the time."


def _unchecked(results: Results, decision: str) -> str | None:
    """Some risks were not checked."""
    names = [risk["id"] for risk in results.get("risks") or [] if risk["status"] == "not checked"]
    if decision != "fine-tune" or not names:
        return None
    return f"{capital(listed(names, most=len(names)))} {'was' if len(names) == 1 else 'were'} not checked."


def _baseline(results: Results) -> tuple[str, float | None]:
    name = results["comparison"]["baseline"]
    return name, ((results["quality"].get(name) or {}).get("acceptable") or {}).get("share")


def _ahead(results: Results) -> bool:
    return results["comparison"]["difference"]["value"] > 0


def _weak_baseline(results: Results, decision: str) -> str | None:
    """A better prompted model may close the gap; this is no reason to doubt a decision to keep prompting."""
    name, share = _baseline(results)
    if decision == "keep prompting" or share is None or share >= WEAK_BASELINE or not _ahead(results):
        return None
    outputs = f"an acceptable output in only {say.percent(share)} of cases" if share else "no acceptable output at all"
    text = f"The baseline is weak: {scored_name(results, name)} gives {outputs}"
    if _by_us(results, name):
        return f"{text}, and Tuneworth wrote its guide; a stronger model or the team's own guide may close the gap."
    return f"{text}; a stronger model with the same guide may close the gap."


def _by_us(results: Results, name: str) -> bool:
    return ((results.get("variants") or {}).get(name) or {}).get("guide") == "written by Tuneworth"


def _foreign_guide(results: Results, decision: str) -> str | None:
    name, _ = _baseline(results)
    if decision == "keep prompting" or not _by_us(results, name) or not _ahead(results):
        return None
    return f"Tuneworth, not the team, wrote the guide of {variant_name(name)}; a better guide may close the gap."


def groups_cost(comparison: Mapping[str, Any]) -> bool:
    """Whether it matters that the cases come in groups, by the design effect (n / effective sample size).

    With few groups the estimate is poor, so assume the worst: a group counts as one case.
    """
    n, groups = comparison.get("n"), comparison.get("groups")
    if not n or not groups or groups >= n:
        return False
    independent = groups if groups < FEW_GROUPS else comparison.get("n_effective") or n
    return n >= COSTLY_GROUPS * independent


def _few_cases(results: Results, decision: str) -> str | None:
    comparison = results["comparison"]
    n, groups = comparison.get("n"), comparison.get("groups")
    worth = comparison.get("n_effective") or n
    if groups and n and groups_cost(comparison) and (groups < FEW_GROUPS or worth < FEW_INDEPENDENT):
        worth = max(1, round(worth))
        return (
            f"The {say.count(n)} test cases come from only {groups_of_similar(results)} and count as about "
            f"{say.count(worth, 'independent case')}."
        )
    if n and worth < FEW_INDEPENDENT:
        few = (
            "" if n < FEW_INDEPENDENT else f", which count as about {say.count(max(1, round(worth)))} independent ones"
        )
        return f"The test set is small: {say.count(n, 'case')}{few}."
    return None


def _repeated(results: Results, decision: str) -> str | None:
    """A request that is in too many cases to count once: what holds for it need not hold for others."""
    requests = results.get("requests") or {}
    if not requests.get("untied"):
        return None
    return (
        f"{say.count(requests['untied'])} of the {say.count(requests['n'], 'test case')} repeat a request that is too frequent "
        f"to count once ({say.count(requests['distinct'], 'distinct request')} in all); what holds for it need not hold for "
        "others."
    )


def _wide(results: Results, decision: str) -> str | None:
    difference = results["comparison"]["difference"]
    if difference["high"] - difference["low"] <= WIDE:
        return None
    low, high = (say.signed_points(difference[end]) for end in ("low", "high"))
    return f"The difference is uncertain: it lies between {low} and {high}."


def _cached_price(results: Results, decision: str) -> str | None:
    """Tokens came from the cache at a price that is not known."""
    entries = (results.get("money") or {}).get("assumptions", [])
    keys = [
        entry["key"] for entry in entries if entry["source"] == "default" and entry["key"].endswith(".price_cached")
    ]
    if not keys:
        return None
    return f"{capital(input_name(keys[0], results['money']))} is unknown; it counts as between 0 and the input price."


def _stated(results: Results, decision: str) -> str | None:
    money = results.get("money")
    if not money:
        return None
    names = [
        input_name(entry["key"], money)
        for entry in money.get("assumptions", [])
        if "in place of what the run measured" in (entry.get("detail") or "")
    ]
    return (
        f"The money uses stated numbers although the run measured different ones: {listed(names)}." if names else None
    )


def _references(results: Results, decision: str) -> str | None:
    share = ((results.get("reference") or {}).get("acceptable") or {}).get("share")
    if share is None or share >= DEFECTIVE_REFERENCES:
        return None
    return (
        f"Only {say.percent(share)} of the test set's references are acceptable, so the style schema may be stricter than "
        "the people who wrote them."
    )


def _style(results: Results, decision: str) -> str | None:
    if (results.get("style") or {}).get("reviewed") is not False:
        return None
    return "The style schema that decides what is acceptable has not been reviewed."


def _reused(results: Results, decision: str) -> str | None:
    used = (results.get("provenance") or {}).get("test_set_used") or 0
    if used <= OFTEN_USED:
        return None
    return f"This test set has been used {used} times; tuning to its results makes it look better than new data."


def _volume(results: Results, decision: str) -> str | None:
    """The volume range that Tuneworth assumes includes another verdict."""
    flips = [flip["to"] for flip in results["verdict_flips"] if flip["key"] == "requests_per_day"]
    for entry in (results.get("money") or {}).get("assumptions", []):
        if entry["key"] == "requests_per_day" and "Tuneworth's own" in (entry.get("detail") or ""):
            low, _, high = entry["range"]
            if any(low <= flip <= high for flip in flips):
                return (
                    f"The volume is stated as a single number; the verdict changes within the range that Tuneworth assumes "
                    f"around it ({say.count(low)} to {say.count(high)} requests a day)."
                )
    return None
