"""Outputs against the style schema: acceptable, consistent, faithful, and each violation with its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from ..style import StyleSchema, check_outputs, refused

__all__ = ["Scores", "score_outputs"]

VIOLATION = pl.Struct(
    {"check": pl.String, "found": pl.String, "start": pl.Int64, "end": pl.Int64, "expected": pl.String}
)  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """`table`: the outputs, each with `acceptable`, `consistent`, `faithful` (null = could not be scored) and
    `violations` (a list of check, found, start, end, expected). `status`: a column per check, row by row."""

    table: pl.DataFrame
    status: pl.DataFrame


def score_outputs(
    pairs: pl.DataFrame,
    outputs: pl.DataFrame,
    style: StyleSchema,
    *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
) -> Scores:
    """Scores of one variant's outputs; both tables have the same ids in the same order.

    An output that is missing, empty, a refusal or cut at the token limit fails all three shares, whatever the
    checks say of it. `count_tokens` is for lengths in tokens, which are unscored without it.
    """
    if pairs["id"].to_list() != outputs["id"].to_list():
        raise ValueError("pairs and outputs must have the same ids in the same order")
    texts = outputs["output"].fill_null("")
    results = check_outputs(pairs.with_columns(output=texts), style, count_tokens=count_tokens)
    failures = _failures(outputs, texts)
    failed = failures.is_not_null()
    shares = results.shares().select(pl.when(pl.lit(failed)).then(False).otherwise(pl.all()).name.keep())
    listed = _listed(results.violations, failures, texts)
    return Scores(pl.concat([outputs, shares, listed], how="horizontal"), results.status)


def _failures(outputs: pl.DataFrame, texts: pl.Series) -> pl.Series:
    """Why an output fails as a whole, or null."""
    frame = outputs.select("output", "finish_reason").with_columns(text=texts, refused=refused(texts))
    return frame.select(
        why=pl.when(pl.col("output").is_null()).then(pl.lit("no output"))
        .when(pl.col("text").str.strip_chars() == "").then(pl.lit("empty output"))
        .when(pl.col("finish_reason") == "length").then(pl.lit("cut at the token limit"))
        .when(pl.col("refused")).then(pl.lit("refused"))
    )["why"]  # fmt: skip


_EXPECTED = {
    "no output": "an output", "empty output": "an output", "cut at the token limit": "an answer that ends by itself",
    "refused": "an answer",
}  # fmt: skip


def _listed(violations: pl.DataFrame, failures: pl.Series, texts: pl.Series) -> pl.DataFrame:
    """A column `violations`: per row a list, the failure of the whole output first."""
    rows: list[list[dict]] = [
        [] if why is None else [{"check": why, "found": None, "start": None, "end": None, "expected": _EXPECTED[why]}]
        for why in failures
    ]
    for index, check, found, start, end, expected in violations.iter_rows():
        if texts[index].strip():  # an empty output breaks everything: once is enough said
            rows[index].append({"check": check, "found": found, "start": start, "end": end, "expected": expected})
    return pl.DataFrame({"violations": rows}, schema={"violations": pl.List(VIOLATION)})
