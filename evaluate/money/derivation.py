"""How each figure of the money is calculated: a line for each, and the inputs from which to calculate it again."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec.structs import asdict, replace

from ..results import CallInputs, Derivation, FormulaInputs, VariantInputs
from .alternatives import Alternative
from .comparison import UPKEEP, Account
from .figures import Conditions, Scope
from .inputs.options import ACCEPTABLE, COST, EFFECTIVE, Pair, Way
from .inputs.settings import CENTURY, RoiSettings, VariantMoney
from .payback import years_of
from .request import PRICES, TOKENS

_PLAN = (
    "failure_cost", "facts_failure_cost", "tries", "requests_per_day", "requests_total", "ramp_days", "horizon_days",
    "discount_rate",
)  # fmt: skip
_STATED = (
    *TOKENS, "cached_share", "cached_tokens", "acceptance", "wrong_facts", "extra_calls", "rescued", "requests_per_second",
    "min_cached_tokens", "hourly", "min_replicas", "peak_factor",
)  # fmt: skip
_PART = ": second call"


def derivation(values: Account, names: Sequence[str], alternatives: Sequence[Alternative]) -> Iterator[Derivation]:
    """`money.derivation`: one line per figure, ordered so that each line needs only lines above it."""
    # Costs of 0 appear in no line.
    above = {key for key, value in values.inputs.items() if value or not key.startswith(("investment.", "running."))}
    for scope, key in _shown(values, names, alternatives):
        line = _payback_line(scope, above) if key == "payback_days" else _line(scope, key, above)
        if line is not None:
            above.add(line.key)
            yield line


def _line(scope: Scope, key: str, above: set[str]) -> Derivation | None:
    scope.value(key)
    return scope.values.line(scope.prefix + key, above)


def _payback_line(scope: Scope, above: set[str]) -> Derivation | None:
    """The payback; "never" if the base model is retired before it, with the days that it would have taken."""
    line, remaining = _line(scope, "earned_back_days", above), scope.value("running.days_to_retirement")
    if line is None:
        return None
    line = replace(line, key=f"{scope.prefix}payback_days")
    if line.value is None or remaining is None or scope.value("earned_back_days") <= remaining:
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
            yield alternative.way, "cached"
            yield from _of_way(alternative.way, whole=False)
        if alternative.after is not None:
            yield from _of_way(alternative.after, whole=False)
        yield alternative.switch, "saving_per_request"
        if alternative.comparable and alternative.switch.value("saving_per_request") is not None:
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
    yield from (
        (way, key) for key in ("calls", "still_failing", "loss", EFFECTIVE) if way.failures in ("repair", "retry")
    )


def _of_payback(pair: Pair) -> Iterator[tuple[Scope, str]]:
    """The daily saving and the days until the investment pays back, or the total of a one-off batch."""
    yield pair, "invested"
    yield pair, "saving_total"
    yield pair, "saving_per_day"
    if pair.main is pair and pair.machines() and pair.value("saving_share") is not None:
        yield from ((pair, key) for key in ("spend_per_day_baseline", "spend_per_day_candidate", "saving_share"))
    yield pair, "payback_days"


# --- the inputs, to calculate the figures again -------------------------------------------------------------------


def formula_inputs(values: Account, settings: RoiSettings) -> FormulaInputs:
    """`money.formula_inputs`: the plan and the cost inputs of both variants, with prices in the currency of `[roi]`.

    The report recomputes the figures in the browser when a reader changes one. If the price of cached tokens or of a cache
    write is None, it is the input price; where `price_cached_unknown`, it is half of that. A stated `cached_share` counts
    only from `min_cached_tokens` on. A variant that is not `metered` pays no tokens. The horizon ends after
    `days_to_retirement`, if that is known, and an investment that has not paid back by then never does.
    """
    conditions = values.conditions
    ways = [values.way(name) for name in (conditions.baseline, conditions.candidate)]
    return FormulaInputs(
        baseline=conditions.baseline,
        candidate=conditions.candidate,
        currency=conditions.currency,
        failures=conditions.failures,
        good=conditions.good,
        failure_cost=values.stated("failure_cost"),
        facts_failure_cost=values.stated("facts_failure_cost"),
        tries=settings.tries,
        requests_per_day=values.stated("requests_per_day"),
        requests_total=values.stated("requests_total"),
        ramp_days=values.plain("ramp_days"),
        horizon_days=values.plain("horizon_days"),
        days_to_retirement=values.stated("running.days_to_retirement"),
        discount_rate=values.plain("discount_rate"),
        target_payback_days=values.stated("target_payback_days"),
        investment=values.pair.plain("invested"),
        upkeep_per_day=values.plain("upkeep_per_day"),
        variants={
            way.variant: VariantInputs(
                **asdict(_call(values, settings, way)),
                sent=values.stated(f"{way.variant}.sent"),
                second=None if way.second is None else _call(values, settings, way.second),
            )
            for way in ways
        },
    )


def _call(values: Account, settings: RoiSettings, way: Way) -> CallInputs:
    name, table = way.variant, settings.variants.get(way.variant, VariantMoney())
    unlisted = table.price_cached is None and (table.listed is None or table.listed.cached is None)
    numbers = {key: values.stated(f"{name}.{key}") for key in _STATED} | {key: way.plain(key) for key in PRICES}
    return CallInputs(
        **numbers,
        price_cached_unknown=unlisted and way.value("price_cached") is not None,
        cached_share_stated=table.cached_share is not None,
        prices_like=table.like,
        free=way.free,
        metered=way.metered and not way.free,
        self_hosted=table.self_hosted,
    )


def read_inputs(inputs: FormulaInputs) -> Account:
    """The values of `money.formula_inputs` as stored in results.json.

    Raises:
        ValueError: `[roi]` does not accept the horizon.
    """
    if inputs.horizon_days is None or not 0 <= inputs.horizon_days <= CENTURY:
        raise ValueError(f"a horizon of {inputs.horizon_days} days")
    variants = {name: inputs.variants[name] for name in (inputs.baseline, inputs.candidate)}
    seconds = {f"{name}{_PART}": one.second for name, one in variants.items() if one.second is not None}
    calls: dict[str, CallInputs] = {**variants, **seconds}
    numbers = {key: getattr(inputs, key) for key in _PLAN} | {"running.days_to_retirement": inputs.days_to_retirement}
    numbers |= {f"{name}.{key}": getattr(call, key) for name, call in calls.items() for key in (*_STATED, *PRICES)}
    numbers |= {f"{name}.sent": one.sent for name, one in variants.items()}
    conditions = Conditions(
        inputs.baseline,
        inputs.candidate,
        currency=inputs.currency,
        failures=inputs.failures,
        batch=inputs.requests_total is not None,
        hosted=frozenset(name for name, call in calls.items() if call.self_hosted),
        metered=frozenset(name for name, call in calls.items() if call.metered),
        free=frozenset(name for name, call in calls.items() if call.free),
        cascades={name: (name, name, f"{name}{_PART}") for name in variants if f"{name}{_PART}" in seconds},
        cache_stated=frozenset(name for name, call in calls.items() if call.cached_share_stated),
    )
    known = {key: Decimal(repr(value)) for key, value in numbers.items() if value is not None}
    given = {"investment": inputs.investment, "upkeep_per_day": inputs.upkeep_per_day}
    exact = {key: None if value is None else Decimal(repr(value)) for key, value in given.items()}
    return Account(known, conditions, given=exact)
