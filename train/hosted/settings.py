"""The `[train.hosted]` table: a training at a provider."""

import re
from dataclasses import dataclass
from decimal import Decimal

from ...core import ConfigError, address_problems

__all__ = ["HostedSettings"]

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class HostedSettings:
    """Settings of a training at a provider.

    `model` is the base model's name there. `key_env` is the environment variable with the key, by default the provider's
    usual one; `account` is the account id at Fireworks AI. `suffix` becomes part of the tuned model's name. What is not
    stated of `epochs` follows the rule of `[train]`; `learning_rate`, `rank` and `batch_size` are then the provider's own.
    `price` is that per million training tokens, in USD. `tokenizer` counts the tokens: a folder or a hub name; without it,
    every byte counts as a token in the limit. `longest_tokens` is the most that an example may have.
    """

    model: str = ""
    key_env: str | None = None
    account: str | None = None
    base_url: str | None = None
    suffix: str | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    rank: int | None = None
    batch_size: int | None = None
    validation: bool = True
    price: Decimal | None = None
    tokenizer: str | None = None
    longest_tokens: int | None = None

    def __post_init__(self) -> None:
        problems = []
        for name in ("epochs", "rank", "batch_size", "longest_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                problems.append(f'"{name}" is {value}; expected 1 or more')
        if self.learning_rate is not None and not 0 < self.learning_rate <= 10:
            problems.append(f'"learning_rate" is {self.learning_rate:g}; expected more than 0 and at most 10')
        if self.price is not None and not (self.price.is_finite() and self.price >= 0):
            problems.append(f'"price" is {self.price}; expected 0 or more USD per million training tokens')
        if self.account is not None and not ID.fullmatch(self.account):
            problems.append('"account" is not the id of an account: expected letters, digits, ".", "_" and "-"')
        if self.suffix is not None and not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", self.suffix):
            problems.append('"suffix" may hold small letters, digits and "-", and neither begins nor ends with "-"')
        if self.base_url is not None:
            problems += [f'"base_url": {problem}' for problem in address_problems(self.base_url)]
        if problems:
            raise ConfigError("; ".join(problems))
