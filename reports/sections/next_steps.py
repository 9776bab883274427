"""The section on what to do next: each step with the points, the money and the time that it would bring or take."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...core import Numbers
from ...core import unbroken as say
from ...evaluate.results import Amount, Results, Step
from ..page import Section
from ..stored import StoredRun
from ..words import named, sentence, typeset, typeset_parts, without_folders

SHOWN = 5  # more are under a disclosure
UNKNOWN = "–"
AT_MOST = ("rule",)  # their points are what meeting a rule can bring at most


@dataclass(frozen=True)
class StepRow:
    """One step; an unknown figure is a dash, and `how` says why, or how the others were computed."""

    do: list[tuple[str, bool]]
    points: str
    points_range: str
    money: str
    once: str
    people: str
    machine: str
    how: list[tuple[str, str]]


def section(run: StoredRun) -> Section | None:
    """The section of a run whose verdict has steps."""
    rows = step_rows(run)
    if not rows:
        return None
    shown = {
        "steps": rows[:SHOWN],
        "more": rows[SHOWN:],
        "dash": any(UNKNOWN in (row.points, row.money, row.people) for row in rows),
        "money": any(row.money != UNKNOWN for row in rows),
        "time": any(row.people != UNKNOWN for row in rows),
        "unknown": UNKNOWN,
    }
    return Section("next", "What to do next", lead(run), "next_steps", shown)


def lead(run: StoredRun) -> str:
    """How many steps there are, and what the first brings."""
    steps = steps_of(run.results)
    found = brings(steps[0], results=run.results)
    if not found:
        later = "what it brings shows only afterwards"
        return (
            f"There is one step; {later}." if len(steps) == 1 else f"The first step comes before all others; {later}."
        )
    return f"{'The only step' if len(steps) == 1 else f'The first of {say.count(len(steps))} steps'} brings {found}."


def steps_of(results: Results) -> Sequence[Step]:
    """The steps of a run's verdict; none for a run without one, or of an earlier version."""
    return results.verdict.steps if results.verdict else ()


def step_rows(run: StoredRun) -> list[StepRow]:
    """The steps in their order."""
    return [_row(step) for step in steps_of(run.results)]


def brings(step: Step, numbers: Numbers = say, *, results: Results | None = None) -> str:
    """What a step brings in words: `+71 points, +2,172 EUR a month`; empty if that is unknown.

    With `results`, the words name what the gain of acting on the verdict is compared with.
    """
    parts = [_points(step, numbers)[0], *_money(step, numbers), _chance(step, numbers)]
    found = ", ".join(part for part in parts if part)
    return f"{found}{_compared_with(step, results) if results else ''}" if found else ""


def _compared_with(step: Step, results: Results) -> str:
    """The tuned model gains over its strongest rival, any other way over the variant in use today."""
    if step.kind != "act":
        return ""
    comparison, used = results.comparison, step.id.removeprefix("act:")
    today = next((rival.name for rival in results.rivals if rival.today), None)
    other = comparison.baseline if comparison and used == comparison.candidate else today
    if other is None or other == used:
        return ""
    name = named(other)
    if other == today:
        name = f"today's {name.removeprefix('the ').removeprefix('a ')}"
    return f" compared with {name}"


def _row(step: Step) -> StepRow:
    points, ends = _points(step, say)
    month, once = _money(step, say)
    people, machine = (_time(step.minutes.people), _time(step.minutes.machine)) if step.minutes else ("", "")
    how = step.derivation
    return StepRow(
        do=typeset_parts(sentence(without_folders(step.do))),
        points=points or _chance(step, say) or UNKNOWN,
        points_range=ends,
        money=month or (once if not month else "") or UNKNOWN,
        once=once if month else "",
        people=people or (UNKNOWN if not machine else ""),
        machine=f"machine {machine}" if machine else "",
        how=[
            (title, typeset(without_folders(text)))
            for title, text in (("Points", how.points), ("Money", how.money), ("Time", how.minutes))
            if text
        ],
    )


def _points(step: Step, numbers: Numbers) -> tuple[str, str]:
    """The points and their range; both empty if they are unknown."""
    value, low, high = _ends(step.points)
    ends = "" if low is None or high is None else numbers.points_range(low, high)
    if value is None:
        return (f"up to {numbers.signed_points(high)}" if high is not None else ""), ""
    text = numbers.signed_points(value)
    return (f"up to {text}" if step.kind in AT_MOST and value > 0 else text), "" if ends == text else ends


def _money(step: Step, numbers: Numbers) -> tuple[str, str]:
    """The money a month and once; either is empty if it is unknown."""
    if step.money is None:
        return "", ""
    found = []
    for sum_, when in ((step.money.per_month, " a month"), (step.money.once, " once")):
        value, _, high = _ends(sum_)
        most = value is None and high is not None
        amount = high if most else value
        text = "" if amount is None else f"{numbers.signed_money(amount, step.money.currency)}{when}"
        limited = most or (step.kind in AT_MOST and amount is not None and amount > 0)
        found.append(f"up to {text}" if text and limited else text)
    return found[0], found[1]


def _chance(step: Step, numbers: Numbers) -> str:
    return "" if step.chance is None else f"{numbers.chance(step.chance)} to settle it"


def _time(minutes: Amount | None) -> str:
    """Minutes as a duration; with the range, if there is one."""
    value, low, high = _ends(minutes)
    if value is None:
        return ""
    span = "" if low is None or high is None else f" ({say.duration(60 * low)} to {say.duration(60 * high)})"
    return f"{say.duration(60 * value)}{span}"


def _ends(amount: Amount | None) -> tuple[float | None, float | None, float | None]:
    """The value and the ends of an amount; all None without one."""
    return (amount.value, amount.low, amount.high) if amount else (None, None, None)
