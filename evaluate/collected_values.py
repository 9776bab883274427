"""The values of collected outputs: whatever a file holds, as what OUTPUT_SCHEMA asks for, or not to be read."""

import json
import math
from collections.abc import Mapping
from typing import Any

from .endpoints.endpoint_usage import Tokens, read_usage

__all__ = ["UNREADABLE", "as_count", "as_error", "as_seconds", "as_text", "tokens_within"]

UNREADABLE = object()  # what no reading of a value gives
MOST = 2**53  # whole numbers beyond are no longer exact where they were floats


def as_text(value: Any) -> str | None:
    """Text as it is; numbers, objects and lists as JSON, as a model would have written them."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return str(value)


def as_count(value: Any) -> Any:
    """A whole number of 0 or more: `12`, `12.0`, `"12"`; None for nothing and NaN, UNREADABLE for anything else."""
    number = _number(value)
    if number is None or number is UNREADABLE:
        return number
    return int(number) if 0 <= number <= MOST and number == int(number) else UNREADABLE


def as_seconds(value: Any) -> Any:
    """A number of 0 or more; None for nothing and NaN, UNREADABLE for anything else."""
    number = _number(value)
    return number if number is None or number is UNREADABLE or number >= 0 else UNREADABLE


def _number(value: Any) -> Any:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        number = value
    elif isinstance(value, str):
        try:
            number = float(value) if value.strip() else None
        except ValueError:
            return UNREADABLE
    else:
        return UNREADABLE
    if number is None or number != number:
        return None
    return number if math.isfinite(number) else UNREADABLE


def as_error(value: Any) -> str | None:
    """What went wrong on the way; None for nothing, an empty text, false and NaN."""
    if not value or value != value:
        return None
    return as_text(value)


def tokens_within(usage: Any, *, wrote: bool) -> Tokens | None:
    """The counts of a provider's `usage` object (or its JSON text); None where it is none."""
    if isinstance(usage, str):
        try:
            usage = json.loads(usage)
        except ValueError:
            return None
    if not isinstance(usage, Mapping):
        return None
    return read_usage(dict(usage) if "prompt_tokens" in usage else _as_chat(usage), wrote=wrote)


def _as_chat(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The other way of saying it (`input_tokens`, `output_tokens`) in the words of the chat API.

    Anthropic counts what it read from or wrote to the cache beside `input_tokens`, OpenAI within them.
    """
    beside = [as_count(usage.get(key)) for key in ("cache_read_input_tokens", "cache_creation_input_tokens")]
    asked = as_count(usage.get("input_tokens"))
    if isinstance(asked, int):
        asked += sum(count for count in beside if isinstance(count, int))
    within = usage.get("input_tokens_details") or usage.get("prompt_tokens_details")
    return {
        "prompt_tokens": usage.get("input_tokens") if asked is UNREADABLE else asked,
        "completion_tokens": usage.get("output_tokens", usage.get("completion_tokens")),
        "prompt_tokens_details": within
        if within is not None
        else {"cached_tokens": usage.get("cache_read_input_tokens")},
        "completion_tokens_details": usage.get("output_tokens_details"),
    }
