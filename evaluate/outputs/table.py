"""The table of outputs that all variants share, whether from this machine, an endpoint or a file."""

from dataclasses import dataclass
from typing import Any

import polars as pl

__all__ = [
    "CUT",
    "KNOWN",
    "OUTPUT_SCHEMA",
    "WITHHELD",
    "Raced",
    "finish_word",
]


# One row per pair and sample, in the order of the pairs, then samples 0 to k-1. If `output` and `error` are null, the
# variant gave no output; `error` is a transport failure after all retries, so the output is unscored.
# `input_tokens` include cached tokens, `output_tokens` include reasoning tokens.
OUTPUT_SCHEMA = {
    "id": pl.String, "variant": pl.String, "sample": pl.Int64, "output": pl.String, "input_tokens": pl.Int64,
    "cached_tokens": pl.Int64, "output_tokens": pl.Int64, "reasoning_tokens": pl.Int64, "seconds": pl.Float64,
    "finish_reason": pl.String, "model": pl.String, "error": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Raced:
    """One variant's outputs (columns of OUTPUT_SCHEMA), and the tokens of its prompt without a request, of its guide, and
    of its examples; None if they were not counted. `refused` are the settings that an endpoint does not accept, `doubt` says
    why its token counts, which are left out then, cannot be true."""

    outputs: pl.DataFrame
    fixed_tokens: int | None
    guide_tokens: int | None
    few_shot_tokens: int | None = None
    refused: tuple[str, ...] = ()
    doubt: str | None = None


CUT, WITHHELD = "length", "content_filter"
KNOWN = {
    "stop": ("stop", "stop_sequence", "end_turn", "eos", "eos_token", "complete", "completed", "finish"),
    CUT: ("length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit",
          "model_context_window_exceeded", "context_length_exceeded"),
    WITHHELD: ("content_filter", "content_filtered", "safety", "refusal", "recitation", "blocklist",
                "prohibited_content", "guardrail_intervened", "error_toxic"),
    "tool_calls": ("tool_calls", "tool_call", "tool_use", "function_call"),
}  # fmt: skip
_WORD = {word: reason for reason, words in KNOWN.items() for word in words}


def finish_word(value: Any) -> str | None:
    """stop, length, content_filter or tool_calls if the provider's word is known, otherwise the word itself.

    >>> finish_word("MAX_TOKENS"), finish_word("FinishReason.STOP"), finish_word("end_turn"), finish_word("")
    ('length', 'stop', 'stop', None)
    """
    text = str(value).strip() if value is not None else ""
    # Enums of client libraries print with the name of their class.
    return _WORD.get(text.rpartition(".")[2].casefold(), text) or None
