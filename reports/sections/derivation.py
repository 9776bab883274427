"""Every figure of the money as a line to follow with a pocket calculator, with links to what goes in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...core import unbroken as say
from ..stored import StoredRun
from .assumptions import words
from .tracing import ASSUMPTION, LINE, anchor, link

__all__ = ["DerivedLine", "derivation_lines", "derivation_steps"]

# What a line is called where another names it.
NAMES = {
    "investment": "to be spent once",
    "saving_per_request": "saved on one request",
    "running_cost_per_day": "running costs a day",
    "saving_per_day": "saved in a day",
    "saving_total": "saved by the batch",
    "spend_per_day_baseline": "a day of the baseline",
    "spend_per_day_candidate": "a day of the candidate",
    "payback_days": "payback",
}
ENDS = {
    "cost_per_request": "cost of a request",
    "cost_per_acceptable_output": "cost of an acceptable output",
    "effective_cost_per_request": "cost with its failures",
    "calls": "calls of a request",
    "still_failing": "still failing",
    "replicas": "machines",
    "machine_cost_per_day": "machines a day",
    "cost_with_machines": "cost of one output, machines included",
    "saving_per_request": "saved on one request",
    "saving_per_day": "saved in a day",
}
# The figures that follow the payback in its own table.
THRESHOLDS = (
    "saving_share", "requests_to_pay_back", "break_even_requests_per_day", "break_even_failure_cost",
    "break_even_fixed_tokens", "npv",
)  # fmt: skip


@dataclass(frozen=True)
class DerivedLine:
    """A figure: in words, its formula, the same with its numbers in, its result, links to what goes in.

    `anchor` is empty where the line stands a second time.
    """

    key: str
    anchor: str
    words: str
    formula: str
    numbers: str
    result: str
    inputs: tuple[Markup, ...]
    total: bool = False


def derivation_steps(run: StoredRun) -> list[DerivedLine]:
    """The lines that lead to the payback, or to the gain of a one-off batch, each after what it needs.

    Nothing where the lines do not say what goes in, as in runs of older versions.
    """
    entries = _entries(run)
    if not any(entry.get("inputs") for entry in entries.values()):
        return []
    goal = "payback_days" if "payback_days" in entries else "npv"
    wanted = _leading_to(goal, entries)
    return [_line(entry, entries, total=key in (goal, "npv")) for key, entry in entries.items() if key in wanted]


def derivation_lines(run: StoredRun) -> list[DerivedLine]:
    """All lines in order; those that stand among the steps too have their anchor there."""
    entries, steps = _entries(run), {line.key for line in derivation_steps(run)}
    return [_line(entry, entries, second=key in steps) for key, entry in entries.items()]


def _entries(run: StoredRun) -> dict[str, Mapping[str, Any]]:
    lines = (run.results.get("money") or {}).get("derivation") or []
    return {str(line["key"]): line for line in lines}


def _leading_to(goal: str, entries: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The goal, the thresholds, and all lines that either needs."""
    found: set[str] = set()
    open_ = [goal, *THRESHOLDS]
    while open_:
        key = open_.pop()
        if key in entries and key not in found:
            found.add(key)
            open_ += [str(name) for name in entries[key].get("inputs") or [] if name != key]
    return found


def _line(
    entry: Mapping[str, Any], entries: Mapping[str, Any], *, total: bool = False, second: bool = False
) -> DerivedLine:
    key = str(entry["key"])
    return DerivedLine(
        key=key,
        anchor="" if second else anchor(LINE, key),
        words=str(entry.get("words") or ""),
        formula=str(entry.get("formula") or "").replace(" - ", f" {say.minus} ").replace("<=", "≤"),
        numbers=str(entry.get("numbers") or "").replace("-", say.minus).replace("<=", "≤"),
        result=_result(str(entry.get("result") or "")),
        inputs=tuple(_inputs(key, entry.get("inputs") or [], entries)),
        total=total,
    )


def _inputs(key: str, names: Sequence[str], entries: Mapping[str, Any]) -> list[Markup]:
    """Links to what goes in: lines where there is one, assumptions else."""
    return [
        link(LINE, name, _name(name)) if name in entries and name != key else link(ASSUMPTION, name, words(name))
        for name in map(str, names)
    ]


def _name(key: str) -> str:
    """A line as another names it: `variants.tuned.cost_per_request` is `tuned: cost of a request`."""
    head, _, last = key.rpartition(".")
    own = re.sub(r"^(variants|alternatives)\.|\.tuning$", "", head).replace("_", " ")
    if not head or last not in ENDS:
        return NAMES.get(key) or words(key)
    return f"{own.replace('parts.', '')}: {ENDS[last]}"


def _result(text: str) -> str:
    """The result with a real minus, its number on one line with its unit."""
    return re.sub(r"^-", say.minus, text).replace(" ", say.gap, 1)
