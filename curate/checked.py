"""The outputs of all rows against the style schema and the quality checks, as what curating needs of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from ..style.asked import not_given
from ..style.schema import Level, StyleSchema
from .examined import Examined, examine, merge_examined
from .masks import mask_text
from .quality import FAULTS, Quality, judge_quality

__all__ = ["Checked", "check_rows", "judge"]

_FIRST_SCHEMA = {"index": pl.UInt32, "rule": pl.String, "evidence": pl.String}


@dataclass(frozen=True)
class Checked:
    """must, should: how many rules of that level each row breaks, of quality and of style (i16).

    first: index, rule, evidence, only of the rows that break a `must` rule, sorted by index: the first that the row
    breaks, and how, in a sentence. Quality comes first: a refusal has no style to speak of. checks: id -> fail (rows)
    and share. unscored: id -> rows that the check could not tell, and the most frequent reason. quality: rule -> rows,
    share, level, examples. habits: rules of quality that so many outputs break that they are not applied. missing: a
    sentence for each field that the schema asks for and no row has.
    """

    must: np.ndarray
    should: np.ndarray
    first: pl.DataFrame
    checks: dict[str, dict[str, Any]]
    quality: dict[str, dict[str, Any]] = field(default_factory=dict)
    unscored: dict[str, dict[str, Any]] = field(default_factory=dict)
    habits: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def rule_of(self, rows: np.ndarray) -> list[str | None]:
        """The first `must` rule that each of the rows (positions) breaks; None where it breaks none."""
        return self._said_of(rows)["rule"].to_list()

    def evidence_of(self, rows: np.ndarray) -> list[str | None]:
        """How each of the rows (positions) breaks that rule, in a sentence; None where it breaks none."""
        return self._said_of(rows)["evidence"].to_list()

    def _said_of(self, rows: np.ndarray) -> pl.DataFrame:
        asked = pl.DataFrame({"index": pl.Series(rows, dtype=pl.UInt32)})
        return asked.join(self.first, on="index", how="left", maintain_order="left")


def check_rows(
    pairs: pl.DataFrame,
    style: StyleSchema | None,
    *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
) -> Checked:
    """What the quality checks and the style schema, where there is one, say about each output.

    Evidence never repeats personal data, masked or not. `count_tokens` is for lengths in tokens.
    """
    return judge([examine(pairs, style, count_tokens)], pairs)


def judge(parts: Sequence[Examined], names: pl.DataFrame) -> Checked:
    """What the parts of the pairs, examined one by one, say about each row when all are seen together.

    `names` has the columns `row` and `id` of all rows, in the order of the parts. How the pairs were cut into parts
    decides nothing.
    """
    if not len(names):
        return Checked(np.zeros(0, np.int16), np.zeros(0, np.int16), pl.DataFrame(schema=_FIRST_SCHEMA), {})
    whole = merge_examined(parts)
    n = len(names)
    quality = judge_quality(whole.rows, whole.told)
    return Checked(
        _broken(whole, quality, "must"),
        _broken(whole, quality, "should"),
        _first_said(whole.told, quality.habits),
        {check: {"fail": fail, "share": fail / n} for check, fail in whole.fails.items()},
        quality=quality.summary(names),
        unscored=_unscored(whole),
        habits=quality.habits,
        missing=tuple(not_given(whole.asked, list(whole.given))),
    )


def _broken(whole: Examined, quality: Quality, level: Level) -> np.ndarray:
    """How many rules of this level each row breaks."""
    counts = [whole.rows[level], *quality.hits.select(pl.col(quality.rules(level)).cast(pl.Int16))]
    return pl.DataFrame(counts).select(pl.sum_horizontal(pl.all())).to_series().to_numpy()


def _first_said(told: pl.DataFrame, habits: Sequence[str]) -> pl.DataFrame:
    """The first `must` rule that applies, of each row that breaks one."""
    applied = [rule for rule, level in FAULTS.items() if level == "must" and rule not in habits]
    said = told.filter(pl.col("rule").is_in(applied) | pl.col("rule").str.starts_with("style:"))
    return said.unique("index", keep="first", maintain_order=True).select("index", "rule", "evidence")


def _unscored(whole: Examined) -> dict[str, dict[str, Any]]:
    """Rows and the most frequent reason, of equals the one that comes first, of each check that could not tell."""
    told = {}
    for check in whole.fails:
        own = whole.unscored.filter(pl.col("check") == check)
        if len(own):
            often = own.sort("rows", descending=True, maintain_order=True)["why"][0]
            told[check] = {"rows": int(own["rows"].sum()), "why": mask_text(often)}
    return told
