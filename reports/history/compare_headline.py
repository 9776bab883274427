"""The first screen of compared runs: the answer, three numbers, the doubt, the next step."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from ...core import Row, row_text
from ...core import unbroken as say
from ..charts.axes import Axis, linear_axis, shortened
from ..charts.rows import Bar, Mark, mini_rows
from ..sections.first_screen import Headline
from ..sections.money.costs import change_words
from ..sections.three_numbers import OF_SHARES, Number, Side
from ..words import typeset
from . import compare_cost as costs
from . import compare_words as words

__all__ = ["compared_headline"]

ROLES = {"before": "baseline", "after": "candidate"}  # how the report draws the two sides of a comparison


def compared_headline(step: Mapping[str, Any]) -> Headline:
    """The first screen of a comparison."""
    label, tone = words.DECIDED[step["decided"]]
    return Headline(
        label=label, tone=tone, sentence=typeset(words.answer(step, say)),
        numbers=(_acceptable(step), _changed(step), _cost(step) or _tokens(step)),
        doubt=typeset(words.doubt(step, say)), next_step=words.next_step(step),
        sure_why=typeset(words.changed_sentence(step, say)),
    )  # fmt: skip


def _names(step: Mapping[str, Any]) -> dict[str, str]:
    """What the runs are called; the sentence above says which variants are compared."""
    return {role: shortened(str(step[role]), 32) for role in ROLES}


def _acceptable(step: Mapping[str, Any]) -> Number:
    decimals = words.gap_decimals(step)
    rows = {
        role: Row("acceptable", name, found["share"], "share", found["low"], found["high"], decimals=decimals)
        for role, name in _names(step).items()
        if (found := step["acceptable"][role])
    }
    sides = tuple(Side(row, ROLES[role]) for role, row in rows.items())
    marks = [Mark(row.value, row.low, row.high, ROLES[role]) for role, row in rows.items() if row.value is not None]
    change = (
        row_text(Row("difference", "", unit="points", decimals=decimals, **step["difference"]), say) if marks else ""
    )
    axis = Axis(0, 1, ((0, ""), (0.5, ""), (1, "")))
    origin = "#changed" if step["rows"] else ""
    return Number("Acceptable outputs", sides, change, mini_rows(marks, axis), origin, OF_SHARES)


def _changed(step: Mapping[str, Any]) -> Number:
    several = max(step["shared"]["samples"].values()) > 1
    worse, better = ("less often acceptable", "more often acceptable") if several else ("no longer work", "work now")
    lost, gained = step["only_before"], step["only_after"]
    sides = (Side(Row("lost", worse, lost), "baseline"), Side(Row("gained", better, gained), "candidate"))
    bars = [Bar(0, lost, "baseline"), Bar(0, gained, "candidate")] if lost or gained else []
    change = f"of {say.count(step['n'], 'shared request')}"
    return Number(
        "Requests that changed",
        sides,
        change,
        mini_rows(bars, linear_axis([lost, gained], str)) if bars else Markup(""),
    )


def _cost(step: Mapping[str, Any]) -> Number | None:
    """The cost that counts; None without prices."""
    cost = step["cost"]
    split = cost["per_usable_output"] or cost["per_request"]
    if split is None:
        return None
    title = costs.cost_title(step) if cost["per_usable_output"] else "Cost per request"
    values = {role: split[role] for role in ROLES}
    sides = tuple(
        Side(Row("cost", name, "not known" if values[role] is None else values[role], cost["currency"]), ROLES[role])
        for role, name in _names(step).items()
    )
    change = change_words(values["before"], values["after"])
    return Number(title, sides, change, _bars(values), "#cost" if change else "")


def _tokens(step: Mapping[str, Any]) -> Number:
    values = dict(zip(ROLES, costs.tokens_of(step), strict=True))
    sides = tuple(
        Side(Row("tokens", name, "not counted" if values[role] is None else round(values[role] or 0)), ROLES[role])
        for role, name in _names(step).items()
    )
    return Number("Tokens per request", sides, change_words(values["before"], values["after"]), _bars(values))


def _bars(values: Mapping[str, float | None]) -> Markup:
    known = {role: value for role, value in values.items() if value is not None}
    if not known or not max(known.values()):
        return Markup("")
    axis = linear_axis(list(known.values()), str)
    return mini_rows([Bar(0, value, ROLES[role]) for role, value in known.items()], axis)
