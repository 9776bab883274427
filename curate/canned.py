"""Canned answers: one output that stands for many different inputs."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from .compared import Compared
from .facts import is_label
from .masks import mask_column

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


def find_canned(pairs: pl.DataFrame, compared: Compared) -> Canned:
    """What the outputs of a pair table repeat; inputs and outputs are compared as normalised."""
    table = pl.DataFrame(
        {"output": compared.outputs, "input": compared.inputs, "written": pairs["output"]}, schema=_SCHEMA
    )
    counts = table.group_by("output").agg(
        rows=pl.len(), inputs=pl.col("input").n_unique(), written=pl.col("written").min()
    )
    several = counts.filter(pl.col("inputs") > 1).sort("inputs", "rows", "output", descending=[True, True, False])
    labels = _label(several["output"])
    canned = several.filter((pl.col("inputs") >= _MANY) & ~labels)
    shared = int(several.filter(labels)["rows"].sum())
    worst = several.head(_WORST).with_columns(output=_excerpts(several.head(_WORST)["written"]))
    return Canned(
        worst=worst.select("output", "rows", "inputs").to_dicts(),
        rows=int(canned["rows"].sum()),
        outputs=len(canned),
        distinct=len(counts),
        labels=shared >= _LABELS * len(pairs) > 0,
    )


_SCHEMA = {"output": pl.String, "input": pl.String, "written": pl.String}
_LABELS = 0.9  # of the rows


def _label(normalised: pl.Series) -> pl.Series:
    return pl.Series([is_label(text) for text in normalised], dtype=pl.Boolean)


def _excerpts(texts: pl.Series) -> pl.Series:
    """Masked before they are cut, so that no part of a value is left."""
    masked = mask_column(texts)
    return masked.str.head(_SHOWN) + pl.Series(
        [("…" if n > _SHOWN else "") for n in masked.str.len_chars()], dtype=pl.String
    )
