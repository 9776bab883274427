"""The cost of requests to endpoints, with a strict limit: the worst case is reserved before each request."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..money.inputs.settings import Number, RoiSettings, Triangular, VariantMoney
from ..variants import Variant
from .store import SentRequests

ZERO = Decimal(0)
MILLION = Decimal(10) ** 6
# Tokens that a server's chat template may add: markers for each message, and a default system text (the longest known
# ones take about 200). All other tokens are at least one byte of the text.
MARKS_PER_MESSAGE, TEMPLATE_TOKENS = 16, 256


@dataclass(frozen=True)
class TokenPrice:
    """Prices per million tokens in `currency`; the high end of a range, since the limit is strict.

    `input` is the price of prompt tokens that are not read from the cache, including writing them to the cache.
    """

    input: Decimal
    cached: Decimal
    output: Decimal
    currency: str
    source: str

    @property
    def free(self) -> bool:
        """Whether a request costs nothing."""
        return self.input == self.cached == self.output == 0

    def of(self, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> Decimal:
        """The cost of one request; `input_tokens` include the cached ones."""
        fresh = max(input_tokens - cached_tokens, 0)
        return (fresh * self.input + cached_tokens * self.cached + output_tokens * self.output) / MILLION


def token_price(roi: RoiSettings | None, name: str) -> TokenPrice | None:
    """The token prices of a variant by `[roi.NAME]`; None if it states none.

    A machine paid by the hour costs nothing per request.
    """
    money = None if roi is None else roi.variants.get(name)
    if roi is None or money is None or not money.priced:
        return None
    if not money.metered:
        return TokenPrice(ZERO, ZERO, ZERO, roi.currency, "paid by the hour")
    fresh = _price(money, roi, "price_input") or ZERO
    cached, write = _price(money, roi, "price_cached"), _price(money, roi, "price_cache_write")
    return TokenPrice(
        input=max(fresh, write or ZERO),  # the usage does not show which tokens were written to the cache
        cached=fresh if cached is None else cached,
        output=_price(money, roi, "price_output") or ZERO,
        currency=roi.currency,
        source=f"stated in [roi.{name}]" if money.listed is None else f"{money.listed.source}, {money.listed.date}",
    )


def price_of_variant(roi: RoiSettings | None, variant: Variant) -> TokenPrice | None:
    """The token prices of a variant; a derived one has those of the variant that it comes from unless it states its own."""
    prices = (token_price(roi, name) for name in (variant.name, *variant.of))
    return next((price for price in prices if price is not None), None)


def _price(money: VariantMoney, roi: RoiSettings, key: str) -> Decimal | None:
    stated = getattr(money, key)
    if stated is not None and not (key == "price_cache_write" and stated == 0):
        return _high(stated)
    if money.listed is None:
        return None
    listed = getattr(money.listed, key.removeprefix("price_"))
    rate = ZERO + 1 if money.listed.currency == roi.currency else _high(roi.exchange[money.listed.currency])
    return None if listed is None else listed * rate


def _high(number: Number) -> Decimal:
    return number.high if isinstance(number, Triangular) else number


def most_tokens(messages: Iterable[Mapping[str, str]]) -> int:
    """An upper bound for the prompt tokens of these messages with any tokenizer."""
    sizes = [len(message["content"].encode(errors="replace")) + MARKS_PER_MESSAGE for message in messages]
    return sum(sizes) + TEMPLATE_TOKENS


class Budget:
    """The money spent in a run, also by earlier calls of the command, and the money reserved for requests in flight.

    With `limit` None it counts without a limit. `spent` starts with the cost of the stored answers and what the requests of
    `sent` without an answer may have cost (`lost`). `setting` names the limit in messages: its table, then its key; `again`
    says how the requests are resumed.
    """

    def __init__(
        self, limit: Decimal | None, *, currency: str, spent: Decimal = ZERO, sent: SentRequests | None = None,
        setting: str = "[evaluate] max_cost", again: str = "run the same command with --run",
    ) -> None:  # fmt: skip
        self.lost = ZERO if sent is None else sent.unanswered(currency)
        self.limit, self.currency, self.spent, self.setting, self.again = (
            limit, currency, spent + self.lost, setting, again,
        )  # fmt: skip
        self._sent = sent
        self._reserved: dict[str, Decimal] = {}
        self._beyond = Decimal(1)

    def bound(self, worst: Decimal) -> Decimal:
        """The worst case of a request by the answers so far: more, if one has cost more than its own."""
        return worst * self._beyond

    def fits(self, worst: Decimal) -> bool:
        """Whether a request with this worst case may be sent now."""
        return self.limit is None or self.spent + sum(self._reserved.values()) + self.bound(worst) <= self.limit

    def reserve(self, key: str, worst: Decimal) -> bool:
        """Reserve the worst case of a request; False if it does not fit."""
        if not self.fits(worst):
            return False
        self._reserved[key] = self.bound(worst)
        if self._sent is not None and worst:
            self._sent.add(key, self._reserved[key], self.currency)
        return True

    def settle(self, key: str, cost: Decimal | None) -> Decimal:
        """Replace a reservation with the real cost, or with the worst case if it is unknown; returns the amount counted."""
        worst = self._reserved.pop(key, ZERO)
        counted = worst if cost is None else cost
        if worst and counted > worst:
            self._beyond *= counted / worst
        self.spent += counted
        return counted

    def lose(self, key: str) -> None:
        """Count the worst case of an attempt that brought no answer but may be billed."""
        worst = self._reserved.pop(key, ZERO)
        self.spent, self.lost = self.spent + worst, self.lost + worst

    def release(self, key: str) -> None:
        """Drop the reservation of a request that costs nothing."""
        if self._reserved.pop(key, ZERO) and self._sent is not None:
            self._sent.free(key)


def spent_on(
    lines: Iterable[Mapping[str, Any]], *, currency: str, price: Callable[[Mapping[str, Any]], TokenPrice | None]
) -> Decimal:
    """The cost of stored answers: as recorded on arrival, or else by the current price of their endpoint and model."""
    return sum((_cost_of(line, currency, price(line)) for line in lines), ZERO)


def _cost_of(line: Mapping[str, Any], currency: str, price: TokenPrice | None) -> Decimal:
    if line.get("currency") == currency and (recorded := _decimal(line.get("cost"))) is not None:
        return recorded
    if price is None or line.get("input_tokens") is None or line.get("output_tokens") is None:
        return ZERO
    return price.of(
        input_tokens=line["input_tokens"],
        output_tokens=line["output_tokens"],
        cached_tokens=line.get("cached_tokens") or 0,
    )


def _decimal(text: Any) -> Decimal | None:
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None
