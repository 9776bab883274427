"""A run's answer in a few lines for a terminal."""

import textwrap
from collections.abc import Mapping
from typing import Any

from ..core import UNKNOWN, say

COLUMNS = 80
__all__ = ["headline", "money_lines", "sum_of"]


def sum_of(value: float | None, currency: str) -> str:
    """A computed sum of money; without what it is computed from it is undefined."""
    return "undefined" if value is None else say.money(value, currency)


def headline(results: Mapping[str, Any]) -> str:
    """The verdict sentence and how sure it is, the three numbers and the doubt, no line longer than a terminal's.

    The scores alone where there is no verdict.
    """
    verdict = results["verdict"]
    if verdict is None:
        lines = [_quality_line(name, quality) for name, quality in results["quality"].items()]
        if results["comparison"] is not None:
            lines = ["No verdict: not one case could be scored for every variant.", "", *lines]
        return "\n".join(lines)
    comparison = results["comparison"]
    pair = (comparison["baseline"], comparison["candidate"])
    difference = comparison["difference"]
    lines = [_filled(verdict["sentence"]), ""]
    if verdict.get("confidence"):
        lines += [_filled(f"How sure? {verdict['confidence']['sentence']}"), ""]
    lines += [_quality_line(name, results["quality"][name]) for name in pair]
    if difference["value"] is not None:
        span = say.points_range(difference["low"], difference["high"])
        lines.append(f"  difference: {say.signed_points(difference['value'])} ({span})")
    lines += money_lines(results["money"], pair) if results["money"] else _token_lines(results, pair)
    lines += ["", _filled(f"Strongest reason for doubt: {verdict['doubt']}")]
    return "\n".join(lines)


def _filled(text: str) -> str:
    """The text in lines of a terminal's width; a longer word stays whole."""
    return textwrap.fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


def _quality_line(name: str, quality: Mapping[str, Any]) -> str:
    a = quality["acceptable"]
    if a["share"] is None:
        return f"  acceptable, {name}: {UNKNOWN}"
    span = say.percent_range(a["low"], a["high"])
    return f"  acceptable, {name}: {say.percent(a['share'])} ({span}), of {say.count(quality['n'])}"


def _token_lines(results: Mapping[str, Any], pair: tuple[str, str]) -> list[str]:
    lines = []
    for name in pair:
        tokens = results["tokens"][name]
        known = [value for value in (tokens["fixed"], tokens["input"], tokens["output"]) if value is not None]
        lines.append(f"  tokens per request, {name}: {say.count(sum(known) if known else None)}")
    return lines


def money_lines(money: Mapping[str, Any], pair: tuple[str, str]) -> list[str]:
    """Cost per acceptable output of both, machines of their own included, and payback."""
    # Where people mend what fails, every output ends acceptable, and its cost is that of the request and the mending.
    label, key = {
        "repair": ("cost per output, mending included", "effective_cost_per_request"),
        "retry": ("cost per request, new tries included", "effective_cost_per_request"),
    }.get(str(money.get("failures")), ("cost per acceptable output", "cost_per_acceptable_output"))
    lines = [line for name in pair for line in _cost_lines(f"{label}, {name}", money, money["variants"][name], key)]
    if money["requests_per_day"] is None:
        return lines
    if money["saving_per_request"] is None:
        return [*lines, "  payback: not known"]
    days = money["payback_days"]
    low, high = money["payback_days_p5"], money["payback_days_p95"]
    ranged = "" if low is None and high is None else f" (5 to 95%: {say.days_range(low, high)})"
    lines.append(f"  payback: {say.days(days)}{ranged}")
    return lines


def _cost_lines(label: str, money: Mapping[str, Any], variant: Mapping[str, Any], key: str) -> list[str]:
    """A cost of one output, with its part of a day's machines; without a volume the machines' day stands beside it."""
    machines, shared = variant.get("machine_cost_per_day"), variant.get("cost_with_machines")
    if not machines:
        return [f"  {label}: {sum_of(variant[key], money['currency'])}"]
    day = f"{sum_of(machines, money['currency'])} a day"
    if shared is None:
        return [f"  {label}: {sum_of(variant[key], money['currency'])}, machines {day}"]
    return [
        f"  {label}: {sum_of(shared, money['currency'])},",
        f"    machines at {day} included, at {say.count(money['requests_per_day'], 'request')} a day",
    ]
