"""The statistics of a run with their names and sources: ranges, the comparison, each rule, likeness, judgements."""

from collections.abc import Mapping
from typing import Any

from ...core import unbroken as say
from ..stored import StoredRun
from .method_entry import MethodEntry, number, p_words

__all__ = ["CheckLine", "check_lines", "checks_entry", "comparison_entry", "judgements_entry", "likeness_entry"]
__all__ += ["ranges_entry"]

MOST_CHECKS = 60  # lines of the table; a style may have thousands of rules
CheckLine = tuple[str, str, str, str, str, str]

_GROUPS = (
    "As requests of one group resemble each other, n is divided by the design effect 1 + ρ(Σm²/n − 1) with m the group "
    "sizes; ρ is the intra-group correlation of the analysis of variance (Donner 1986), weighted by its precision with a "
    "prior of mean 1/2, that of a correlation uniform between 0 and 1, and Student's t with Satterthwaite's degrees of "
    "freedom stands in place of the normal quantile (Korn and Graubard 1998)."
)


def ranges_entry(run: StoredRun) -> MethodEntry:
    """Intervals of single shares, as this run's items called for."""
    found = (run.results.get("quality") or {}).get(run.candidate or "") or {}
    n, groups, effective = found.get("n"), found.get("groups"), found.get("n_effective")
    parts = [
        "All ranges of shares are two-sided 95% intervals. That of a single share is Wilson's score interval without "
        "continuity correction (Wilson 1927)."
    ]
    if number(groups) and number(n) and groups < n:
        parts.append(
            f"Here {say.count(n)} requests sit in {say.count(groups)} groups and are worth {say.count(effective)} "
            f"independent ones (for the acceptable share of {run.candidate}). " + _GROUPS
        )
    else:
        parts.append("Every request counts as independent of the others: no groups are known among them.")
    samples = found.get("samples") or 1
    if samples > 1:
        parts.append(
            f"Each request has {say.count(samples)} outputs and counts with their mean; that such means scatter less than "
            "single outcomes is allowed for in n. pass^k is the unbiased share of choices of k outputs that are all "
            "acceptable, C(c, k)/C(n, k) (Yao et al. 2024)."
        )
    parts.append("Seconds are the median and the 95th percentile over outputs; tokens are means over outputs.")
    return MethodEntry("ranges", "Ranges", tuple(parts))


def comparison_entry(run: StoredRun) -> MethodEntry | None:
    """The paired comparison: its interval, its test, what it could have seen; and the other pairs compared."""
    comparison = run.results.get("comparison") or {}
    if not comparison:
        return None
    baseline, candidate = comparison.get("baseline"), comparison.get("candidate")
    difference, method = comparison.get("difference") or {}, str(comparison.get("method") or "")
    head = f"{candidate} against {baseline} on the same {say.count(comparison.get('n'))} requests, paired" if number(
        comparison.get("n")) else f"{candidate} against {baseline} on the same requests, paired"  # fmt: skip
    parts = [f"{head}: {method}." if method else f"{head}.", _interval(comparison, method)]
    p = p_words(comparison.get("p_value"))
    if p:
        mid = p_words(comparison.get("mid_p")).removeprefix("p")
        parts.append(
            f"{_test(method)} Two-sided {p}{f', mid-p{mid}' if mid else ''}. "
            f"{say.count(comparison.get('only_candidate'))} requests went for {candidate} alone and "
            f"{say.count(comparison.get('only_baseline'))} for {baseline} alone."
        )
    low1 = comparison.get("low_one_sided")
    if number(low1):
        parts.append(
            f"Whether {candidate} is not worse is read from the one-sided 95% lower end of the difference, "
            f"{say.signed_points(low1)}, against the margin."
        )
    if number(comparison.get("detectable_difference")):
        parts.append(_power(comparison))
    parts += [line for line in _others(run, difference) if line]
    return MethodEntry("comparison", "Comparison", tuple(parts))


def _interval(comparison: Mapping[str, Any], method: str) -> str:
    text = (
        "The interval of the difference is Newcombe's method 10 for paired shares (Newcombe 1998): Wilson's limits of both "
        "shares combined with their correlation φ, its numerator corrected for continuity."
    )
    if "Newcombe" not in method:
        return ""
    if "design effect" in method:
        n, effective = comparison.get("n"), comparison.get("n_effective")
        worth = (
            f" The {say.count(n)} differences are worth {say.count(effective)} independent ones." if number(n) else ""
        )
        text += (
            f" It is taken at n / design effect, as for single shares, ρ being that of the differences and its prior's mean "
            f"0.3.{worth}"
        )
    elif "repeats" in method:
        text += " Its four cells are those expected of the means over repeats, and n allows for their smaller variance."
    return text


def _test(method: str) -> str:
    if "sign-flip" in method:
        over = "group" if "over groups" in method else "request"
        return (
            f"The test is the exact sign-flip test (Fisher 1935): each {over}'s summed difference could as well have had the "
            "other sign, and all patterns of signs are counted (of very many requests on a fine grid), none drawn by chance. "
            "With single requests it is the exact McNemar test."
        )
    return (
        "The test is the exact McNemar test on the requests that only one of the two does well (McNemar 1947; its mid-p: "
        "Fagerland, Lydersen and Laake 2013)."
    )


def _power(comparison: Mapping[str, Any]) -> str:
    least = say.points(comparison["detectable_difference"])
    share = comparison.get("discordant_share")
    at = f" ({say.percent(share)})" if number(share) else ""
    return (
        f"A test of this size detects a true difference of {least} or more in four of five tests (power 80%, two-sided "
        f"5%), by Connor's formula (1987) at the measured share of requests on which the two differ{at}, one differing and "
        "one agreeing request added, on the effective number of requests."
    )


def _others(run: StoredRun, difference: Mapping[str, Any]) -> list[str]:
    """The pairs compared beside the one that decides, each by the same method, not corrected for their number."""
    guide, rivals = run.results.get("guide_comparison"), run.results.get("rivals") or {}
    found = [part for part in (guide, *rivals.values()) if isinstance(part, Mapping) and difference]
    # The guide's effect is plain against the baseline, a rival's the baseline against it: one pair, told once.
    lines, told = [], set()
    for part in found:
        pair = frozenset((str(part.get("baseline")), str(part.get("candidate"))))
        gap = part.get("difference") or {}
        if pair in told or not number(gap.get("value")):
            continue
        told.add(pair)
        lines.append(
            f"{part.get('candidate')} against {part.get('baseline')}: {say.signed_points(gap['value'])} "
            f"({say.points_range(gap.get('low'), gap.get('high'))}{', ' + p if (p := p_words(part.get('p_value'))) else ''})"
        )
    if not lines:
        return []
    return [f"By the same method, for information and not corrected for their number: {'; '.join(lines)}."]


def checks_entry(run: StoredRun) -> MethodEntry | None:
    """How the rules one by one were compared."""
    checks = (run.results.get("comparison") or {}).get("checks") or {}
    if not checks:
        return None
    must = sum(1 for found in checks.values() if found.get("level") == "must")
    text = (
        "Each rule is compared by the same method, on the requests to which it applies in both variants. The p values of the "
        f"{say.count(must)} rules that must hold are adjusted together by Holm's step-down method (Holm 1979); those of rules "
        "that should hold are information and stand as they are."
    )
    return MethodEntry("checks", "Rules one by one", (text,))


def check_lines(run: StoredRun) -> list[CheckLine]:
    """(rule, difference in how often it is kept, its range, requests, p, p after Holm), the surest first."""
    checks = (run.results.get("comparison") or {}).get("checks") or {}
    rows = sorted(checks.items(), key=lambda item: (_order(item[1]), item[0]))[:MOST_CHECKS]
    return [
        (
            name,
            say.signed_points(found.get("value")),
            say.points_range(found.get("low"), found.get("high")),
            say.count(found.get("n")),
            _bare(found.get("p_value")),
            _bare(found.get("p_holm")) if found.get("level", "must") == "must" else "–",
        )
        for name, found in rows
    ]


def _order(found: Mapping[str, Any]) -> float:
    p = found.get("p_value")
    return p if number(p) else 2.0


def _bare(p: Any) -> str:
    return p_words(p).removeprefix(f"p{say.gap}").removeprefix(f"={say.gap}") or "–"


def likeness_entry(run: StoredRun) -> MethodEntry | None:
    """Likeness to good references, and the test whether outputs can be told from them; only where they were counted."""
    quality = run.results.get("quality") or {}
    parts = [part for part in quality.values() if isinstance(part, Mapping)]
    if not any(((part.get("similarity") or {}).get("chrf") or {}).get("n") for part in parts):
        return None
    n = max(((part.get("similarity") or {}).get("chrf") or {}).get("n") or 0 for part in parts)
    texts = [
        f"Likeness is counted on the {say.count(n)} requests with a reference that keeps the rules: chrF2 of character "
        "1- to 6-grams (Popović 2015) and twice the longest common subsequence over both lengths (rapidfuzz's ratio). Their "
        "means have Student's interval, over groups where there are any (Cochran 1977, 11.2). Neither decides anything."
    ]
    if any((part.get("two_sample") or {}).get("accuracy") is not None for part in parts):
        texts.append(
            "Told apart: a classifier two-sample test (Lopez-Paz and Oquab 2017), paired: shown an output and the reference "
            "of one request, which is which? Ridge regression on character 1- to 3-grams (TF-IDF) with the lengths of both "
            "beside them, five folds that keep groups whole, p of 200 permutations that swap whole groups."
        )
    return MethodEntry("likeness", "Likeness", tuple(texts))


def judgements_entry(run: StoredRun) -> MethodEntry | None:
    """How people's choices were counted."""
    judged = run.results.get("judgements")
    together = judged.get("together") if isinstance(judged, Mapping) else None
    if not isinstance(together, Mapping):
        return None
    p = p_words(together.get("p_value"))
    how = f" ({together['method']})" if together.get("method") else ""
    text = (
        "People chose without names, sides shuffled. The share is over the requests where somebody preferred one side; one "
        "with several judges counts with their mean. Its range is that of any share here"
        f"{how}; the test against one half is the exact sign test, "
        f"over groups the exact sign-flip test{f': two-sided {p}' if p else ''}."
    )
    return MethodEntry("judgements", "Judgements", (text,))
