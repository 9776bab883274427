"""Renders results for a terminal: the verdict with its numbers, the next steps, the money."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..core import UNKNOWN, Row, filled, row_lines, say
from ..evaluate import basis_line
from ..evaluate.results import Assumption, Good, Money, Results, Rival
from .charts.axes import shortened
from .sections.first_screen import plain_sentence, verdict_sentence
from .sections.money.assumptions import words
from .sections.money.costs import alternative_rows, cost_rows
from .sections.money.money import money_rows
from .sections.next_steps import brings, steps_of
from .sections.rules import cause_rows
from .sections.three_numbers import Number, three_numbers
from .stored import StoredRun
from .words import capital, short, variant_label

LABEL, COLUMN = 40, 20  # of the cost table: one label and two variants fill a line
NUMBER = 34  # columns for the name of a headline number
LONGEST = 28  # letters of a variant's name next to a number
MOST_STEPS = 3  # in the answer
MOST_WAYS = 6  # ways without training in the answer
WAYS = "Ways without training, the strongest first"
DEFAULTS = ("horizon_days", "target_payback_days", "discount_rate", "ramp_days")  # the ones worth showing


# --- the verdict --------------------------------------------------------------------------------------------------


def verdict_text(results: Results) -> str:
    """The verdict, its confidence, the three numbers and the main doubt; without a verdict, only the scores."""
    run, verdict = run_of(results), results.verdict
    if verdict is None:
        scores = row_lines(number_rows(run), label=NUMBER)
        return _joined([[*filled(plain_sentence(run)), "", *scores], filled(basis_line(results)), _causes(run)])
    parts = [filled(verdict_sentence(verdict))]
    if verdict.confidence:
        level, _, why = verdict.confidence.sentence.partition(": ")
        parts.append(filled(f"Confidence: {level.lower()}. {capital(why)}"))
    parts += [
        row_lines(number_rows(run), label=NUMBER),
        filled(basis_line(results)),
        _ways(run),
        _causes(run),
        filled(f"Strongest reason for doubt: {verdict.doubt}"),
        _unseen(results),
        _next_steps(results),
    ]
    return _joined(parts)


def number_rows(run: StoredRun) -> list[Row]:
    """How many requests were tested, and the three numbers of the verdict; without a verdict, the scores."""
    if run.results.verdict:
        numbers = [row for each in three_numbers(run) for row in _rows(each)]
    else:
        numbers = [_acceptable(run, name) for name in run.variants]
    scored = run.quality(run.candidate)
    return [Row("n", "Test requests", scored.n if scored else None), *numbers]


def _acceptable(run: StoredRun, name: str) -> Row:
    label = f"{capital(run.good)} outputs, {shortened(run.label(name), LONGEST)}"
    found = run.results.quality[name].acceptable
    return Row("acceptable", label, found.share, "share", found.low, found.high)


def _unseen(results: Results) -> list[str]:
    """What the rules often miss; empty if they see enough, or if it is the main doubt."""
    found = results.style.near_misses if results.style else None
    doubt = (results.verdict and results.verdict.doubt) or ""
    if found is None or found.rule is None or found.sentence in doubt:
        return []
    return filled(f"{found.sentence} {found.unseen}")


def _next_steps(results: Results) -> list[str]:
    """The first steps with what each would bring; empty without any."""
    steps, lines = steps_of(results), ["What to do next"]
    for n, step in enumerate(steps[:MOST_STEPS], start=1):
        found = brings(step, say, results=results)
        lines += filled(f"  {n}. {step.do}{f' ({found})' if found else ''}", indent=5)
    if len(steps) > MOST_STEPS:
        lines.append(f"  and {len(steps) - MOST_STEPS} more, in the report")
    return lines if steps else []


def way_rows(run: StoredRun) -> list[Row]:
    """The ways without training, the strongest first."""
    rows = sorted(run.rivals, key=lambda row: (not row.strongest, -((row.acceptable and row.acceptable.share) or 0)))
    found = [Row("", shortened(run.label(row.name), LONGEST), _way(run, row)) for row in rows[:MOST_WAYS]]
    if len(rows) > MOST_WAYS:
        found.append(Row("", f"and {len(rows) - MOST_WAYS} more", "in the report"))
    trained = set(run.variants) - {row.name for row in run.rivals}
    left_out = [
        row.name
        for row in run.results.rivals
        # `tuned + short guide` is a form of the tuned model, not a way without training.
        if not row.measured and row.name.partition(" + ")[0] not in trained
    ]
    return found + [Row("", shortened(run.label(name), LONGEST), "not measured") for name in left_out]


def _ways(run: StoredRun) -> list[str]:
    """The ways without training as lines; empty if the first screen shows the only one."""
    rows = [replace(row, label=f"  {row.label}") for row in way_rows(run)]
    return [WAYS, *row_lines(rows, label=NUMBER)] if len(rows) > 1 else []


def _way(run: StoredRun, row: Rival) -> str:
    """The acceptable share, and how much better the candidate is."""
    share, gap = row.acceptable.share if row.acceptable else None, row.difference
    if gap is None or gap.value is None:
        return say.percent(share)
    decimals = run.gap_decimals(share)
    span = f" ({say.points_range(gap.low, gap.high)})" if gap.low is not None else ""
    return f"{say.percent(share, decimals)}; tuned {say.signed_points(gap.value, decimals)}{span}"


def _causes(run: StoredRun) -> list[str]:
    return [
        line
        for name, words in cause_rows(run, telling=True)
        for line in filled(f"{shortened(name, LONGEST)}: {words}.", indent=2)
    ]


def _rows(number: Number) -> list[Row]:
    """One of the three numbers: a row for each side and one for the change."""
    several = len(number.sides) > 1
    texts = []
    for side in number.sides:
        value = f"{side.value} ({side.detail})" if side.detail else side.value
        texts.append(": ".join(filter(None, (shortened(side.name, LONGEST) if several else "", value))))
    texts += [number.change] if number.change else []
    return [Row("", "" if index else number.title, text) for index, text in enumerate(texts)]


SPENDING = {"roi.investment": "the investment", "roi.running": "the upkeep of the tuned model"}


# --- the money ----------------------------------------------------------------------------------------------------


def money_text(money: Money, *, run: str | None = None) -> str:
    """The figures, the main drivers, the alternatives to tuning, and the assumptions. `run` names the measured run."""
    missing = [Row("missing", "Missing", ", ".join(money.missing))] if money.missing else []
    figures = row_lines([*missing, *money_rows(money)])
    if (money.draws or 1) > 1:
        figures.append("Ranges in brackets cover 90% of the simulated scenarios.")
    warnings = [line for text in money.warnings for line in filled(f"Note: {text}.", indent=2)]
    return _joined([_costs(money), figures, _drivers(money), _alternatives(money), _assumed(money, run), warnings])


def _costs(money: Money) -> list[str]:
    """The cost of one request with each side; long labels wrap over several lines."""
    names = [money.baseline, money.candidate]
    # A line break in a name would break the table.
    heads = [short(variant_label(name), COLUMN - 1) for name in names]
    lines = [f"{'':{LABEL}}{''.join(f'{head:>{COLUMN}}' for head in heads)}"]
    for row in cost_rows(money, names):
        *above, last = filled(row.label, columns=LABEL - 1)
        lines += [*above, f"{last:<{LABEL}}{''.join(f'{_plain(cell):>{COLUMN}}' for cell in row.cells)}"]
    return lines


def _drivers(money: Money) -> list[str]:
    """The three inputs whose ranges change the gain most."""
    lines = []
    for bar in money.tornado[:3]:
        ends = f"{say.count(bar.low)} to {say.count(bar.high)}"
        gains = say.money_range(bar.npv_low, bar.npv_high, money.currency)
        lines += filled(f"  {words(bar.key, money.good)}, from {ends}: {gains}", indent=4)
    return ["Inputs that change the gain most:", *lines] if lines else []


def _alternatives(money: Money) -> list[str]:
    """The alternatives to training, and whether training still pays off compared with each."""
    total = money.requests_total is not None
    against = "gain of tuning compared with it" if total else "compared with it, tuning pays back in"
    unit = f"one {money.good} output" if money.failures == "drop" else "one request"
    lines = []
    for name, cost, saved, acceptable, result in alternative_rows(money):
        saves = "" if saved == UNKNOWN else f", saves {saved}"
        lines += filled(f"  {name}: {cost}{saves}; {money.good}: {acceptable}; {against}: {result}", indent=4)
    return [f"Cost of {unit} without tuning:", *lines] if lines else []


def _assumed(money: Money, run: str | None) -> list[str]:
    """The inputs that were neither stated nor measured, and the sources of prices and measured numbers."""
    entries = {entry.key: entry for entry in money.assumptions}
    defaults = [
        f"{words(key, money.good)}: {say.stated(entries[key].value)} (default)"
        for key in DEFAULTS
        if key in entries and entries[key].source == "default"
    ]
    assumed = [*defaults, *_other_assumptions(money, entries)]
    lines = filled(f"Assumed: {'; '.join(assumed)}.", indent=2) if assumed else []
    lines += _listed_prices(entries)
    lines += _measured(entries, run, money.good) if run else []
    overridden = [
        words(key, money.good) for key, e in entries.items() if "in place of what the run measured" in (e.detail or "")
    ]
    if overridden:
        lines += filled(f"Stated, although the run measured it: {', '.join(overridden)}.", indent=2)
    unstated = [what for key, what in SPENDING.items() if key in money.missing]
    if unstated:
        text = f"{' and '.join(unstated)} {'are' if len(unstated) > 1 else 'is'} not stated and counted as 0"
        return lines + filled(
            f"{text[0].upper()}{text[1:]}; state what applies, or 0, so that there can be a verdict.", indent=2
        )
    return [*lines, "Everything else is stated; --json lists every number with its source."]


def _measured(entries: Mapping[str, Assumption], run: str, good: Good) -> list[str]:
    """What the run measured of each variant; variants with the same figures share a line."""
    figures: dict[str, list[str]] = {}
    for key, entry in entries.items():
        if entry.source == "measured":
            owner, _, figure = words(key, good).rpartition(": ")
            figures.setdefault(owner, []).append(figure)
    owners: dict[tuple[str, ...], list[str]] = {}
    for owner, found in figures.items():
        owners.setdefault(tuple(found), []).append(owner)
    lines = [": ".join(filter(None, (f"  {'; '.join(names)}", ", ".join(found)))) for found, names in owners.items()]
    return [f"Measured in run {run}:", *(line for text in lines for line in filled(text, indent=4))] if lines else []


def _other_assumptions(money: Money, entries: Mapping[str, Assumption]) -> list[str]:
    """The assumptions other than defaults."""
    assumed = ['a failure costs nothing (failures = "ignore")'] if money.failures == "ignore" else []
    volume = entries.get("requests_per_day")
    if volume and volume.range and "Tuneworth's own" in (volume.detail or ""):
        low, *_, high = volume.range
        assumed.append(f"{say.count(low)} to {say.count(high)} requests a day (a range that Tuneworth assumes)")
    independent = [key.rpartition(".")[0] for key in entries if key.endswith(".independent_tries")]
    if independent:
        assumed.append(f"retries of a request succeed independently, which is optimistic ({', '.join(independent)})")
    left = entries.get("running.days_to_retirement")
    if left and left.value is not None and left.value == money.horizon_days:
        assumed.append(f"savings end in {say.days(money.horizon_days)}, when the base model retires")
    return assumed


def _listed_prices(entries: Mapping[str, Assumption]) -> list[str]:
    found: dict[str, str] = {}
    for key, entry in entries.items():
        name, _, what = key.rpartition(".")
        detail = entry.detail or ""
        if entry.source == "price list" and what == "price_input":
            found[name] = f"input {detail.partition(': ')[2] or detail}"
        elif entry.source == "price list" and what == "hourly":
            found[name] = f"machine, {detail}"
    return [line for name, detail in found.items() for line in filled(f"Price list, {name}: {detail}.", indent=2)]


def derivation_text(money: Money) -> str:
    """The derivation: each figure in words, as a formula, with its numbers and its result."""
    blocks = []
    for entry in money.derivation:
        lines = filled(entry.words)
        if entry.value is None:  # a condition and its consequence
            lines += filled(f"    {entry.formula}: {entry.numbers}", indent=6)
        else:
            lines += filled(f"    {entry.formula}", indent=6)
            if not entry.result.startswith(f"{entry.numbers} "):
                lines += filled(f"  = {entry.numbers}", indent=6)
        blocks.append([*lines, *filled(f"  = {entry.result}", indent=6)])
    return _joined([["How each figure is calculated"], *blocks])


# --- parts --------------------------------------------------------------------------------------------------------


def run_of(results: Results) -> StoredRun:
    """A run of which only the results are known."""
    return StoredRun(Path(), results, {}, {})


def _joined(parts: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _plain(text: str) -> str:
    return filled(text, columns=COLUMN)[0] if text else ""
