"""The outputs of all rows against the style schema and the quality checks, as what curating needs of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from ..style.asked import missing_fields
from ..style.check import check_columns, explain, pair_columns
from ..style.schema import StyleResults, StyleSchema
from .masks import mask_column, mask_text
from .quality import Quality, check_quality

__all__ = ["Checked", "check_rows"]


@dataclass(frozen=True)
class Checked:
    """must, should: how many rules of that level each row breaks, of quality and of style.

    rule, evidence: the first `must` rule that a row breaks, and how, in a sentence; None where it breaks none. Quality
    comes first: a refusal has no style to speak of. checks: id -> fail (rows) and share. unscored: id -> rows that the
    check could not tell, and the most frequent reason. quality: rule -> rows, share, level, examples. habits: rules of
    quality that so many outputs break that they are not applied. missing: a sentence for each field that the schema
    asks for and no row has.
    """

    must: np.ndarray
    should: np.ndarray
    rule: list[str | None]
    evidence: list[str | None]
    checks: dict[str, dict[str, Any]]
    quality: dict[str, dict[str, Any]] = field(default_factory=dict)
    unscored: dict[str, dict[str, Any]] = field(default_factory=dict)
    habits: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def check_rows(
    pairs: pl.DataFrame,
    style: StyleSchema | None,
    *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
) -> Checked:
    """What the quality checks and the style schema, where there is one, say about each output.

    Evidence never repeats personal data, masked or not. `count_tokens` is for lengths in tokens.
    """
    n = len(pairs)
    if not n:
        return Checked(np.zeros(0, np.int64), np.zeros(0, np.int64), [], [], {})
    quality = check_quality(pairs, style)
    must, should = (_faulty(quality, level, n) for level in ("must", "should"))
    first = _first_fault(quality)
    checks, unscored, missing = {}, {}, ()
    if style is not None and style.checks:
        columns = pair_columns(pairs, count_tokens=count_tokens)
        results, missing = check_columns(columns, style), tuple(missing_fields(style, columns))
        failed = results.status.select((pl.all() == "fail").fill_null(False))
        must += _count(failed, _ids(style, "must"))
        should += _count(failed, _ids(style, "should"))
        first = pl.concat([first, _first_violation(results, failed)]).unique("index", keep="first", maintain_order=True)
        checks = {c.id: {"fail": (fail := int(failed[c.id].sum())), "share": fail / n} for c in style.checks}
        unscored = _unscored(results)
    said = pl.DataFrame({"index": range(n)}, schema={"index": pl.UInt32}).join(
        first, on="index", how="left", maintain_order="left"
    )
    return Checked(
        must, should, said["rule"].to_list(), said["evidence"].to_list(), checks,
        quality=quality.summary(pairs), unscored=unscored, habits=quality.habits, missing=missing,
    )  # fmt: skip


def _faulty(quality: Quality, level: str, n: int) -> np.ndarray:
    """How many rules of quality of this level each row breaks."""
    rules = [rule for rule, own in quality.levels.items() if own == level]
    found = quality.faults.filter(pl.col("rule").is_in(rules))["index"]
    return np.bincount(found.to_numpy(), minlength=n).astype(np.int64)


def _first_fault(quality: Quality) -> pl.DataFrame:
    rules = [rule for rule, own in quality.levels.items() if own == "must"]
    found = quality.faults.filter(pl.col("rule").is_in(rules))
    return found.unique("index", keep="first", maintain_order=True).select("index", "rule", "evidence")


def _ids(style: StyleSchema, level: str) -> list[str]:
    return [check.id for check in style.checks if check.level == level]


def _count(failed: pl.DataFrame, checks: list[str]) -> np.ndarray:
    if not checks:
        return np.zeros(len(failed), np.int64)
    return failed.select(pl.sum_horizontal(pl.col(checks).cast(pl.Int64))).to_series().to_numpy()


def _first_violation(results: StyleResults, failed: pl.DataFrame) -> pl.DataFrame:
    """index, rule, evidence of the first `must` check that each row fails, in the order of the schema."""
    required = _ids(results.style, "must")
    by_id = {check.id: check for check in results.style.checks}
    if not required:
        return pl.DataFrame(schema={"index": pl.UInt32, "rule": pl.String, "evidence": pl.String})
    found = results.violations.filter(pl.col("check").is_in(required))
    found = found.unique("index", keep="first", maintain_order=True)

    said = [
        explain(by_id[check], text, expected)
        for check, text, expected in found.select("check", "found", "expected").iter_rows()
    ]
    evidence = mask_column(pl.Series("evidence", said, dtype=pl.String))
    placed = found.select("index", ("style:" + pl.col("check")).alias("rule"), evidence)
    # A failure without a recorded place still has its rule.
    plain = failed.with_row_index().select(
        "index", check=pl.coalesce(pl.when(pl.col(check)).then(pl.lit(check)) for check in required)
    )
    plain = plain.drop_nulls("check").join(placed, on="index", how="anti")
    sentence = pl.col("check") + ": the output breaks this rule"
    return pl.concat([placed, plain.select("index", rule="style:" + pl.col("check"), evidence=sentence)])


def _unscored(results: StyleResults) -> dict[str, dict[str, Any]]:
    told = results.unscored.group_by("check", maintain_order=True).agg(
        rows=pl.len(), why=pl.col("why").mode(maintain_order=True).first()
    )
    return {check: {"rows": rows, "why": mask_text(why)} for check, rows, why in told.iter_rows()}
