"""Whose table a variant uses: its own, that of the variant that it is made from, or that of another on its model."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..request import PRICES
from .measured import MEASURED, MeasuredVariant, part_name
from .settings import RoiSettings, VariantMoney

PRICING = (*PRICES, "model", "batch", "preset", "min_cached_tokens", "cache_seconds")
HOSTING = ("hourly", "min_replicas", "peak_factor")
Runs = Mapping[str, MeasuredVariant]


def with_origins(settings: RoiSettings, measured: Runs, baseline: str) -> RoiSettings:
    """The settings, with a table for every measured variant that has none and whose prices follow from another.

    A derived variant has the table of the variant that it is made from; the second call of a cascade has that of its
    second variant. Another untrained variant has the prices of one that runs on the same model, first of the baseline.
    """
    tables, stated = {}, set(settings.stated)
    for name, run in measured.items():
        tables[name] = _table(settings, measured, name, baseline)
        if run.second is not None:
            part = part_name(name, run)
            tables[part] = _like(settings, run.of[1], part, (run.second, measured.get(run.of[1])), measured, baseline)
    found = {name: table for name, table in tables.items() if table is not None}
    for name, table in found.items():
        stated |= {f"{name}.{key}" for key in table.copied if f"{table.like}.{key}" in settings.stated}
    extended = replace(settings)
    object.__setattr__(extended, "variants", {**settings.variants, **found})
    object.__setattr__(extended, "stated", frozenset(stated))
    return extended


def priced_by(settings: RoiSettings, name: str, measured: Runs) -> list[str]:
    """The variants whose tables must state the prices of this one: itself, or those that it is made from; none if free."""
    run, own = measured.get(name), settings.variants.get(name)
    if run is not None and run.free:
        return []
    if run is None or not run.of or (own is not None and own.like is None and own.priced):
        return [name]
    origins = run.of if run.second is not None else run.of[:1]
    return list(dict.fromkeys(owner for origin in origins for owner in priced_by(settings, origin, measured)))


def _table(settings: RoiSettings, measured: Runs, name: str, baseline: str) -> VariantMoney | None:
    """The table of a variant; None if it has none and no other variant's applies."""
    own, run = settings.variants.get(name), measured.get(name)
    if run is None or run.free or (own is not None and (own.priced or own.model is not None)):
        return own
    if run.of:
        return _like(settings, run.of[0], name, (run, measured.get(run.of[0])), measured, baseline)
    other = None if own is not None else _same_model(settings, measured, run, baseline)
    return own if other is None else _copied(settings.variants[other], other, PRICING)


def _like(
    settings: RoiSettings,
    origin: str,
    name: str,
    runs: tuple[MeasuredVariant, MeasuredVariant | None],
    measured: Runs,
    baseline: str,
) -> VariantMoney | None:
    """The origin's table for a variant that is made from it, with the numbers that its own table states."""
    own, source = settings.variants.get(name), _table(settings, measured, origin, baseline)
    if source is None:
        return own
    stated = (key for key in MEASURED if key != "acceptance" and getattr(source, key, None) is not None)
    numbers = [key for key in stated if _same_number(key, *runs)]
    mine = {key: getattr(own, key) for key in _names() if own is not None and f"{name}.{key}" in settings.stated}
    return _copied(source, source.like or origin, (*PRICING, *HOSTING, *numbers), mine)


def _same_number(key: str, run: MeasuredVariant, origin: MeasuredVariant | None) -> bool:
    """Whether a run measured the same for both, so that what is stated for the one holds for the other."""
    if origin is None:
        return getattr(run, key) is None
    here, there = getattr(run, key), getattr(origin, key)
    if here is None or there is None:
        return here is there
    return np.array_equal(np.asarray(here, dtype=float), np.asarray(there, dtype=float), equal_nan=True)


def _same_model(settings: RoiSettings, measured: Runs, run: MeasuredVariant, baseline: str) -> str | None:
    """An untrained variant with the prices of the same model: the baseline if it is one."""
    if run.model is None or run.tuned:
        return None
    for name in dict.fromkeys([baseline, *measured]):
        table, other = settings.variants.get(name), measured.get(name)
        if table is None or other is None or table.self_hosted or other.tuned or other.model != run.model:
            continue
        return name
    return None


def _copied(
    source: VariantMoney, owner: str, keys: Collection[str], own: Mapping[str, Any] | None = None
) -> VariantMoney:
    """A table with these keys of another and its own numbers."""
    own = own or {}
    copied = frozenset(key for key in keys if key not in own)
    table = VariantMoney(**{key: getattr(source, key) for key in copied}, **own)
    object.__setattr__(table, "listed", source.listed)
    object.__setattr__(table, "like", owner)
    object.__setattr__(table, "copied", copied)
    return table


def _names() -> Iterator[str]:
    return (part.name for part in fields(VariantMoney) if part.init)
