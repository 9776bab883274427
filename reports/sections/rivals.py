"""The section on ways without training: what each took and gives, and how training compares with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
from ..page import Section
from ..stored import StoredRun
from ..words import capital, finite, named, sentence, share_text
from .money.costs import counted_cost

__all__ = ["FormRow", "RivalRow", "form_rows", "lead", "rival_rows", "section", "took", "unmeasured_lines"]

NOT_KNOWN = "–"
NO_CALL = {"template": "no model", "repair": "no further call"}


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
    if not rows or (len(rows) < 2 and len(forms) < 2 and not others):
        return None
    shown = {
        "rows": rows,
        "forms": forms if len(forms) > 1 else [],
        "unmeasured": others,
        "whose": named(run.candidate),
        "decided": run.results.get("verdict") is not None,
        "cost_title": counted_cost(run.results.get("money") or {})[0],
        "costs": any(row.cost != NOT_KNOWN for row in rows),
        "paybacks": any(row.payback != NOT_KNOWN for row in rows),
        "form_costs": any(form.cost != NOT_KNOWN for form in forms),
        "batch": (run.results.get("money") or {}).get("requests_total") is not None,
    }
    return Section("rivals", "Ways without training", lead(run), "rivals", shown)


def lead(run: StoredRun) -> str:
    """How many ways the candidate clearly beats, and which one is the strongest."""
    rows = [row for row in run.rivals if finite((row.get("difference") or {}).get("low")) is not None]
    strongest = next((row for row in run.rivals if row.get("strongest")), None)
    if strongest is None or not rows:
        return "No way without training could be compared with the candidate."
    share = say.percent((strongest.get("acceptable") or {}).get("share"))
    who, other = capital(named(run.candidate)), named(strongest["name"])
    beaten = sum(row["difference"]["low"] > 0 for row in rows)
    if len(rows) == 1:
        word = "clearly better than" if beaten else "not clearly better than"
        return (
            f"{who} is {word} the one way without training that was compared, {other}, with {share} acceptable outputs."
        )
    count = "none" if not beaten else "all" if beaten == len(rows) else say.count(beaten)
    return (
        f"{who} is clearly better than {count} of {say.count(len(rows), 'way')} without training; the strongest is {other}, "
        f"at {share} acceptable."
    )


def rival_rows(run: StoredRun) -> list[RivalRow]:
    """The measured ways without training, the cheapest first."""
    currency = str((run.results.get("money") or {}).get("currency") or "")
    return [_rival(run, row, currency) for row in run.rivals]


def _rival(run: StoredRun, row: Mapping[str, Any], currency: str) -> RivalRow:
    gap = row.get("difference") or {}
    decimals = run.gap_decimals((row.get("acceptable") or {}).get("share"))
    difference = NOT_KNOWN if gap.get("value") is None else say.signed_points(gap["value"], decimals)
    if gap.get("value") is not None and gap.get("low") is not None:
        difference += f" ({say.points_range(gap['low'], gap['high']).split(say.gap)[0]})"
    chance = row.get("probability")
    return RivalRow(
        name=run.label(row["name"]),
        strongest=bool(row.get("strongest")),
        took=took(run, row["name"], row.get("calls"), row.get("seconds")),
        acceptable=share_text(row.get("acceptable"), decimals=decimals),
        difference=difference,
        cost=_cost(run, row["name"]),
        payback=_payback(run, row, currency),
        chance="" if chance is None else f"{say.chance(chance)} likely",
    )


def _cost(run: StoredRun, name: str) -> str:
    """The cost of a usable output, as on the first screen."""
    money = run.results.get("money") or {}
    found = (money.get("variants") or {}).get(name) or {}
    cost = found.get("cost_with_machines") if found.get("machine_cost_per_day") else found.get(counted_cost(money)[1])
    return NOT_KNOWN if cost is None else say.money(cost, str(money.get("currency") or ""))


def _payback(run: StoredRun, row: Mapping[str, Any], currency: str) -> str:
    """Days until training pays back compared with this way, or what it gains for a batch."""
    if row.get("npv") is None:
        return NOT_KNOWN
    if (run.results.get("money") or {}).get("requests_total") is not None:
        return say.money(row["npv"], currency)
    return say.days(row.get("payback_days"))


def took(run: StoredRun, name: str, calls: float | None = None, seconds: float | None = None) -> str:
    """What an output took: calls, tokens and seconds for a request, as far as they are known."""
    way = run.way(name)
    if way == "template":
        return NO_CALL[way]
    found = (run.results.get("tokens") or {}).get(name) or {}
    tokens = [found[key] for key in ("fixed", "input", "output") if found.get(key) is not None]
    parts = [_calls(way, calls), say.count(round(sum(tokens)), "token") if tokens else ""]
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
    rows = [row for row in run.results.get("rivals") or [] if not row.get("measured")]
    return [(run.label(row["name"]), sentence(str(row.get("why") or "the reason was not recorded"))) for row in rows]


def form_rows(run: StoredRun) -> list[FormRow]:
    """The forms of the tuned model: as it answers, after repair, with a fallback; empty without rivals."""
    rivals = {row["name"] for row in run.rivals}
    names = [name for name in run.variants if name not in rivals] if rivals else []
    rows = []
    for name in names:
        rows.append(
            FormRow(
                name=run.label(name),
                judged=name == run.candidate,
                took=_form_takes(run, name),
                acceptable=share_text(run.results["quality"][name].get("acceptable")),
                cost=_cost(run, name),
            )
        )
    return rows


def _form_takes(run: StoredRun, name: str) -> str:
    """What this form takes; for a fallback, the share of requests that go on to it."""
    if run.way(name) != "cascade":
        return took(run, name) if run.way(name) == "repair" else took(run, name, calls=1)
    first, second = run.origins(name)
    # A request goes on exactly if the first output is not acceptable.
    found = (run.results["quality"].get(first) or {}).get("acceptable") or {}
    ends = [None if found.get(end) is None else 1 - found[end] for end in ("share", "high", "low")]
    sent = share_text(dict(zip(("share", "low", "high"), ends, strict=True)))
    return f"{sent} of the requests go on to {run.label(second)}, {took(run, name)}".rstrip(", ")
