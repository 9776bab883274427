"""The money section: cost of a request, the derivation of the payback, its uncertainty, the alternatives."""

from typing import Any

from markupsafe import Markup

from ....core import NEVER, Row, row_text
from ....core import unbroken as say
from ....evaluate import break_even, when_it_pays
from ....evaluate.results import A_GOOD, BAD, Money
from ...page import Section
from ...stored import StoredRun
from ...words import capital, named, quoted, sentence, variant_label
from .. import rivals
from ..three_numbers import Side, cost_number
from .assumptions import LINE, derivation_lines, derivation_steps, traced
from .costs import alternative_rows, change_words, costed, hosts_machines, linked_cost_rows
from .money_charts import (
    parts_figure,
    payback_figure,
    saving_parts,
    tornado_figure,
    tornado_finding,
    volume_figure,
    volume_rows,
)

NOT_KNOWN = "not known"


def section(run: StoredRun) -> Section:
    """The section; without prices it explains what prices would add."""
    money = run.results.money
    if not money:
        return Section("money", "Money", lead(run), "money", {"money": None, "place": run.results.money_place})
    ways = alternative_rows(money, {rival.name for rival in run.rivals})
    shown: dict[str, Any] = {
        "money": money,
        "figures": _figures(run, money),
        "findings": _findings(money, [name for name, *_ in ways]),
        "costs": [
            ([variant_label(name) for name in names], linked_cost_rows(run, money, names))
            for names in costed(run, money)
        ],
        "listed": bool(run.rivals) and rivals.section(run) is not None,
        "parts": parts_figure(run, money),
        "steps": derivation_steps(run),
        "payback": payback_figure(money),
        "volume": volume_figure(run, money),
        "volumes": volume_rows(money),
        "tornado": tornado_figure(money),
        "ways": ways,
        "lines": derivation_lines(run),
    }
    return Section("money", "Money", lead(run), "money", shown)


def _figures(run: StoredRun, money: Money) -> list[tuple[str, Markup | str]]:
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


def _findings(money: Money, ways: list[str]) -> dict[str, str]:
    """What each folded part found, by its anchor; `ways` are the names of the alternatives."""
    rows = {row.key: row for row in money_rows(money)}
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
    money = run.results.money
    if not money:
        why = "There is no second variant to compare the cost with" if run.baseline is None else "No prices were stated"
        return f"{why}, so this report covers quality only."
    if money.saving_per_request is None:
        return _untold(run, money)
    return f"{_cost_sentence(run, money, money.saving_per_request)}{_payback_clause(money)}."


def _untold(run: StoredRun, money: Money) -> str:
    """Why no saving can be computed: a number is missing, or no output is acceptable."""
    sides = [(name, money.variants[name]) for name in (run.baseline, run.candidate) if name and name in money.variants]
    none = [name for name, cost in sides if cost.cost_per_request is not None and not cost.acceptance]
    if money.failures != "drop" or not none:
        return "The costs cannot be calculated yet, because numbers are missing."
    who = " and ".join(named(name) for name in none)
    return f"No output of {who} is {run.good}, so there is no cost per {run.good} output and no saving to calculate."


def _cost_sentence(run: StoredRun, money: Money, saved: float) -> str:
    """How much less one request costs, or one day if machines run all the time."""
    unit = {"drop": f"{capital(A_GOOD[money.good])} output costs", "ignore": "A request costs"}.get(
        money.failures, "A request, including its failures, costs"
    )
    if money.requests_per_day is not None and any(cost.machine_cost_per_day for cost in money.variants.values()):
        unit, saved = "A day costs", money.saving_per_day or 0
    share = money.saving_share
    much = say.money(abs(saved), money.currency) if share is None else say.percent(abs(share))
    less = saved if share is None else share
    if not less:
        return f"{unit} the same with {named(run.candidate)} as with {named(run.baseline)}"
    return f"{unit} {much} {'less' if less > 0 else 'more'} with {named(run.candidate)} than with {named(run.baseline)}"


def _payback_clause(money: Money) -> str:
    """When the investment pays back, as the second half of the sentence."""
    if money.requests_total is not None:
        return "" if money.npv is None else f"; {quoted(when_it_pays(money))}"
    if money.saving_per_day is None:
        return "; the payback depends on the requests per day, which are not stated"
    running, saved = money.running_cost_per_day or 0, money.saving_per_request or 0
    why = ""
    if money.payback_days is None and saved > 0 and running > 0 and (money.saving_share or 0) >= 0:
        why = f": running costs of {say.money(running, money.currency)} per day exceed the saving"
    return f"; {quoted(when_it_pays(money))}{why}"


def money_rows(money: Money) -> list[Row]:
    """The known money figures, from the saving per request to the gain."""
    rows = [*_saving_rows(money), *_payback_rows(money)]
    if money.break_even_failure_cost is not None:
        note = f"per {BAD[money.good]} output"
        label, least = "Cheaper to run above", money.break_even_failure_cost
        rows.append(Row("break_even_failure_cost", label, least, money.currency, note=note))
    over = "Gain" if money.horizon_days is None else f"Gain over {say.days(money.horizon_days)}"
    over = over if money.requests_total is None else f"Gain over {say.count(money.requests_total, 'request')}"
    if money.npv is None:
        return [*rows, Row("npv", over, NOT_KNOWN, money.currency)]
    return [*rows, Row("npv", over, money.npv, money.currency, money.npv_p5, money.npv_p95)]


def _saving_rows(money: Money) -> list[Row]:
    """The saving per request and its parts, the saving per day or batch, and the investment."""
    currency, hosted, share, saved = money.currency, hosts_machines(money), money.saving_share, money.saving_per_request
    note = "without machines" if hosted else "" if share is None else say.percent(share)
    label = "Saving per output" if money.failures == "drop" else "Saving per request"
    rows = [Row("saving_per_request", label, NOT_KNOWN, currency)]
    if saved is not None:
        rows = [Row("saving_per_request", label, saved, currency, note=note)]
    if parts := saving_parts(money):
        made = [f"{name.lower()} {say.money(value, currency)}" for name, value in parts if value]
        if None not in [value for _, value in parts]:
            rows.append(Row("parts", "  made up of", ", ".join(made) or "nothing"))
    before, after = money.spend_per_day_baseline, money.spend_per_day_candidate
    if hosted and before is not None and after is not None:
        days = ", ".join(
            f"{variant_label(name)} {say.money(day, currency)}"
            for name, day in ((money.baseline, before), (money.candidate, after))
        )
        change = change_words(before, after)
        label = f"Cost of a day at {say.count(money.requests_per_day, 'request')}, including machines"
        rows.append(Row("spend_per_day", label, f"{days} ({change})" if change else days))
    if money.saving_total is not None:
        note = f"for {say.count(money.requests_total, 'request')}"
        rows.append(Row("saving_total", "Saving of the batch", money.saving_total, currency, note=note))
    if money.saving_per_day is not None:
        note = f"at {say.count(money.requests_per_day, 'request')} a day{_upkeep(money, money.saving_per_day)}"
        rows.append(Row("saving_per_day", "Saving per day", money.saving_per_day, currency, note=note))
    if "roi.investment" in money.missing:
        return [*rows, Row("investment", "Investment", "not stated", note="counted as 0")]
    sunk = money.already_spent
    note = f"{say.money(sunk, currency)} already spent, not counted" if sunk else ""
    return [*rows, Row("investment", "Investment", money.investment, currency, note=note)]


def _upkeep(money: Money, saved: float) -> str:
    """How the saving per day differs from that of its requests; both days already include machines."""
    running, before, after = (
        money.running_cost_per_day or 0,
        money.spend_per_day_baseline,
        money.spend_per_day_candidate,
    )
    if hosts_machines(money) and before is not None and after is not None:
        return ", after upkeep" if before - after - saved > 1e-9 * (before + after) else ""
    what = f"{say.money(abs(running), money.currency)} of {'additional' if running > 0 else 'saved'} running costs"
    return f", after {what}" if running else ""


def _payback_rows(money: Money) -> list[Row]:
    """The payback in days, its chance of being in time, the break-even volume; for a batch, the requests to payback."""
    if money.requests_total is not None:
        pays = money.requests_to_pay_back
        return [Row("requests_to_pay_back", "Requests until payback", NEVER if pays is None else pays)]
    rows, known = [], money.saving_per_request is not None
    if money.requests_per_day is not None:
        row = Row("payback_days", "Payback", money.payback_days, "days", money.payback_days_p5, money.payback_days_p95)
        rows.append(row if known else Row("payback_days", "Payback", NOT_KNOWN, "days"))
    chance, draws = money.probability_of_payback_in_target, money.draws or 1
    if chance is not None and money.npv is not None:
        likely = ("yes" if chance else "no") if draws == 1 else f"in {say.chance(chance)} of {say.count(draws)} draws"
        rows.append(Row("in_time", f"  within {say.days(money.target_payback_days)}", likely))
    if known:
        text = quoted(break_even(money.break_even_requests_per_day, money.horizon_days))
        rows.append(Row("break_even_requests_per_day", "Breaks even", text))
    return rows
