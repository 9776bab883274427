"""The cost of training at a provider: its tokens, counted by a tokenizer or bounded by their bytes, times its price."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ...core import ConfigError, ModelError, install_command
from .provider import CURRENCY, JobRequest, Provider, TrainingPrice

STALE_DAYS = 180  # an older price has probably changed; the same as for the price list of hosted models


# --- tokens -------------------------------------------------------------------------------------------------------

# Tokens that a chat template may add: markers for each message, and a default system text (the longest known ones have
# about 200 tokens); as in the budget of requests. Every other token stands for at least one byte of the text.
MARKS_PER_MESSAGE, TEMPLATE_TOKENS = 16, 256
BYTES_PER_TOKEN = 4  # of English text, for the likely count
Chats = Sequence[Sequence[Mapping[str, str]]]


@dataclass(frozen=True)
class TokenCount:
    """Tokens of each example: `most` is an upper bound, `likely` an estimate; equal if they were counted."""

    most: Sequence[int]
    likely: Sequence[int]
    how: str
    exact: bool


def count_tokens(chats: Chats, *, tokenizer: str | None) -> TokenCount:
    """The tokens of each chat: by the named tokenizer, otherwise by bytes.

    Chats are rendered with the tokenizer's own chat template.

    Raises: ModelError if the named tokenizer cannot be read or has no template.
    """
    if tokenizer is not None:
        counted = _rendered(_tokenizer(tokenizer), chats, tokenizer)
        return TokenCount(counted, counted, f"counted with the tokenizer {tokenizer}", exact=True)
    sizes = [sum(len(m["content"].encode(errors="replace")) for m in chat) for chat in chats]
    most = [size + MARKS_PER_MESSAGE * len(chat) + TEMPLATE_TOKENS for size, chat in zip(sizes, chats, strict=True)]
    likely = [
        math.ceil(size / BYTES_PER_TOKEN) + MARKS_PER_MESSAGE * len(c) for size, c in zip(sizes, chats, strict=True)
    ]
    return TokenCount(
        most, likely, "no tokenizer: 4 bytes a token are likely, and at most every byte is one (tokenizer in [train.hosted] "
        "counts them)", exact=False,
    )  # fmt: skip


def _tokenizer(name: str) -> Any:
    """The named tokenizer: of the embedded model, of a folder, or from the hub, where only the tokenizer is downloaded.

    Raises: ModelError if transformers is not installed, or the tokenizer cannot be read.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise ModelError(f"counting tokens needs transformers\nInstall with: {install_command('train')}") from None
    from ...train import EMBEDDED_NAME, embedded_folder

    try:
        place = embedded_folder() if name == EMBEDDED_NAME else name
        return AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    except ModelError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f'the tokenizer "{name}" cannot be read ({reason[:200]})\nCorrect "tokenizer" in [train.hosted].'
        ) from error


def _rendered(tokenizer: Any, chats: Chats, name: str) -> list[int]:
    """The tokens of each chat as the model's own template renders it. Raises: ModelError if it has none."""
    from ...train import render_text

    if not getattr(tokenizer, "chat_template", None):
        raise ModelError(
            f'the tokenizer "{name}" has no chat template\nName the tokenizer of the tuned chat model in [train.hosted].'
        )
    texts = [render_text(tokenizer, [*map(dict, chat[:-1])], answer=chat[-1]["content"]) for chat in chats]
    return _lengths(tokenizer, texts)


def _lengths(tokenizer: Any, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []


# --- the bill -----------------------------------------------------------------------------------------------------

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
    listed = provider.prices.get(model)
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
