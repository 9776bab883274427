"""The first screen: the verdict, three numbers with their uncertainty, the doubt, the next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from .. import numbers as say
from ..charts.axes import Axis, linear_axis
from ..charts.rows import Bar, Mark, mini_rows
from ..stored import StoredRun

__all__ = ["Headline", "Number", "Side", "headline"]

# Label, and the tone of the style sheet and icon that go with it.
DECISIONS = {
    "fine-tune": ("Fine-tune", "go"),
    "keep prompting": ("Keep prompting", "stay"),
    "cannot tell yet": ("Cannot tell yet", "open"),
    "fix first": ("Fix first", "fix"),
}


@dataclass(frozen=True)
class Side:
    """One variant's part in a number: its name, the figure, the range around it."""

    name: str
    value: str
    range: str
    role: str


@dataclass(frozen=True)
class Number:
    """One of the three numbers: both sides, or one figure alone, what changed, a small picture."""

    title: str
    sides: tuple[Side, ...]
    change: str
    picture: Markup


@dataclass(frozen=True)
class Headline:
    """All that stands on the first screen."""

    label: str
    tone: str
    sentence: str
    numbers: tuple[Number, ...]
    doubt: str
    next_step: str


def headline(run: StoredRun) -> Headline:
    """The first screen of a run, whatever parts it has."""
    verdict = run.results.get("verdict")
    label, tone = DECISIONS.get((verdict or {}).get("decision", ""), ("No verdict", "none"))
    return Headline(
        label=label,
        tone=tone,
        sentence=_without_label((verdict or {}).get("sentence") or _plain_sentence(run), label),
        numbers=(_acceptable(run), _cost(run) or _tokens(run), _payback(run)),
        doubt=(verdict or {}).get("doubt") or _plain_doubt(run),
        next_step=_next_step(run, verdict),
    )


NOTHING_SCORED = "Not one case could be scored for every variant."


def _without_label(sentence: str, label: str) -> str:
    """The sentence without a decision in front of it: the label beside it says that already."""
    rest = sentence.removeprefix(f"{label}: ")
    return rest[:1].upper() + rest[1:]


def _sides(run: StoredRun) -> list[tuple[str, str]]:
    """(variant, role), the baseline first."""
    pairs = [(run.baseline, "baseline"), (run.candidate, "candidate")]
    return [(name, role) for name, role in pairs if name is not None]


def _plain_sentence(run: StoredRun) -> str:
    if run.candidate is None:
        return "No outputs were scored in this run."
    scored = run.results["quality"][run.candidate]
    if not scored.get("n"):
        return NOTHING_SCORED
    share = say.percent((scored.get("acceptable") or {}).get("share"))
    if run.baseline is None:
        return f"{share} of the {say.count(scored.get('n'))} outputs of {run.candidate} are acceptable."
    return f"{share} of the outputs of {run.candidate} are acceptable; the variants were scored, not compared."


def _plain_doubt(run: StoredRun) -> str:
    if run.baseline is None:
        return "One variant alone says nothing about whether another way would do better."
    return "No doubt was recorded with this run; the ranges beside the numbers are what is known."


def _acceptable(run: StoredRun) -> Number:
    sides, marks = [], []
    for name, role in _sides(run):
        scored = run.results["quality"].get(name) or {}
        found = scored.get("acceptable") or {}
        share, low, high = found.get("share"), found.get("low"), found.get("high")
        in_range = say.percent_range(low, high) if low is not None else ""
        sides.append(Side(name=name, value=say.percent(share), range=in_range, role=role))
        if share is not None:
            marks.append(Mark(value=share, low=low, high=high, role=role))
    difference = (run.results.get("comparison") or {}).get("difference") or {}
    change = ""
    if difference.get("value") is not None:
        span = say.points_range(difference.get("low"), difference.get("high")).removesuffix(f"{say.NBSP}points")
        change = f"{say.points(difference['value'])} ({span})"
    elif sides:
        scored = run.results["quality"][sides[-1].name]
        change = f"of {say.count(scored.get('n'))} outputs"
    axis = Axis(0, 1, ((0, ""), (0.5, ""), (1, "")))
    return Number("Acceptable outputs", tuple(sides), change, mini_rows(marks, axis))


def _cost(run: StoredRun) -> Number | None:
    """Cost per acceptable output of both sides; None where there are no prices."""
    money = run.results.get("money")
    if not money:
        return None
    currency, sides, values = money.get("currency") or "", [], []
    # Where people mend what fails, every output ends acceptable, and its cost is that of the request and the mending.
    repaired = money.get("failures") == "repair"
    key = "effective_cost_per_request" if repaired else "cost_per_acceptable_output"
    costs = [((money.get("variants") or {}).get(name) or {}).get("cost_per_request") for name, _ in _sides(run)]
    if None in costs:
        return None
    for name, role in _sides(run):
        variant = money["variants"][name]
        value = variant.get(key)
        text = say.amount(value, currency) if value is not None else "none acceptable"
        spread = (
            _repaired_range(run, name, variant, currency) if repaired else _cost_range(run, name, variant, currency)
        )
        sides.append(Side(name=name, value=text, range=spread, role=role))
        values.append((value, role))
    known = [(value, role) for value, role in values if value is not None]
    change = _less(*[value for value, _ in values]) if len(values) == 2 else ""
    axis = linear_axis([value for value, _ in known], str)
    picture = mini_rows([Bar(0, value, role) for value, role in known], axis)
    title = "Cost per output, mending included" if repaired else "Cost per acceptable output"
    return Number(title, tuple(sides), change, picture)


def _repaired_range(run: StoredRun, name: str, variant: Mapping[str, Any], currency: str) -> str:
    """The cost with mending at both ends of the measured acceptance, at the stated price of mending one output."""
    found = ((run.results.get("quality") or {}).get(name) or {}).get("acceptable") or {}
    numbers = (
        *(found.get(key) for key in ("share", "low", "high")),
        (run.results.get("money") or {}).get("failure_cost"),
    )
    costs = (variant.get("cost_per_request"), variant.get("effective_cost_per_request"))
    known = [value for value in (*numbers, *costs) if value is not None]
    if len(known) < 6:
        return ""
    share, low, high, each, cost, effective = known
    if abs(cost + (1 - share) * each - effective) > 1e-6 * effective:  # the acceptance was stated, not measured
        return ""
    return say.amount_range(cost + (1 - high) * each, cost + (1 - low) * each, currency)


def _cost_range(run: StoredRun, name: str, variant: Mapping[str, Any], currency: str) -> str:
    """The cost at both ends of the measured acceptance; nothing where the acceptance was stated."""
    found = ((run.results.get("quality") or {}).get(name) or {}).get("acceptable") or {}
    share, low, high = found.get("share"), found.get("low"), found.get("high")
    cost, each = variant.get("cost_per_request"), variant.get("cost_per_acceptable_output")
    if not share or not high or cost is None or each is None or abs(cost / share - each) > 1e-6 * each:
        return ""
    if not low:
        return f"from {say.amount(cost / high, currency)}"
    return say.amount_range(cost / high, cost / low, currency)


def _tokens(run: StoredRun) -> Number:
    sides, bars = [], []
    for name, role in _sides(run):
        tokens = (run.results.get("tokens") or {}).get(name) or {}
        parts = [tokens.get(key) for key in ("fixed", "input", "output")]
        known = [part for part in parts if part is not None]
        total = sum(known) if known else None
        answer = f"{say.count(tokens['output'])} of them the answer" if tokens.get("output") is not None else ""
        text = say.count(None if total is None else round(total))
        sides.append(Side(name=name, value=text, range=answer, role=role))
        if total is not None:
            bars.append((total, role))
    change = _less(*[total for total, _ in bars]) if len(bars) == 2 else ""
    axis = linear_axis([total for total, _ in bars], str)
    return Number(
        "Tokens per request", tuple(sides), change, mini_rows([Bar(0, total, role) for total, role in bars], axis)
    )


def _less(before: float | None, after: float | None) -> str:
    if not before or after is None:
        return ""
    change = 1 - after / before
    if abs(change) < 0.0005:
        return "the same"
    return f"{say.percent(abs(change))} {'less' if change > 0 else 'more'}"


def _payback(run: StoredRun) -> Number:
    title, money = "Payback", run.results.get("money")
    if not money:
        side = Side(name="", value="not stated", range="No prices or volume were given for this run.", role="")
        return Number(title, (side,), "", Markup(""))
    if money.get("requests_per_day") is None or money.get("saving_per_request") is None:
        return Number(title, (_without_days(money),), "", Markup(""))
    middle, low, high = (money.get(f"payback_days{part}") for part in ("", "_p5", "_p95"))
    target = money.get("target_payback_days") or _assumption(money, "target_payback_days")
    chance = money.get("probability_of_payback_in_target")
    drawn = chance is not None or low is not None
    in_range = f"range {say.days_range(low, high)}" if drawn and (low, high) != (None, None) else ""
    change = (
        f"{say.percent(chance, digits=0)} likely within {say.days(target)}" if chance is not None and target else ""
    )
    spent = say.amount(money.get("investment"), money.get("currency") or "")
    side = Side(name=f"to earn back {spent}", value=say.days(middle), range=in_range or _daily(money), role="candidate")
    return Number(title, (side,), change, _payback_picture(middle, low, high, target))


def _without_days(money: Mapping[str, Any]) -> Side:
    """What stands in the place of the days where there can be none: a batch, or numbers that are missing."""
    if money.get("saving_per_request") is None:
        missing = [str(key) for key in money.get("missing") or []]
        return Side("", "not stated", f"{', '.join(missing[:2])} missing" if missing else "A price is missing.", "")
    if money.get("requests_total") is None:
        return Side("", "not stated", "No requests per day were given for this run.", "")
    requests = money.get("requests_to_pay_back")
    value = say.NEVER if requests is None else f"{say.count(requests)}{say.NBSP}requests"
    return Side("", value, f"of a batch of {say.count(money['requests_total'])}", "candidate")


def _payback_picture(middle: float | None, low: float | None, high: float | None, target: float | None) -> Markup:
    """The range from today on, with the target as a line where it lies near."""
    if middle is None or low is None or not high:  # a payback of nothing has no range to draw
        return Markup("")
    near = target is not None and target < 12 * high
    end = max(high, target) if near and target is not None else high
    marks = [Mark(middle, low, high, "candidate")]
    return mini_rows(marks, Axis(0, end * 1.02, ((0, ""),)), lines=[target] if near and target is not None else [])


def _daily(money: Mapping[str, Any]) -> str:
    """What a day brings, for where no range was drawn."""
    saving, currency = money.get("saving_per_day"), money.get("currency") or ""
    if saving is None:
        return ""
    if saving <= 0:
        return f"each day costs {say.amount(-saving, currency)} more" if saving < 0 else "nothing is saved"
    return f"{say.amount(saving, currency)} saved a day"


def _assumption(money: Mapping[str, Any], key: str) -> Any:
    for line in money.get("assumptions") or []:
        if str(line.get("key", "")).split(".")[-1] == key:
            return line.get("value")
    return None


def _next_step(run: StoredRun, verdict: Mapping[str, Any] | None) -> str:
    """One thing to do, in words; the run's own where it names one."""
    if verdict is None and run.candidate is not None and not run.results["quality"][run.candidate].get("n"):
        return "Get the outputs that are missing, then run again."
    if verdict is None:
        return "Score a second way of answering the same requests, so that there is something to compare."
    if verdict.get("next"):
        return str(verdict["next"])
    decision, rule = verdict.get("decision"), str(verdict.get("rule"))
    if decision == "fine-tune":
        return (
            f"Give {run.candidate} a small share of the real requests, keep {run.baseline} ready to take over, "
            "and hold both against this page."
        )
    if decision == "keep prompting":
        return "Change nothing now. Ask again when one of the numbers under “What would change the answer” moves."
    if decision == "fix first":
        return {
            "data": "Separate the test set from the training examples, then run again: until then no number counts.",
            "comparison": "Give both sides the same settings and a guide that works, then run again.",
            "training": "Mend what the risk below names, train again, and compare again.",
        }.get(str(verdict.get("what")), "Mend what is named above, then run again.")
    missing = [str(key) for key in (run.results.get("money") or {}).get("missing") or []]
    if rule == "5" and missing:
        return f"State {' and '.join(missing[:3])} in tuneworth.toml; the comparison need not be repeated."
    return {
        "3": "Add test requests until the ranges no longer allow both answers, then run again.",
        "5": "State prices and requests per day under [roi] in tuneworth.toml; the comparison need not be repeated.",
        "6": "State what one unacceptable output costs (failure_cost in tuneworth.toml); it decides the answer.",
    }.get(rule, "Narrow down the stated number that moves the answer most, then run again.")
