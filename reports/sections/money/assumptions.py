"""The assumptions behind the money and the derivation of each figure, with every number linked to its source."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from markupsafe import Markup

from ....core import unbroken as say
from ....evaluate.results import A_GOOD, BAD, Assumption, Derivation, Good, Money
from ...stored import StoredRun
from ...words import capital, variant_label

LINE, ASSUMPTION = "f", "a"  # a figure's derivation, an assumption


def anchor(kind: str, key: str) -> str:
    """The id of a line or an assumption: `f-payback_days`, `a-tuned.price_input`. Ids hold no spaces; they become _."""
    joined = re.sub(r"\s", "_", key)
    return f"{kind}-{joined}"


def link(kind: str, key: str, text: str) -> Markup:
    """A link with this text to the line or the assumption."""
    return Markup('<a href="#{}">{}</a>').format(quote(anchor(kind, key), safe=""), text)


def traced(money: Money, kind: str, key: str, text: str) -> Markup | str:
    """The text as a link to its origin, or unlinked if there is no such line or assumption."""
    entries = money.derivation if kind == LINE else money.assumptions
    return link(kind, key, text) if any(entry.key == key for entry in entries) else text


# A shape for each source, next to its name, so that no information depends on colour alone.
MARKS = {"measured": "●", "stated": "◆", "price list": "■", "default": "○"}
SOURCES: dict[Literal["measured", "stated", "price list", "default"], str] = {
    "measured": "measured in this run",
    "stated": "stated in the project's settings",
    "price list": "from the price list",
    "default": "default values",
}
WORDS = {
    "requests_per_day": "requests a day",
    "requests_total": "requests in the batch",
    "ramp_days": "days until full volume",
    "horizon_days": "horizon in days",
    "target_payback_days": "payback target in days",
    "discount_rate": "annual discount rate",
    "failure_cost": "cost of an {bad} output",
    "tries": "maximum calls per request",
    "running.days_to_retirement": "days until the base model retires",
}
INVESTMENT = {
    "compute": "training: total",
    "compute_hours": "training: hours per run",
    "compute_hourly": "training: price per hour",
    "compute_runs": "training: runs",
    "labelling_pairs": "labelling: pairs",
    "labelling_minutes": "labelling: minutes per pair",
    "labelling_hourly": "labelling: price per hour",
    "engineering_hours": "engineering: hours",
    "engineering_hourly": "engineering: price per hour",
    "evaluation": "evaluation",
    "already_spent": "already spent, not counted",
}
RUNNING = {
    "monitoring_hours_per_month": "monitoring: hours per month",
    "monitoring_hourly": "monitoring: price per hour",
    "retrain_every_days": "days between retrainings (0: none)",
    "retrain_cost": "cost of retraining",
    "style_changes_per_year": "style changes per year, each with a retraining",
}
VARIANT = {
    "price_input": "price per million input tokens",
    "price_cached": "price per million cached tokens",
    "price_cache_write": "price per million tokens written to the cache",
    "price_output": "price per million output tokens",
    "cached_share": "cached share of guide and examples",
    "cached_tokens": "cached tokens in the request",
    "min_cached_tokens": "minimum tokens for caching",
    "fixed_tokens": "tokens in guide and examples",
    "guide_tokens": "tokens in the guide",
    "few_shot_tokens": "tokens in the examples",
    "short_guide_tokens": "tokens in a shorter guide",
    "input_tokens": "tokens in the request",
    "output_tokens": "tokens in the answer",
    "acceptance": "{good} outputs",
    "requests_per_second": "requests per second on one machine",
    "hourly": "price per machine-hour",
    "min_replicas": "minimum number of machines",
    "peak_factor": "peak load relative to the mean",
    "extra_calls": "additional calls after a first failure",
    "rescued": "first failures that a retry fixes",
    "independent_tries": "retries assumed to be independent",
}
SHARES = ("acceptance", "cached_share", "discount_rate", "rescued")
TIMES = ("requests_per_day", "requests_total", "ramp_days", "horizon_days", "target_payback_days", "discount_rate")


@dataclass(frozen=True)
class AssumptionRow:
    """One row of the table; `range` is empty if the value is treated as certain."""

    key: str
    anchor: str
    words: str
    value: str
    range: str
    source: str
    mark: str
    detail: str


def words(key: str, good: Good) -> str:
    """A key in words: `tuned.price_input` is `tuned: price per million input tokens`; `good` as in the results."""
    head, last = _parts(key)
    known = WORDS.get(key) or _table(head).get(last)
    if known is None:
        return key.replace("_", " ").replace(".", ": ")
    known = known.format(good=good, bad=BAD[good])
    return known if head in ("", "investment", "running") else f"{variant_label(head)}: {known}"


def assumption_groups(run: StoredRun) -> list[tuple[str, list[AssumptionRow]]]:
    """The assumptions by heading: volume and time, failures, investment, running costs, each variant."""
    groups: dict[str, list[AssumptionRow]] = {}
    for entry in _assumed(run):
        groups.setdefault(_group(entry.key), []).append(_assumption(entry, run.good))
    groups = {variant_label(title): lines for title, lines in groups.items()}
    first = ("Volume and time", "Failures", "Investment", "Running costs", "Exchange rates")
    return [
        (title, groups[title]) for title in sorted(groups, key=lambda t: first.index(t) if t in first else len(first))
    ]


def assumption_sources(run: StoredRun) -> str:
    """The number of assumptions from each source: `● 12 measured in this run, ...`."""
    counted = Counter(entry.source for entry in _assumed(run))
    return ", ".join(
        f"{MARKS[source]}{say.gap}{counted[source]} {text}" for source, text in SOURCES.items() if counted[source]
    )


def _assumed(run: StoredRun) -> list[Assumption]:
    """The assumptions, but for those that only repeat what is assumed for another variant."""
    money = run.results.money
    return [line for line in money.assumptions if not _repeats(run, line.key)] if money else []


def _repeats(run: StoredRun, key: str) -> bool:
    """Whether the key is about outputs of other variants that are only repaired or combined, and are not compared."""
    derived = [name for name in run.variants if run.way(name) in ("repair", "cascade")]
    owner = re.sub(r"^(variants|alternatives)\.", "", key)
    return any(
        owner.startswith((f"{name}.", f"{name}: ")) for name in derived if name not in (run.baseline, run.candidate)
    )


def input_value(key: str, value: Any) -> str:
    """A value of an input without its unit; shares as percentages."""
    if _parts(key)[1] in SHARES and isinstance(value, int | float):
        return say.percent(value) if _parts(key)[1] == "acceptance" else say.stated_share(value)
    return ", ".join(map(say.stated, value)) if isinstance(value, list | tuple) else say.stated(value)


def _assumption(entry: Assumption, good: Good) -> AssumptionRow:
    key, drawn, value = entry.key, entry.range, input_value(entry.key, entry.value)
    if entry.value is None:
        value = "not stated"
    elif entry.unit:
        value = f"{value}{say.gap}{entry.unit}"
    last = words(key, good)
    last = last.split(": ", 1)[-1] if _group(key) == _parts(key)[0] else last
    return AssumptionRow(
        key=key,
        anchor=anchor(ASSUMPTION, key),
        words=capital(last),
        value=value,
        range=f"{input_value(key, drawn[0])} to {input_value(key, drawn[-1])}" if drawn else "",
        source=entry.source,
        mark=MARKS[entry.source],
        detail=entry.detail or "",
    )


def _group(key: str) -> str:
    head, last = _parts(key)
    if key in TIMES or last == "days_to_retirement":
        return "Volume and time"
    if head == "":
        return "Failures"
    return {"investment": "Investment", "running": "Running costs", "exchange": "Exchange rates"}.get(head, head)


def _parts(key: str) -> tuple[str, str]:
    """A key split into its table and its name; the table may be a variant's name with dots."""
    head, _, last = key.rpartition(".")
    return head, last


def _table(head: str) -> Mapping[str, str]:
    return {"investment": INVESTMENT, "running": RUNNING, "": {}, "exchange": {}}.get(head, VARIANT)


# What other lines call a line.
NAMES = {
    "investment": "investment",
    "saving_per_request": "saving per request",
    "running_cost_per_day": "running costs per day",
    "saving_per_day": "saving per day",
    "saving_total": "saving of the batch",
    "spend_per_day_baseline": "cost per day of the baseline",
    "spend_per_day_candidate": "cost per day of the candidate",
    "payback_days": "payback",
}
ENDS = {
    "cost_per_request": "cost of a request",
    "cost_per_acceptable_output": "cost of {a_good} output",
    "effective_cost_per_request": "cost with failures",
    "calls": "calls per request",
    "still_failing": "still failing",
    "replicas": "machines",
    "machine_cost_per_day": "machines per day",
    "cost_with_machines": "cost of one output, including machines",
    "saving_per_request": "saving per request",
    "saving_per_day": "saving per day",
}
# The figures that follow the payback in the table of steps.
THRESHOLDS = (
    "saving_share", "requests_to_pay_back", "break_even_requests_per_day", "break_even_failure_cost",
    "break_even_fixed_tokens", "npv",
)  # fmt: skip


@dataclass(frozen=True)
class DerivedLine:
    """A figure: its name in words, its formula, the formula with numbers, the result, links to its inputs."""

    key: str
    anchor: str
    words: str
    formula: str
    numbers: str
    result: str
    inputs: tuple[Markup, ...]
    total: bool = False


def derivation_steps(run: StoredRun) -> list[DerivedLine]:
    """The lines that lead to the payback, or to the gain of a one-off batch, each after its inputs.

    Empty if the lines do not record their inputs, as in runs of older versions.
    """
    entries = _entries(run)
    if not any(entry.inputs for entry in entries.values()):
        return []
    goal = "payback_days" if "payback_days" in entries else "npv"
    wanted = _leading_to(goal, entries)
    return [
        _derived(entry, entries, run.good, total=key in (goal, "npv"))
        for key, entry in entries.items()
        if key in wanted
    ]


def derivation_lines(run: StoredRun) -> list[DerivedLine]:
    """The lines that are no steps, in order."""
    entries, steps = _entries(run), {line.key for line in derivation_steps(run)}
    return [_derived(entry, entries, run.good) for key, entry in entries.items() if key not in steps]


def _entries(run: StoredRun) -> dict[str, Derivation]:
    money = run.results.money
    return {line.key: line for line in money.derivation if not _repeats(run, line.key)} if money else {}


def _leading_to(goal: str, entries: Mapping[str, Derivation]) -> set[str]:
    """The goal, the thresholds, and all lines that either needs."""
    found: set[str] = set()
    open_ = [goal, *THRESHOLDS]
    while open_:
        key = open_.pop()
        if key in entries and key not in found:
            found.add(key)
            open_ += [name for name in entries[key].inputs if name != key]
    return found


def _derived(entry: Derivation, entries: Mapping[str, Derivation], good: Good, *, total: bool = False) -> DerivedLine:
    return DerivedLine(
        key=entry.key,
        anchor=anchor(LINE, entry.key),
        words=entry.words,
        formula=entry.formula.replace(" - ", f" {say.minus} ").replace("<=", "≤"),
        numbers=entry.numbers.replace("-", say.minus).replace("<=", "≤"),
        # A typographic minus, and the number on the same line as its unit.
        result=re.sub(r"^-", say.minus, entry.result).replace(" ", say.gap, 1),
        inputs=tuple(_inputs(entry, entries, good)),
        total=total,
    )


def _inputs(entry: Derivation, entries: Mapping[str, Derivation], good: Good) -> list[Markup]:
    """Links to the inputs: to a line if there is one, otherwise to an assumption."""
    return [
        link(LINE, name, _line_name(name, good))
        if name in entries and name != entry.key
        else link(ASSUMPTION, name, words(name, good))
        for name in entry.inputs
    ]


def _line_name(key: str, good: Good) -> str:
    """What other lines call a line: `variants.tuned.cost_per_request` is `tuned: cost of a request`."""
    head, _, last = key.rpartition(".")
    owner = re.sub(r"^(variants|alternatives)\.|\.tuning$", "", head).replace("_", " ")
    if not head or last not in ENDS:
        return NAMES.get(key) or words(key, good)
    return f"{variant_label(owner.replace('parts.', ''))}: {ENDS[last].format(a_good=A_GOOD[good])}"
