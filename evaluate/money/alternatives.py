"""What could be done instead of tuning: each way's saving against the baseline, and what tuning still saves against it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from .formulas import ONE, ZERO, Option, cost_per_request
from .options import Figures, Plan, effective_of, figures, price, read_option
from .prices import is_tuned_name
from .quantities import MeasuredVariant
from .roi_settings import RoiSettings

__all__ = ["Alternative", "alternatives", "alternatives_out"]

HALF = Decimal("0.5")  # of the guide, where nobody states a shorter one's length: an assumption, and named as one


@dataclass(frozen=True)
class Alternative:
    """One way without training: `option` is the baseline as it would then be, or another variant.

    `acceptance_from` is measured, stated, unknown, or "assumed unchanged" from the baseline.
    """

    key: str
    name: str
    what: str
    option: Option
    acceptance_from: str


def alternatives(
    values: Mapping[str, Decimal],
    settings: RoiSettings,
    measured: Mapping[str, MeasuredVariant],
    names: tuple[str, str],
    plan: Plan,
    *,
    sources: Mapping[str, str],
) -> list[dict[str, Any]]:
    """`money.alternatives`: cost, saving against the baseline, and the payback of tuning against each of them.

    `names` are (baseline, candidate), `sources` where each value comes from. `tuning` says what the candidate saves
    against the alternative instead of against the baseline, `payback_days` null for never.
    """
    baseline, candidate = (read_option(values, settings, name) for name in names)
    if baseline is None:
        return []
    before = figures(baseline, baseline, plan)
    ways = [*_with_baseline(baseline, values, settings, names[0], sources)]
    ways += _others(values, settings, measured, names, sources)
    return [_row(way, baseline, candidate, plan, before) for way in ways]


def _row(way: Alternative, baseline: Option, candidate: Option | None, plan: Plan, before: Figures) -> dict[str, Any]:
    # The upkeep belongs to a tuned model: an alternative has none, and no investment either.
    own = figures(baseline, way.option, replace(plan, investment=ZERO, upkeep_per_day=ZERO))
    against = figures(way.option, candidate, plan)
    total = plan.requests_total is not None
    return {
        "key": way.key,
        "name": way.name,
        "what": way.what,
        "option": way.option,
        "needs_training": False,
        "acceptance": way.option.acceptance,
        "acceptance_from": way.acceptance_from,
        "cost_per_request": cost_per_request(way.option),
        "effective_cost_per_request": effective_of(way.option, plan),
        "saving_per_request": own.saving_per_request,
        "saving_share": own.saving_share,
        "saving_per_day": None if total else own.saving_per_day,
        "saving_total": own.saving_total,
        "spend_per_day": own.spend_per_day[1],
        "tuning": {
            "saving_per_request": against.saving_per_request,
            "saving_share": against.saving_share,
            "saving_per_day": against.saving_per_day,
            "payback_days": against.payback_days,
            "npv": against.npv,
            "pays": None if against.npv is None else against.npv > 0,
        },
    }


def _with_baseline(
    baseline: Option, values: Mapping[str, Decimal], settings: RoiSettings, name: str, sources: Mapping[str, str]
) -> list[Alternative]:
    """The same model asked for less: its guide cached or shortened, its examples left out, its answers in a batch."""
    if _own_machine(baseline):
        return []
    assumed, known = "assumed unchanged", sources.get(f"{name}.acceptance", "unknown")
    found = []
    cached = cached_guide(baseline, values, settings, name)
    if cached is not None:
        tokens = f"{_count(baseline.fixed_tokens)} fixed tokens of {name}"
        what = f"all {tokens} are read from the prompt cache (the best case; a first request still writes them)"
        # The same prompt goes in, so the same outputs come out.
        found.append(Alternative("cached_guide", f"{name} with its guide cached", what, cached, known))
    shorter, why = _shorter(baseline, values, name)
    if shorter is not None:
        found.append(
            Alternative(
                "short_guide", f"{name} with a shorter guide", why, replace(baseline, fixed_tokens=shorter), assumed
            )
        )
    examples = values.get(f"{name}.few_shot_tokens", ZERO)
    if ZERO < examples <= baseline.fixed_tokens:
        what = f"the {_count(examples)} tokens of its few-shot examples are left out"
        option = replace(baseline, fixed_tokens=baseline.fixed_tokens - examples)
        found.append(Alternative("no_few_shot", f"{name} without examples", what, option, assumed))
    batch = _batch(baseline, values, settings, name)
    if batch is not None:
        what = "the list's price for batches, whose answers may take hours"
        found.append(Alternative("batch", f"{name} in batches", what, batch, known))
    return found


def cached_guide(baseline: Option, values: Mapping[str, Decimal], settings: RoiSettings, name: str) -> Option | None:
    """The baseline with its whole fixed prompt read from the cache; None where that cannot be had, or not for less."""
    if _no_cache(baseline, values, settings, name) is not None:
        return None
    return replace(baseline, cached_share=ONE)


def _no_cache(baseline: Option, values: Mapping[str, Decimal], settings: RoiSettings, name: str) -> str | None:
    """Why the baseline's fixed prompt cannot be cached for less; None where it can."""
    if _own_machine(baseline):
        return "a machine of one's own is paid by the hour, not by the token"
    if baseline.fixed_tokens == 0:
        return "there is no fixed prompt to cache"
    if price(values, settings, name, "price_cached") is None:
        return f"no price of cached tokens is known; state roi.{name}.price_cached"
    least = values.get(f"{name}.min_cached_tokens", ZERO)
    if baseline.fixed_tokens < least:
        return (
            f"{_count(baseline.fixed_tokens)} fixed tokens are fewer than the {_count(least)} from which a provider "
            f"caches (roi.{name}.min_cached_tokens)"
        )
    if cost_per_request(replace(baseline, cached_share=ONE)) >= cost_per_request(baseline):
        return "it is cached already, or cached tokens cost no less"
    return None


def _shorter(baseline: Option, values: Mapping[str, Decimal], name: str) -> tuple[Decimal | None, str]:
    """The fixed tokens with a shorter guide, and what that assumes."""
    examples = values.get(f"{name}.few_shot_tokens", ZERO)
    guide = values.get(f"{name}.guide_tokens", max(baseline.fixed_tokens - examples, ZERO))
    stated = values.get(f"{name}.short_guide_tokens")
    new = guide * HALF if stated is None else stated
    if guide <= 0 or new >= guide or guide > baseline.fixed_tokens:
        return None, ""
    length = (
        "half its length, an assumption of Tuneworth's" if stated is None else f"the stated {_count(stated)} tokens"
    )
    return baseline.fixed_tokens - guide + new, f"its guide of {_count(guide)} tokens is cut to {length}"


def _batch(baseline: Option, values: Mapping[str, Decimal], settings: RoiSettings, name: str) -> Option | None:
    table = settings.variants.get(name)
    listed = None if table is None or table.batch or table.listed is None else table.listed
    prompt = baseline.fixed_tokens + baseline.input_tokens
    batch = None if listed is None else listed.at(prompt).batch
    # A price that is stated is the user's own; what a batch would then cost is not known.
    if table is None or batch is None or table.price_input is not None or table.price_output is not None:
        return None
    rate = ONE if batch.currency == settings.currency else values[f"exchange.{batch.currency}"]
    fresh = batch.input * rate
    option = replace(baseline, price_input=fresh, price_output=batch.output * rate)
    # Where the list has no price for the cache, reading it and writing to it cost what fresh tokens do: in batches too.
    if table.price_cached is None:
        option = replace(option, price_cached=fresh if batch.cached is None else batch.cached * rate)
    if table.price_cache_write == 0:
        option = replace(option, price_cache_write=fresh if batch.cache_write is None else batch.cache_write * rate)
    return option if cost_per_request(option) < cost_per_request(baseline) else None


def _others(
    values: Mapping[str, Decimal],
    settings: RoiSettings,
    measured: Mapping[str, MeasuredVariant],
    names: tuple[str, str],
    sources: Mapping[str, str],
) -> list[Alternative]:
    """Every other variant that needs no training and whose cost is known."""
    found = []
    for name in dict.fromkeys([*measured, *settings.variants]):
        option = read_option(values, settings, name)
        run = measured.get(name)
        table = settings.variants.get(name)
        trained = is_tuned_name(name) or (table is not None and table.model is not None and is_tuned_name(table.model))
        if name in names or option is None or trained or (run is not None and run.tuned):
            continue
        what = "no guide and no examples" if name == "plain" else f'the variant "{name}"'
        found.append(Alternative("variant", name, what, option, sources.get(f"{name}.acceptance", "unknown")))
    return found


def alternatives_out(values: Mapping[str, Decimal], settings: RoiSettings, name: str) -> list[dict[str, str]]:
    """The alternatives that this baseline does not have, each with its reason: `{key, why}`."""
    baseline = read_option(values, settings, name)
    if baseline is None:
        return []
    if _own_machine(baseline):
        ways = ("cached_guide", "short_guide", "no_few_shot", "batch")
        return [{"key": key, "why": "a machine of one's own is paid by the hour, not by the token"} for key in ways]
    found = []
    why = _no_cache(baseline, values, settings, name)
    if why is not None:
        found.append({"key": "cached_guide", "why": why})
    if _shorter(baseline, values, name)[0] is None:
        found.append({"key": "short_guide", "why": "there is no guide to shorten, or the stated one is no shorter"})
    if not values.get(f"{name}.few_shot_tokens"):
        found.append({"key": "no_few_shot", "why": "no few-shot examples are known in its fixed prompt"})
    if _batch(baseline, values, settings, name) is None:
        found.append({"key": "batch", "why": "the price list names no lower price for batches of this model"})
    return found


def _own_machine(option: Option) -> bool:
    return option.hourly > 0 or option.per_request > 0


def _count(tokens: Decimal) -> str:
    return f"{tokens:,.0f}"
