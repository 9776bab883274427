"""How rules speak: counts, quotations, alternatives; and how their patterns are made ready."""

import re
from collections.abc import Sequence

import polars as pl

from .errors import ConfigError

__all__ = ["at_least_at_most", "one_of", "quoted", "ready_pattern", "times", "whole_words"]


def at_least_at_most(low: int | None, high: int | None) -> str:
    """`3 to 25`, `at least 3`, `at most 25` or `exactly 3`."""
    if high is None:
        return f"at least {low or 0}"
    if not low:
        return f"at most {high}"
    return f"exactly {low}" if low == high else f"{low} to {high}"


def times(low: int | None, high: int | None) -> str:
    """How often: `at least once`, `at most 3 times`, `never`."""
    if high == 0:
        return "never"
    if low == high == 1:
        return "exactly once"
    if high is None and low == 1:
        return "at least once"
    return f"{at_least_at_most(low, high)} times"


def quoted(text: str) -> str:
    """The text in double quotation marks."""
    return f'"{text}"'


def one_of(texts: Sequence[str]) -> str:
    """`"a"`, `"a" or "b"`, `"a", "b" or "c"`."""
    marked = [quoted(text) for text in texts]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} or {marked[-1]}"


def ready_pattern(regex: str, *, ignore_case: bool = False, whole: bool = False) -> str:
    """The pattern for polars, tried once: a pattern that Rust's engine refuses is an error with its reason."""
    pattern = rf"\A(?:{regex})\z" if whole else regex
    pattern = f"(?i){pattern}" if ignore_case else pattern
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("error: ")
        raise ConfigError(f"the regular expression {regex!r} cannot be used: {reason}") from None
    return pattern


def whole_words(texts: Sequence[str]) -> str:
    """A pattern for any of the texts where no letter or digit touches either end; longer texts first."""
    ordered = sorted(set(texts), key=lambda text: (-len(text), text))
    pieces = [f"{_edge(text[0])}{re.escape(text)}{_edge(text[-1])}" for text in ordered]
    return "|".join(pieces)


def _edge(character: str) -> str:
    return r"\b" if re.match(r"\w", character) else ""
