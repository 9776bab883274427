"""The change in the cost of a request, split exactly into tokens, prices, failures and volume.

Each cost is a function of four factors. The part of a factor is what its change makes of the cost, averaged over all
orders in which the factors could have changed (Shapley 1953, Contributions to the Theory of Games II, 307). The parts
add up to the change exactly, and which run comes first only changes their sign.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from ..money.derivation import read_inputs
from ..money.inputs.options import ACCEPTABLE, COST, EFFECTIVE
from ..results import CallInputs, FormulaInputs, VariantInputs
from .judged import Judged, Outcomes
from .records import ChangedCost, CostParts, Split

METHOD = "each factor's effect averaged over all orders in which the factors could have changed (Shapley)"
# What belongs to which factor, of a call and of the plan; how a call is paid (by tokens, by the hour) is a price.
CALL = {
    "tokens": ("fixed_tokens", "input_tokens", "output_tokens", "cached_share", "cached_share_stated",
               "cached_tokens", "requests_per_second"),
    "prices": ("price_input", "price_cached", "price_cache_write", "price_output", "min_cached_tokens", "hourly",
               "min_replicas", "peak_factor", "prices_like", "free", "metered", "self_hosted"),
    "failures": ("acceptance", "wrong_facts", "extra_calls", "rescued"),
}  # fmt: skip
PLAN = {
    "prices": ("currency", "failure_cost", "facts_failure_cost"),
    "failures": ("failures", "tries"),
    "volume": ("requests_per_day", "requests_total"),
}
FACTORS = ("tokens", "prices", "failures", "volume")
# The cost that counts, by what happens to unacceptable outputs.
Call = TypeVar("Call", bound=CallInputs)
USABLE = {"repair": EFFECTIVE, "retry": EFFECTIVE}


def shapley(value: Callable[[frozenset[str]], Fraction], factors: Sequence[str]) -> dict[str, Fraction]:
    """The part of each factor in value(all) - value(none); the parts add up to it exactly.

    >>> parts = shapley(lambda changed: Fraction(2 if "a" in changed else 1) * (5 if "b" in changed else 3), ("a", "b"))
    >>> parts["a"], parts["b"]
    (Fraction(4, 1), Fraction(3, 1))
    """
    n, known = len(factors), {}
    for size in range(n + 1):
        known |= {frozenset(some): value(frozenset(some)) for some in combinations(factors, size)}
    parts = {}
    for factor in factors:
        without = [some for some in known if factor not in some]
        parts[factor] = sum(
            (_weight(len(some), n) * (known[some | {factor}] - known[some]) for some in without), Fraction(0)
        )
    return parts


def _weight(before: int, n: int) -> Fraction:
    """The share of all orders in which exactly these `before` factors come first."""
    return Fraction(math.factorial(before) * math.factorial(n - before - 1), math.factorial(n))


def changed_cost(
    before: Judged, after: Judged, outcomes: tuple[Outcomes, Outcomes], ids: tuple[Sequence[str], Sequence[str]]
) -> ChangedCost:
    """`cost` of the comparison: per request and per usable output, with the parts of the change.

    `outcomes` and `ids` are those of the shared requests that were scored in both runs. Where a run measured its tokens
    and failures on other requests too, its own means are replaced by those of the shared ones; what was stated stays.
    """
    sides = [_priced(side) for side in (before, after)]
    first, second = (
        None if isinstance(side, str) else _on_shared(judged, *side, own, asked)
        for judged, side, own, asked in zip((before, after), sides, outcomes, ids, strict=True)
    )
    why_not = next((side for side in sides if isinstance(side, str)), None)
    if first is not None and second is not None and first.currency != second.currency:
        why_not = f"the runs count in {first.currency} and {second.currency}"
    if first is None or second is None or why_not is not None:
        return ChangedCost(currency=None, per_request=None, per_usable_output=None, why_not=why_not, method=METHOD)
    usable = USABLE.get(second.failures, ACCEPTABLE)
    if any(_hosted(inputs) for inputs in (first, second)):
        usable = "cost_with_machines"
    same = first.failures == second.failures
    reason = None if same else "the runs treat failures differently, so their costs per usable output differ in kind"
    return ChangedCost(
        currency=first.currency,
        per_request=_split(COST, first, second),
        per_usable_output=replace(_split(usable, first, second), figure=usable) if same else None,
        failures=second.failures,
        why_not=reason,
        method=METHOD,
    )


def _priced(side: Judged) -> tuple[FormulaInputs, VariantInputs] | str:
    """The run's inputs of the formulas, and those of the variant; or why there are none.

    They are its own, or those of the variant that differs by its repair alone.
    """
    money = side.results.money
    if money is None:
        return f"no prices are stated for {side.name}"
    inputs, variant = money.formula_inputs, side.variant
    if inputs is not None:
        for name in (variant, *inputs.variants):
            if name in inputs.variants and _caller(side, name) == _caller(side, variant):
                return inputs, inputs.variants[name]
    return f'{side.name} has no prices for "{variant}", only for the variants that its verdict compares'


def _caller(side: Judged, name: str) -> str:
    """The variant that calls the model: a repaired one is made from it without a call."""
    variant = side.results.variants.get(name)
    return variant.of[0] if variant is not None and variant.way == "repair" and variant.of else name


def _on_shared(
    side: Judged, inputs: FormulaInputs, call: VariantInputs, outcomes: Outcomes, ids: Sequence[str]
) -> FormulaInputs:
    """The inputs with this variant alone, and its means over the shared requests."""
    name = next(name for name, one in inputs.variants.items() if one is call)
    quality, tokens = side.results.quality.get(name), side.results.tokens.get(name)
    found: dict[str, float] = {}
    if call.second is None and tokens is not None:
        shared = mean_tokens(side, ids, fixed=tokens.fixed)
        for key in ("input", "output", "cached"):
            mean = shared[f"{key}_tokens"]
            if mean is not None and _is(getattr(call, f"{key}_tokens"), getattr(tokens, key)):
                found[f"{key}_tokens"] = mean
    if quality is not None:
        faithful = quality.faithful.share
        own = {"acceptance": quality.acceptable.share, "wrong_facts": None if faithful is None else 1 - faithful}
        measured = {"acceptance": outcomes.acceptable, "wrong_facts": 1 - outcomes.faithful}
        for key, values in measured.items():
            if _is(getattr(call, key), own[key]) and not np.isnan(values).all():
                found[key] = _nearly(float(np.nanmean(values)), own[key])
    alone = {side.variant: replace(call, **found)}
    return replace(inputs, baseline=side.variant, candidate=side.variant, variants=alone)


def _is(value: float | None, own: float | None) -> bool:
    """Whether an input is what the run measured, and was not stated."""
    return value is not None and own is not None and math.isclose(value, own, rel_tol=1e-9, abs_tol=1e-12)


def _nearly(value: float, own: float | None) -> float:
    """The run's own figure where both are the mean over the same requests, whatever the order of adding."""
    return own if own is not None and _is(value, own) else value


def mean_tokens(side: Judged, ids: Sequence[str], *, fixed: float | None = None) -> dict[str, float | None]:
    """Mean tokens of the prompt, without its `fixed` part, of the answer, and from the cache; None if not counted."""
    lines = [line for name in ids for line in side.lines[name]]
    names = ("input_tokens", "output_tokens", "cached_tokens")
    counts = {key: [line[key] for line in lines if line.get(key) is not None] for key in names}
    means = {key: float(np.mean(count)) if count else None for key, count in counts.items()}
    whole = means["input_tokens"]
    return means | {"input_tokens": None if whole is None else whole - (fixed or 0)}


def _hosted(inputs: FormulaInputs) -> bool:
    """Whether the variant runs on machines that are paid by the day."""
    call = inputs.variants[inputs.candidate]
    return call.self_hosted or (call.second is not None and call.second.self_hosted)


def _split(figure: str, first: FormulaInputs, second: FormulaInputs) -> Split:
    """The figure of both runs, its change, and the parts of the change; None where it cannot be computed."""
    before, after = _cost(figure, first), _cost(figure, second)
    if before is None or after is None:
        whole = [None if end is None else float(end) for end in (before, after)]
        return Split(before=whole[0], after=whole[1], change=None, parts=None)
    try:
        parts = shapley(lambda changed: _known(_cost(figure, _mixed(first, second, changed))), FACTORS)
    except ValueError:  # a mixture of both is no cost: one side lacks what the other one is paid by
        parts = None
    shown = None if parts is None else CostParts(**{factor: float(part) for factor, part in parts.items()})
    return Split(before=float(before), after=float(after), change=float(after - before), parts=shown)


def _known(cost: Fraction | None) -> Fraction:
    if cost is None:
        raise ValueError("no cost")
    return cost


def _mixed(first: FormulaInputs, second: FormulaInputs, changed: frozenset[str]) -> FormulaInputs:
    """The inputs with these factors as in the second run and the others as in the first."""
    one, other = first.variants[first.candidate], second.variants[second.candidate]
    if (one.second is None) != (other.second is None):
        raise ValueError("one of them is a cascade")
    call = _mixed_call(one, other, changed)
    if one.second is not None and other.second is not None:
        # What a cascade sends on are the first's failures.
        sent = other.sent if "failures" in changed else one.sent
        call = replace(call, sent=sent, second=_mixed_call(one.second, other.second, changed))
    plan = {key: getattr(second, key) for factor in changed for key in PLAN.get(factor, ())}
    return replace(first, variants={first.candidate: call}, **plan)


def _mixed_call(first: Call, second: CallInputs, changed: frozenset[str]) -> Call:
    return replace(first, **{key: getattr(second, key) for factor in changed for key in CALL.get(factor, ())})


def _cost(figure: str, inputs: FormulaInputs) -> Fraction | None:
    """The exact figure of the inputs' only variant; None if it is unknown."""
    cost = read_inputs(inputs).way(inputs.candidate).value(figure)
    return None if cost is None or not cost.is_finite() else Fraction(cost)
