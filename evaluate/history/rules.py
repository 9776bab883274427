"""Which rules moved: how often each is kept on the shared requests, paired."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..statistics.paired import Comparison, compare, holm, significant
from .judged import Outcomes, Rules

__all__ = ["moved_rules"]

ANSWER = {"level": "must", "about": "answer"}  # what an output did instead of answering


def moved_rules(
    names: Sequence[str], rules: Rules, before: Outcomes, after: Outcomes, groups: np.ndarray | None
) -> dict[str, dict[str, Any]]:
    """Each rule by id, and what outputs did instead of answering, with the shares of outputs that break it.

    Shares are over the requests scored in both, also those to which a rule does not apply. The `difference` is that of
    keeping the rule, so that a positive one is better, as in results.json. Holm's correction is over the `must` rules;
    `should` rules have the p value of their own.
    """
    scored = ~np.isnan(before.acceptable) & ~np.isnan(after.acceptable)
    tied = None if groups is None else groups[scored]
    failures = sorted({*before.broken, *after.broken} - set(names))
    found = {name: _broken(name, before, after, scored) for name in [*names, *failures]}
    compared = {name: compare(1 - first, 1 - second, tied) for name, (first, second) in found.items()}
    about = {name: rules.get(name, {**ANSWER, "sentence": name}) for name in found}
    musts = [name for name in found if about[name].get("level") == "must"]
    p_values = [p if (p := compared[name].p_value) is not None else 1.0 for name in musts]
    adjusted = dict(zip(musts, holm(p_values), strict=True))
    return {name: _row(about[name], found[name], compared[name], adjusted.get(name)) for name in found}


def _broken(name: str, before: Outcomes, after: Outcomes, scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    none = np.zeros(len(scored))
    return before.broken.get(name, none)[scored], after.broken.get(name, none)[scored]


def _row(
    rule: Mapping[str, Any], broken: tuple[np.ndarray, np.ndarray], found: Comparison, p_holm: float | None
) -> dict[str, Any]:
    first, second = (float(values.mean()) if len(values) else None for values in broken)
    p = p_holm if p_holm is not None else found.p_value
    moved = significant(found.low, found.high, p)
    return {
        "sentence": str(rule.get("sentence") or ""), "level": rule.get("level"), "about": rule.get("about"),
        "broken_before": first, "broken_after": second,
        "newly_broken": found.only_baseline, "newly_kept": found.only_candidate,
        "difference": found.to_json()["difference"], "n": found.n, "p_value": found.p_value, "p_holm": p_holm,
        "moved": ("better" if (found.difference or 0) > 0 else "worse") if moved else None,
    }  # fmt: skip
