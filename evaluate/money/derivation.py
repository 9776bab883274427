"""How each figure of the money is calculated, a line for each, in an order in which each needs only lines above it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .alternatives import Alternative
from .comparison import UPKEEP, Account
from .figures import Line, Scope
from .inputs.options import ACCEPTABLE, COST, EFFECTIVE, Pair, Way
from .payback import years_of
from .request import PRICES

__all__ = ["derivation"]


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
