"""The section on ways without training: what each took and gives, and how training compares with it."""

from dataclasses import dataclass

from ...core import unbroken as say
from ...evaluate.results import Rival, Share
from ..page import Section
from ..stored import StoredRun
from ..words import capital, named, sentence, share_text
from .money.costs import cost_figure, counted_cost

NOT_KNOWN = "–"
NO_CALL = {
    "template": "no model",
    "majority": "no model",
    "classifier": "no language model",
    "repair": "no further call",
}


@dataclass(frozen=True)
class RivalRow:
    """One way without training; `payback` is that of training compared with it, for a batch the gain."""

    name: str
    strongest: bool
    took: str
    acceptable: str
    difference: str
    cost: str
    payback: str
    chance: str


@dataclass(frozen=True)
class FormRow:
    """One form in which the tuned model can be used, with what that takes; `judged` is the form of the verdict."""

    name: str
    judged: bool
    took: str
    acceptable: str
    cost: str


def section(run: StoredRun) -> Section | None:
    """The section of a run with several ways or forms, or with ways that could not be measured."""
    rows, forms, others = rival_rows(run), form_rows(run), unmeasured_lines(run)
    money = run.results.money
    if not rows or (len(rows) < 2 and len(forms) < 2 and not others):
        return None
    shown = {
        "rows": rows,
        "forms": forms if len(forms) > 1 else [],
        "unmeasured": others,
        "whose": named(run.candidate),
        "decided": run.results.verdict is not None,
        "cost_title": cost_figure(money.failures, money.good)[0] if money else "",
        "costs": any(row.cost != NOT_KNOWN for row in rows),
        "paybacks": any(row.payback != NOT_KNOWN for row in rows),
        "form_costs": any(form.cost != NOT_KNOWN for form in forms),
        "batch": money is not None and money.requests_total is not None,
    }
    return Section("rivals", "Ways without training", lead(run), "rivals", shown)


def lead(run: StoredRun) -> str:
    """How many ways the candidate clearly beats, and which one is the strongest."""
    lows = [row.difference.low for row in run.rivals if row.difference and row.difference.low is not None]
    strongest = next((row for row in run.rivals if row.strongest), None)
    if strongest is None or not lows:
        return "No way without training could be compared with the candidate."
    share = say.percent(strongest.acceptable.share if strongest.acceptable else None)
    who, other = capital(named(run.candidate)), named(strongest.name)
    beaten = sum(low > 0 for low in lows)
    if len(lows) == 1:
        word = "clearly better than" if beaten else "not clearly better than"
        return (
            f"{who} is {word} the one way without training that was compared, {other}, with {share} {run.good} outputs."
        )
    count = "none" if not beaten else "all" if beaten == len(lows) else say.count(beaten)
    return (
        f"{who} is clearly better than {count} of {say.count(len(lows), 'way')} without training; the strongest is {other}, "
        f"at {share} {run.good}."
    )


def rival_rows(run: StoredRun) -> list[RivalRow]:
    """The measured ways without training, the cheapest first."""
    return [_rival(run, row) for row in run.rivals]


def _rival(run: StoredRun, row: Rival) -> RivalRow:
    gap, decimals = row.difference, run.gap_decimals(row.acceptable.share if row.acceptable else None)
    difference = NOT_KNOWN
    if gap and gap.value is not None:
        difference = say.signed_points(gap.value, decimals)
        difference += "" if gap.low is None else f" ({say.points_range(gap.low, gap.high).split(say.gap)[0]})"
    return RivalRow(
        name=run.label(row.name),
        strongest=bool(row.strongest),
        took=took(run, row.name, row.calls, row.seconds),
        acceptable=share_text(row.acceptable, decimals=decimals),
        difference=difference,
        cost=_cost(run, row.name),
        payback=_payback(run, row),
        chance="" if row.probability is None else f"{say.chance(row.probability)} likely",
    )


def _cost(run: StoredRun, name: str) -> str:
    """The cost of a usable output, as on the first screen."""
    money = run.results.money
    found = money.variants.get(name) if money else None
    if money is None or found is None:
        return NOT_KNOWN
    cost = found.cost_with_machines if found.machine_cost_per_day else counted_cost(money, found)[1]
    return NOT_KNOWN if cost is None else say.money(cost, money.currency)


def _payback(run: StoredRun, row: Rival) -> str:
    """Days until training pays back compared with this way, or what it gains for a batch."""
    money = run.results.money
    if row.npv is None or money is None:
        return NOT_KNOWN
    return say.days(row.payback_days) if money.requests_total is None else say.money(row.npv, money.currency)


def took(run: StoredRun, name: str, calls: float | None = None, seconds: float | None = None) -> str:
    """What an output took: calls, tokens and seconds for a request, as far as they are known."""
    way, tokens = run.way(name), run.results.tokens.get(name)
    if way in NO_CALL and way != "repair":
        return NO_CALL[way]
    total = tokens.total if tokens else None
    parts = [_calls(way, calls), "" if total is None else say.count(round(total), "token")]
    parts.append(say.duration(seconds) if seconds is not None else "")
    return ", ".join(filter(None, parts))


def _calls(way: str, calls: float | None) -> str:
    if way in NO_CALL:
        return NO_CALL[way]
    if calls is None:
        return ""
    return say.count(round(calls, 2), "call")


def unmeasured_lines(run: StoredRun) -> list[tuple[str, str]]:
    """(way, reason) of the ways that were not measured."""
    rows = [row for row in run.results.rivals if not row.measured]
    return [(run.label(row.name), sentence(row.why or "the reason was not recorded")) for row in rows]


def form_rows(run: StoredRun) -> list[FormRow]:
    """The forms of the tuned model: as it answers, after repair, with a fallback; empty without rivals."""
    rivals = {row.name for row in run.rivals}
    return [
        FormRow(
            name=run.label(name),
            judged=name == run.candidate,
            took=_form_takes(run, name),
            acceptable=share_text(run.results.quality[name].acceptable),
            cost=_cost(run, name),
        )
        for name in (run.variants if rivals else [])
        if name not in rivals
    ]


def _form_takes(run: StoredRun, name: str) -> str:
    """What this form takes; for a fallback, the share of requests that go on to it."""
    if run.way(name) != "cascade":
        return took(run, name) if run.way(name) == "repair" else took(run, name, calls=1)
    first, second = run.origins(name)
    # A request goes on exactly if the first output is not acceptable.
    scored = run.quality(first)
    found = scored.acceptable if scored else Share(share=None, low=None, high=None)
    share, low, high = (None if end is None else 1 - end for end in (found.share, found.high, found.low))
    sent = share_text(Share(share=share, low=low, high=high))
    return f"{sent} of the requests go on to {run.label(second)}, {took(run, name)}".rstrip(", ")
