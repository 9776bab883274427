"""The change in the cost of a request, split exactly into tokens, prices, failures and volume.

Each cost is a function of four factors. The part of a factor is what its change makes of the cost, averaged over all
orders in which the factors could have changed (Shapley 1953, Contributions to the Theory of Games II, 307). The parts
add up to the change exactly, and which run comes first only changes their sign.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np

from ..money.inputs.options import ACCEPTABLE, COST, EFFECTIVE
from ..money.recount import read_inputs
from .judged import Judged, Outcomes

__all__ = ["METHOD", "changed_cost", "mean_tokens", "shapley"]

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
REST = ("ramp_days", "horizon_days", "discount_rate", "days_to_retirement", "investment", "upkeep_per_day")
# What a run of an earlier version did not know yet is null.
EMPTY_CALL = dict.fromkeys([*(key for keys in CALL.values() for key in keys), "sent", "second"])
EMPTY_PLAN = dict.fromkeys([*(key for keys in PLAN.values() for key in keys), *REST])
# The cost that counts, by what happens to unacceptable outputs.
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
) -> dict[str, Any]:
    """`cost` of the comparison: per request and per usable output, with the parts of the change.

    `outcomes` and `ids` are those of the shared requests that were scored in both runs. Where a run measured its tokens
    and failures on other requests too, its own means are replaced by those of the shared ones; what was stated stays.
    """
    sides = (before, after)
    names = [_money(side).get("currency") for side in sides]
    if (reason := _why_not(sides, names)) is not None:
        return {"currency": None, "per_request": None, "per_usable_output": None, "why_not": reason, "method": METHOD}
    first, second = (
        _on_shared(side, own, asked) for side, own, asked in zip(sides, outcomes, ids, strict=True)
    )  # fmt: skip
    usable = USABLE.get(str(second["failures"]), ACCEPTABLE)
    if any(_hosted(inputs) for inputs in (first, second)):
        usable = "cost_with_machines"
    same = first["failures"] == second["failures"]
    reason = None if same else "the runs treat failures differently, so their costs per usable output differ in kind"
    return {
        "currency": names[0],
        "per_request": _split(COST, first, second),
        "per_usable_output": {"figure": usable, **_split(usable, first, second)} if same else None,
        "failures": second["failures"],
        "why_not": reason,
        "method": METHOD,
    }


def _money(side: Judged) -> Mapping[str, Any]:
    return side.results.get("money") or {}


def _why_not(sides: Sequence[Judged], currencies: Sequence[Any]) -> str | None:
    for side in sides:
        if not _money(side):
            return f"no prices are stated for {side.name}"
        if _priced(side) is None:
            return f'{side.name} has no prices for "{side.variant}", only for the variants that its verdict compares'
    if currencies[0] != currencies[1]:
        return f"the runs count in {currencies[0]} and {currencies[1]}"
    return None


def _priced(side: Judged) -> str | None:
    """The variant whose tokens and prices are those of this one: itself, or the one that differs by its repair alone."""
    known = (_money(side).get("formula_inputs") or {}).get("variants") or {}
    return next(
        (name for name in [side.variant, *known] if name in known and _calls(side, name) == _calls(side, side.variant)),
        None,
    )


def _calls(side: Judged, name: str) -> str:
    """The variant that calls the model: a repaired one is made from it without a call."""
    variant = (side.results.get("variants") or {}).get(name) or {}
    return str(variant["of"][0]) if variant.get("way") == "repair" and variant.get("of") else name


def _on_shared(side: Judged, outcomes: Outcomes, ids: Sequence[str]) -> dict[str, Any]:
    """The run's inputs of the formulas, with this variant alone, and its means over the shared requests."""
    inputs, name = _money(side)["formula_inputs"], _priced(side)
    call = {**EMPTY_CALL, **inputs["variants"][name]}
    quality, tokens = ((side.results.get(key) or {}).get(name) or {} for key in ("quality", "tokens"))
    if call.get("second") is None:
        own = {f"{key}_tokens": tokens.get(key) for key in ("input", "output", "cached")}
        shared = mean_tokens(side, ids, fixed=tokens.get("fixed"))
        call |= {key: shared[key] for key in own if _is(call.get(key), own[key]) and shared[key] is not None}
    own = {"acceptance": (quality.get("acceptable") or {}).get("share")}
    faithful = (quality.get("faithful") or {}).get("share")
    own["wrong_facts"] = None if faithful is None else 1 - faithful
    measured = {"acceptance": outcomes.acceptable, "wrong_facts": 1 - outcomes.faithful}
    for key, values in measured.items():
        if _is(call.get(key), own[key]) and not np.isnan(values).all():
            call[key] = _nearly(float(np.nanmean(values)), own[key])
    return {**EMPTY_PLAN, **inputs, "variants": {side.variant: call}}


def _is(value: Any, own: Any) -> bool:
    """Whether an input is what the run measured, and was not stated."""
    return value is not None and own is not None and math.isclose(value, own, rel_tol=1e-9, abs_tol=1e-12)


def _nearly(value: float, own: Any) -> float:
    """The run's own figure where both are the mean over the same requests, whatever the order of adding."""
    return own if _is(value, own) else value


def mean_tokens(side: Judged, ids: Sequence[str], *, fixed: float | None = None) -> dict[str, float | None]:
    """Mean tokens of the prompt, without its `fixed` part, of the answer, and from the cache; None if not counted."""
    lines = [line for name in ids for line in side.lines[name]]
    names = ("input_tokens", "output_tokens", "cached_tokens")
    counts = {key: [line[key] for line in lines if line.get(key) is not None] for key in names}
    means = {key: float(np.mean(count)) if count else None for key, count in counts.items()}
    whole = means["input_tokens"]
    return means | {"input_tokens": None if whole is None else whole - (fixed or 0)}


def _hosted(inputs: Mapping[str, Any]) -> bool:
    """Whether the variant runs on machines that are paid by the day."""
    call = next(iter(inputs["variants"].values()))
    return any((part or {}).get("self_hosted") for part in (call, call.get("second")))


def _split(figure: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The figure of both runs, its change, and the parts of the change; None where it cannot be computed."""
    none = {"before": None, "after": None, "change": None, "parts": None}
    ends = [_cost(figure, inputs) for inputs in (first, second)]
    whole = [None if end is None else float(end) for end in ends]
    if None in ends:
        return none | {"before": whole[0], "after": whole[1]}
    try:
        parts = shapley(lambda changed: _known(_cost(figure, _mixed(first, second, changed))), FACTORS)
    except ValueError:  # a mixture of both is no cost: one side lacks what the other one is paid by
        parts = None
    change = ends[1] - ends[0]  # type: ignore[operator]
    shown = None if parts is None else {factor: float(part) for factor, part in parts.items()}
    return {"before": whole[0], "after": whole[1], "change": float(change), "parts": shown}


def _known(cost: Fraction | None) -> Fraction:
    if cost is None:
        raise ValueError("no cost")
    return cost


def _mixed(first: Mapping[str, Any], second: Mapping[str, Any], changed: frozenset[str]) -> dict[str, Any]:
    """The inputs with these factors as in the second run and the others as in the first."""
    calls = [next(iter(inputs["variants"].values())) for inputs in (first, second)]
    mixed = {key: first.get(key) for key in REST}
    for factor, keys in PLAN.items():
        mixed |= {key: (second if factor in changed else first).get(key) for key in keys}
    call = _mixed_call(calls[0], calls[1], changed)
    failing = calls["failures" in changed]
    call["sent"] = failing.get("sent")  # what a cascade sends on are the first's failures
    seconds = [part.get("second") for part in calls]
    call["second"] = None if None in seconds else _mixed_call(seconds[0], seconds[1], changed)
    if (None in seconds) and seconds != [None, None]:
        raise ValueError("one of them is a cascade")
    return {**mixed, "variants": {"variant": call}}


def _mixed_call(first: Mapping[str, Any], second: Mapping[str, Any], changed: frozenset[str]) -> dict[str, Any]:
    return {
        key: (second if factor in changed else first).get(key) for factor, keys in CALL.items() for key in keys
    }  # fmt: skip


def _cost(figure: str, inputs: Mapping[str, Any]) -> Fraction | None:
    """The exact figure of the inputs' only variant; None if it is unknown."""
    name = next(iter(inputs["variants"]))
    cost = read_inputs({**inputs, "baseline": name, "candidate": name}).way(name).value(figure)
    return None if cost is None or not cost.is_finite() else Fraction(cost)
