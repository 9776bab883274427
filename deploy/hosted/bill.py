"""The cost of training at a provider: its tokens, counted or bounded, times its price."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ...core import ConfigError
from .prices import STALE_DAYS
from .provider import CURRENCY, JobRequest, Provider, TrainingPrice
from .tokens import TokenCount

__all__ = ["Bill", "cost_of", "make_bill", "price_doubts", "price_for"]

MILLION = Decimal(10) ** 6


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The cost of one job in USD before anything is sent; `most` is the limit, `likely` the expectation."""

    epoch_tokens: int
    epoch_tokens_most: int
    validation_tokens_most: int
    trained_tokens: int
    trained_tokens_most: int
    price: TrainingPrice
    likely: Decimal
    most: Decimal
    how: str
    exact: bool

    def data(self) -> dict[str, Any]:
        """The bill as JSON values."""
        return {
            "epoch_tokens": self.epoch_tokens, "epoch_tokens_most": self.epoch_tokens_most,
            "trained_tokens": self.trained_tokens, "trained_tokens_most": self.trained_tokens_most,
            "price_per_million": float(self.price.per_million), "price_source": self.price.source,
            "price_date": None if self.price.as_of is None else self.price.as_of.isoformat(),
            "minimum": float(self.price.minimum), "cost": float(self.likely), "cost_at_most": float(self.most),
            "currency": CURRENCY, "tokens_counted": self.exact, "how": self.how,
        }  # fmt: skip


def make_bill(train: TokenCount, validation: TokenCount | None, request: JobRequest, price: TrainingPrice) -> Bill:
    """The tokens of all epochs and of all evaluations times the price, at least the provider's minimum.

    >>> counted = TokenCount([100, 300], [100, 300], "counted", True)
    >>> request = JobRequest(key="k", model="m", suffix="s", epochs=3)
    >>> make_bill(counted, None, request, TrainingPrice(Decimal(5), "stated")).most
    Decimal('0.006')
    """
    evaluations = 0 if validation is None else request.evaluations
    seen = [sum(validation.likely), sum(validation.most)] if validation is not None else [0, 0]
    likely = request.epochs * sum(train.likely) + evaluations * seen[0]
    most = request.epochs * sum(train.most) + evaluations * seen[1]
    return Bill(
        epoch_tokens=sum(train.likely), epoch_tokens_most=sum(train.most), validation_tokens_most=evaluations * seen[1],
        trained_tokens=likely, trained_tokens_most=most, price=price,
        likely=max(price.minimum, cost_of(likely, price)), most=max(price.minimum, cost_of(most, price)),
        how=train.how, exact=train.exact,
    )  # fmt: skip


def cost_of(tokens: int, price: TrainingPrice) -> Decimal:
    """The cost of this many training tokens, without the minimum."""
    return tokens * price.per_million / MILLION


def price_for(provider: Provider, model: str, stated: Decimal | None) -> TrainingPrice:
    """The stated price, or the one in the table.

    Raises: ConfigError if there is neither.
    """
    listed = provider.price(model)
    if stated is not None:
        minimum = Decimal(0) if listed is None else listed.minimum
        return TrainingPrice(stated, "stated in [train.hosted]", minimum=minimum)
    if listed is None:
        raise ConfigError(
            f'no price is known for training "{model}" at {provider.title}\nState "price" in [train.hosted]: USD per million '
            "training tokens, from the provider's pricing page."
        )
    return listed


def price_doubts(price: TrainingPrice, today: date) -> list[str]:
    """Warnings about a price from the table that is old or has no date."""
    if price.source.startswith("stated"):
        return []
    if price.as_of is None:
        return ["the training price has no date: check it on the provider's page, or state price in [train.hosted]"]
    if (age := (today - price.as_of).days) > STALE_DAYS:
        return [
            f"the training price is {age} days old: check it on the provider's page, or state price in [train.hosted]"
        ]
    return []
