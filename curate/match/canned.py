"""Canned answers: one output shared by many different inputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..check.facts import is_label
from ..check.personal import mask_column
from .corpus import Corpus

__all__ = ["Canned", "find_canned"]

_MANY = 5  # different inputs; fewer may share an answer by chance
_WORST = 10
_SHOWN = 200  # characters of an output


@dataclass(frozen=True)
class Canned:
    """How often outputs repeat, and the ten outputs shared by the most inputs.

    worst: output, rows, inputs (distinct ones). rows: those with an output of more than five words that five or more
    inputs share; outputs: the number of such outputs. distinct: distinct outputs. labels: whether nearly all rows have
    an output of at most five words that other inputs share: classification, where repeats are expected.
    """

    worst: list[dict[str, Any]]
    rows: int
    outputs: int
    distinct: int
    labels: bool

    def summary(self, n: int) -> dict[str, dict[str, Any]]:
        """The entry as a quality rule over n rows; empty if there are no canned outputs."""
        return {"quality:canned": {"rows": self.rows, "share": self.rows / n, "level": "should"}} if self.rows else {}


def find_canned(corpus: Corpus) -> Canned:
    """The repeated outputs of all pairs; inputs and outputs are compared after normalisation."""
    table = pl.DataFrame({"number": corpus.output, "input": corpus.text}).with_row_index("row")
    counts = table.group_by("number").agg(
        rows=pl.len(), inputs=pl.col("input").n_unique(), row=pl.col("row").min().cast(pl.Int64)
    )
    several = counts.filter(pl.col("inputs") > 1).sort("inputs", "rows", "number", descending=[True, True, False])
    labels = pl.Series([is_label(text) for text in corpus.outputs(several["row"].to_numpy())], dtype=pl.Boolean)
    canned = several.filter((pl.col("inputs") >= _MANY) & ~labels)
    shared = int(several.filter(labels)["rows"].sum())
    return Canned(
        worst=_worst(corpus, several),
        rows=int(canned["rows"].sum()),
        outputs=len(canned),
        distinct=len(counts),
        labels=shared >= _LABELS * len(corpus.output) > 0,
    )


def _worst(corpus: Corpus, several: pl.DataFrame) -> list[dict[str, Any]]:
    """The outputs with the most inputs, then rows, then by text; shown as in the row with the smallest text."""
    last = several.head(_WORST).tail(1).select("inputs", "rows").rows() or [(0, 0)]
    inputs, rows = last[0]
    tied = (pl.col("inputs") == inputs) & (pl.col("rows") >= rows)
    near = several.filter((pl.col("inputs") > inputs) | tied)
    texts = pl.Series("output", corpus.outputs(near["row"].to_numpy()), dtype=pl.String)
    worst = near.with_columns(texts).sort("inputs", "rows", "output", descending=[True, True, False]).head(_WORST)
    places = np.flatnonzero(np.isin(corpus.output, worst["number"].to_numpy()))
    written = pl.DataFrame({"number": corpus.output[places]}).with_columns(
        written=pl.Series(corpus.written(places), dtype=pl.String)
    )
    shown = worst.join(written.group_by("number").agg(pl.col("written").min()), on="number", maintain_order="left")
    return shown.select(_excerpts(shown["written"]).alias("output"), "rows", "inputs").to_dicts()


_LABELS = 0.9  # of the rows


def _excerpts(texts: pl.Series) -> pl.Series:
    """Masked before truncation, so that no part of a value is shown."""
    masked = mask_column(texts)
    return masked.str.head(_SHOWN) + pl.Series(
        [("…" if n > _SHOWN else "") for n in masked.str.len_chars()], dtype=pl.String
    )
