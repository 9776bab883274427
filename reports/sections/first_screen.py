"""The first screen: the verdict and how sure it is, three numbers with their uncertainty, the doubt, the next step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from ...core import NEVER, roughly
from ...core import unbroken as say
from ..charts.axes import Axis, linear_axis, shortened
from ..charts.rows import Bar, Mark, mini_rows
from ..stored import StoredRun
from ..words import named, typeset, typeset_parts
from .assumptions import LINE, anchor
from .costs import cheaper_way, cost_range

__all__ = ["Headline", "Number", "Side", "change_words", "headline", "three_numbers"]

# By what happens to an unacceptable output: the cost that counts in the end, and its name.
COSTS = {
    "repair": ("Cost per output, mending included", "effective_cost_per_request"),
    "retry": ("Cost per request, new tries included", "effective_cost_per_request"),
}


@dataclass(frozen=True)
class Side:
    """One variant's part in a number: its name, the figure, the range around it, the anchor of where it comes from."""

    name: str
    value: str
    range: str
    role: str
    origin: str = ""


@dataclass(frozen=True)
class Number:
    """One of the three numbers: both sides, or one figure alone, what changed and where that comes from, a picture."""

    title: str
    sides: tuple[Side, ...]
    change: str
    picture: Markup
    change_origin: str = ""


def three_numbers(run: StoredRun) -> tuple[Number, Number, Number]:
    """Acceptable outputs; the cost of one, or without prices the tokens of a request; the payback."""
    return _acceptable(run), _cost(run) or _tokens(run), _payback(run)


def _sides(run: StoredRun) -> list[tuple[str, str]]:
    """(variant, role), the baseline first."""
    pairs = [(run.baseline, "baseline"), (run.candidate, "candidate")]
    return [(name, role) for name, role in pairs if name is not None]


def _acceptable(run: StoredRun) -> Number:
    sides, marks = [], []
    for name, role in _sides(run):
        scored = run.results["quality"].get(name) or {}
        found = scored.get("acceptable") or {}
        share, low, high = found.get("share"), found.get("low"), found.get("high")
        in_range = say.percent_range(low, high) if low is not None else ""
        origin = "" if share is None else "#shares"
        sides.append(Side(name=name, value=say.percent(share), range=in_range, role=role, origin=origin))
        if share is not None:
            marks.append(Mark(value=share, low=low, high=high, role=role))
    difference = (run.results.get("comparison") or {}).get("difference") or {}
    change, origin = "", ""
    if difference.get("value") is not None:
        origin = "#difference"
        span = say.points_range(difference.get("low"), difference.get("high"))
        change = f"{say.signed_points(difference['value'])} ({span})"
    elif sides:
        scored = run.results["quality"][sides[-1].name]
        change = f"of {say.count(scored.get('n'))} outputs"
    axis = Axis(0, 1, ((0, ""), (0.5, ""), (1, "")))
    return Number("Acceptable outputs", tuple(sides), change, mini_rows(marks, axis), origin)


def _cost(run: StoredRun) -> Number | None:
    """Cost per acceptable output of both sides; None where there are no prices."""
    money = run.results.get("money")
    if not money:
        return None
    currency, sides, values = money.get("currency") or "", [], []
    # Where people mend what fails, every output ends acceptable, and its cost is that of the request and the mending;
    # where failures are tried again, what counts is the cost of all calls and of what still fails.
    title, key = COSTS.get(str(money.get("failures")), ("Cost per acceptable output", "cost_per_acceptable_output"))
    costs = [((money.get("variants") or {}).get(name) or {}).get("cost_per_request") for name, _ in _sides(run)]
    if None in costs:
        return None
    for name, role in _sides(run):
        variant = money["variants"][name]
        machines, shared = (variant.get(part) for part in ("machine_cost_per_day", "cost_with_machines"))
        counted = "cost_with_machines" if machines and shared is not None else key
        value = variant.get(counted)
        text = say.money(value, currency) if value is not None else "none acceptable"
        apart = f"and {say.money(machines, currency)} a day for its machines" if machines and shared is None else ""
        spread = apart or cost_range(run, name)
        origin = _line(money, f"variants.{name}.{counted}")
        sides.append(Side(name=name, value=text, range=spread, role=role, origin=origin))
        values.append((value, role))
    known = [(value, role) for value, role in values if value is not None]
    change = change_words(*[value for value, _ in values]) if len(values) == 2 else ""
    axis = linear_axis([value for value, _ in known], str)
    picture = mini_rows([Bar(0, value, role) for value, role in known], axis)
    origin = _line(money, "saving_share") if change and change == _saved(money) else ""
    hosted = [money["variants"][name] for name, _ in _sides(run) if money["variants"][name].get("machine_cost_per_day")]
    if hosted:
        change, origin = _hosted_change(money, hosted, change), "#money"
    return Number(title, tuple(sides), change, picture, origin)


def _hosted_change(money: Mapping[str, Any], hosted: Sequence[Mapping[str, Any]], change: str) -> str:
    """The change of two costs of which one holds machines; without a volume they cannot be set against each other."""
    if any(variant.get("cost_with_machines") is None for variant in hosted):
        return "" if money.get("requests_per_day") else "which is less depends on requests a day"
    at = f"machines included, at {say.count(money['requests_per_day'])} requests a day"
    return f"{change}, {at}" if change else at


def _saved(money: Mapping[str, Any]) -> str:
    """The share that the money section derives, in the words of a change; it need not be that of these two costs."""
    share = money.get("saving_share")
    return "" if share is None else change_words(1.0, 1 - share)


def _line(money: Mapping[str, Any], key: str) -> str:
    """The link to a figure's line in the derivation; to the section where it has none."""
    known = any(line.get("key") == key for line in money.get("derivation") or [])
    return f"#{quote(anchor(LINE, key), safe='')}" if known else "#money"


def _tokens(run: StoredRun) -> Number:
    sides, bars, counted = [], [], bool(run.results.get("tokens"))
    for name, role in _sides(run):
        tokens = (run.results.get("tokens") or {}).get(name) or {}
        parts = [tokens.get(key) for key in ("fixed", "input", "output")]
        known = [part for part in parts if part is not None]
        total = sum(known) if known else None
        answer = f"{say.count(round(tokens['output']))} of them the answer" if tokens.get("output") is not None else ""
        text = say.count(None if total is None else round(total))
        sides.append(Side(name=name, value=text, range=answer, role=role, origin="#tokens" if counted else ""))
        if total is not None:
            bars.append((total, role))
    change = change_words(*[total for total, _ in bars]) if len(bars) == 2 else ""
    axis = linear_axis([total for total, _ in bars], str)
    return Number(
        "Tokens per request", tuple(sides), change, mini_rows([Bar(0, total, role) for total, role in bars], axis)
    )


def change_words(before: float | None, after: float | None) -> str:
    """How much less or more the second is; a multiple where a percentage would be in the hundreds."""
    if not before or after is None:
        return ""
    change = 1 - after / before
    if abs(change) < 0.0005:
        return "the same"
    if change < -2:
        return f"{say.count(roughly(after / before))} times as much"
    return f"{say.percent(abs(change))} {'less' if change > 0 else 'more'}"


def _payback(run: StoredRun) -> Number:
    title, money = "Payback", run.results.get("money")
    if not money:
        why = "No prices or volume were given for this run."
        why = why if run.baseline is not None else "One variant alone saves nothing against another."
        side = Side(name="", value="not stated" if run.baseline is not None else "not known", range=why, role="")
        return Number(title, (side,), "", Markup(""))
    if money.get("requests_per_day") is None or money.get("saving_per_request") is None:
        earns = money.get("probability_npv_positive") if money.get("requests_total") is not None else None
        change = "" if earns is None else f"{say.chance(earns)} likely to save more than it costs"
        return Number(title, (_without_days(money),), change, Markup(""), "#money" if change else "")
    middle, low, high = (money.get(f"payback_days{part}") for part in ("", "_p5", "_p95"))
    target = money.get("target_payback_days") or _assumption(money, "target_payback_days")
    chance = money.get("probability_of_payback_in_target")
    drawn = chance is not None or low is not None
    in_range = f"range {say.days_range(low, high)}" if drawn and (low, high) != (None, None) else ""
    change = f"{say.chance(chance)} likely within {say.days(target)}" if chance is not None and target else ""
    spent = say.money(money.get("investment"), money.get("currency") or "")
    way = cheaper_way(money)
    against = f" against {shortened(str(run.baseline))}" if way else ""
    cheaper = f"; against {shortened(way.name)} {say.days(way.payback_days)}" if way else ""
    side = Side(
        name=f"to earn back {spent}{against}", value=say.days(middle), range=(in_range or _daily(money)) + cheaper,
        role="candidate", origin=_line(money, "payback_days"),
    )  # fmt: skip
    drawn_at = "#payback" if money.get("payback_distribution") else "#money"
    return Number(title, (side,), change, _payback_picture(middle, low, high, target), drawn_at if change else "")


def _without_days(money: Mapping[str, Any]) -> Side:
    """What stands in the place of the days where there can be none: a batch, or numbers that are missing."""
    if money.get("saving_per_request") is None:
        missing = [str(key) for key in money.get("missing") or []]
        said = f"{missing[0]} is missing." if len(missing) == 1 else f"{len(missing)} numbers are missing."
        if not missing and money.get("failures") == "drop":
            return Side("", "not known", "Where no output is acceptable, an acceptable one has no cost.", "")
        return Side("", "not stated", said if missing else "A price is missing.", "")
    if money.get("requests_total") is None:
        return Side("", "not stated", "No requests per day were given for this run.", "")
    requests = money.get("requests_to_pay_back")
    value = NEVER if requests is None else f"{say.count(requests)}{say.gap}requests"
    batch = f"of a batch of {say.count(money['requests_total'])}"
    return Side("", value, batch, "candidate", _line(money, "requests_to_pay_back"))


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
        return f"each day costs {say.money(-saving, currency)} more" if saving < 0 else "nothing is saved"
    return f"{say.money(saving, currency)} saved a day"


def _assumption(money: Mapping[str, Any], key: str) -> Any:
    for line in money.get("assumptions") or []:
        if str(line.get("key", "")).split(".")[-1] == key:
            return line.get("value")
    return None


# Label, and the tone of the style sheet and icon that go with it.
DECISIONS = {
    "fine-tune": ("Fine-tune", "go"),
    "keep prompting": ("Keep prompting", "stay"),
    "cannot tell yet": ("Cannot tell yet", "open"),
    "fix first": ("Fix first", "fix"),
}
LEVELS = {"low": 1, "fair": 2, "high": 3}
# Characters from which a sentence is set smaller, so that it takes three lines of a wide screen as long as it can.
LONG = (165, 250, 400)
LONGEST_NAME = 32
NOTHING_SCORED = "Not one case could be scored for every variant."


@dataclass(frozen=True)
class Headline:
    """All that stands on the first screen.

    `sure` says how sure the answer is, in a few words beside the label, `sure_level` that as 1 to 3 (0: not said) and
    `sure_why` what it rests on.
    """

    label: str
    tone: str
    sentence: str
    numbers: tuple[Number, ...]
    doubt: str
    next_step: str
    sure: str = ""
    sure_level: int = 0
    sure_why: str = ""

    @property
    def size(self) -> int:
        """0 to 3: how long the sentence is, and so how small it is set."""
        return sum(len(self.sentence) > most for most in LONG)

    @property
    def next_parts(self) -> list[tuple[str, bool]]:
        """The next step in pieces, each with whether it is to be typed as it stands."""
        return typeset_parts(self.next_step)


def headline(run: StoredRun) -> Headline:
    """The first screen of a run, whatever parts it has."""
    verdict = run.results.get("verdict") or {}
    label, tone = DECISIONS.get(verdict.get("decision", ""), ("No verdict", "none"))
    sure, level, why = _sure(verdict)
    return Headline(
        label=label,
        tone=tone,
        sentence=typeset(_shortened(run, _without_label(verdict.get("sentence") or _plain_sentence(run), label))),
        numbers=three_numbers(run),
        doubt=typeset(_shortened(run, verdict.get("doubt") or _plain_doubt(run))),
        next_step="`".join(  # a name in a command stays whole
            piece if odd % 2 else _shortened(run, piece)
            for odd, piece in enumerate(_next_step(run, verdict).split("`"))
        ),
        sure=sure,
        sure_level=level,
        sure_why=typeset(_shortened(run, why)),
    )


def _shortened(run: StoredRun, text: str) -> str:
    """The text with every variant's name cut that would push what matters off the screen; below it stands whole."""
    for name in sorted(run.variants, key=len, reverse=True):
        if len(name) > LONGEST_NAME:
            text = text.replace(name, f"{name[: LONGEST_NAME - 2].rstrip()}…")
    return text


def _sure(verdict: Mapping[str, Any]) -> tuple[str, int, str]:
    """In a few words, as a level, and why; nothing where the run does not say."""
    found = verdict.get("confidence") or {}
    level = LEVELS.get(str(found.get("level")), 0)
    if not level:
        return "", 0, ""
    why = str(found.get("sentence") or "").partition(": ")[2]
    why = why[:1].upper() + why[1:]
    if verdict.get("decision") == "cannot tell yet":
        return "Both answers are still possible", 0, why
    return f"How sure: {found['level']}", level, why


def _without_label(sentence: str, label: str) -> str:
    """The sentence without a decision in front of it: the label beside it says that already."""
    rest = sentence.removeprefix(f"{label}: ")
    return rest[:1].upper() + rest[1:]


def _plain_sentence(run: StoredRun) -> str:
    if run.candidate is None:
        return "No outputs were scored in this run."
    scored = run.results["quality"][run.candidate]
    if not scored.get("n"):
        return NOTHING_SCORED
    share = say.percent((scored.get("acceptable") or {}).get("share"))
    if run.baseline is None:
        return f"{share} of the {say.count(scored.get('n'))} outputs of {named(run.candidate)} are acceptable."
    return f"{share} of the outputs of {named(run.candidate)} are acceptable; the variants were scored, not compared."


def _plain_doubt(run: StoredRun) -> str:
    if run.candidate is None or not run.results["quality"][run.candidate].get("n"):
        return "Without a single score nothing here says which way is better."
    if run.baseline is None:
        return "One variant alone says nothing about whether another way would do better."
    return "No doubt was recorded with this run; the ranges beside the numbers are what is known."


def _next_step(run: StoredRun, verdict: Mapping[str, Any]) -> str:
    """One thing to do: the verdict's own; a word for scores alone and for results that name none."""
    if verdict.get("next"):
        return str(verdict["next"])
    if verdict:
        return STEPS.get(str(verdict.get("decision")), "Mend what is named above, then run again.")
    if run.candidate is not None and not run.results["quality"][run.candidate].get("n"):
        return "Get the outputs that are missing, then run again."
    return "Score a second way of answering the same requests, so that there is something to compare."


# For results without a next step of their own.
STEPS = {
    "fine-tune": "Start on a small share of the real requests, and hold the outputs against this page.",
    "keep prompting": "Change nothing now; ask again when the outputs, the prices or the volume change.",
    "cannot tell yet": "Narrow down what is named above, then run again.",
}
