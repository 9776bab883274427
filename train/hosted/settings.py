"""The `[train.hosted]` table: a training at a provider."""

import re
from dataclasses import dataclass
from decimal import Decimal

from ...core import ConfigError, address_problems, key_env_problems

__all__ = ["HostedSettings"]

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class HostedSettings:
    """`[train.hosted]`: a training at a provider."""

    model: str = ""
    """The base model's name at the provider."""
    key_env: str | None = None
    """The environment variable with the key. Default: the provider's usual one."""
    account: str | None = None
    """The id of the account at Fireworks AI."""
    base_url: str | None = None
    """The address of the provider's API, if it is not the usual one."""
    suffix: str | None = None
    """A part of the tuned model's name."""
    epochs: int | None = None
    """How often every pair is seen. Default: by the rule of `[train]`."""
    learning_rate: float | None = None
    """The learning rate. Default: the provider's own."""
    rank: int | None = None
    """The rank of the LoRA matrices. Default: the provider's own."""
    batch_size: int | None = None
    """Pairs of one step. Default: the provider's own."""
    validation: bool = True
    """Whether the validation pairs are sent as well."""
    price: Decimal | None = None
    """The price per million training tokens, in USD. Default: from the table of prices."""
    tokenizer: str | None = None
    """A folder or hub name of the tokenizer that counts the tokens. Default: every byte counts as a token in the limit."""
    longest_tokens: int | None = None
    """The most tokens that an example may have. Default: no limit."""

    def __post_init__(self) -> None:
        problems = key_env_problems(self.key_env)
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
