"""Rules that are learnt from examples: their evidence comes from examples that they were not learnt from."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import polars as pl

from .columns import Columns
from .schema import Wordings

FOLDS = 5

Example = TypeVar("Example")
Rule = TypeVar("Rule")


def inferred_wordings(columns: Columns, work: Callable[[], Mapping[str, Any]] = dict) -> Wordings:
    """The wordings found in these examples: what `work` finds, the first time."""
    return columns.once("inferred wordings", work)


def held_out(
    examples: Sequence[Example],
    requests: pl.Series,
    learn: Callable[[Sequence[Example]], Rule],
    holds: Callable[[Rule, Example], bool],
) -> list[bool]:
    """Whether each example follows the rule that the examples of the other folds suggest.

    Examples with the same request are in one fold, which depends on the request alone.
    """
    fold = [hashlib.blake2b(text.encode(), digest_size=2).digest()[0] % FOLDS for text in requests]
    found = [False] * len(examples)
    for number in range(FOLDS):
        rule = learn([example for example, own in zip(examples, fold, strict=True) if own != number])
        for at, example in enumerate(examples):
            if fold[at] == number:
                found[at] = holds(rule, example)
    return found
