"""Prices of hosted models from the offline snapshot of genai-prices: dated, sourced, never guessed."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from ..style.errors import ConfigError

__all__ = ["ModelPrice", "price_of"]


@dataclass(frozen=True)
class ModelPrice:
    """Prices per million tokens in `currency`; None where the price list names none.

    `date` is the day for which the list was asked; `source` names the list, its version and the model found in it.
    """

    input: Decimal
    cached: Decimal | None
    cache_write: Decimal | None
    output: Decimal
    currency: str
    date: date
    source: str


def price_of(model: str, *, on: date | None = None) -> ModelPrice:
    """The price of `provider:model` (or of a model name that one provider claims) on a day, today if left out.

    The list is the one installed with genai-prices; nothing is fetched. Where a price depends on the length of the
    prompt the shortest tier counts, where it depends on the hour that of noon UTC.

    Raises:
        ConfigError: the list does not know the model, or it has no price per token.
    """
    from genai_prices.data_snapshot import get_snapshot

    on = on or datetime.now(UTC).date()
    provider_id, _, name = model.partition(":")  # a tuned model's own name may hold colons too
    snapshot = get_snapshot()
    try:
        provider, found = snapshot.find_provider_model(name or model, None, provider_id if name else None, None)
    except LookupError:
        raise ConfigError(_unknown(model, snapshot)) from None
    prices = found.get_prices(datetime(on.year, on.month, on.day, 12, tzinfo=UTC))
    per_token = {key: _first_tier(getattr(prices, f"{key}_mtok")) for key in _KEYS}
    if per_token["input"] is None or per_token["output"] is None:
        raise ConfigError(f'"{model}" has no price per input and output token in the price list; state the prices')
    return ModelPrice(
        input=per_token["input"],
        cached=per_token["cache_read"],
        cache_write=per_token["cache_write"],
        output=per_token["output"],
        currency="USD",
        date=on,
        source=f"genai-prices {_version()}, {provider.id}:{found.id}",
    )


_KEYS = ("input", "cache_read", "cache_write", "output")


def _first_tier(price: Any) -> Decimal | None:
    return getattr(price, "base", price)


def _version() -> str:
    from genai_prices import __version__

    return __version__


def _unknown(model: str, snapshot: Any) -> str:
    names = [f"{provider.id}:{known.id}" for provider in snapshot.providers for known in provider.models]
    wanted = model.lower()
    if ":" not in model:  # without a provider only the names can be near
        names = [name for name in names if get_close_matches(wanted, [name.partition(":")[2]], cutoff=0.6)]
        wanted = max(names, key=lambda name: _likeness(wanted, name.partition(":")[2]), default=wanted)
    near = get_close_matches(wanted, names, n=3, cutoff=0.6)
    hint = f"did you mean {', '.join(near)}?" if near else "write it as provider:model."
    return f'the price list does not know the model "{model}"; {hint} Or state price_input and price_output'


def _likeness(one: str, other: str) -> float:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, one, other).ratio()
