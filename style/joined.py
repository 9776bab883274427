"""The spellings that examples prefer, joined into one check for each level."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from .columns import Columns
from .evidence import Evidence, count_evidence
from .infer_yaml import entries_text
from .read import parse_style

__all__ = ["joined_spellings"]


def joined_spellings(rules: Sequence[Evidence], columns: Columns, examples: pl.DataFrame) -> list[Evidence]:
    """The rules with one check for all preferred spellings of a level instead of one for each term."""
    joined: list[Evidence] = []
    for level in ("must", "should"):
        own = _compatible([rule for rule in rules if _is_spelling(rule) and rule.level == level])
        if len(own) < 2:
            joined += own
            continue
        entry: dict[str, Any] = {
            "kind": "vocabulary", "preferred": {k: v for rule in own for k, v in rule.entry["preferred"].items()}
        }  # fmt: skip
        checks = parse_style("checks:\n" + entries_text([entry]), where="spellings").checks
        counted = count_evidence(checks, [entry], columns, examples)[0]
        # The level is that of the terms: outputs that hold none of them would raise any share.
        low = min(counted.low, *(rule.low for rule in own))
        style = any(rule.style for rule in own)
        joined.append(replace(counted, low=low, terms=tuple(own), style=style, variants=_all_variants(own)))
    return [rule for rule in rules if not _is_spelling(rule)] + joined


def _is_spelling(rule: Evidence) -> bool:
    return set(rule.entry) == {"kind", "preferred"} and rule.check.kind == "vocabulary"


def _compatible(rules: Sequence[Evidence]) -> list[Evidence]:
    """The rules without those that call a word a variant that an earlier one prefers, or the other way round."""
    preferred: set[str] = set()
    unwanted: set[str] = set()
    kept = []
    for rule in sorted(rules, key=lambda rule: (-rule.applicable, repr(rule.entry))):
        terms = set(rule.entry["preferred"])
        variants = {text for texts in rule.entry["preferred"].values() for text in _as_list(texts)}
        if terms & (preferred | unwanted) or variants & (preferred | unwanted):
            continue
        preferred |= terms
        unwanted |= variants
        kept.append(rule)
    return kept


def _as_list(texts: Any) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def _all_variants(rules: Sequence[Evidence]) -> tuple[tuple[str, int], ...]:
    return tuple(variant for rule in rules for variant in rule.variants)
