"""Reads the `[roi]` table of a file into settings, with errors and warnings about prices."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ....core import (
    ConfigError,
    Problem,
    build_settings,
    divided_names,
    line_of,
    line_of_named,
    nearest,
    toml_name,
    with_lines,
)
from ....core import shown_value as shown
from .measured import MeasuredVariant
from .origins import priced_by
from .presets import CURRENCY, PRESETS, in_currency
from .prices import STALE_DAYS, ModelPrice, is_tuned_name, price_of, read_prices, tuned_sibling
from .settings import RoiSettings, Triangular, VariantMoney, number_text


def read_roi(table: Mapping[str, Any], *, file: Path | None = None, on: date | None = None) -> RoiSettings:
    """The settings of a parsed `[roi]` table; sub-tables other than investment, running and exchange are variants.

    `on` is the day for which prices are looked up, by default today. `file` is named in messages.

    Raises:
        ConfigError: lists every problem of the table with its location.
    """
    problems: list[str] = []
    where = "roi"
    ranged = _with_failure_costs(_with_ranges(table, where, problems), where, problems)
    section_names = {f.name for f in fields(RoiSettings) if f.init}
    misspelt = _misspelt(ranged, section_names)
    problems += [
        Problem(f"{where}.{name}: did you mean [roi.{near}]?", line_of(table, name)) for name, near in misspelt.items()
    ]
    variant_tables = {
        key: value
        for key, value in ranged.items()
        if key not in section_names and key not in misspelt and isinstance(value, Mapping)
    }
    rest = {key: value for key, value in ranged.items() if key not in variant_tables and key not in misspelt}
    settings = _build(RoiSettings, with_lines(table, rest), where, problems)
    variants, prices = {}, _own_prices(rest.get("prices"), where, problems)
    divided = divided_names(variant_tables, [f.name for f in fields(VariantMoney)], where=where)
    problems += divided.values()
    for name, values in variant_tables.items():
        place, found = f"{where}.{toml_name(name)}", list[str]()
        built = None if name in divided else _build(VariantMoney, values, place, problems)
        if built is not None:
            built = _with_preset(built, place, rest, found)
            variants[name] = _listed(built, place, rest, on, prices, found)
        elif isinstance(values.get("model"), str):  # the table is invalid, but its model can be looked up
            _listed(VariantMoney(model=values["model"]), place, rest, on, prices, found)
        problems += (Problem(said, line_of_named(values, said.removeprefix(place))) for said in found)
    if problems or settings is None:
        found = [_with_range(problem) for problem in dict.fromkeys(problems)]
        named = file is not None or len(found) > 1
        raise ConfigError.of(found, where=str(file or f"[{where}]")) if named else ConfigError(found[0])
    object.__setattr__(settings, "variants", variants)
    object.__setattr__(settings, "stated", frozenset(_dotted(_stated_keys(table))))
    return settings


def check_roi(
    settings: RoiSettings,
    variants: Sequence[str],
    *,
    required: Sequence[str] | None = None,
    measured: bool = True,
    whole: Sequence[str] = (),
    runs: Mapping[str, MeasuredVariant] | None = None,
) -> None:
    """Raise a ConfigError, before any work, if inputs of these variants' money are missing.

    `variants` are all existing names, `required` those whose money is compared (default: all). Without a run
    (`measured=False`) tokens and acceptance must be stated too. `whole` are the variants whose outputs come from a file,
    which counts whole calls. `runs` are the measurements of a run: a variant that is
    made from others needs their prices, not its own. A missing volume is not an error: the verdict asks for it.
    """
    problems = [
        f'roi.{toml_name(name)}: there is no variant "{name}"; {nearest(name, list(variants))}'
        for name in settings.variants
        if name not in variants
    ]
    for name, table in settings.variants.items():
        uncounted = table.fixed_tokens is None and (name in whole or not measured)
        if uncounted and table.cached_share not in (None, 0):
            problems.append(
                f"roi.{toml_name(name)}: cached_share is a share of fixed_tokens, which no run counts apart here; "
                "state fixed_tokens, or leave cached_share out to use the cached_tokens of the outputs"
            )
    compared = variants if required is None else required
    owners = [owner for each in compared for owner in priced_by(settings, each, runs or {})]
    for name in dict.fromkeys(owners):
        variant = settings.variants.get(name)
        if variant is None or not variant.priced:
            problems.append(
                f"roi.{toml_name(name)}: the price is missing; state model, or price_input and price_output, or hourly"
            )
        elif not measured:
            keys = (
                ["acceptance"]
                if variant.self_hosted
                else ["fixed_tokens", "input_tokens", "output_tokens", "acceptance"]
            )
            if variant.self_hosted and settings.requests_total is not None:
                keys.append("requests_per_second")
            missing = [key for key in keys if getattr(variant, key) is None]
            if missing:
                problems.append(f"roi.{toml_name(name)}: state {', '.join(missing)}; no run has measured this")
    if problems:
        raise ConfigError.of(problems, where="[roi]")


def _listed(
    variant: VariantMoney,
    where: str,
    table: Mapping[str, Any],
    on: date | None,
    prices: Mapping[str, ModelPrice],
    problems: list[str],
) -> VariantMoney:
    """The variant with its entry in the user's price file or the price list, if a price is not stated."""
    if variant.model is None or (variant.price_input is not None and variant.price_output is not None):
        return variant
    try:
        listed = price_of(variant.model, on=on, own=prices)
    except ConfigError as error:
        problems.append(f"{where}.model: {error}")
        return variant
    if variant.batch and listed.batch is None:
        problems.append(f'{where}.batch: {listed.source} has no batch price for "{variant.model}"')
    listed = (listed.batch if variant.batch else None) or listed
    currency = table.get("currency", RoiSettings.currency)
    if listed.currency != currency and listed.currency not in table.get("exchange", {}):
        problems.append(
            f"{where}.model: its price is in {listed.currency}, but [roi] uses {currency}; "
            f'state exchange = {{ {listed.currency} = RATE, date = "..." }}'
        )
    completed = replace(variant)
    object.__setattr__(completed, "listed", listed)
    return completed


def _with_preset(variant: VariantMoney, where: str, table: Mapping[str, Any], problems: list[str]) -> VariantMoney:
    """The variant with the hourly price of its preset, in the currency of `[roi]`, unless one is stated."""
    preset = None if variant.preset is None else PRESETS[variant.preset]
    if preset is None or variant.self_hosted:
        return variant
    if preset.hourly is None:
        if not (variant.model or variant.price_input is not None):
            problems.append(
                f"{where}.preset: state model, the base model of the adapter, or price_input and price_output"
            )
        return variant
    currency = table.get("currency", RoiSettings.currency)
    rate = 1 if currency == CURRENCY else table.get("exchange", {}).get(CURRENCY)
    if rate is None:
        problems.append(
            f"{where}.preset: its price is in {CURRENCY}, but [roi] uses {currency}; "
            f'state exchange = {{ {CURRENCY} = RATE, date = "..." }}, or hourly'
        )
        return variant
    return replace(variant, hourly=in_currency(preset.hourly, rate))


def _with_range(problem: str) -> str:
    """The problem with a range as the file writes it."""
    said = problem.replace("or Triangular", "or [low, likely, high]")
    return Problem(said, problem.line) if isinstance(problem, Problem) else said


def _own_prices(path: Any, where: str, problems: list[str]) -> dict[str, ModelPrice]:
    if not isinstance(path, str):
        return {}
    try:
        return read_prices(Path(path))
    except ConfigError as error:
        problems.append(f"{where}.prices: {error}")
        return {}


def _misspelt(table: Mapping[str, Any], section_names: set[str]) -> dict[str, str]:
    """Sub-tables with a misspelt section name, each with the right name: `[roi.investmnt]` is not a variant."""
    return {
        name: near[0]
        for name, value in table.items()
        if isinstance(value, Mapping)
        and name not in section_names
        and (near := get_close_matches(name, ("investment", "running"), cutoff=0.8))
    }


def _build(kind: Any, values: Mapping[str, Any], where: str, problems: list[str]) -> Any:
    """The settings, or None; the errors of readable keys are then added to those of unreadable ones."""
    new_problems: list[str] = []
    built = build_settings(kind, values, where=where, problems=new_problems)
    if built is None and isinstance(values, Mapping):
        unread = tuple(f"{where}.{key}" for key in values)
        bad = {
            key
            for key in values
            if any(text.startswith((f"{where}.{key}:", f"{where}.{key}.")) for text in new_problems)
        }
        known = {f.name for f in fields(kind) if f.init}
        good = with_lines(values, {key: value for key, value in values.items() if key in known and key not in bad})
        if len(good) < len(unread):
            build_settings(kind, good, where=where, problems=new_problems)
    problems += new_problems
    return built


def _dotted(table: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key, value in table.items():
        keys += _dotted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [f"{prefix}{key}"]
    return keys


def _with_ranges(table: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    """The table with each list of three numbers as a range."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found[key] = _with_ranges(value, f"{where}.{key}", problems)
        elif isinstance(value, list | tuple):
            if len(value) != 3 or any(isinstance(v, bool) or not isinstance(v, int | float | Decimal) for v in value):
                found_list = f"[{', '.join(map(shown, value))}]"
                said = f"{where}.{key}: expected three numbers [low, likely, high], found {found_list}"
                problems.append(Problem(said, line_of(table, key)))
            elif not all(Decimal(str(v)).is_finite() for v in value):
                said = f"{where}.{key}: expected finite numbers, found {number_text(Triangular(*value))}"
                problems.append(Problem(said, line_of(table, key)))
            elif not value[0] <= value[1] <= value[2]:
                said = f"{where}.{key}: expected low <= likely <= high, found {number_text(Triangular(*value))}"
                problems.append(Problem(said, line_of(table, key)))
            else:
                found[key] = Triangular(*(Decimal(str(v)) for v in value))
        else:
            found[key] = value
    return with_lines(table, found)


def _stated_keys(table: Mapping[str, Any]) -> Mapping[str, Any]:
    costs = table.get("failure_cost")
    return {**table, "failure_cost": costs, "facts_failure_cost": costs} if isinstance(costs, Mapping) else table


def _with_failure_costs(table: dict[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    """The table with the two costs of `failure_cost = {form, facts}` as two keys."""
    costs = table.get("failure_cost")
    if "facts_failure_cost" in table:
        said = f"{where}.facts_failure_cost: write failure_cost = {{form = ..., facts = ...}}"
        problems.append(Problem(said, line_of(table, "facts_failure_cost")))
    if not isinstance(costs, Mapping):
        return table
    if set(costs) != {"form", "facts"}:
        keys = ", ".join(costs) or "nothing"
        said = f"{where}.failure_cost: expected a number, or both form and facts; found {keys}"
        problems.append(Problem(said, line_of(table, "failure_cost")))
        return with_lines(table, {key: value for key, value in table.items() if key != "failure_cost"})
    return with_lines(table, {**table, "failure_cost": costs["form"], "facts_failure_cost": costs["facts"]})


def warnings_of(settings: RoiSettings, names: Sequence[str], today: date) -> list[str]:
    """`money.warnings`: prices that are old, undated, or those of a base model for a tuned one.

    `names` are (baseline, candidate).
    """
    warnings = []
    for name, table in settings.variants.items():
        if table.preset is not None and (age := (today - PRESETS[table.preset].read).days) > STALE_DAYS:
            warnings.append(
                f"roi.{name}: the price of the preset was read {age:,} days ago; check it on the provider's page"
            )
        listed = table.listed
        if listed is None or table.like is not None:
            continue
        age = listed.age_days(today)
        if age is None:
            warnings.append(f"roi.{name}: the price of {table.model} has no date ({listed.source})")
        elif age > STALE_DAYS:
            since = listed.listed_until or listed.date
            warnings.append(
                f"roi.{name}: the price of {table.model} comes from a list whose newest entry is from {since}, {age:,} days "
                "ago; check it on the provider's page"
            )
    return warnings + _base_for_tuned(settings, names[1]) + _one_in_batches(settings, names)


def _one_in_batches(settings: RoiSettings, names: Sequence[str]) -> list[str]:
    """A warning if one side is paid at batch prices: an answer in a batch is not one at once."""
    batched = [name for name in names if name in settings.variants and settings.variants[name].batch]
    if len(batched) != 1:
        return []
    other = next(name for name in names if name not in batched)
    return [
        f"roi.{batched[0]} has batch prices and roi.{other} has not: answers in a batch may take hours, compare like with like"
    ]


def _base_for_tuned(settings: RoiSettings, candidate: str) -> list[str]:
    """A warning if the candidate's table names a base model: providers usually charge more for a tuned one."""
    table = settings.variants.get(candidate)
    if table is None or table.listed is None or table.model is None or is_tuned_name(table.model) or table.preset:
        return []
    if not table.listed.source.startswith("genai-prices"):
        return []  # the user's price file has this model
    tuned = tuned_sibling(table.model, on=table.listed.date)
    known = ""
    if tuned is not None:
        known = f"; the list has {tuned.input} and {tuned.output} {tuned.currency} for the tuned form ({tuned.source})"
    return [f"roi.{candidate}: {table.model} is a base model, and a tuned model usually has another price{known}"]
