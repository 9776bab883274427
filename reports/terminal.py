"""A run's results as terminal output: the verdict with its numbers, the money, the outcome of curating."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core import Row, filled, row_lines, say
from .charts.axes import shortened
from .sections.assumptions import words
from .sections.certificate import certificate
from .sections.costs import alternative_rows, cost_rows
from .sections.data import override_line
from .sections.first_screen import Number, plain_sentence, three_numbers
from .sections.money import money_rows
from .stored import StoredRun
from .words import short

__all__ = ["curated_text", "derivation_text", "money_text", "verdict_text"]

LABEL, COLUMN = 40, 20  # of the table of costs: one label and two variants fill the line
NUMBER = 34  # columns of a number's name on the first screen
LONGEST = 24  # letters of a variant's name next to a number
MOST_RULES = 6
DEFAULTS = ("horizon_days", "target_payback_days", "discount_rate", "ramp_days")  # those worth naming
EXCERPT = 76  # characters of a text next to its label


# --- the verdict --------------------------------------------------------------------------------------------------


def verdict_text(results: Mapping[str, Any]) -> str:
    """The verdict sentence and how sure it is, the three numbers and the doubt; without a verdict the scores alone."""
    run, verdict = _run_of(results), results.get("verdict")
    if not verdict:
        scores = [Row("n", "Test requests", _tested(run)), *(_acceptable(name, found) for name, found in _quality(run))]
        return "\n".join([*filled(plain_sentence(run)), "", *row_lines(scores, label=NUMBER)])
    parts = [filled(verdict["sentence"])]
    if verdict.get("confidence"):
        parts.append(filled(f"How sure? {verdict['confidence']['sentence']}"))
    numbers = [Row("n", "Test requests", _tested(run)), *(row for each in three_numbers(run) for row in _rows(each))]
    parts += [row_lines(numbers, label=NUMBER), filled(f"Strongest reason for doubt: {verdict['doubt']}")]
    return _joined(parts)


def _rows(number: Number) -> list[Row]:
    """One of the three numbers: a row for each side, and one for what changed."""
    named = len(number.sides) > 1
    texts = [
        ": ".join(filter(None, (shortened(side.name, LONGEST) if named else "", f"{side.value}{_behind(side.detail)}")))
        for side in number.sides
    ]
    texts += [number.change] if number.change else []
    return [Row("", "" if place else number.title, text) for place, text in enumerate(texts)]


def _behind(detail: str) -> str:
    return f" ({detail})" if detail else ""


def _tested(run: StoredRun) -> float | None:
    return (run.results["quality"].get(run.candidate or "") or {}).get("n")


def _quality(run: StoredRun) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return ((name, run.results["quality"][name]["acceptable"]) for name in run.variants)


def _acceptable(name: str, found: Mapping[str, Any]) -> Row:
    label = f"Acceptable outputs, {shortened(name, LONGEST)}"
    return Row("acceptable", label, found["share"], "share", found["low"], found["high"])


# --- the money ----------------------------------------------------------------------------------------------------


def money_text(money: Mapping[str, Any], *, run: str | None = None) -> str:
    """The figures, what moves them, the ways without tuning, and what is assumed. `run` names the run that measured."""
    missing = [Row("missing", "Still to be stated", ", ".join(money["missing"]))] if money["missing"] else []
    figures = row_lines([*missing, *money_rows(money)])
    if (money["draws"] or 1) > 1:
        figures.append("Ranges in brackets hold in 90 of 100 possible futures.")
    warnings = [line for text in money["warnings"] for line in filled(f"Mind: {text}.", indent=2)]
    return _joined([_costs(money), figures, _moves(money), _ways(money), _assumed(money, run), warnings])


def _costs(money: Mapping[str, Any]) -> list[str]:
    """The table of what one request costs with both; long labels wrap over several lines."""
    names = [money["baseline"], money["candidate"]]
    lines = [f"{'':{LABEL}}{''.join(f'{_clipped(name):>{COLUMN}}' for name in names)}"]
    for row in cost_rows(_money_run(money), names):
        *above, last = filled(row.label, columns=LABEL - 1)
        lines += [*above, f"{last:<{LABEL}}{''.join(f'{_plain(cell):>{COLUMN}}' for cell in row.cells)}"]
    return lines


def _moves(money: Mapping[str, Any]) -> list[str]:
    """The three inputs whose ranges move the gain most."""
    lines = []
    for row in money["tornado"][:3]:
        ends = f"{say.count(row['low'])} to {say.count(row['high'])}"
        gains = say.money_range(row["npv_low"], row["npv_high"], money["currency"])
        lines += filled(f"  {words(row['key'])}, from {ends}: {gains}", indent=4)
    return ["What moves the gain most:", *lines] if lines else []


def _ways(money: Mapping[str, Any]) -> list[str]:
    """The ways without training, and whether training still pays against each."""
    against = "tuning against it leaves" if money["requests_total"] is not None else "tuning against it pays back in"
    unit = "one acceptable output" if money["failures"] == "drop" else "one request"
    lines = []
    for name, cost, saved, acceptable, left in alternative_rows(_money_run(money)):
        lines += filled(f"  {name}: {cost}, saves {saved}; acceptable: {acceptable}; {against}: {left}", indent=4)
    return [f"Instead of tuning, {unit} would cost:", *lines] if lines else []


def _assumed(money: Mapping[str, Any], run: str | None) -> list[str]:
    """The inputs neither stated nor measured, by name, and the sources of prices and measured numbers."""
    entries = {entry["key"]: entry for entry in money["assumptions"]}
    defaults = [
        f"{words(key)}: {say.stated(entries[key]['value'])} (default)"
        for key in DEFAULTS
        if entries.get(key, {}).get("source") == "default"
    ]
    said = [*defaults, *_taken(money, entries)]
    lines = filled(f"Assumed: {'; '.join(said)}.", indent=2) if said else []
    lines += _listed_prices(entries)
    measured = [words(key) for key, entry in entries.items() if entry["source"] == "measured"]
    if run and measured:
        lines += filled(f"Measured in run {run}: {', '.join(measured)}.", indent=2)
    instead = [
        words(key) for key, e in entries.items() if "in place of what the run measured" in (e.get("detail") or "")
    ]
    if instead:
        lines += filled(f"Stated in place of what the run measured: {', '.join(instead)}.", indent=2)
    return [*lines, "All else is stated; --json lists every number with its source."]


def _taken(money: Mapping[str, Any], entries: Mapping[str, Any]) -> list[str]:
    """What is assumed beyond the defaults."""
    said = ['a failure costs nothing (failures = "ignore")'] if money["failures"] == "ignore" else []
    volume = entries.get("requests_per_day", {})
    if "Tuneworth's own" in volume.get("detail", ""):
        low, _, high = volume["range"]
        said.append(f"{say.count(low)} to {say.count(high)} requests a day (Tuneworth's own range)")
    independent = [key.rpartition(".")[0] for key in entries if key.endswith(".independent_tries")]
    if independent:
        said.append(f"failures of one request are independent, which flatters trying again ({', '.join(independent)})")
    left = entries.get("running.days_to_retirement", {}).get("value")
    if left is not None and left == money["horizon_days"]:
        said.append(f"nothing is saved after the {say.days(left)} until the base model retires")
    return said


def _listed_prices(entries: Mapping[str, Any]) -> list[str]:
    found: dict[str, str] = {}
    for key, entry in entries.items():
        name, _, what = key.rpartition(".")
        if entry["source"] == "price list" and what == "price_input":
            found[name] = entry["detail"].partition(": ")[2] if ": " in entry["detail"] else entry["detail"]
    return [line for name, detail in found.items() for line in filled(f"Price list, {name}: input {detail}.", indent=2)]


def derivation_text(money: Mapping[str, Any]) -> str:
    """The derivation: each figure as a sentence, a formula, its numbers and its result."""
    blocks = []
    for entry in money["derivation"]:
        lines = filled(entry["words"])
        if entry["value"] is None:  # a condition, and what follows from it
            lines += filled(f"    {entry['formula']}: {entry['numbers']}", indent=6)
        else:
            lines += filled(f"    {entry['formula']}", indent=6)
            if not entry["result"].startswith(f"{entry['numbers']} "):
                lines += filled(f"  = {entry['numbers']}", indent=6)
        blocks.append([*lines, *filled(f"  = {entry['result']}", indent=6)])
    return _joined([["How each figure comes about"], *blocks])


# --- curating -----------------------------------------------------------------------------------------------------


def curated_text(summary: Mapping[str, Any]) -> str:
    """The outcomes with the rules behind them, the splits, the certificate, the decisions, the table of thresholds."""
    lines = [*_outcomes(summary), *_splits(summary), *(f"  {text}" for text in summary["split_notes"])]
    lines += filled(certificate(summary)) if certificate(summary) else []
    lines += filled(override_line(summary)) if override_line(summary) else []
    return "\n".join([*lines, *_thresholds(summary)])


def _outcomes(summary: Mapping[str, Any]) -> list[str]:
    outcomes = summary["outcomes"]
    gone = ", ".join(f"{say.count(n)} {name}" for name, n in outcomes.items() if name != "kept" and n)
    lines = [
        f"{say.count(summary['rows_read'], 'row')} read: {say.count(outcomes['kept'])} kept"
        + (f"; {gone}" if gone else "")
    ]
    rules = list(summary["rules"].items())
    if rules:
        more = f" and {len(rules) - MOST_RULES} more rules" if len(rules) > MOST_RULES else ""
        lines.append("  by rule: " + ", ".join(f"{rule} {say.count(n)}" for rule, n in rules[:MOST_RULES]) + more)
    return lines


def _splits(summary: Mapping[str, Any]) -> list[str]:
    lines = ["splits: " + ", ".join(f"{say.count(n)} {name}" for name, n in summary["splits"].items())]
    failing = summary["references_failing"]["test"]
    if failing:
        breaks = "breaks a rule: it stays" if failing == 1 else "break a rule: they stay"
        lines.append(f"  {say.count(failing)} of test {breaks}, since a test chosen by its answers would be easy")
    return lines


def _thresholds(summary: Mapping[str, Any]) -> list[str]:
    """The table of thresholds, each with its borderline pair; empty if not requested."""
    table = summary["threshold_table"]
    if table is None:
        return []
    now = summary["near_duplicate"]["threshold"]
    lines = [
        "",
        f"Near duplicates by threshold (near_duplicate is {now:g}), before outputs that break a rule leave",
        "threshold  dropped  conflicts  least alike",
    ]
    for row in table:
        least = f"{row['example']['similarity']:.2f}" if row["example"] else "-"
        lines.append(f"{row['threshold']:9.2f}  {row['dropped']:7,}  {row['conflicts']:9,}  {least:>11}")
    # The same pair may be at the border of several thresholds: it is shown at the first.
    first = {(row["example"]["id"], row["example"]["other_id"]): row for row in reversed(table) if row["example"]}
    for row in reversed(first.values()):
        example = row["example"]
        lines += ["", f'At {row["threshold"]:.2f} "{example["id"]}" goes for "{example["other_id"]}":']
        for name in ("input", "output"):
            texts = (short(example[key], EXCERPT) for key in (name, f"other_{name}"))
            lines += [f"  {name:6}  {next(texts)}", f"          {next(texts)}"]
    return lines


# --- parts --------------------------------------------------------------------------------------------------------


def _run_of(results: Mapping[str, Any]) -> StoredRun:
    return StoredRun(Path(), dict(results), {}, {})


def _money_run(money: Mapping[str, Any]) -> StoredRun:
    """A run for which only the money is known."""
    pair = {side: money[side] for side in ("baseline", "candidate")}
    return _run_of({"money": money, "comparison": pair, "quality": {}})


def _joined(parts: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _clipped(name: str) -> str:
    return short(name, COLUMN - 1)  # a line break in a name would break the table


def _plain(text: str) -> str:
    return filled(str(text), columns=COLUMN)[0] if text else ""
