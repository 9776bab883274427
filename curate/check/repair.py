"""Repairs the outputs that break a must rule of the style, for the rows that are acceptable afterwards."""

from collections.abc import Collection
from itertools import groupby

import polars as pl

from ...core import Fix
from ...style import Columns, StyleSchema, repair_columns
from .personal import mask_column
from .quality import FAULTS, find_faults

__all__ = ["REPAIR_SCHEMA", "repair_outputs", "usable_repairs"]

REPAIR_SCHEMA = {
    "index": pl.UInt32, "output": pl.String, "rules": pl.List(pl.String), "evidence": pl.String, "faults": pl.List(pl.String)
}  # fmt: skip
_EXCERPT = 60  # characters of a changed piece


def repair_outputs(columns: Columns, style: StyleSchema, rows: pl.Series, *, fix: Fix) -> pl.DataFrame:
    """The repaired outputs of those `rows` (positions) that break no must rule of the style afterwards.

    index; output: after repair; rules: whose violations were repaired; evidence: what was changed, without personal data;
    faults: the must rules of quality that the output still breaks (which of them apply depends on all outputs). With
    `fix` off no row is repaired.
    """
    if fix == "off" or not len(rows):
        return pl.DataFrame(schema=REPAIR_SCHEMA)
    given = columns.changed(rows.to_list(), columns.output.gather(rows))
    repaired = repair_columns(given, style, unsafe=fix == "unsafe")
    must = [check.id for check in style.checks if check.level == "must"]
    broken = repaired.results.status.select(pl.any_horizontal(pl.col(must) == "fail")).to_series()
    kept = repaired.changes.filter(~pl.col("index").is_in(broken.arg_true().implode()))
    changes = {
        index: [*changes]
        for index, changes in groupby(kept.select("index", "rule", "before", "after").iter_rows(), lambda c: c[0])
    }
    good = pl.Series([*changes], dtype=pl.UInt32)
    outputs = repaired.texts.gather(good)
    evidence = ["; ".join(dict.fromkeys(_said(*change[1:]) for change in of_row)) for of_row in changes.values()]
    return pl.DataFrame(
        {
            "index": rows.gather(good),
            "output": outputs,
            "rules": [list(dict.fromkeys(rule for _, rule, *_ in of_row)) for of_row in changes.values()],
            "evidence": mask_column(pl.Series(evidence, dtype=pl.String)),
            "faults": _faults(given.changed(good.to_list(), outputs), style),
        },
        schema=REPAIR_SCHEMA,
    )


def _said(rule: str, before: str, after: str) -> str:
    old, new = (f'"{_short(text)}"' for text in (before, after))
    change = f"{old} became {new}" if before and after else f"added {new}" if after else f"removed {old}"
    return f"{rule}: {change}"


def _short(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…"


def _faults(columns: Columns, style: StyleSchema) -> pl.Series:
    """The must rules of quality that each output breaks."""
    rows, _ = find_faults(columns, style)
    broken = [pl.when(rule).then(pl.lit(rule)) for rule, level in FAULTS.items() if level == "must"]
    return rows.select(pl.concat_list(broken).list.drop_nulls())[:, 0]


def usable_repairs(repairs: pl.DataFrame, habits: Collection[str]) -> pl.DataFrame:
    """The repairs after which an output breaks no must rule at all; rules of quality that are `habits` do not count."""
    applied = [rule for rule, level in FAULTS.items() if level == "must" and rule not in habits]
    return repairs.filter(pl.col("faults").list.set_intersection(applied).list.len() == 0)
