"""The whole account of a comparison: point figures, their derivation, ranges, alternatives, and flip points."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from ...core import quoted_page, say
from .alternatives import Alternative, Alternatives, cached_guide, no_cache, untrained
from .comparison import UPKEEP, Account
from .figures import Line, Scope
from .flips import carrying_failure_cost, solve_flips
from .inputs import MeasuredVariant, Quantity, TrainingCost, collect_quantities, conditions_of
from .missing import missing_keys
from .options import ACCEPTABLE, COST, EFFECTIVE, Pair, Way
from .origins import with_origins
from .payback import years_of
from .read_settings import warnings_of
from .recount import formula_inputs
from .request import PRICES, TOKENS
from .settings import RoiSettings, Triangular
from .simulate import VOLUME_RANGE, draw_values, outcomes, spreads, tornado, with_bands

__all__ = ["Money", "compute_money", "point_account"]

CURVE_POINTS = 25
COMPARED = (
    "saving_per_request", "saving_share", "saving_per_day", "saving_total", "spend_per_day_baseline",
    "spend_per_day_candidate", "running_cost_per_day", "investment", "payback_days", "npv", "requests_to_pay_back",
    "break_even_requests_per_day", "break_even_failure_cost", "break_even_fixed_tokens",
)  # fmt: skip
ZERO = Decimal(0)


@dataclass(frozen=True, repr=False)
class Money:
    """The account of one comparison: point figures in Decimal, ranges from draws, every assumption with its source."""

    keys: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The `money` of results.json and of `tuneworth roi --json`: numbers, lists, texts and None only."""
        return {key: _plain(value) for key, value in self.keys.items()}

    def __repr__(self) -> str:
        money = self.to_json()
        currency, payback = money["currency"], money["payback_days"]
        lines = [
            f"saving per request: {say.money(money['saving_per_request'], currency)}",
            f"investment: {say.money(money['investment'], currency)}",
        ]
        if money["saving_per_request"] is not None and money["requests_per_day"] is not None:
            likely = say.days_range(money["payback_days_p5"], money["payback_days_p95"])
            lines.append(f"payback: {say.days(payback)} (5 to 95%: {likely})")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return quoted_page(repr(self))


def compute_money(
    settings: RoiSettings,
    *,
    baseline: str,
    candidate: str,
    measured: Mapping[str, MeasuredVariant] | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    training: TrainingCost | None = None,
    seed: int = 0,
    draws: int = 10_000,
    today: date | None = None,
) -> Money:
    """The money of `candidate` compared to `baseline`, from stated and measured numbers.

    If prices, tokens or volumes are missing, their figures are None and `missing` names them. The days until the base
    model's retirement are counted from `today`, by default the current day.
    """
    measured = measured or {}
    names = list(dict.fromkeys([baseline, candidate, *settings.variants, *measured]))
    settings, today = with_origins(settings, measured, baseline), today or datetime.now(UTC).date()
    quantities = collect_quantities(settings, names, measured, training, today=today)
    keys = point_account(quantities, settings, baseline=baseline, candidate=candidate, names=names, measured=measured)
    values = _known(quantities)
    exact = Account(values, conditions_of(settings, baseline, candidate, measured))
    drawn = Account(draw_values(quantities, groups=groups, seed=seed, draws=draws), exact.conditions, "drawn")
    keys |= outcomes(drawn)
    keys |= spreads(drawn, target_days=float(values.get("target_payback_days", ZERO)))
    possible = _alternatives(settings, quantities, measured)
    keys["alternatives"] = [way.row(drawn) for way in possible.of(exact)]
    keys["volume_curve"] = with_bands(keys["volume_curve"], drawn)
    keys |= {
        "tornado": tornado(quantities, drawn),
        "flips": solve_flips(exact, drawn, possible),
        "carrying_failure_cost": carrying_failure_cost(exact, drawn, possible),
    }
    keys |= {
        "target_payback_days": values.get("target_payback_days"),
        "horizon_days": None if exact.batch else exact.value("counted_days"),
        "failures": settings.failures,
        "failure_cost": values.get("failure_cost"),
        "already_spent": values.get("investment.already_spent", ZERO),
        "formula_inputs": formula_inputs(exact, settings),
        "missing": missing_keys(settings, values, (baseline, candidate), measured),
        "assumptions": [_assumption(quantity) for quantity in quantities.values()],
    }
    return Money(keys | {"warnings": warnings_of(settings, (baseline, candidate), today)})


def _known(quantities: Mapping[str, Quantity]) -> dict[str, Decimal]:
    return {key: quantity.value for key, quantity in quantities.items() if quantity.value is not None}


def _alternatives(
    settings: RoiSettings, quantities: Mapping[str, Quantity], measured: Mapping[str, MeasuredVariant]
) -> Alternatives:
    sources = {key: quantity.source for key, quantity in quantities.items()}
    return Alternatives(settings, untrained(settings, measured), sources)


def point_account(
    quantities: Mapping[str, Quantity],
    settings: RoiSettings,
    *,
    baseline: str,
    candidate: str,
    names: list[str],
    measured: Mapping[str, MeasuredVariant],
) -> dict[str, Any]:
    """The keys of `money` that need no draws, for all variants in `names`; None if something is missing."""
    inputs, conditions = _known(quantities), conditions_of(settings, baseline, candidate, measured)
    possible = _alternatives(settings, quantities, measured)
    with localcontext() as context:
        context.prec = 40  # the parts then add up far beyond the digits shown
        values = Account(inputs, conditions, "traced")
        pair, ways = values.pair, possible.of(values)
        both = all(way.value(COST) is not None for way in (pair.before, pair.after))
        keys = {
            "currency": settings.currency,
            "baseline": baseline,
            "candidate": candidate,
            "requests_per_day": inputs.get("requests_per_day"),
            "requests_total": inputs.get("requests_total"),
            "variants": {name: _variant(values.way(name)) for name in names},
            **{key: pair.value(key) for key in COMPARED},
            "parts": {key: pair.value(f"parts.{key}") for key in ("guide", "model", "failures")} if both else None,
            "volume_curve": _volume_curve(Account(inputs, conditions), pair.value("break_even_requests_per_day")),
            "cached_guide": _cached_guide(pair.before),
            "alternatives": [way.row() for way in ways],
            "alternatives_out": possible.out(values),
        }
        if values.batch:
            keys["running_cost_per_day"] = None
        return keys | {"derivation": [vars(line) for line in derivation(values, names, ways)]}


def _variant(way: Way) -> dict[str, Decimal | None]:
    machines = None if way.value(COST) is None else way.value("machine_cost_per_day")
    return {
        **{key: way.value(key) for key in (COST, ACCEPTABLE, EFFECTIVE, "cost_with_machines")},
        "machine_cost_per_day": machines,
        **{key: way.value(key) for key in (*TOKENS, "acceptance")},
    }


def _volume_curve(values: Account, star: Decimal | None) -> list[dict[str, Decimal | None]]:
    """Payback and value at 25 volumes, spaced evenly on a log scale around the stated and the break-even volume."""
    if values.batch or values.pair.value("saving_per_request") is None:
        return []
    marks = [float(mark) for mark in (values.inputs.get("requests_per_day"), star) if mark]
    if not marks:
        return []
    curve = []
    for volume in np.geomspace(min(marks) / 10, max(marks) * 10, CURVE_POINTS):
        requests = Decimal(f"{volume:.6g}")
        pair = values.changed({"requests_per_day": requests}).pair
        curve.append({"requests_per_day": requests} | {key: pair.value(key) for key in ("payback_days", "npv")})
    return curve


def _cached_guide(baseline: Way) -> dict[str, Decimal | None] | None:
    """What the baseline would cost with its whole fixed prompt read from the cache, if that is cheaper."""
    if baseline.value(COST) is None or no_cache(baseline) is not None:
        return None
    cached = cached_guide(baseline)
    return {key: cached.value(key) for key in (COST, EFFECTIVE)}


def derivation(values: Account, names: Sequence[str], alternatives: Sequence[Alternative]) -> Iterator[Line]:
    """`money.derivation`: one line per figure, ordered so that each line needs only lines above it."""
    # Costs of 0 appear in no line.
    above = {key for key, value in values.inputs.items() if value or not key.startswith(("investment.", "running."))}
    for scope, key in _shown(values, names, alternatives):
        line = _payback_line(scope, above) if key == "payback_days" else _line(scope, key, above)
        if line is not None:
            above.add(line.key)
            yield line


def _line(scope: Scope, key: str, above: set[str]) -> Line | None:
    scope.value(key)
    return scope.values.line(scope.prefix + key, above)


def _payback_line(scope: Scope, above: set[str]) -> Line | None:
    """The payback; "never" if the base model is retired before it, with the days that it would have taken."""
    line, remaining = _line(scope, "earned_back_days", above), scope.value("running.days_to_retirement")
    if line is None:
        return None
    line = replace(line, key=f"{scope.prefix}payback_days")
    if line.value is None or remaining is None or line.value <= remaining:
        return line
    words = f"{line.words.rstrip('.')}: more than the {remaining:f} days until the base model is retired, so never."
    return replace(line, words=words, numbers=f"{line.numbers} > {remaining:f}", result="never", value=None)


def _shown(values: Account, names: Sequence[str], alternatives: Sequence[Alternative]) -> Iterator[tuple[Scope, str]]:
    """The figures that may have a line, in order; intermediate steps and unknown figures have none."""
    known, pair = [values.way(name) for name in names if values.way(name).value(COST) is not None], values.pair
    priced = [f"{call.variant}.{key}" for way in known for call in way.calls_ways for key in PRICES]
    yield from ((values, key) for key in dict.fromkeys(values.conditions.like.get(key, key) for key in priced))
    for way in known:
        yield from _of_way(way, whole=True)
    yield values, "investment"
    if pair.before not in known or pair.after not in known:
        return
    yield pair, "saving_per_request"
    if not pair.machines():
        yield pair, "saving_share"
    if pair.value("parts.failures") is not None:
        for way in pair.steps[1:3]:
            yield from _of_way(way, whole=False)
        yield from ((pair, f"parts.{key}") for key in ("guide", "model", "failures"))
    for way in (pair.before, pair.after):
        yield from _of_machines(way)
    yield from ((values, key) for key in UPKEEP)
    yield pair, "running_cost_per_day"
    yield from _of_payback(pair)
    yield from (
        (pair, key) for key in ("requests_to_pay_back", "break_even_requests_per_day", "break_even_failure_cost")
    )
    yield pair, "break_even_fixed_tokens"
    yield from ((pair, key) for key in (*years_of(pair), "npv"))
    for alternative in alternatives:
        if alternative.key != "variant":  # the cost of a variant is already above
            yield from _of_way(alternative.way, whole=False)
        yield alternative.switch, "saving_per_request"
        if alternative.switch.value("saving_per_request") is not None:
            yield alternative.tuning, "saving_per_request"
            yield from _of_payback(alternative.tuning)


def _of_machines(way: Way) -> Iterator[tuple[Scope, str]]:
    """The machines that are always on, of each call, and their share of the cost of an output."""
    if not way.always_on:
        return
    if way.hosted:
        yield from ((way, key) for key in ("replicas", "first_machines"))
    if way.second is not None and way.second.hosted:
        yield from ((way.second, key) for key in ("replicas", "machine_cost_per_day"))
    yield from ((way, key) for key in ("machine_cost_per_day", "cost_with_machines"))


def _of_way(way: Way, *, whole: bool) -> Iterator[tuple[Scope, str]]:
    """The cost of one request; for an alternative, the cost per acceptable output only if comparisons use it."""
    if way.second is not None:
        yield from ((way, "first_call"), (way.second, COST))
    yield way, COST
    if whole or way.failures == "drop":
        yield way, ACCEPTABLE
    yield from ((way, key) for key in ("calls", "still_failing", EFFECTIVE) if way.failures in ("repair", "retry"))


def _of_payback(pair: Pair) -> Iterator[tuple[Scope, str]]:
    """The daily saving and the days until the investment pays back, or the total of a one-off batch."""
    yield pair, "saving_total"
    yield pair, "saving_per_day"
    if pair.main is pair and pair.machines() and pair.value("saving_share") is not None:
        yield from ((pair, key) for key in ("spend_per_day_baseline", "spend_per_day_candidate", "saving_share"))
    yield pair, "payback_days"


def _assumption(quantity: Quantity) -> dict[str, Any]:
    """One entry of `money.assumptions`; a single volume shows the range drawn around it and the source of that range."""
    if quantity.key != "requests_per_day" or quantity.value is None or quantity.range is not None:
        return quantity.to_json()
    ends = Triangular(*(quantity.value * Decimal(str(share)) for share in VOLUME_RANGE))
    return replace(quantity, range=ends, detail="the range is Tuneworth's own; state [low, likely, high]").to_json()


def _plain(value: Any) -> Any:
    """Values as JSON can hold them: Decimals become floats (17 digits)."""
    if isinstance(value, Decimal | np.floating):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
