"""The clauses of a verdict about the outputs: shares, difference, cases, tokens."""

from collections.abc import Mapping
from typing import Any

from ...core import say

__all__ = [
    "as_it_stands",
    "both_shares",
    "compared",
    "difference_line",
    "discordant_line",
    "groups_line",
    "groups_of_similar",
    "listed",
    "sentence",
    "share_of",
    "token_lines",
    "variant_name",
]

Results = Mapping[str, Any]


def compared(results: Results) -> tuple[str, str]:
    """The names of baseline and candidate."""
    return results["comparison"]["baseline"], results["comparison"]["candidate"]


def share_of(results: Results, name: str) -> float | None:
    """A variant's acceptable share; None where it was not scored."""
    return ((results["quality"].get(name) or {}).get("acceptable") or {}).get("share")


def both_shares(results: Results) -> str:
    """Both shares in one clause; a guide that Tuneworth wrote is named."""
    baseline, candidate = compared(results)
    one, other = share_of(results, candidate), share_of(results, baseline)
    assert one is not None
    assert other is not None
    name = variant_name(baseline)
    if ((results.get("variants") or {}).get(baseline) or {}).get("guide") == "written by Tuneworth":
        name += " with a guide that Tuneworth wrote"
    same = " too" if say.percent(one) == say.percent(other) else ""
    return (
        f"{variant_name(candidate)} gives an acceptable output in {say.percent(one)} of cases, {name} in "
        f"{say.percent(other)}{same}"
    )


def as_it_stands(results: Results) -> str:
    """Both shares as a sentence of their own."""
    return sentence(f"as it stands, {both_shares(results)}")


def difference_line(results: Results) -> str:
    """How much better or worse the candidate is, with its interval."""
    difference = results["comparison"]["difference"]
    value, low, high = (difference[key] for key in ("value", "low", "high"))
    n = results["comparison"].get("n")
    on = f" on {say.count(n, 'case')}" if n else ""
    ends = f"range {say.points_range(low, high)}"
    if round(value, 4) == 0:
        return f"Both are equally good{on} ({ends})."
    word = "better" if value > 0 else "worse"
    return sentence(f"{variant_name(compared(results)[1])} is {say.points(value)} {word}{on} ({ends})")


def discordant_line(results: Results) -> str:
    """How many cases only one of the two got right; with repeats, which of the two was right more often."""
    comparison = results["comparison"]
    baseline, candidate = compared(results)
    if any((results["quality"].get(name) or {}).get("samples", 1) > 1 for name in (baseline, candidate)):
        return sentence(
            f"{variant_name(candidate)} was right more often in {say.count(comparison['only_candidate'], 'case')}, "
            f"{variant_name(baseline)} in {comparison['only_baseline']}"
        )
    return (
        f"Only {variant_name(candidate)} was right in {say.count(comparison['only_candidate'], 'case')}, "
        f"only {variant_name(baseline)} in {comparison['only_baseline']}."
    )


def groups_line(results: Results) -> str:
    """What cases that come in groups are worth; without groups, the discordant counts."""
    comparison = results["comparison"]
    if not comparison.get("groups") or not comparison.get("n_effective"):
        return discordant_line(results)
    n, worth = comparison["n"], max(1, round(comparison["n_effective"]))
    if n == 1:
        return discordant_line(results)
    return (
        f"The {say.count(n, 'case')} come from {groups_of_similar(comparison['groups'])}, so they are worth about "
        f"{say.count(worth, 'separate one')}."
    )


def groups_of_similar(groups: float) -> str:
    """1 as "1 group of similar ones", 27 as "27 groups of similar ones"."""
    return f"{say.count(groups, 'group')} of similar ones"


def token_lines(results: Results) -> list[str]:
    """Prompt tokens of both, where both were counted."""
    tokens = results.get("tokens") or {}
    baseline, candidate = compared(results)
    totals = []
    for name in (candidate, baseline):
        part = tokens.get(name) or {}
        if part.get("fixed") is None or part.get("input") is None:
            return []
        totals.append(part["fixed"] + part["input"])
    return [f"A request takes {say.count(round(totals[0]))} prompt tokens instead of {say.count(round(totals[1]))}."]


def listed(keys: list[str], *, most: int = 4) -> str:
    """Names as a list in words: a, b and c; of many the first three."""
    if len(keys) > most:
        keys = [*keys[:3], f"{len(keys) - 3} more"]
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"


def sentence(text: str) -> str:
    """The text with a capital letter in front and one full stop behind."""
    text = text.rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


def variant_name(name: str) -> str:
    """The tuned model, the prompted model, the untuned model without a guide; any other by its name."""
    known = {
        "tuned": "the tuned model",
        "prompted": "the prompted model",
        "plain": "the plain model without a guide",
    }
    return known.get(name, f'"{name}"')
