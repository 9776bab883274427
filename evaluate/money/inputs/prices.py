"""Prices of hosted models from the offline snapshot of genai-prices or from the user's price file: dated, with their
source, never guessed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Any

from ....core import ConfigError, Problem, build_settings, line_of, read_toml, with_lines

Day = date  # inside a class, a field named date hides the type
# Providers change prices several times a year; a list half a year old has most likely missed a change.
STALE_DAYS = 180


@dataclass(frozen=True)
class ModelPrice:
    """Prices per million tokens in `currency`; None if the price list has no such price.

    `date` is the day of the lookup, or the date stated in the user's price file; `listed_until` is the newest day that
    the list mentions, which shows its age. `source` names the list, its version and the model found in it. `batch` are
    the prices of batch answers, which may take hours. `tiers` has, for each price, the number of prompt tokens above
    which another price applies.
    """

    input: Decimal
    cached: Decimal | None
    cache_write: Decimal | None
    output: Decimal
    currency: str
    date: Day | None
    source: str
    listed_until: Day | None = None
    batch: "ModelPrice | None" = None
    tiers: Mapping[str, tuple[tuple[int, Decimal], ...]] = field(default_factory=dict)

    def at(self, prompt_tokens: Decimal) -> "ModelPrice":
        """The prices for a prompt of this length: above the start of a tier, its price applies to all tokens."""
        prices = {
            key: next(price for start, price in reversed(steps) if start < prompt_tokens)
            for key, steps in self.tiers.items()
            if steps[0][0] < prompt_tokens
        }
        batch = None if self.batch is None else self.batch.at(prompt_tokens)
        return replace(self, **prices, batch=batch) if prices or self.batch else self

    def age_days(self, today: Day) -> int | None:
        """Days since the newest entry of the list, or since the date in the user's price file; None if unknown."""
        newest = self.listed_until or self.date
        return None if newest is None else (today - newest).days


def price_of(model: str, *, on: Day | None = None, own: Mapping[str, ModelPrice] | None = None) -> ModelPrice:
    """The price of `provider:model` (or of a model name that one provider claims) on a day, by default today.

    `own` are the prices of the user's price file; they take precedence. The list is the one installed with genai-prices;
    nothing is downloaded. If a price depends on the hour, the one at noon UTC applies.

    Raises:
        ConfigError: the model is in neither, it has no price per token, or it is a tuned model and the list has only
            its base model.
    """
    if own and model in own:
        return own[model]
    from genai_prices.data_snapshot import get_snapshot

    on = on or datetime.now(UTC).date()
    snapshot = get_snapshot()
    provider, entry = _find(model, snapshot) or (None, None)
    if provider is None or entry is None:
        raise ConfigError(_unknown(model, snapshot, list(own or ())))
    if is_tuned_name(model) and not is_tuned_name(entry.id):
        raise ConfigError(_only_base(model, f"{provider.id}:{entry.id}"))
    noon = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
    standard, batch = entry.get_prices(noon), entry.get_prices(noon, {"processing": "batch"})
    if standard.input_mtok is None or standard.output_mtok is None:
        raise ConfigError(f'"{model}" has no price per input and output token in the price list; state the prices')
    listed_until = _newest_day(snapshot)
    source = f"genai-prices {_version()}, {provider.id}:{entry.id}"
    price = _model_price(standard, on, source, listed_until)
    if (batch.input_mtok, batch.output_mtok) != (standard.input_mtok, standard.output_mtok):
        price = replace(price, batch=_model_price(batch, on, f"{source}, batch", listed_until))
    return price


_KEYS = {"input": "input", "cached": "cache_read", "cache_write": "cache_write", "output": "output"}
# Names that providers give to tuned models: ft:BASE:ORG::ID, BASE.ft-ID, and the like.
_TUNED = re.compile(r"(^|[:/.\-_])(ft|tuned|finetuned|fine-tuned)([:.\-_/]|$)", re.IGNORECASE)


def is_tuned_name(model: str) -> bool:
    """Whether a provider would use this name for a fine-tuned model.

    >>> is_tuned_name("openai:ft:gpt-4o-mini-2024-07-18:shop::abc"), is_tuned_name("openai:gpt-4o-mini")
    (True, False)
    """
    return _TUNED.search(model) is not None


def tuned_sibling(model: str, *, on: Day | None = None) -> ModelPrice | None:
    """The list's price for the fine-tuned form of a base model, if it has one, as for openai:gpt-4o-mini."""
    provider, colon, name = model.partition(":")
    if not colon or is_tuned_name(model):
        return None
    try:
        return price_of(f"{provider}:ft:{name}", on=on)
    except ConfigError:
        return None


def _find(model: str, snapshot: Any) -> tuple[Any, Any] | None:
    """The provider and the entry of a name; a tuned name without the base model's date is found by its base."""
    provider_id, _, name = model.partition(":")  # the name of a tuned model may contain colons too
    ids = [(name or model, provider_id if name else None)]
    if provider_id == "ft":
        ids.append((model, None))
    for ref, provider in ids:
        try:
            return snapshot.find_provider_model(ref, None, provider, None)
        except LookupError:
            continue
    wanted = ":".join((name or model).split(":")[:2]).lower()
    for provider in snapshot.providers:
        if is_tuned_name(wanted) and provider.id == provider_id:
            entry = next((known for known in provider.models if known.id == wanted), None)
            if entry is not None:
                return provider, entry
    return None


def _model_price(prices: Any, on: Day, source: str, listed_until: Day | None) -> ModelPrice:
    values = {ours: getattr(prices, f"{theirs}_mtok") for ours, theirs in _KEYS.items()}
    tiers = {
        key: tuple((tier.start, tier.price) for tier in price.tiers)
        for key, price in values.items()
        if getattr(price, "tiers", None)
    }
    base = {key: getattr(price, "base", price) for key, price in values.items()}
    return ModelPrice(**base, currency="USD", date=on, source=source, listed_until=listed_until, tiers=tiers)


def _newest_day(snapshot: Any) -> Day | None:
    """The newest day that the list mentions, up to the day it was installed, since the list itself has no date.

    Later days are announced changes, which do not show when the list was made.
    """
    from genai_prices import data

    installed = datetime.fromtimestamp(Path(str(data.__file__)).stat().st_mtime, tz=UTC).date()
    return max((day for day in _days(snapshot) if day <= installed), default=None)


def _days(snapshot: Any) -> Iterator[Day]:
    for provider in snapshot.providers:
        yield from _days_in(provider.price_comments)
        for model in provider.models:
            yield from _days_in(model.price_comments)
            rules = [*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ())]
            for rule in rules:
                start = getattr(rule.constraint, "start_date", None)
                if isinstance(start, Day):
                    yield start


def _days_in(text: str | None) -> Iterator[Day]:
    for day in re.findall(r"\b20\d\d-\d\d-\d\d\b", text or ""):
        try:
            yield Day.fromisoformat(day)
        except ValueError:
            continue


def _version() -> str:
    from genai_prices import __version__

    return __version__


def _only_base(model: str, base: str) -> str:
    return (
        f'the price list has no price for the tuned model "{model}", only for {base}, and a tuned model\'s price differs; '
        "state price_input and price_output, or add the model to your own price file (prices = FILE)"
    )


def _unknown(model: str, snapshot: Any, own: list[str]) -> str:
    listed = [f"{provider.id}:{known.id}" for provider in snapshot.providers for known in provider.models]
    wanted = model.lower()
    near = get_close_matches(model, own, n=1, cutoff=0.6)
    if ":" not in model:  # without a provider only names can be matched
        listed = [name for name in listed if get_close_matches(wanted, [name.partition(":")[2]], cutoff=0.6)]
        wanted = max(listed, key=lambda name: _similarity(wanted, name.partition(":")[2]), default=wanted)
    near = list(dict.fromkeys([*near, *get_close_matches(wanted, listed, n=3, cutoff=0.6)]))
    hint = f"did you mean {', '.join(near)}?" if near else "write it as provider:model."
    lists = "neither your price file nor the price list contains" if own else "the price list does not contain"
    tuned = " (a tuned model's price differs from its base model's)" if is_tuned_name(model) else ""
    return f'{lists} the model "{model}"; {hint} Or state price_input and price_output{tuned}'


def _similarity(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


@dataclass(frozen=True)
class _Entry:
    """One model; currency, date and source default to the values of the file."""

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
            raise ConfigError("state both price_input_batch and price_output_batch, or neither")


@dataclass(frozen=True)
class _File:
    currency: str = ""
    date: Any = None
    source: str = ""
    models: dict[str, _Entry] = field(default_factory=dict)


def read_prices(path: Path) -> dict[str, ModelPrice]:
    """The prices of a TOML file by model name: `[models."NAME"]` with price_input, price_output and more.

    Raises:
        ConfigError: lists every problem of the file.
    """
    table = read_toml(path, what="price file")
    problems: list[str] = []
    file = build_settings(_File, table, where="prices", problems=problems)
    prices = {} if file is None or problems else _prices(file, path, table["models"] if file.models else None, problems)
    if problems:
        raise ConfigError.of(problems, where=str(path))
    return prices


def _prices(file: _File, path: Path, table: Any, problems: list[str]) -> dict[str, ModelPrice]:
    prices = {}
    if not file.models:
        problems.append('the file has no models; add [models."provider:model"] with price_input and price_output')
    for name, entry in file.models.items():
        currency = entry.currency or file.currency
        if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
            said = f'models."{name}": currency: expected three capital letters such as "USD", found "{currency}"'
            problems.append(Problem(said, line_of(table, name)))
        try:
            day = _day(entry.date if entry.date is not None else file.date)
        except (ValueError, TypeError):
            said = f'models."{name}": date: expected a date like "2026-11-01"'
            problems.append(Problem(said, line_of(table, name)))
            continue
        prices[name] = _price(entry, currency, day, entry.source or file.source or f"your file {path.name}")
    return prices


def _price(entry: _Entry, currency: str, day: Day | None, source: str) -> ModelPrice:
    batch = None
    if entry.price_input_batch is not None and entry.price_output_batch is not None:
        # Cache reads and writes in a batch cost the cache prices of the file: no discount is assumed.
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


def with_price_path(table: Mapping[str, Any] | None, folder: Path) -> Mapping[str, Any] | None:
    """A `[roi]` table with the path of its price file resolved relative to `folder`, where the table's file is."""
    if not isinstance(table, Mapping) or not isinstance(table.get("prices"), str):
        return table
    return with_lines(table, {**table, "prices": str(folder / table["prices"])})
