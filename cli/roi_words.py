"""The money in lines of at most 80 columns, and its derivation line by line."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from ..core import NBSP, kept_together, say
from ..project import sum_of

__all__ = ["explained", "money_text"]

Money = Mapping[str, Any]
Row = tuple[str, str]  # a label and its figure
WIDTH = 80
LABEL, COLUMN = 24, 27  # one label and two variants fill the line


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
            rows.append((label, *(sum_of(option[key], currency) for option in pair)))
    rows.append(("acceptable", *(_share(option["acceptance"]) for option in pair)))
    for key, label in (
        ("fixed_tokens", "fixed prompt tokens"),
        ("input_tokens", "request tokens"),
        ("output_tokens", "answer tokens"),
    ):
        if any(option[key] is not None for option in pair):
            rows.append((label, *(_count(option[key]) for option in pair)))
    if any(option["machine_cost_per_day"] for option in pair):
        rows.append(("machines a day", *(sum_of(option["machine_cost_per_day"], currency) for option in pair)))
    return [f"{label:<{LABEL}}{left:>{COLUMN}}{right:>{COLUMN}}" for label, left, right in rows]


def _figures(money: Money) -> list[str]:
    """Saving, investment, payback and value, a label and its figure a line."""
    rows = [*_missing(money), *_saving(money), *_running(money), *_paying(money)]
    over = "left over" if money["horizon_days"] is None else f"value over {say.days(money['horizon_days'])}"
    rows.append((over, sum_of(money["npv"], money["currency"]) + _between(money)))
    return [line for label, text in rows for line in _wrapped(f"{label:<{LABEL}}{text}", LABEL)]


def _missing(money: Money) -> list[Row]:
    return [("still to be stated", ", ".join(money["missing"]))] if money["missing"] else []


def _saving(money: Money) -> list[Row]:
    currency, share = money["currency"], money["saving_share"]
    machines = any(money["variants"][money[side]]["machine_cost_per_day"] for side in ("baseline", "candidate"))
    saved = sum_of(money["saving_per_request"], currency)
    if share is not None and not machines:
        saved += f" ({_share(share)})"
    saved += ", machines apart" if machines and money["saving_per_request"] is not None else ""
    rows = [("saving per output" if money["failures"] == "drop" else "saving per request", saved)]
    parts = money["parts"]
    if parts and None not in parts.values():
        words = {"guide": "other prompt", "model": "other prices, lengths", "failures": "fewer failures"}
        made = [f"{words[key]} {sum_of(value, currency)}" for key, value in parts.items() if value]
        rows.append(("  of it", ", ".join(made) or "nothing"))
    return [*rows, *(_days_spent(money) if machines else [])]


def _days_spent(money: Money) -> list[Row]:
    """What a day costs with either side, machines included, and by how much that is less or more."""
    share, spent = money["saving_share"], [money[f"spend_per_day_{side}"] for side in ("baseline", "candidate")]
    if None in spent:
        return []
    days = [
        f"{sum_of(day, money['currency'])} {money[side]}"
        for day, side in zip(spent, ("baseline", "candidate"), strict=True)
    ]
    change = "" if share is None else f" ({_share(abs(share))} {'less' if share >= 0 else 'more'})"
    return [("a day, machines in", f"{days[0]}, {days[1]}{change}")]


def _running(money: Money) -> list[Row]:
    currency, rows = money["currency"], []
    if money["saving_total"] is not None:
        batch = f"{sum_of(money['saving_total'], currency)} for {say.count(money['requests_total'], 'request')}"
        rows.append(("saving of the batch", batch))
    if money["saving_per_day"] is not None:
        a_day = (
            f"{sum_of(money['saving_per_day'], currency)} at {say.count(money['requests_per_day'], 'request')} a day"
        )
        running = money["running_cost_per_day"]
        rows.append(
            ("saving per day", f"{a_day}, {sum_of(running, currency)} of running costs off" if running else a_day)
        )
    spent = money["already_spent"]
    sunk = f" ({sum_of(spent, currency)} spent before, not counted)" if spent else ""
    return [*rows, ("investment", sum_of(money["investment"], currency) + sunk)]


def _paying(money: Money) -> list[Row]:
    """When it pays: days, chance, volume and cost of a failure."""
    rows = []
    if money["requests_total"] is None:
        if money["requests_per_day"] is not None:
            rows.append(("payback", _payback(money)))
        if money["probability_of_payback_in_target"] is not None and money["npv"] is not None:
            rows.append((f"  within {say.days(money['target_payback_days'])}", _likely(money)))
        if money["saving_per_request"] is not None:
            rows.append(("pays from", _least(money["break_even_requests_per_day"])))
    if money["break_even_failure_cost"] is not None:
        least = sum_of(money["break_even_failure_cost"], money["currency"])
        rows.append(("no dearer to run from", f"{least} per unacceptable output on"))
    return rows


def _likely(money: Money) -> str:
    chance, draws = money["probability_of_payback_in_target"], money["draws"]
    if draws == 1:  # nothing in it is a range
        return "yes" if chance else "no"
    return f"in {say.chance(chance)} of {draws:,} draws"


def _least(volume: float | None) -> str:
    if volume is None:
        return "no volume"
    return "any volume" if volume == 0 else f"{say.count(volume, 'request')} a day on, over the horizon"


def _payback(money: Money) -> str:
    low, high = money["payback_days_p5"], money["payback_days_p95"]
    if money["saving_per_request"] is None:
        return "not known"
    if say.days(low) == say.days(high) or (money["payback_days"] is None and low is None):
        return say.days(money["payback_days"])
    return f"{say.days(money['payback_days'])} (5 to 95%: {say.days_range(low, high)})"


def _between(money: Money) -> str:
    low, high = money["npv_p5"], money["npv_p95"]
    if money["npv"] is None or low is None or high is None or low == high:
        return ""
    return f" (5 to 95%: {say.money_range(low, high, money['currency'])})"


def _moves(money: Money) -> list[str]:
    """The three inputs whose ranges move the value most."""
    lines = []
    for row in money["tornado"][:3]:
        ends = f"{say.count(row['low'])} to {say.count(row['high'])}"
        gains = say.money_range(row["npv_low"], row["npv_high"], money["currency"])
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
        lines += _wrapped(f"  {way['name']}: {sum_of(way['effective_cost_per_request'], currency)}{less}{rate}", 4)
        against = _against(money, way["tuning"])
        lines += _wrapped(f"    {against}", 4) if against else []
    return [f"Instead of tuning, {_unit(money)} would cost:", *lines] if lines else []


def _unit(money: Money) -> str:
    return "one acceptable output" if money["failures"] == "drop" else "one request"


def _against(money: Money, tuning: Mapping[str, Any]) -> str:
    if tuning["npv"] is None and tuning["payback_days"] is None:
        saved = tuning["saving_per_request"]
        return "" if saved is None else f"tuning against it saves {sum_of(saved, money['currency'])} on {_unit(money)}"
    if money["requests_total"] is not None:
        return f"tuning against it leaves {sum_of(tuning['npv'], money['currency'])}"
    if tuning["payback_days"] is None:
        return "tuning never pays back against it"
    late = "" if tuning["pays"] else ", too late for the horizon"
    return f"tuning against it pays back in {say.days(tuning['payback_days'])}{late}"


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
        said.append(f"nothing is saved after the {say.days(left)} until the base model retires")
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
    kept = kept_together(text)
    lines = wrap(kept, WIDTH, subsequent_indent=" " * indent, drop_whitespace=True, break_on_hyphens=False) or [text]
    return [line.replace(NBSP, " ") for line in lines]


def _clipped(name: str) -> str:
    name = " ".join(name.split())  # a line break in a name would break the table
    return name if len(name) < COLUMN else f"{name[: COLUMN - 2]}…"


def _words(key: str) -> str:
    """`tuned.price_output` as "price output of tuned"; `requests_per_day` as "requests per day"."""
    name, _, what = key.rpartition(".")
    text = what.replace("_", " ")
    return text if name in ("", "investment", "running", "exchange") else f"{text} of {name}"


def _share(value: float | None) -> str:
    return "not known" if value is None else say.percent(value)


def _count(value: float | None) -> str:
    return "not known" if value is None else say.count(value)
