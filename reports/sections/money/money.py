"""The money section: cost of a request, the derivation of the payback, its uncertainty, the alternatives."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ....core import NEVER, Row, row_text
from ....core import unbroken as say
from ....evaluate import break_even, when_it_pays
from ...page import Section
from ...stored import StoredRun
from ...words import named, quoted, sentence, variant_label
from .. import rivals
from ..three_numbers import Side, cost_number
from .assumptions import LINE, derivation_lines, derivation_steps, traced
from .costs import alternative_rows, change_words, costed, hosts_machines, linked_cost_rows
from .money_charts import (
    part_label,
    parts_figure,
    payback_figure,
    tornado_figure,
    tornado_finding,
    volume_figure,
    volume_rows,
)

__all__ = ["lead", "money_rows", "section"]

SIDES = ("baseline", "candidate")
NOT_KNOWN = "not known"


def section(run: StoredRun) -> Section:
    """The section; without prices it explains what prices would add."""
    money = run.results.get("money")
    if not money:
        return Section("money", "Money", lead(run), "money", {"money": None})
    shown = {
        "money": money,
        "figures": _figures(run, money),
        "findings": _findings(run, money),
        "costs": [([variant_label(name) for name in names], linked_cost_rows(run, names)) for names in costed(run)],
        "listed": bool(run.rivals) and rivals.section(run) is not None,
        "parts": parts_figure(run),
        "steps": derivation_steps(run),
        "payback": payback_figure(run),
        "volume": volume_figure(run),
        "volumes": volume_rows(run),
        "tornado": tornado_figure(run),
        "ways": alternative_rows(run),
        "lines": derivation_lines(run),
    }
    return Section("money", "Money", lead(run), "money", shown)


def _figures(run: StoredRun, money: Mapping[str, Any]) -> list[tuple[str, Markup | str]]:
    """The one table: what an output costs on both sides, then the saving, the investment, its payback and gain."""
    cost = cost_number(run)
    found: list[tuple[str, Markup | str]] = []
    if cost is not None:
        sides = [Markup("{}: {}").format(side.name, _linked(side.origin, _valued(side))) for side in cost.sides]
        found.append((cost.title, Markup("<br>").join(sides)))
    for row in money_rows(money):
        text = traced(money, LINE, row.key, row_text(row, say))
        if row.key == "in_time" and found:  # belongs to the payback, the row before
            label, value = found.pop()
            found.append((label, Markup("{}; {} {}").format(value, row.label.strip(), text)))
        elif row.key != "parts":
            found.append((row.label, text))
    return found


def _valued(side: Side) -> str:
    return f"{side.value} ({side.detail})" if side.detail else side.value


def _linked(origin: str, text: str) -> Markup | str:
    return Markup('<a href="{}">{}</a>').format(origin, text) if origin else text


def _findings(run: StoredRun, money: Mapping[str, Any]) -> dict[str, str]:
    """What each folded part found, by its anchor."""
    rows = {row.key: row for row in money_rows(money)}
    ways = [row[0] for row in alternative_rows(run)]
    more = f" and {say.count(len(ways) - 3, 'other')}" if len(ways) > 3 else ""
    told = {
        "cost-items": ("The saving is made up of", "parts"),
        "payback-steps": ("Payback", "in_time"),
        "volumes": ("Breaks even", "break_even_requests_per_day"),
    }
    found = {
        part: sentence(f"{words} {_as_words(rows[key])}") if key in rows else "" for part, (words, key) in told.items()
    }
    found["volumes"] = " ".join(filter(None, (found["volumes"], tornado_finding(money))))
    return {**found, "alternatives": sentence(f"{', '.join(ways[:3])}{more}")}


def _as_words(row: Row) -> str:
    """A row of the table as the end of a sentence."""
    text = row_text(row, say)
    return f"{row.label.strip()} {text}" if row.key == "in_time" else text


def lead(run: StoredRun) -> str:
    """The saving per request, and when the investment pays back."""
    money = run.results.get("money")
    if not money:
        why = "There is no second variant to compare the cost with" if run.baseline is None else "No prices were stated"
        return f"{why}, so this report covers quality only."
    saved = money.get("saving_per_request")
    if saved is None:
        return _untold(run, money)
    return f"{_cost_sentence(run, money)}{_payback_clause(money)}."


def _untold(run: StoredRun, money: Mapping[str, Any]) -> str:
    """Why no saving can be computed: a number is missing, or no output is acceptable."""
    variants = money.get("variants") or {}
    none = [
        name
        for name in (run.baseline, run.candidate)
        if (variants.get(name or "") or {}).get("cost_per_request") is not None
        and not variants[name or ""].get("acceptance")
    ]
    if money.get("failures") != "drop" or not none:
        return "The costs cannot be calculated yet, because numbers are missing."
    who = " and ".join(named(name) for name in none)
    return f"No output of {who} is acceptable, so there is no cost per acceptable output and no saving to calculate."


def _cost_sentence(run: StoredRun, money: Mapping[str, Any]) -> str:
    """How much less one request costs, or one day if machines run all the time."""
    share, saved = money.get("saving_share"), money.get("saving_per_request") or 0
    hosted = any((found or {}).get("machine_cost_per_day") for found in (money.get("variants") or {}).values())
    unit = {"drop": "An acceptable output costs", "ignore": "A request costs"}.get(
        str(money.get("failures") or "ignore"), "A request, including its failures, costs"
    )
    if hosted and money.get("requests_per_day") is not None:
        unit, saved = "A day costs", money.get("saving_per_day") or 0
    if share is None:
        much = say.money(abs(saved), money.get("currency") or "")
        share = saved
    else:
        much = say.percent(abs(share))
    if not share:
        return f"{unit} the same with {named(run.candidate)} as with {named(run.baseline)}"
    return (
        f"{unit} {much} {'less' if share > 0 else 'more'} with {named(run.candidate)} than with {named(run.baseline)}"
    )


def _payback_clause(money: Mapping[str, Any]) -> str:
    """When the investment pays back, as the second half of the sentence."""
    if money.get("requests_total") is not None:
        return "" if money.get("npv") is None else f"; {quoted(when_it_pays(money))}"
    if money.get("saving_per_day") is None:
        return "; the payback depends on the requests per day, which are not stated"
    running, saved = money.get("running_cost_per_day") or 0, money.get("saving_per_request") or 0
    why = ""
    if money.get("payback_days") is None and saved > 0 and running > 0 and (money.get("saving_share") or 0) >= 0:
        why = f": running costs of {say.money(running, money.get('currency') or '')} per day exceed the saving"
    return f"; {quoted(when_it_pays(money))}{why}"


def money_rows(money: Mapping[str, Any]) -> list[Row]:
    """The known money figures, from the saving per request to the gain."""
    rows = [*_saving_rows(money), *_payback_rows(money)]
    least = money.get("break_even_failure_cost")
    if least is not None:
        note = "per unacceptable output"
        rows.append(Row("break_even_failure_cost", "Cheaper to run above", least, _currency(money), note=note))
    horizon, total = money.get("horizon_days"), money.get("requests_total")
    over = "Gain" if horizon is None else f"Gain over {say.days(horizon)}"
    over = over if total is None else f"Gain over {say.count(total, 'request')}"
    known = money.get("npv") is not None
    low, high = (money.get("npv_p5"), money.get("npv_p95")) if known else (None, None)
    return [*rows, Row("npv", over, money["npv"] if known else NOT_KNOWN, _currency(money), low, high)]


def _saving_rows(money: Mapping[str, Any]) -> list[Row]:
    """The saving per request and its parts, the saving per day or batch, and the investment."""
    currency, hosted, share = _currency(money), hosts_machines(money), money.get("saving_share")
    saved, volume = money.get("saving_per_request"), money.get("requests_per_day")
    note = "without machines" if hosted else "" if share is None else say.percent(share)
    label = "Saving per output" if money.get("failures") == "drop" else "Saving per request"
    known = saved is not None
    rows = [Row("saving_per_request", label, saved if known else NOT_KNOWN, currency, note=note if known else "")]
    parts = money.get("parts") or {}
    if parts and None not in parts.values():
        made = [
            f"{part_label(key, value).lower()} {say.money(value, currency)}" for key, value in parts.items() if value
        ]
        rows.append(Row("parts", "  made up of", ", ".join(made) or "nothing"))
    spent = [money.get(f"spend_per_day_{side}") for side in ("baseline", "candidate")]
    if hosted and None not in spent:
        days = [
            f"{variant_label(money[side])} {say.money(day, currency)}" for day, side in zip(spent, SIDES, strict=True)
        ]
        change = change_words(spent[0], spent[1])
        text = f"{', '.join(days)} ({change})" if change else ", ".join(days)
        rows.append(Row("spend_per_day", f"Cost of a day at {say.count(volume, 'request')}, including machines", text))
    if money.get("saving_total") is not None:
        note = f"for {say.count(money['requests_total'], 'request')}"
        rows.append(Row("saving_total", "Saving of the batch", money["saving_total"], currency, note=note))
    if money.get("saving_per_day") is not None:
        note = f"at {say.count(volume, 'request')} a day{_upkeep(money, spent)}"
        rows.append(Row("saving_per_day", "Saving per day", money["saving_per_day"], currency, note=note))
    sunk = money.get("already_spent")
    note = f"{say.money(sunk, currency)} already spent, not counted" if sunk else ""
    if "roi.investment" in (money.get("missing") or []):
        return [*rows, Row("investment", "Investment", "not stated", note="counted as 0")]
    return [*rows, Row("investment", "Investment", money.get("investment"), currency, note=note)]


def _upkeep(money: Mapping[str, Any], spent: Sequence[float | None]) -> str:
    """How the saving per day differs from that of its requests; both days already include machines."""
    running, saved = money.get("running_cost_per_day") or 0, money["saving_per_day"]
    before, after = spent
    if hosts_machines(money) and before is not None and after is not None:
        return ", after upkeep" if before - after - saved > 1e-9 * (before + after) else ""
    what = f"{say.money(abs(running), _currency(money))} of {'additional' if running > 0 else 'saved'} running costs"
    return f", after {what}" if running else ""


def _payback_rows(money: Mapping[str, Any]) -> list[Row]:
    """The payback in days, its chance of being in time, the break-even volume; for a batch, the requests to payback."""
    if money.get("requests_total") is not None:
        pays = money.get("requests_to_pay_back")
        return [Row("requests_to_pay_back", "Requests until payback", NEVER if pays is None else pays)]
    rows, known = [], money.get("saving_per_request") is not None
    if money.get("requests_per_day") is not None:
        days = money.get("payback_days") if known else NOT_KNOWN
        low, high = (money.get("payback_days_p5"), money.get("payback_days_p95")) if known else (None, None)
        rows.append(Row("payback_days", "Payback", days, "days", low, high))
    chance, draws = money.get("probability_of_payback_in_target"), money.get("draws") or 1
    if chance is not None and money.get("npv") is not None:
        likely = ("yes" if chance else "no") if draws == 1 else f"in {say.chance(chance)} of {say.count(draws)} draws"
        rows.append(Row("in_time", f"  within {say.days(money.get('target_payback_days'))}", likely))
    if known:
        least = money.get("break_even_requests_per_day")
        text = quoted(break_even(least, money.get("horizon_days")))
        rows.append(Row("break_even_requests_per_day", "Breaks even", text))
    return rows


def _currency(money: Mapping[str, Any]) -> str:
    return str(money.get("currency") or "")
