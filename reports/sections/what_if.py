"""The section where a reader changes the inputs of the money and sees the effect."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from markupsafe import Markup

from ...core import unbroken as say
from ...evaluate import Pair, cached_guide, read_inputs
from ..page import Section
from ..stored import StoredRun
from ..words import named

__all__ = [
    "Field",
    "cost_note",
    "cost_words",
    "doubt_head",
    "doubt_rows",
    "field_groups",
    "json_block",
    "lead",
    "page_data",
]

DAYS_A_MONTH = 30.4375
LONGEST = 36_525  # days: `[roi]` takes no longer horizon
MOST = 1e12
LEAST = 1e-9  # of inputs that must be above 0
WIDTH = 30  # a slider of the volume goes from a 30th of the stated one to 30 times as many
STEPS = 1000  # of a slider; its own value is marked at a share of it


@dataclass(frozen=True)
class Field:
    """One number of the form.

    `part` is plan, baseline or candidate, `name` the key there, `key` what it is called in an address and in the project
    file. `value` is the run's own, `text` as shown in the field: percent if `share`. `low` and `high` are the
    slider's ends, `place` its own value's place on it in per cent.
    """

    key: str
    part: str
    name: str
    label: str
    unit: str
    value: float
    text: str
    own: str
    least: float
    most: float
    low: float
    high: float
    logarithmic: bool
    place: float
    share: bool = False


def field_groups(run: StoredRun) -> list[tuple[str, list[Field]]]:
    """The fields that this run's formulas use, in groups with a heading."""
    money = run.results["money"]
    inputs = money["formula_inputs"]
    sources = {str(line.get("key")): str(line.get("source") or "") for line in money.get("assumptions") or []}
    groups = [
        ("Volume and time", _plan(inputs, sources, ("requests_per_day", "requests_total", "horizon_days"))),
        ("Failures", [*_failure(inputs, sources), *_acceptances(inputs, sources)]),
        ("Prices", list(_prices(inputs, sources))),
        ("Spending", _plan(inputs, sources, ("investment", "upkeep_per_month", "target_payback_days"))),
    ]
    return [(title, fields) for title, fields in groups if fields]


def _plan(inputs: Mapping[str, Any], sources: Mapping[str, str], names: tuple[str, ...]) -> list[Field]:
    currency, candidate = inputs["currency"], inputs["candidate"]
    daily = inputs["requests_total"] is None
    left = inputs["days_to_retirement"]
    longest = LONGEST if left is None else min(LONGEST, left)
    known = {
        "requests_per_day": (inputs["requests_per_day"], "Requests a day", "a day", (0, MOST)),
        "requests_total": (inputs["requests_total"], "Requests in all", "requests", (0, MOST)),
        "horizon_days": (min(inputs["horizon_days"], longest), "Savings count for", "days", (LEAST, longest)),
        "investment": (inputs["investment"], "To be spent once", currency, (0, MOST)),
        "upkeep_per_month": (
            inputs["upkeep_per_day"] * DAYS_A_MONTH, f"Running costs of {candidate} a month", currency, (0, MOST),
        ),
        "target_payback_days": (inputs["target_payback_days"], "Payback target", "days", (0, LONGEST)),
    }  # fmt: skip
    found = []
    for name in names:
        value, label, unit, (least, most) = known[name]
        only_daily = name in ("horizon_days", "upkeep_per_month", "target_payback_days")
        if value is None or (only_daily and not daily) or most < least:
            continue
        volume, source = name.startswith("requests"), sources.get(name, "")
        if name == "horizon_days" and left is not None and left <= inputs["horizon_days"]:
            source = "until the base model retires"
        found.append(_field(name, "plan", name, label, unit, value, source, least, most, log=volume))
    return found


def _failure(inputs: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[Field]:
    if inputs["failures"] in ("repair", "retry"):
        value, source = inputs["failure_cost"] or 0, sources.get("failure_cost", "")
        yield _field(
            "failure_cost", "plan", "failure_cost", "A failure costs", inputs["currency"], value, source, 0, MOST
        )


def _acceptances(inputs: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[Field]:
    for role in ("baseline", "candidate") if inputs["failures"] != "ignore" else ():
        name = inputs[role]
        value, key = inputs["variants"][name]["acceptance"], f"{name}.acceptance"
        if value is not None:
            label = f"Acceptable outputs of {name}"
            yield _field(key, role, "acceptance", label, "%", value, sources.get(key, ""), 0, 1, share=True)


def _prices(inputs: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[Field]:
    currency = inputs["currency"]
    for role in ("baseline", "candidate"):
        name = inputs[role]
        variant = inputs["variants"][name]
        if variant["self_hosted"]:
            key, label = f"{name}.hourly", f"An hour of a machine of {name}"
            yield _field(key, role, "hourly", label, currency, variant["hourly"], sources.get(key, ""), LEAST, MOST)
            continue
        if variant["prices_like"] == inputs["baseline"] and role == "candidate":
            continue  # the same model: its price is the baseline's
        for price, what in (("price_input", "in"), ("price_output", "out")):
            key, label = f"{name}.{price}", f"A million tokens {what}, {name}"
            yield _field(key, role, price, label, currency, variant[price], sources.get(key, ""), 0, MOST)
        if role == "baseline" and _can_be_cached(variant):
            key, label = f"{name}.cached_share", f"Guide of {name} read from the cache"
            value, source = variant["cached_share"] or 0, sources.get(key, "default")
            yield _field(key, role, "cached_share", label, "%", value, source, 0, 1, share=True)


def _can_be_cached(variant: Mapping[str, Any]) -> bool:
    """Whether a share of the cache would change anything."""
    long_enough = variant["fixed_tokens"] >= (variant["min_cached_tokens"] or 0)
    return variant["price_cached"] is not None and variant["fixed_tokens"] > 0 and long_enough


def _field(
    key: str,
    part: str,
    name: str,
    label: str,
    unit: str,
    value: float,
    source: str,
    least: float,
    most: float,
    *,
    log: bool = False,
    share: bool = False,
) -> Field:
    log = log and value > 0
    if share:
        low, high = 0.0, 1.0
    elif log:
        low, high = value / WIDTH, value * WIDTH
    else:
        low, high = 0.0, _round_up(4 * value) if value > 0 else 1000.0 if unit == "days" else 100.0
    low, high = max(low, least), min(high, most)
    middle = 50.0 if log else 0.0
    place = 100 * (value - low) / (high - low) if high > low and not log else middle
    shown = round(value, 2) if value >= 10 else value  # thousandths do not matter at this size
    written = say.stated_share(value) if share else f"{say.stated(shown)}{say.gap}{unit}"
    text = _typed(100 * value, 4) if share else _typed(shown, 9 if value >= 10 else 6)
    return Field(
        key=key, part=part, name=name, label=label, unit=unit, value=value, text=text,
        own=f"{written}, {source}" if source else written, least=least, most=most, low=low, high=high, logarithmic=log,
        place=round(min(100.0, max(0.0, place)), 2), share=share,
    )  # fmt: skip


def _round_up(value: float) -> float:
    """The next 1, 2, 4, 5 or 8 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 4, 5, 8, 10) if factor * power >= value * (1 - 1e-9))


def _typed(value: float, digits: int) -> str:
    """As a person would type it: a few digits, no exponent, no separators."""
    return format(Decimal(f"{value:.{digits}g}"), "f")


HALF, ONE, TWICE = Decimal("0.5"), Decimal(1), Decimal(2)


class Counted(NamedTuple):
    """Recomputed figures: what a request costs with (baseline, candidate), the payback (None for never), the gain."""

    costs: tuple[float | None, float | None]
    payback_days: float | None
    npv: float | None


def section(run: StoredRun) -> Section | None:
    """The section of a run whose money can be recomputed."""
    if page_data(run) is None:
        return None
    shown = {
        "cost_words": cost_words(run),
        "groups": field_groups(run),
        "head": doubt_head(run),
        "rows": doubt_rows(run),
        "cost_note": cost_note(run),
        "inputs": json_block(run),
    }
    return Section("what_if", "What if", lead(run), "what_if", shown)


def page_data(run: StoredRun) -> Mapping[str, Any] | None:
    """What the page's script needs to recompute the money; None if there is none."""
    money = run.results.get("money") or {}
    inputs = money.get("formula_inputs")
    if not inputs or money.get("saving_per_request") is None or money.get("npv") is None:
        return None
    return inputs


def json_block(run: StoredRun) -> Markup:
    """The data as JSON that is safe anywhere in a page: no browser parses it as markup."""
    inputs = page_data(run) or {}
    spoken = {role: named(inputs.get(role)) for role in ("baseline", "candidate")}
    text = json.dumps({**inputs, "spoken": spoken}, ensure_ascii=True, separators=(",", ":"))
    # Only strings can contain these, so JSON escapes are safe.
    return Markup(re.sub("[<>&'\x7f]", lambda match: f"\\u{ord(match.group()):04x}", text))


def lead(run: StoredRun) -> str:
    """The sentence that opens the section: what half the volume would change."""
    inputs = page_data(run)
    if inputs is None:
        return "Without prices and a volume there is no money to count again."
    as_it_is, half = _counted(inputs), _counted(inputs, volume=HALF)
    tail = "change what you do not believe."
    currency = inputs["currency"]
    if inputs["requests_total"] is not None:
        return (
            f"With half the requests {_left(half.npv, currency)}, "
            f"with all of them {_left(as_it_is.npv, currency)}; {tail}"
        )
    before, after = as_it_is.payback_days, half.payback_days
    if inputs["investment"] <= 0 and before is not None and after is not None:
        gains = say.money(half.npv, currency), say.money(as_it_is.npv, currency)
        return f"At half the volume the gain is {gains[0]} instead of {gains[1]}; {tail}"
    if before is None and after is None:
        twice = _counted(inputs, volume=TWICE).payback_days
        found = "is never back" if twice is None else f"is back after {say.days(twice)}"
        also = " either" if twice is None else " only"
        volume = "Not at twice the volume" if twice is None else "At twice the volume"
        if twice is None:
            return f"{volume}{also} is the money ever earned back; {tail}"
        return f"{volume}{also} the money {found}; {tail}"
    if after is None:
        return f"At half the volume the money is never earned back, at the stated one after {say.days(before)}; {tail}"
    return f"At half the volume the money is back after {say.days(after)} instead of {say.days(before)}; {tail}"


def _left(npv: float | None, currency: str) -> str:
    """What a batch gains or loses."""
    sum_ = say.money(None if npv is None else abs(npv), currency)
    return f"{sum_} are lost" if npv is not None and npv < 0 else f"{sum_} are left over"


def doubt_head(run: StoredRun) -> tuple[str, ...]:
    """The head of the table of usual doubts."""
    inputs = page_data(run) or {}
    last = "Left over" if inputs.get("requests_total") is not None else "Gain"
    days = () if inputs.get("requests_total") is not None else ("Paid back after",)
    return ("If", f"{cost_words(run)} {inputs.get('baseline')}", f"with {inputs.get('candidate')}", *days, last)


def cost_words(run: StoredRun) -> str:
    """What the cost that counts is the cost of; a variant's name follows."""
    dropped = (page_data(run) or {}).get("failures") == "drop"
    return "An acceptable output costs with" if dropped else "A request costs with"


def cost_note(run: StoredRun) -> str:
    """What the cost of a request includes, where it is more than the tokens."""
    inputs = page_data(run) or {}
    failing = inputs.get("failures") in ("repair", "retry")
    said = ["The cost of a request includes what its failures cost."] if failing else []
    if (
        any(variant.get("hourly") for variant in (inputs.get("variants") or {}).values())
        and not inputs["requests_total"]
    ):
        said.append("Machines are not in it, as they are paid by the day; payback and gain count them.")
    return " ".join(said)


def doubt_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """The usual doubts with their effects: what changes, both costs, payback, gain."""
    inputs = page_data(run)
    if inputs is None:
        return []
    doubts: list[tuple[str, Counted]] = [
        ("as in this run", _counted(inputs)),
        ("half the volume", _counted(inputs, volume=HALF)),
        ("twice the volume", _counted(inputs, volume=TWICE)),
    ]
    if inputs["failures"] in ("repair", "retry") and inputs["failure_cost"]:
        doubts.append(("a failure costs half", _counted(inputs, failure=HALF)))
        doubts.append(("a failure costs twice as much", _counted(inputs, failure=TWICE)))
    if inputs["investment"] > 0:
        doubts.append(("the spending is twice as high", _counted(inputs, investment=TWICE)))
    if (run.results["money"] or {}).get("cached_guide"):
        what = f"the guide of {inputs['baseline']} is always read from the cache"
        doubts.append((what, _counted(inputs, cached=True)))
    return [(what, *_cells(found, inputs)) for what, found in doubts]


def _cells(found: Counted, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Both costs, the payback, and the gain."""
    currency = inputs["currency"]
    costs = (say.money(cost, currency) for cost in found.costs)
    days = () if inputs["requests_total"] is not None else (say.days(found.payback_days),)
    return (*costs, *days, say.money(found.npv, currency))


def _counted(
    inputs: Mapping[str, Any],
    *,
    volume: Decimal = ONE,
    failure: Decimal = ONE,
    investment: Decimal = ONE,
    cached: bool = False,
) -> Counted:
    """The figures with the volume, the cost of a failure or the investment multiplied by a factor."""
    times = {"requests_per_day": volume, "requests_total": volume, "failure_cost": failure, "investment": investment}
    values = read_inputs(inputs)
    known = {**values.inputs, **values.given}
    pair = values.changed({key: known[key] * by for key, by in times.items() if key in known}).pair
    if cached:
        pair = Pair(pair.values, "cached.", cached_guide(pair.before), pair.after, main=pair)
    costs = (pair.before.value("effective_cost_per_request"), pair.after.value("effective_cost_per_request"))
    return Counted((_float(costs[0]), _float(costs[1])), _float(pair.value("payback_days")), _float(pair.value("npv")))


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
