"""The assumptions behind the money and the derivation of each figure, every number linked to its source."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from ...core import unbroken as say
from ..stored import StoredRun

__all__ = [
    "ASSUMPTION",
    "LINE",
    "MARKS",
    "Assumption",
    "DerivedLine",
    "anchor",
    "assumption_groups",
    "assumption_sources",
    "derivation_lines",
    "derivation_steps",
    "input_value",
    "link",
    "traced",
    "words",
]

LINE, ASSUMPTION = "f", "a"  # a figure's derivation, an assumption


def anchor(kind: str, key: str) -> str:
    """The id of a line or an assumption: `f-payback_days`, `a-tuned.price_input`. Blanks, which no id holds, become _."""
    joined = re.sub(r"\s", "_", key)
    return f"{kind}-{joined}"


def link(kind: str, key: str, text: str) -> Markup:
    """A link with this text to the line or the assumption."""
    return Markup('<a href="#{}">{}</a>').format(quote(anchor(kind, key), safe=""), text)


def traced(money: Mapping[str, Any], kind: str, key: str, text: str) -> Markup | str:
    """The text as a link to its origin, or alone where this account has no such line or assumption."""
    entries = money.get("derivation" if kind == LINE else "assumptions") or []
    return link(kind, key, text) if any(entry.get("key") == key for entry in entries) else text


# A shape for each source, so that no reader depends on colour; the word is next to it.
MARKS = {"measured": "●", "stated": "◆", "price list": "■", "default": "○"}
SOURCES = {
    "measured": "measured in this run",
    "stated": "stated in the project's settings",
    "price list": "from the price list",
    "default": "a default: nobody stated it",
}
WORDS = {
    "requests_per_day": "requests a day",
    "requests_total": "requests of the batch",
    "ramp_days": "days until the full volume",
    "horizon_days": "days that are counted",
    "target_payback_days": "days within which the money should be back",
    "discount_rate": "discount rate a year",
    "failure_cost": "cost of an unacceptable output",
    "tries": "calls of one request at most",
    "running.days_to_retirement": "days until the base model is retired",
}
INVESTMENT = {
    "compute": "training, as a sum",
    "compute_hours": "training: hours of one run",
    "compute_hourly": "training: price of an hour",
    "compute_runs": "training: runs",
    "labelling_pairs": "labelling: pairs",
    "labelling_minutes": "labelling: minutes for a pair",
    "labelling_hourly": "labelling: price of an hour",
    "engineering_hours": "engineering: hours",
    "engineering_hourly": "engineering: price of an hour",
    "evaluation": "evaluation",
    "already_spent": "already spent, not counted",
}
RUNNING = {
    "monitoring_hours_per_month": "monitoring: hours a month",
    "monitoring_hourly": "monitoring: price of an hour",
    "retrain_every_days": "days between two trainings (0: never again)",
    "retrain_cost": "cost of training again",
    "style_changes_per_year": "changes of style a year, each with a training",
}
VARIANT = {
    "price_input": "price of a million tokens in",
    "price_cached": "price of a million tokens from the cache",
    "price_cache_write": "price of a million tokens written to the cache",
    "price_output": "price of a million tokens out",
    "cached_share": "share of guide and examples read from the cache",
    "min_cached_tokens": "tokens from which a provider caches",
    "fixed_tokens": "tokens of guide and examples",
    "guide_tokens": "tokens of the guide alone",
    "few_shot_tokens": "tokens of the examples alone",
    "short_guide_tokens": "tokens of a shorter guide",
    "input_tokens": "tokens of the request",
    "output_tokens": "tokens of the answer",
    "acceptance": "acceptable outputs",
    "requests_per_second": "requests a second on one machine",
    "hourly": "price of a machine's hour",
    "min_replicas": "machines at least",
    "peak_factor": "busiest second against the mean",
    "extra_calls": "further calls after a first failure",
    "rescued": "first failures that trying again mends",
    "independent_tries": "tries taken as independent",
}
SHARES = ("acceptance", "cached_share", "discount_rate", "rescued")
TIMES = ("requests_per_day", "requests_total", "ramp_days", "horizon_days", "target_payback_days", "discount_rate")


@dataclass(frozen=True)
class Assumption:
    """One line of the table; `range` is empty if the value is taken as certain."""

    key: str
    anchor: str
    words: str
    value: str
    range: str
    source: str
    mark: str
    detail: str


def words(key: Any) -> str:
    """A key in words: `tuned.price_input` is `tuned: price of a million tokens in`."""
    head, last = _parts(str(key))
    known = WORDS.get(str(key)) or _table(head).get(last)
    if known is None:
        return str(key).replace("_", " ").replace(".", ": ")
    return known if head in ("", "investment", "running") else f"{head}: {known}"


def assumption_groups(run: StoredRun) -> list[tuple[str, list[Assumption]]]:
    """The assumptions under their headings: volume and time, failures, what is spent, what runs, each variant."""
    groups: dict[str, list[Assumption]] = {}
    for entry in (run.results.get("money") or {}).get("assumptions") or []:
        groups.setdefault(_group(str(entry["key"])), []).append(_assumption(entry))
    first = ("Volume and time", "Failures", "To be spent once", "Running costs", "Exchange rates")
    return [
        (title, groups[title]) for title in sorted(groups, key=lambda t: first.index(t) if t in first else len(first))
    ]


def assumption_sources(run: StoredRun) -> str:
    """How many assumptions there are of each source: `● 12 measured in this run, ...`."""
    counted = Counter(str(entry.get("source")) for entry in (run.results.get("money") or {}).get("assumptions") or [])
    return ", ".join(
        f"{MARKS[source]}{say.gap}{counted[source]} {text}" for source, text in SOURCES.items() if counted[source]
    )


def input_value(key: str, value: Any) -> str:
    """A value of an input without its unit; shares as percentages."""
    if _parts(key)[1] in SHARES and isinstance(value, int | float):
        return say.percent(value) if _parts(key)[1] == "acceptance" else say.stated_share(value)
    return ", ".join(map(say.stated, value)) if isinstance(value, list) else say.stated(value)


def _assumption(entry: Mapping[str, Any]) -> Assumption:
    key, source, unit = str(entry["key"]), str(entry.get("source") or ""), str(entry.get("unit") or "")
    drawn, value = entry.get("range"), input_value(key, entry.get("value"))
    if entry.get("value") is None:
        value = "not stated"
    elif unit:
        value = f"{value}{say.gap}{unit}"
    ends = isinstance(drawn, list) and bool(drawn)
    last = words(key).split(": ", 1)[-1] if _group(key) == _parts(key)[0] else words(key)
    return Assumption(
        key=key,
        anchor=anchor(ASSUMPTION, key),
        words=last[:1].upper() + last[1:],
        value=value,
        range=f"{input_value(key, drawn[0])} to {input_value(key, drawn[-1])}" if ends and drawn else "",
        source=source,
        mark=MARKS.get(source, "?"),
        detail=str(entry.get("detail") or ""),
    )


def _group(key: str) -> str:
    head, last = _parts(key)
    if key in TIMES or last == "days_to_retirement":
        return "Volume and time"
    if head == "":
        return "Failures"
    return {"investment": "To be spent once", "running": "Running costs", "exchange": "Exchange rates"}.get(head, head)


def _parts(key: str) -> tuple[str, str]:
    """The table of a key and its own name: a variant's name may have dots in it."""
    head, _, last = key.rpartition(".")
    return head, last


def _table(head: str) -> Mapping[str, str]:
    return {"investment": INVESTMENT, "running": RUNNING, "": {}, "exchange": {}}.get(head, VARIANT)


# The name of a line in references from other lines.
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
    """A figure: in words, its formula, the same with its numbers in, its result, links to its inputs.

    `anchor` is empty if the line is repeated.
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

    Empty if the lines do not record their inputs, as in runs of older versions.
    """
    entries = _entries(run)
    if not any(entry.get("inputs") for entry in entries.values()):
        return []
    goal = "payback_days" if "payback_days" in entries else "npv"
    wanted = _leading_to(goal, entries)
    return [_derived(entry, entries, total=key in (goal, "npv")) for key, entry in entries.items() if key in wanted]


def derivation_lines(run: StoredRun) -> list[DerivedLine]:
    """All lines in order; those also among the steps have their anchor there."""
    entries, steps = _entries(run), {line.key for line in derivation_steps(run)}
    return [_derived(entry, entries, second=key in steps) for key, entry in entries.items()]


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


def _derived(
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
    """Links to the inputs: to a line if there is one, else to an assumption."""
    return [
        link(LINE, name, _line_name(name)) if name in entries and name != key else link(ASSUMPTION, name, words(name))
        for name in map(str, names)
    ]


def _line_name(key: str) -> str:
    """A line as another names it: `variants.tuned.cost_per_request` is `tuned: cost of a request`."""
    head, _, last = key.rpartition(".")
    own = re.sub(r"^(variants|alternatives)\.|\.tuning$", "", head).replace("_", " ")
    if not head or last not in ENDS:
        return NAMES.get(key) or words(key)
    return f"{own.replace('parts.', '')}: {ENDS[last]}"


def _result(text: str) -> str:
    """The result with a real minus, its number on one line with its unit."""
    return re.sub(r"^-", say.minus, text).replace(" ", say.gap, 1)
