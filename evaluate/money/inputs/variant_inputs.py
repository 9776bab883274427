"""Every input of one variant: what is stated for it, else what the run measured, and its prices."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from math import comb
from typing import Any

import numpy as np

from ..caches import LEAST, least_cached
from ..request import PRICES, TOKENS
from .measured import MEASURED, MeasuredVariant, part_name
from .presets import note_of
from .quantity import Quantity, quantity_of, stated_input
from .settings import RoiSettings, Triangular, VariantMoney


def variant_inputs(settings: RoiSettings, name: str, run: MeasuredVariant | None) -> Iterator[Quantity]:
    """The inputs of a variant; a free one has no tokens, a cascade has those of its second call too."""
    yield from _free(settings, name, run) if run is not None and run.free else _variant(settings, name, run)
    yield from _retried(settings, name, run)
    if run is not None and run.search_cost is not None:
        cost, unit = Decimal(repr(run.search_cost)), settings.currency
        yield quantity_of(f"{name}.search_cost", cost, unit, "measured", "the search for its prompt")
    if run is not None and run.second is not None:
        yield from _second_call(settings, name, run, run.second)


def _variant(settings: RoiSettings, name: str, run: MeasuredVariant | None) -> list[Quantity]:
    table = settings.variants.get(name, VariantMoney())
    quantities, cached = [], {} if run is None else _from_cache(table, run)
    for key, unit in MEASURED.items():
        if key == "wrong_facts" and settings.facts_failure_cost is None:
            continue
        stated = getattr(table, key, None)
        values = None if run is None else getattr(run, "acceptable" if key == "acceptance" else key)
        values = cached.get(key) if key in _CACHED else values
        if stated is None and values is not None:
            less = _fixed_within(table, run) if key == "input_tokens" else None
            quantities += _measured(f"{name}.{key}", values, unit, less)
        else:
            overrides = (
                "stated in place of what the run measured" if values is not None and stated is not None else None
            )
            quantity = stated_input(settings, f"{name}.{key}", stated, unit, overrides)
            if key == "acceptance" and table.acceptance_n is not None:
                detail = "; ".join(filter(None, (overrides, f"counted on {table.acceptance_n:,} outputs")))
                quantity = replace(quantity, n=table.acceptance_n, detail=detail)
            quantities.append(quantity)
    quantities += _whole_calls(name, table, run)
    quantities.append(_least_cached(settings, name, table))
    quantities.append(
        stated_input(settings, f"{name}.short_guide_tokens", table.short_guide_tokens, "tokens a request")
    )
    if table.self_hosted:
        quantities.append(_hourly(settings, name, table))
        quantities.append(stated_input(settings, f"{name}.min_replicas", Decimal(table.min_replicas), "replicas"))
        quantities.append(stated_input(settings, f"{name}.peak_factor", table.peak_factor, "peak / mean"))
    known = {quantity.key: quantity.value for quantity in quantities}
    prompt = sum((known.get(f"{name}.{key}") or Decimal(0) for key in ("fixed_tokens", "input_tokens")), Decimal(0))
    prices = _prices(settings, name, table, prompt)
    if any(quantity.key == f"{name}.price_cached" for quantity in prices):
        quantities.append(stated_input(settings, f"{name}.cache_seconds", table.cache_seconds, "seconds"))
    return prices + quantities


def _free(settings: RoiSettings, name: str, run: MeasuredVariant) -> list[Quantity]:
    """The numbers of a variant that calls no model: no tokens, and a measured or stated acceptance."""
    tokens = [
        Quantity(f"{name}.{key}", Decimal(0), MEASURED[key], "measured", None, "no model is called") for key in TOKENS
    ]
    none = dict.fromkeys(("input_tokens", "output_tokens", "fixed_tokens", "cached_tokens"))
    return [*tokens, *_variant(settings, name, replace(run, **none))]


def _second_call(settings: RoiSettings, name: str, run: MeasuredVariant, second: MeasuredVariant) -> list[Quantity]:
    """The share of requests that a cascade sends on, and the numbers of their second call, whose tokens are means per call."""
    assert run.sent is not None
    part, sent = part_name(name, run), np.asarray(run.sent, dtype=float)
    quantities = _measured(f"{name}.sent", sent, "of requests")
    rest = replace(second, input_tokens=None, output_tokens=None, cached_tokens=None, acceptable=None)
    quantities += _variant(settings, part, rest)
    table = settings.variants.get(part, VariantMoney())
    counted = {"input_tokens": second.input_tokens, "output_tokens": second.output_tokens}
    counted |= {} if table.cached_share is not None else _from_cache(table, second, sent)
    for key, tokens in counted.items():
        if tokens is not None:
            known = np.where(
                np.isnan(tokens), 0.0, sent
            )  # a call whose tokens are unknown says nothing about their mean
            detail = f"of the requests that {run.of[0]} did not answer well enough"
            unit = MEASURED[key] if key == "cached_share" else "tokens a call"
            quantities.append(_ratio(f"{part}.{key}", tokens, known, unit, detail, Decimal(0)))
    return quantities


_CACHED = ("cached_share", "cached_tokens")


def _from_cache(table: VariantMoney, run: MeasuredVariant, calls: np.ndarray | float = 1.0) -> dict[str, np.ndarray]:
    """What each item found in the cache: the share of the fixed prompt, and tokens beyond it, if there are any.

    `calls` is the number of calls of each item. If the run counted whole calls, the fixed prompt is the stated one that
    they include, and without it all cached tokens are tokens of the request.
    """
    if run.cached_tokens is None:
        return {}
    if table.cached_share is not None:  # stated wins; what was measured only shows that there is something to override
        return {"cached_share": run.cached_tokens}
    fixed = float(run.fixed_tokens or _fixed_within(table, run) or 0)
    first = np.minimum(run.cached_tokens, fixed * calls)
    beyond = run.cached_tokens - first
    found = {"cached_share": first / fixed} if fixed else {}
    return found | ({"cached_tokens": beyond} if np.nansum(beyond) > 0 else {})


def _least_cached(settings: RoiSettings, name: str, table: VariantMoney) -> Quantity:
    """The tokens from which on a prompt is cached: stated, those of the model, or the usual ones."""
    key, known = f"{name}.min_cached_tokens", least_cached(table.model)
    if table.min_cached_tokens is None and known is not None:
        return quantity_of(key, Decimal(known.tokens), "tokens", "price list", f"{known.source}, {known.day}")
    stated = LEAST if table.min_cached_tokens is None else table.min_cached_tokens
    return stated_input(settings, key, stated, "tokens")


def _whole_calls(name: str, table: VariantMoney, run: MeasuredVariant | None) -> list[Quantity]:
    """No separate fixed prompt, if the run counted whole calls and none is stated: the tokens of each call include it."""
    if run is None or run.input_tokens is None or run.fixed_tokens is not None or table.fixed_tokens is not None:
        return []
    detail = "counted with the request, as the run measured whole calls; state it to count it apart"
    return [quantity_of(f"{name}.fixed_tokens", Decimal(0), MEASURED["fixed_tokens"], "default", detail)]


def _hourly(settings: RoiSettings, name: str, table: VariantMoney) -> Quantity:
    """The price of a machine-hour: stated, or that of a preset."""
    key, unit = f"{name}.hourly", f"{settings.currency} a replica-hour"
    if table.preset is None or key in settings.stated:
        return stated_input(settings, key, table.hourly, unit)
    return quantity_of(key, table.hourly, unit, "price list", note_of(table))


def _retried(settings: RoiSettings, name: str, run: MeasuredVariant | None) -> list[Quantity]:
    """What repeated outputs show about retries: how many more calls a first failure takes, and how many it rescues.

    Of k outputs of an item with c acceptable ones, in any order, the first j all fail with probability
    C(k-c, j) / C(k, j). This needs at least as many outputs of each item as tries, and a measured acceptance.
    """
    table = settings.variants.get(name, VariantMoney())
    if settings.failures != "retry" or settings.tries < 2:
        return []
    repeats = None if run is None or table.acceptance is not None else run.repeats
    if repeats is None or np.isnan(repeats).any() or repeats.shape[1] < settings.tries or not len(repeats):
        k = 0 if repeats is None else repeats.shape[1]
        why = f"{k} outputs of each item for {settings.tries} tries" if k > 1 else "no repeated outputs to measure it"
        detail = f"failures of one item are assumed to be independent, which favours retries: {why}"
        return [quantity_of(f"{name}.independent_tries", Decimal(settings.tries), "calls at most", "default", detail)]
    k = repeats.shape[1]
    failed = k - repeats.sum(axis=1).astype(int)
    all_fail = [np.array([comb(f, j) / comb(k, j) for f in failed.tolist()]) for j in range(settings.tries + 1)]
    extra, rescued = np.sum(all_fail[1 : settings.tries], axis=0), all_fail[1] - all_fail[settings.tries]
    detail = f"from {k} outputs of each of {len(repeats)} items, at {settings.tries} tries"
    # Without any failure the effect of retries is unknown: assume the worst, all calls and nothing rescued.
    none = Decimal(settings.tries - 1), Decimal(0)
    return [
        _ratio(f"{name}.extra_calls", extra, all_fail[1], "calls a first failure", detail, none[0]),
        _ratio(f"{name}.rescued", rescued, all_fail[1], "of first failures", detail, none[1]),
    ]


def _ratio(key: str, items: np.ndarray, per: np.ndarray, unit: str, detail: str, otherwise: Decimal) -> Quantity:
    total, found = Decimal(repr(float(per.sum()))), Decimal(repr(float(np.nansum(items))))
    if total == 0:
        return Quantity(key, otherwise, unit, "default", None, f"no failures to measure it; {detail}")
    return Quantity(key, found / total, unit, "measured", None, detail, items, per)


def _fixed_within(table: VariantMoney, run: MeasuredVariant | None) -> Decimal | None:
    """The stated fixed tokens, if the measured tokens of each call include them because the run could not separate them.

    Calls with fewer tokens than that cannot include them.
    """
    if run is None or run.fixed_tokens is not None or run.input_tokens is None or table.fixed_tokens is None:
        return None
    fixed = table.fixed_tokens.likely if isinstance(table.fixed_tokens, Triangular) else table.fixed_tokens
    known = run.input_tokens[~np.isnan(run.input_tokens)]
    return fixed if fixed > 0 and len(known) and float(known.min()) >= fixed else None


def _measured(key: str, values: Any, unit: str, less: Decimal | None = None) -> list[Quantity]:
    """The measured values, each reduced by `less`."""
    if not isinstance(values, np.ndarray):
        return [quantity_of(key, Decimal(repr(float(values))), unit, "measured")]
    known = values[~np.isnan(np.asarray(values, dtype=float))]
    if len(known) == 0:
        return []
    unknown = len(values) - len(known)
    detail = f"mean of {len(known)} items" + (f", {unknown} unknown" if unknown else "")
    # The mean is exact: sums of whole tokens and outcomes convert to Decimal without loss.
    value, items = Decimal(repr(float(np.sum(known)))) / len(known), np.asarray(values, dtype=float)
    if less is not None:
        value, items, detail = (
            value - less,
            items - float(less),
            f"{detail}, minus the stated fixed tokens of each call",
        )
    return [Quantity(key, value, unit, "measured", None, detail, items)]


def _prices(settings: RoiSettings, name: str, table: VariantMoney, prompt: Decimal) -> list[Quantity]:
    """The four prices; if the list has tiers, the price for the length of the prompt."""
    unit = f"{settings.currency} per million tokens"
    if not table.metered:
        return []
    quantities, listed = [], None if table.listed is None else table.listed.at(prompt)
    same = None if table.like is None else f"as {table.like}: it runs on the same model"
    for key in PRICES:
        stated = getattr(table, key)
        # 0 for a cache write means "same as the input price", so it does not count as stated.
        if stated is not None and not (key == "price_cache_write" and stated == 0):
            quantities.append(quantity_of(f"{name}.{key}", stated, unit, "stated", same))
            continue
        value = None if listed is None else getattr(listed, key.removeprefix("price_"))
        if listed is not None and value is not None:
            day = f", as of {listed.date}" if listed.date is not None else ", without a date"
            newest = f"; newest entry of the list {listed.listed_until}" if listed.listed_until else ""
            detail = f"{table.model}: {value} {listed.currency}, {listed.source}{day}{newest}"
            detail += f" ({same})" if same else ""
            detail += f"; {note_of(table)}" if table.preset else ""
            quantities.append(
                quantity_of(f"{name}.{key}", value, f"{listed.currency} per million tokens", "price list", detail)
            )
    return quantities
