"""Variants as a comparison of runs needs them, made from a few outcomes, without a folder."""

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from tuneworth.core import as_json, from_json
from tuneworth.evaluate import Judged, compare_judged
from tuneworth.style import RuleInUse

from ..shared import results_of

RULES = {
    "short": {"kind": "length", "level": "must", "about": "form", "sentence": "Write at most five words."},
    "grounded": {"kind": "grounded", "level": "must", "about": "facts", "sentence": "Add no facts."},
    "polite": {"kind": "contains", "level": "should", "about": "wording", "sentence": "Say please."},
}
VIOLATION = {"found": None, "start": None, "end": None, "expected": ""}
SCHEMA = dict.fromkeys(("id", "input", "fields", "output", "system", "group", "component"), pl.String)


def pairs(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """A table of tested pairs; `fields` may be given as an object."""
    plain = [row | {"fields": json.dumps(row["fields"]) if row.get("fields") else None} for row in rows]
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in plain], schema=SCHEMA)


def line(
    name: str, broken: Sequence[str] | None, *, rules: dict[str, Any] = RULES, sample: int = 0, **more: Any
) -> dict[str, Any]:
    """A scored output that breaks these rules; None for one that was not scored."""
    text = f"{name}: {', '.join(broken)}" if broken else f"{name} is fine"
    levels = [rules.get(check, {"level": "must", "about": "facts"}) for check in broken or ()]
    musts = [rule for rule in levels if rule["level"] == "must"]
    scored = broken is not None
    return {
        "id": name, "variant": "tuned", "sample": sample, "output": text if scored else None,
        "acceptable": not musts if scored else None,
        "faithful": not any(rule["about"] == "facts" for rule in musts) if scored else None,
        "violations": [{**VIOLATION, "check": check} for check in broken or ()],
        "input_tokens": 100, "output_tokens": 20, **more,
    }  # fmt: skip


def side(
    name: str, broken: Sequence[Sequence[str] | None], *, rules: dict[str, Any] = RULES,
    rows: Sequence[dict[str, Any]] | None = None, **more: Any,
) -> Judged:  # fmt: skip
    """A run in which each request's output breaks these rules; by default the requests are `r0`, `r1`, ..."""
    asked = rows or [{"id": f"r{at}", "input": f"request {at}"} for at in range(len(broken))]
    lines = {row["id"]: [line(row["id"], checks, rules=rules)] for row, checks in zip(asked, broken, strict=True)}
    in_use = {check: from_json(rule, RuleInUse) for check, rule in rules.items()}
    return Judged(name, "tuned", pairs(asked), lines, in_use, more.pop("results", results_of()), **more)


def outcomes(good: Sequence[Any]) -> list[list[str] | None]:
    """For each outcome the rules that are broken: none, `grounded`, or not scored."""
    return [None if one is None else [] if one else ["grounded"] for one in good]


def compared(before: Judged, after: Judged) -> dict[str, Any]:
    """The comparison of two runs as comparison.json has it."""
    return as_json(compare_judged(before, after).results)
