"""The table of outputs that all variants share, wherever an output came from: this machine, an endpoint, a file."""

from dataclasses import dataclass

import polars as pl

__all__ = ["OUTPUT_SCHEMA", "Raced"]

# One row per pair and sample, in the order of the pairs, then samples 0 to k-1. `output` null with `error` null is a
# variant that gave nothing; `error` is a transport failure after all retries, which leaves the output unscored.
# `input_tokens` count the cached ones too, `output_tokens` those of the reasoning.
OUTPUT_SCHEMA = {
    "id": pl.String, "variant": pl.String, "sample": pl.Int64, "output": pl.String, "input_tokens": pl.Int64,
    "cached_tokens": pl.Int64, "output_tokens": pl.Int64, "reasoning_tokens": pl.Int64, "seconds": pl.Float64,
    "finish_reason": pl.String, "model": pl.String, "error": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Raced:
    """One variant's outputs (columns of OUTPUT_SCHEMA) and what is known of the tokens of its prompt without any
    request, of its guide alone, and of its worked examples; None where nobody counted them. `refused`: the settings
    that an endpoint does not take."""

    outputs: pl.DataFrame
    fixed_tokens: int | None
    guide_tokens: int | None
    few_shot_tokens: int | None = None
    refused: tuple[str, ...] = ()
