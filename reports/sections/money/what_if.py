"""The section in which readers change the money inputs and see the effect."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from markupsafe import Markup

from ....core import as_json
from ....core import unbroken as say
from ....evaluate import BREAK_EVEN, Pair, always_cached, read_inputs
from ....evaluate.results import A_GOOD, FormulaInputs, Money, VariantInputs
from ...page import Section
from ...stored import StoredRun
from ...words import capital, named, variant_label

DAYS_A_MONTH = 30.4375
LONGEST = 36_525  # days: the longest horizon that `[roi]` accepts
MOST = 1e12
LEAST = 1e-9  # for inputs that must be above 0
WIDTH = 30  # a volume slider ranges from 1/30 of the stated volume to 30 times as much
STEPS = 1000  # of a slider


@dataclass(frozen=True)
class Field:
    """One number of the form.

    `part` is plan, baseline or candidate, `name` the key there, `key` its name in the page's address and in the project
    file. `value` is the run's value, `text` the same as shown in the field (a percentage if `share`). `low` and `high` are
    the ends of the slider, `place` the position of the run's value on it in percent.
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


def field_groups(money: Money, inputs: FormulaInputs) -> list[tuple[str, list[Field]]]:
    """The fields that this run's formulas use, in groups with headings."""
    sources = {line.key: line.source for line in money.assumptions}
    groups = [
        ("Volume and time", _plan(inputs, sources, ("requests_per_day", "requests_total", "horizon_days"))),
        ("Failures", [*_failure(inputs, sources), *_acceptances(inputs, sources)]),
        ("Prices", list(_prices(inputs, sources))),
        ("Spending", _plan(inputs, sources, ("investment", "upkeep_per_month", "target_payback_days"))),
    ]
    return [(title, fields) for title, fields in groups if fields]


def _plan(inputs: FormulaInputs, sources: Mapping[str, str], names: tuple[str, ...]) -> list[Field]:
    currency, daily = inputs.currency, inputs.requests_total is None
    left, horizon, upkeep = inputs.days_to_retirement, inputs.horizon_days, inputs.upkeep_per_day
    longest = LONGEST if left is None else min(LONGEST, left)
    running = f"Running costs of {variant_label(inputs.candidate)} per month"
    known = {
        "requests_per_day": (inputs.requests_per_day, "Requests a day", "a day", (0, MOST)),
        "requests_total": (inputs.requests_total, "Requests in total", "requests", (0, MOST)),
        "horizon_days": (None if horizon is None else min(horizon, longest), "Horizon", "days", (LEAST, longest)),
        "investment": (inputs.investment, "Investment", currency, (0, MOST)),
        "upkeep_per_month": (None if upkeep is None else upkeep * DAYS_A_MONTH, running, currency, (0, MOST)),
        "target_payback_days": (inputs.target_payback_days, "Payback target", "days", (0, LONGEST)),
    }
    found = []
    for name in names:
        value, label, unit, (least, most) = known[name]
        only_daily = name in ("horizon_days", "upkeep_per_month", "target_payback_days")
        if value is None or (only_daily and not daily) or most < least:
            continue
        volume, source = name.startswith("requests"), sources.get(name, "")
        if name == "horizon_days" and left is not None and horizon is not None and left <= horizon:
            source = "until the base model retires"
        found.append(_field(name, "plan", name, label, unit, value, source, least, most, log=volume))
    return found


def _failure(inputs: FormulaInputs, sources: Mapping[str, str]) -> Iterator[Field]:
    if inputs.failures in ("repair", "retry"):
        value, source = inputs.failure_cost or 0, sources.get("failure_cost", "")
        yield _field(
            "failure_cost", "plan", "failure_cost", "Cost of a failure", inputs.currency, value, source, 0, MOST
        )


def _sides(inputs: FormulaInputs) -> list[tuple[str, str]]:
    """(role, name) of both variants."""
    return [("baseline", inputs.baseline), ("candidate", inputs.candidate)]


def _acceptances(inputs: FormulaInputs, sources: Mapping[str, str]) -> Iterator[Field]:
    for role, name in _sides(inputs) if inputs.failures != "ignore" else ():
        value, key = inputs.variants[name].acceptance, f"{name}.acceptance"
        if value is not None:
            label = f"{capital(inputs.good)} outputs of {variant_label(name)}"
            yield _field(key, role, "acceptance", label, "%", value, sources.get(key, ""), 0, 1, share=True)


def _prices(inputs: FormulaInputs, sources: Mapping[str, str]) -> Iterator[Field]:
    currency = inputs.currency
    for role, name in _sides(inputs):
        variant, owner = inputs.variants[name], _owner(inputs, name)
        if variant.free or (role == "candidate" and owner == _owner(inputs, inputs.baseline)):
            continue  # it calls no model, or the baseline's price applies, as it is the same
        if variant.self_hosted and variant.hourly is not None:
            key, label = f"{owner}.hourly", f"Machine-hour of {variant_label(owner)}"
            yield _field(key, role, "hourly", label, currency, variant.hourly, sources.get(key, ""), LEAST, MOST)
        if variant.self_hosted and not variant.metered:
            continue
        for price, what, value in (
            ("price_input", "input", variant.price_input),
            ("price_output", "output", variant.price_output),
        ):
            key, label = f"{owner}.{price}", f"Million {what} tokens, {variant_label(owner)}"
            if value is not None:
                yield _field(key, role, price, label, currency, value, sources.get(key, ""), 0, MOST)
        if role == "baseline" and _can_be_cached(variant):
            key, label = f"{name}.cached_share", f"Cached share of the guide of {variant_label(name)}"
            value, source = variant.cached_share or 0, sources.get(key, "default")
            yield _field(key, role, "cached_share", label, "%", value, source, 0, 1, share=True)


def _owner(inputs: FormulaInputs, name: str) -> str:
    """The variant whose table has the prices of this one."""
    return inputs.variants[name].prices_like or name


def _can_be_cached(variant: VariantInputs) -> bool:
    """Whether a cached share would change anything."""
    fixed = variant.fixed_tokens or 0
    return variant.price_cached is not None and fixed > 0 and fixed >= (variant.min_cached_tokens or 0)


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
    shown = round(value, 2) if value >= 10 else value  # thousandths are irrelevant at this size
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
    """The number as a person would type it: a few digits, no exponent, no separators."""
    return format(Decimal(f"{value:.{digits}g}"), "f")


HALF, ONE, TWICE = Decimal("0.5"), Decimal(1), Decimal(2)


class Recalculated(NamedTuple):
    """Recalculated figures: the cost of a request with (baseline, candidate), the payback (None for never), the gain."""

    costs: tuple[float | None, float | None]
    payback_days: float | None
    npv: float | None


def section(run: StoredRun) -> Section | None:
    """The section of a run whose money can be recalculated."""
    money, inputs = run.results.money, formula_inputs(run)
    if money is None or inputs is None:
        return None
    shown = {
        "cost_words": cost_words(inputs),
        "groups": field_groups(money, inputs),
        "head": doubt_head(inputs),
        "rows": doubt_rows(money, inputs),
        "cost_note": cost_note(inputs),
        "inputs": json_block(inputs),
        "place": run.results.money_place,
    }
    return Section("what_if", "What if", lead(inputs), "what_if", shown)


def formula_inputs(run: StoredRun) -> FormulaInputs | None:
    """The inputs from which the page's script recalculates the money; None without money."""
    money = run.results.money
    if money is None or money.saving_per_request is None or money.npv is None:
        return None
    return money.formula_inputs


def json_block(inputs: FormulaInputs) -> Markup:
    """The inputs as JSON that no browser parses as markup."""
    names = {
        "spoken": {role: named(name) for role, name in _sides(inputs)},
        "break_even": BREAK_EVEN,
        "good": inputs.good,  # left out of the record where it is the usual word
        "labels": {role: variant_label(name) for role, name in _sides(inputs)},
    }
    text = json.dumps({**as_json(inputs), **names}, ensure_ascii=True, separators=(",", ":"))
    # Only strings can contain these characters, so JSON escapes are safe.
    return Markup(re.sub("[<>&'\x7f]", lambda match: f"\\u{ord(match.group()):04x}", text))


def lead(inputs: FormulaInputs) -> str:
    """The opening sentence: what half the volume would change."""
    stated, half = _recalculated(inputs), _recalculated(inputs, volume=HALF)
    tail, currency = "change any number that you doubt.", inputs.currency
    if inputs.requests_total is not None:
        return (
            f"Half the requests would {_gain_words(half.npv, currency)}, "
            f"all of them would {_gain_words(stated.npv, currency)}; {tail}"
        )
    before, after = stated.payback_days, half.payback_days
    if (inputs.investment or 0) <= 0 and before is not None and after is not None:
        gains = say.money(half.npv, currency), say.money(stated.npv, currency)
        return f"At half the volume the gain is {gains[0]} instead of {gains[1]}; {tail}"
    if before is None and after is None:
        twice = _recalculated(inputs, volume=TWICE).payback_days
        if twice is None:
            return f"The investment never pays back, even at twice the volume; {tail}"
        return f"At twice the volume the investment pays back in {say.days(twice)} instead of never; {tail}"
    if after is None:
        return f"At half the volume the investment never pays back, instead of in {say.days(before)}; {tail}"
    return f"At half the volume the investment pays back in {say.days(after)} instead of {say.days(before)}; {tail}"


def _gain_words(npv: float | None, currency: str) -> str:
    """What a batch gains or loses."""
    amount = say.money(None if npv is None else abs(npv), currency)
    return f"lose {amount}" if npv is not None and npv < 0 else f"gain {amount}"


def doubt_head(inputs: FormulaInputs) -> tuple[str, ...]:
    """The header of the table of common doubts."""
    days = () if inputs.requests_total is not None else ("Payback",)
    baseline, candidate = variant_label(inputs.baseline), variant_label(inputs.candidate)
    return ("If", f"{cost_words(inputs)} {baseline}", f"with {candidate}", *days, "Gain")


def cost_words(inputs: FormulaInputs) -> str:
    """The label of the deciding cost; a variant's name follows."""
    return f"Cost of {A_GOOD[inputs.good]} output with" if inputs.failures == "drop" else "Cost of a request with"


def cost_note(inputs: FormulaInputs) -> str:
    """What the cost of a request includes, if it is more than the tokens."""
    failing = inputs.failures in ("repair", "retry")
    notes = ["The cost of a request includes the cost of its failures."] if failing else []
    if any(variant.hourly for variant in inputs.variants.values()) and not inputs.requests_total:
        notes.append("It excludes machines, which are paid by the day; payback and gain include them.")
    return " ".join(notes)


def doubt_rows(money: Money, inputs: FormulaInputs) -> list[tuple[str, ...]]:
    """The common doubts and their effects: what changes, both costs, payback, gain."""
    doubts = [
        ("nothing changes", _recalculated(inputs)),
        ("the volume is half as high", _recalculated(inputs, volume=HALF)),
        ("the volume is twice as high", _recalculated(inputs, volume=TWICE)),
    ]
    if inputs.failures in ("repair", "retry") and inputs.failure_cost:
        doubts.append(("a failure costs half as much", _recalculated(inputs, failure=HALF)))
        doubts.append(("a failure costs twice as much", _recalculated(inputs, failure=TWICE)))
    if (inputs.investment or 0) > 0:
        doubts.append(("the investment is twice as high", _recalculated(inputs, investment=TWICE)))
    if money.cached_guide:
        what = f"the guide of {variant_label(inputs.baseline)} is always cached"
        doubts.append((what, _recalculated(inputs, cached=True)))
    return [(what, *_cells(found, inputs)) for what, found in doubts]


def _cells(found: Recalculated, inputs: FormulaInputs) -> tuple[str, ...]:
    """Both costs, the payback, and the gain."""
    costs = (say.money(cost, inputs.currency) for cost in found.costs)
    days = () if inputs.requests_total is not None else (say.days(found.payback_days),)
    return (*costs, *days, say.money(found.npv, inputs.currency))


def _recalculated(
    inputs: FormulaInputs,
    *,
    volume: Decimal = ONE,
    failure: Decimal = ONE,
    investment: Decimal = ONE,
    cached: bool = False,
) -> Recalculated:
    """The figures with the volume, the failure cost or the investment multiplied by a factor."""
    times = {"requests_per_day": volume, "requests_total": volume, "failure_cost": failure, "investment": investment}
    values = read_inputs(inputs)
    known = {**values.inputs, **values.given}
    pair = values.changed({key: known[key] * by for key, by in times.items() if key in known}).pair
    if cached:
        pair = Pair(pair.values, "cached.", always_cached(pair.before), pair.after, main=pair)
    costs = (pair.before.value("effective_cost_per_request"), pair.after.value("effective_cost_per_request"))
    return Recalculated(
        (_float(costs[0]), _float(costs[1])), _float(pair.value("payback_days")), _float(pair.value("npv"))
    )


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
