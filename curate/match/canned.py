"""Canned answers: one output that stands for many different inputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..check.facts import is_label
from ..check.personal import mask_column
from .corpus import Corpus

__all__ = ["Canned", "find_canned"]

_MANY = 5  # different inputs; fewer may well have one answer by chance
_WORST = 10
_SHOWN = 200  # characters of an output


@dataclass(frozen=True)
class Canned:
    """What the outputs repeat, and the ten outputs that stand for the most inputs.

    worst: output, rows, inputs (how many different ones). rows: with an output of more than five words that stands for
    five inputs or more; outputs: how many such there are. distinct: outputs in all. labels: whether nearly all rows have
    an output of at most five words that other inputs have too: classification, canned by nature.
    """

    worst: list[dict[str, Any]]
    rows: int
    outputs: int
    distinct: int
    labels: bool

    def summary(self, n: int) -> dict[str, dict[str, Any]]:
        """As a rule of quality among n rows; nothing where there are none."""
        return {"quality:canned": {"rows": self.rows, "share": self.rows / n, "level": "should"}} if self.rows else {}


def find_canned(corpus: Corpus) -> Canned:
    """What the outputs of all pairs repeat; inputs and outputs are compared as normalised."""
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
    """Those with the most inputs, then rows, then by their text; shown as the row with the smallest text writes it."""
    last = several.head(_WORST).tail(1).select("inputs", "rows").rows() or [(0, 0)]
    inputs, rows = last[0]
    alike = (pl.col("inputs") == inputs) & (pl.col("rows") >= rows)
    near = several.filter((pl.col("inputs") > inputs) | alike)
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
    """Masked before they are cut, so that no part of a value is left."""
    masked = mask_column(texts)
    return masked.str.head(_SHOWN) + pl.Series(
        [("…" if n > _SHOWN else "") for n in masked.str.len_chars()], dtype=pl.String
    )
