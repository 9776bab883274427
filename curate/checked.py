"""The outputs of all rows against the style schema, as what curating needs of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..style.check import check_outputs, explain
from ..style.schema import StyleSchema

__all__ = ["Checked", "check_rows"]


@dataclass(frozen=True)
class Checked:
    """must, should: how many checks of that level each row fails. checks: id -> fail (rows) and share.

    rule, evidence: the first `must` check that a row fails, and the violation in a sentence; None where it fails none.
    """

    must: np.ndarray
    should: np.ndarray
    rule: list[str | None]
    evidence: list[str | None]
    checks: dict[str, dict[str, Any]]


def check_rows(pairs: pl.DataFrame, style: StyleSchema | None) -> Checked:
    """What the style schema says about each output; nothing where there is no schema."""
    n = len(pairs)
    if style is None or not n or not style.checks:
        none = np.zeros(n, np.int64)
        return Checked(none, none, [None] * n, [None] * n, {})
    results = check_outputs(pairs, style)
    failed = results.status.select((pl.all() == "fail").fill_null(False))
    levels = {level: [c.id for c in style.checks if c.level == level] for level in ("must", "should")}
    must, should = (_count(failed, levels[level], n) for level in ("must", "should"))
    rule: list[str | None] = [None] * n
    evidence: list[str | None] = [None] * n
    by_id = {c.id: c for c in style.checks}
    required = results.violations.filter(pl.col("check").is_in(levels["must"]))
    for index, check, found, expected in (
        required.unique("index", keep="first", maintain_order=True)
        .select("index", "check", "found", "expected")
        .iter_rows()
    ):
        rule[index], evidence[index] = f"style:{check}", explain(by_id[check], found, expected)
    for check in reversed(levels["must"]):  # a failure without a recorded place still has its rule
        for index in np.flatnonzero(failed[check].to_numpy()):
            if rule[index] is None:
                rule[index], evidence[index] = f"style:{check}", f"{check}: the output breaks this rule"
    checks = {c.id: _share(int(failed[c.id].sum()), n) for c in style.checks}
    return Checked(must, should, rule, evidence, checks)


def _count(failed: pl.DataFrame, checks: list[str], n: int) -> np.ndarray:
    return failed.select(checks).to_numpy().sum(axis=1).astype(np.int64) if checks else np.zeros(n, np.int64)


def _share(fail: int, n: int) -> dict[str, Any]:
    return {"fail": fail, "share": fail / n}
