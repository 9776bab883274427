"""The money in lines of at most 80 columns, and its derivation line by line."""

import re
from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from ..evaluate import rounded

__all__ = ["explained", "money_text"]

Money = Mapping[str, Any]
Row = tuple[str, str]  # a label and its figure
WIDTH = 80
LABEL, COLUMN = 24, 27  # one label and two variants fill the line
HUGE, TINY = 1e12, 1e-6  # beyond these a sum is told by its size


def money_text(money: Money, *, run: str | None = None) -> str:
    """The figures, what moves them, the ways without tuning, and what is assumed. `run` names the run that measured."""
    parts = [_table(money), _figures(money), _moves(money), _ways(money), _assumed(money, run), _mind(money)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _table(money: Money) -> list[str]:
    currency, names = money["currency"], (money["baseline"], money["candidate"])
    pair = [money["variants"][name] for name in names]
    rows = [("", *(_clipped(name) for name in names))]
    counted = {"drop": "counted", "repair": "with failures mended", "retry": "with tries"}.get(money["failures"])
    shared = any(option["machine_cost_per_day"] and option["cost_with_machines"] is not None for option in pair)
    for key, label in (
        ("cost_per_request", "cost of one request"),
        ("cost_per_acceptable_output", "per acceptable output"),
        ("effective_cost_per_request", counted if money["failures"] in ("repair", "retry") else None),
        ("cost_with_machines", "  machines included" if shared else None),
    ):
        if label:
            rows.append((label, *(_sum(option[key], currency) for option in pair)))
    rows.append(("acceptable", *(_share(option["acceptance"]) for option in pair)))
    for key, label in (
        ("fixed_tokens", "fixed prompt tokens"),
        ("input_tokens", "request tokens"),
        ("output_tokens", "answer tokens"),
    ):
        if any(option[key] is not None for option in pair):
            rows.append((label, *(_count(option[key]) for option in pair)))
    if any(option["machine_cost_per_day"] for option in pair):
        rows.append(("machines a day", *(_sum(option["machine_cost_per_day"], currency) for option in pair)))
    return [f"{label:<{LABEL}}{left:>{COLUMN}}{right:>{COLUMN}}" for label, left, right in rows]


def _figures(money: Money) -> list[str]:
    """Saving, investment, payback and value, a label and its figure a line."""
    rows = [*_missing(money), *_saving(money), *_running(money), *_paying(money)]
    over = "left over" if money["horizon_days"] is None else f"value over {_whole_days(money['horizon_days'])}"
    rows.append((over, _sum(money["npv"], money["currency"]) + _between(money)))
    return [line for label, text in rows for line in _wrapped(f"{label:<{LABEL}}{text}", LABEL)]


def _missing(money: Money) -> list[Row]:
    return [("still to be stated", ", ".join(money["missing"]))] if money["missing"] else []


def _saving(money: Money) -> list[Row]:
    currency, share = money["currency"], money["saving_share"]
    machines = any(money["variants"][money[side]]["machine_cost_per_day"] for side in ("baseline", "candidate"))
    saved = _sum(money["saving_per_request"], currency)
    if share is not None and not machines:
        saved += f" ({_share(share)})"
    saved += ", machines apart" if machines and money["saving_per_request"] is not None else ""
    rows = [("saving per output" if money["failures"] == "drop" else "saving per request", saved)]
    parts = money["parts"]
    if parts and None not in parts.values():
        words = {"guide": "other prompt", "model": "other prices, lengths", "failures": "fewer failures"}
        made = [f"{words[key]} {_sum(value, currency)}" for key, value in parts.items() if value]
        rows.append(("  of it", ", ".join(made) or "nothing"))
    return [*rows, *(_days_spent(money) if machines else [])]


def _days_spent(money: Money) -> list[Row]:
    """What a day costs with either side, machines included, and by how much that is less or more."""
    share, spent = money["saving_share"], [money[f"spend_per_day_{side}"] for side in ("baseline", "candidate")]
    if None in spent:
        return []
    days = [
        f"{_sum(day, money['currency'])} {money[side]}"
        for day, side in zip(spent, ("baseline", "candidate"), strict=True)
    ]
    change = "" if share is None else f" ({_share(abs(share))} {'less' if share >= 0 else 'more'})"
    return [("a day, machines in", f"{days[0]}, {days[1]}{change}")]


def _running(money: Money) -> list[Row]:
    currency, rows = money["currency"], []
    if money["saving_total"] is not None:
        batch = f"{_sum(money['saving_total'], currency)} for {_requests(money['requests_total'])}"
        rows.append(("saving of the batch", batch))
    if money["saving_per_day"] is not None:
        a_day = f"{_sum(money['saving_per_day'], currency)} at {_requests(money['requests_per_day'])} a day"
        running = money["running_cost_per_day"]
        rows.append(
            ("saving per day", f"{a_day}, {_sum(running, currency)} of running costs off" if running else a_day)
        )
    spent = money["already_spent"]
    sunk = f" ({_sum(spent, currency)} spent before, not counted)" if spent else ""
    return [*rows, ("investment", _sum(money["investment"], currency) + sunk)]


def _paying(money: Money) -> list[Row]:
    """When it pays: days, chance, volume and cost of a failure."""
    rows = []
    if money["requests_total"] is None:
        if money["requests_per_day"] is not None:
            rows.append(("payback", _payback(money)))
        if money["probability_of_payback_in_target"] is not None and money["npv"] is not None:
            rows.append((f"  within {_whole_days(money['target_payback_days'])}", _likely(money)))
        if money["saving_per_request"] is not None:
            rows.append(("pays from", _least(money["break_even_requests_per_day"])))
    if money["break_even_failure_cost"] is not None:
        least = _sum(money["break_even_failure_cost"], money["currency"])
        rows.append(("no dearer to run from", f"{least} per unacceptable output on"))
    return rows


def _likely(money: Money) -> str:
    chance, draws = money["probability_of_payback_in_target"], money["draws"]
    if draws == 1:  # nothing in it is a range
        return "yes" if chance else "no"
    return f"in {_chance(chance)} of {draws:,} draws"


def _least(volume: float | None) -> str:
    if volume is None:
        return "no volume"
    return "any volume" if volume == 0 else f"{_requests(volume)} a day on, over the horizon"


def _payback(money: Money) -> str:
    low, high = money["payback_days_p5"], money["payback_days_p95"]
    if money["saving_per_request"] is None:
        return "not known"
    if _days(low) == _days(high) or (money["payback_days"] is None and low is None):
        return _days(money["payback_days"])
    first = _days(low).removesuffix(" days") if high is not None else _days(low)
    return f"{_days(money['payback_days'])} (5 to 95 %: {first} to {_days(high)})"


def _between(money: Money) -> str:
    low, high = money["npv_p5"], money["npv_p95"]
    if money["npv"] is None or low is None or high is None or low == high:
        return ""
    return f" (5 to 95 %: {_sum(low, '').strip()} to {_sum(high, money['currency'])})"


def _moves(money: Money) -> list[str]:
    """The three inputs whose ranges move the value most."""
    lines = []
    for row in money["tornado"][:3]:
        ends = f"{_number(row['low'])} to {_number(row['high'])}"
        gains = f"{_sum(row['npv_low'], '').strip()} to {_sum(row['npv_high'], money['currency'])}"
        lines += _wrapped(f"  {_words(row['key'])} from {ends}: {gains}", 4)
    return ["What moves the value most:", *lines] if lines else []


def _ways(money: Money) -> list[str]:
    """The alternatives, and whether tuning still pays against each."""
    lines, currency = [], money["currency"]
    for way in money["alternatives"]:
        saved = way["saving_share"]
        less = "" if saved is None else f", {_share(abs(saved))} {'less' if saved >= 0 else 'more'}"
        rate = (
            "" if way["acceptance"] is None else f"; acceptable {_share(way['acceptance'])}, {way['acceptance_from']}"
        )
        lines += _wrapped(f"  {way['name']}: {_sum(way['effective_cost_per_request'], currency)}{less}{rate}", 4)
        against = _against(money, way["tuning"])
        lines += _wrapped(f"    {against}", 4) if against else []
    return [f"Instead of tuning, {_unit(money)} would cost:", *lines] if lines else []


def _unit(money: Money) -> str:
    return "one acceptable output" if money["failures"] == "drop" else "one request"


def _against(money: Money, tuning: Mapping[str, Any]) -> str:
    if tuning["npv"] is None and tuning["payback_days"] is None:
        saved = tuning["saving_per_request"]
        return "" if saved is None else f"tuning against it saves {_sum(saved, money['currency'])} on {_unit(money)}"
    if money["requests_total"] is not None:
        return f"tuning against it leaves {_sum(tuning['npv'], money['currency'])}"
    if tuning["payback_days"] is None:
        return "tuning never pays back against it"
    late = "" if tuning["pays"] else ", too late for the horizon"
    return f"tuning against it pays back in {_days(tuning['payback_days'])}{late}"


def _assumed(money: Money, run: str | None) -> list[str]:
    """What no one stated and nothing measured, by name; and where prices and measured numbers come from."""
    entries = {entry["key"]: entry for entry in money["assumptions"]}
    said = []
    for key, words in (
        ("horizon_days", "{} days of horizon (default)"),
        ("target_payback_days", "payback aimed at within {} days (default)"),
        ("discount_rate", "no discounting (default)"),
        ("ramp_days", "full volume from the first day (default)"),
    ):
        if key in entries and entries[key]["source"] == "default":
            said.append(words.format(_count(entries[key]["value"])))
    if money["failures"] == "ignore":
        said.append('a failure costs nothing (failures = "ignore")')
    volume = entries.get("requests_per_day", {})
    if "Tuneworth's own" in volume.get("detail", ""):
        low, _, high = volume["range"]
        said.append(f"{_count(low)} to {_count(high)} requests a day (Tuneworth's own range)")
    independent = [key.rpartition(".")[0] for key in entries if key.endswith(".independent_tries")]
    if independent:
        said.append(f"failures of one request are independent, which flatters trying again ({', '.join(independent)})")
    left = entries.get("running.days_to_retirement", {}).get("value")
    if left is not None and left == money["horizon_days"]:
        said.append(f"nothing is saved after the {_whole_days(left)} until the base model retires")
    lines = _wrapped(f"Assumed: {'; '.join(said)}.", 2) if said else []
    lines += _listed_prices(entries)
    measured = [key for key, entry in entries.items() if entry["source"] == "measured"]
    if run and measured:
        lines += _wrapped(f"Measured in run {run}: {', '.join(map(_words, measured))}.", 2)
    instead = [
        key for key, entry in entries.items() if "in place of what the run measured" in (entry.get("detail") or "")
    ]
    if instead:
        lines += _wrapped(f"Stated in place of what the run measured: {', '.join(map(_words, instead))}.", 2)
    return [*lines, "All else is stated; --json lists every number with its source."]


def _listed_prices(entries: Mapping[str, Any]) -> list[str]:
    found: dict[str, str] = {}
    for key, entry in entries.items():
        name, _, what = key.rpartition(".")
        if entry["source"] == "price list" and what == "price_input":
            found[name] = entry["detail"].partition(": ")[2] if ": " in entry["detail"] else entry["detail"]
    return [line for name, detail in found.items() for line in _wrapped(f"Price list, {name}: input {detail}.", 2)]


def _mind(money: Money) -> list[str]:
    return [line for text in money["warnings"] for line in _wrapped(f"Mind: {text}.", 2)]


def explained(money: Money) -> str:
    """The derivation: each figure as a sentence, a formula, its numbers and its result."""
    blocks = []
    for entry in money["derivation"]:
        lines = _wrapped(entry["words"], 0)
        if entry["value"] is None:  # a condition, and what follows from it
            lines += _wrapped(f"    {entry['formula']}: {entry['numbers']}", 6)
            lines += _wrapped(f"  = {entry['result']}", 6)
        else:
            lines += _wrapped(f"    {entry['formula']}", 6)
            if not entry["result"].startswith(f"{entry['numbers']} "):
                lines += _wrapped(f"  = {entry['numbers']}", 6)
            lines += _wrapped(f"  = {entry['result']}", 6)
        blocks.append("\n".join(lines))
    return "\n\n".join(["How each figure comes about", *blocks])


def _wrapped(text: str, indent: int) -> list[str]:
    kept = re.sub(r"(?<=\d) (?=%|[A-Z]{3}\b)", "\u00a0", text)  # a number stays with its unit
    lines = wrap(kept, WIDTH, subsequent_indent=" " * indent, drop_whitespace=True, break_on_hyphens=False) or [text]
    return [line.replace("\u00a0", " ") for line in lines]


def _clipped(name: str) -> str:
    name = " ".join(name.split())  # a line break in a name would break the table
    return name if len(name) < COLUMN else f"{name[: COLUMN - 2]}…"


def _words(key: str) -> str:
    """`tuned.price_output` as "price output of tuned"; `requests_per_day` as "requests per day"."""
    name, _, what = key.rpartition(".")
    text = what.replace("_", " ")
    return text if name in ("", "investment", "running", "exchange") else f"{text} of {name}"


def _sum(value: float | None, currency: str) -> str:
    """A sum with the digits that it needs; a huge one by its size."""
    from .headline import sum_of

    if value and not TINY <= abs(value) < HUGE:
        return f"{value:.3g} {currency}"
    return sum_of(value, currency)


def _number(value: float) -> str:
    if value == 0 or 0.01 <= abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}" if 100 <= abs(value) < HUGE else f"{value:.3g}"


def _share(value: float | None) -> str:
    if value is None:
        return "not known"
    if 0 < value < 0.0005:
        return "<0.1 %"
    return f"{float(rounded(100 * value, 1)):,.1f} %" if abs(value) < 1000 else f"{100 * value:.3g} %"


def _chance(value: float) -> str:
    """A chance as whole percent; neither all nor none of the draws never reads 100 or 0."""
    if 0.995 <= value < 1:
        return "more than 99 %"
    return "less than 1 %" if 0 < value < 0.005 else f"{100 * value:.0f} %"


def _count(value: float | None) -> str:
    if value is None:
        return "not known"
    if abs(value) >= HUGE:
        return f"{value:.3g}"
    return f"{value:,.1f}".removesuffix(".0") if abs(value) < 100 else f"{value:,.0f}"


def _requests(value: float | None) -> str:
    """A number of requests; so few that one place shows none are "less than 0.1"."""
    shown = "less than 0.1" if value is not None and 0 < value < 0.05 else _count(value)
    return f"{shown} request{'' if shown == '1' else 's'}"


def _whole_days(value: float) -> str:
    return f"{_count(value)} day{'' if value == 1 else 's'}"


def _days(value: float | None) -> str:
    if value is None:
        return "never"
    if value >= HUGE:
        return f"{value:.3g} days"
    if 0 < value < 0.05:
        return "less than 0.1 days"
    return f"{value:,.1f} days" if value < 1000 else f"{value:,.0f} days"
