"""A file of the user's own prices, such as a provider's offer: it wins over the price list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...core import ConfigError, build_settings, read_toml
from .prices import Day, ModelPrice

__all__ = ["beside", "read_prices"]


@dataclass(frozen=True)
class _Entry:
    """One model; currency, date and source are the file's where they are left out."""

    price_input: Decimal
    price_output: Decimal
    price_cached: Decimal | None = None
    price_cache_write: Decimal | None = None
    price_input_batch: Decimal | None = None
    price_output_batch: Decimal | None = None
    currency: str | None = None
    date: Any = None
    source: str | None = None

    def __post_init__(self) -> None:
        for key in ("input", "output", "cached", "cache_write", "input_batch", "output_batch"):
            value = getattr(self, f"price_{key}")
            if value is not None and not (value.is_finite() and value >= 0):
                raise ConfigError(f"price_{key}: expected 0 or more, found {value}")
        if (self.price_input_batch is None) != (self.price_output_batch is None):
            raise ConfigError("price_input_batch and price_output_batch go together")


@dataclass(frozen=True)
class _File:
    currency: str = ""
    date: Any = None
    source: str = ""
    models: dict[str, _Entry] = field(default_factory=dict)


def read_prices(path: Path) -> dict[str, ModelPrice]:
    """The prices of a TOML file by model name: `[models."NAME"]` with price_input, price_output and more.

    Raises:
        ConfigError: names every problem of the file.
    """
    table = read_toml(path, what="file of prices")
    problems: list[str] = []
    found = build_settings(_File, table, where="prices", problems=problems)
    prices = {} if found is None or problems else _prices(found, path, problems)
    if problems:
        raise ConfigError.of(problems, where=str(path))
    return prices


def _prices(file: _File, path: Path, problems: list[str]) -> dict[str, ModelPrice]:
    found = {}
    if not file.models:
        problems.append('no model in it; [models."provider:model"] with price_input and price_output names one')
    for name, entry in file.models.items():
        currency = entry.currency or file.currency
        if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            problems.append(
                f'models."{name}": currency: expected three capital letters such as "USD", found "{currency}"'
            )
        try:
            day = _day(entry.date if entry.date is not None else file.date)
        except (ValueError, TypeError):
            problems.append(f'models."{name}": date: expected a date like "2026-11-01"')
            continue
        found[name] = _price(entry, currency, day, entry.source or file.source or f"your file {path.name}")
    return found


def _price(entry: _Entry, currency: str, day: Day | None, source: str) -> ModelPrice:
    batch = None
    if entry.price_input_batch is not None and entry.price_output_batch is not None:
        # A batch that reads from a cache or writes to it pays what the file says of the cache: no discount is made up.
        batch = ModelPrice(
            entry.price_input_batch,
            entry.price_cached,
            entry.price_cache_write,
            entry.price_output_batch,
            currency,
            day,
            f"{source}, batch",
        )
    return ModelPrice(
        entry.price_input,
        entry.price_cached,
        entry.price_cache_write,
        entry.price_output,
        currency,
        day,
        source,
        batch=batch,
    )


def _day(value: Any) -> Day | None:
    return value if value is None or type(value) is Day else Day.fromisoformat(value)


def beside(table: Mapping[str, Any] | None, folder: Path) -> Mapping[str, Any] | None:
    """A `[roi]` table whose file of prices is meant from `folder`, where the file that states it lies."""
    if not isinstance(table, Mapping) or not isinstance(table.get("prices"), str):
        return table
    return {**table, "prices": str(folder / table["prices"])}
