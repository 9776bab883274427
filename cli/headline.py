"""A run's answer in a few lines for a terminal."""

import textwrap
from collections.abc import Mapping
from typing import Any

from ..evaluate import rounded

COLUMNS = 80
__all__ = ["headline", "money_lines", "share", "sum_of"]


def share(value: float | None) -> str:
    """A share as a percentage for people; `not measured` for null."""
    return "not measured" if value is None else f"{rounded(100 * value, 1)} %"


def sum_of(value: float | None, currency: str) -> str:
    """An amount of money with enough digits to be told apart from nothing."""
    if value is None:
        return "undefined"
    size = abs(value)
    digits = 2 if size >= 1 or size == 0 else min(8, 3 - int(f"{size:e}".split("e")[1]))
    return f"{value:,.{digits}f} {currency}"


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
        lines.append(
            f"  difference: {_points(difference['value'])} ({_points(difference['low'])} to {_points(difference['high'])}) points"
        )
    lines += money_lines(results["money"], pair) if results["money"] else _token_lines(results, pair)
    lines += ["", _filled(f"Strongest reason for doubt: {verdict['doubt']}")]
    return "\n".join(lines)


def _filled(text: str) -> str:
    """The text in lines of a terminal's width; a longer word stays whole."""
    return textwrap.fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


def _points(value: float) -> str:
    text = rounded(100 * value, 1)
    return text if text.startswith("-") else f"+{text}"


def _quality_line(name: str, quality: Mapping[str, Any]) -> str:
    a = quality["acceptable"]
    if a["share"] is None:
        return f"  acceptable, {name}: not measured"
    return f"  acceptable, {name}: {share(a['share'])} ({share(a['low'])} to {share(a['high'])}), of {quality['n']}"


def _token_lines(results: Mapping[str, Any], pair: tuple[str, str]) -> list[str]:
    lines = []
    for name in pair:
        tokens = results["tokens"][name]
        known = [value for value in (tokens["fixed"], tokens["input"], tokens["output"]) if value is not None]
        lines.append(
            f"  tokens per request, {name}: {sum(known):,.0f}"
            if known
            else f"  tokens per request, {name}: not measured"
        )
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
    ranged = "" if low is None and high is None else f" (5 to 95 %: {_days(low)} to {_days(high)})"
    lines.append(f"  payback: {_days(days)}{ranged}")
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
        f"    machines at {day} included, at {money['requests_per_day']:,.0f} requests a day",
    ]


def _days(value: float | None) -> str:
    if value is None:
        return "never"
    return f"{value:.1f} days" if value < 100 else f"{value:,.0f} days"
