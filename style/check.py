"""A table of outputs against a style schema."""

import polars as pl

from .columns import Columns
from .findings import FAULT_SCHEMA
from .kinds import KINDS
from .schema import Check, StyleResults, StyleSchema

__all__ = ["check_outputs", "explain"]


def check_outputs(pairs: pl.DataFrame, style: StyleSchema) -> StyleResults:
    """The result of each check for each row of `pairs`: columns `output`, `input` and `fields` (JSON text or null).

    A missing output counts as an empty one. A table without rows gives tables without rows.
    """
    fields = pairs["fields"] if "fields" in pairs.columns else pl.Series("fields", [None] * len(pairs), dtype=pl.String)
    columns = Columns(pairs["output"].fill_null(""), pairs["input"].fill_null(""), fields.cast(pl.String))
    statuses, violations = {}, []
    for order, check in enumerate(style.checks):
        status, found = _run(check, columns)
        statuses[check.id] = status
        violations.append(found.with_columns(order=pl.lit(order), check=pl.lit(check.id)))
    if not violations or not len(pairs):
        return StyleResults(
            style,
            pl.DataFrame({c.id: [] for c in style.checks}, schema={c.id: pl.String for c in style.checks}),
            _empty(),
        )
    table = pl.concat(violations).sort("index", "order", maintain_order=True)
    return StyleResults(
        style, pl.DataFrame(statuses), table.select("index", "check", "found", "start", "end", "expected")
    )


def _run(check: Check, columns: Columns) -> tuple[pl.Series, pl.DataFrame]:
    """The status column and the violations of one check."""
    n = len(columns.output)
    findings = KINDS[check.kind].find(check, columns)
    applies = columns.applies(check.when)
    if findings.applicable is not None:
        applies &= findings.applicable
    violations = findings.violations.filter(pl.col("index").is_in(applies.arg_true().implode()))
    failed = pl.Series("failed", [False], dtype=pl.Boolean).new_from_index(0, n)
    if len(violations):
        failed = failed.scatter(violations["index"].unique(), True)
    status = pl.DataFrame({"applies": applies, "failed": failed}).select(
        pl.when(~pl.col("applies")).then(pl.lit("not applicable"))
        .when(pl.col("failed")).then(pl.lit("fail")).otherwise(pl.lit("pass")).alias(check.id)
    )  # fmt: skip
    return status[check.id], violations


def _empty() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"index": pl.UInt32, "check": pl.String, **{k: v for k, v in FAULT_SCHEMA.items() if k != "index"}}
    )


def explain(check: str, found: str | None, expected: str) -> str:
    """One violation in a sentence: which rule, what was found, what was expected."""
    return f'{check}: found "{found}", expected {expected}' if found is not None else f"{check}: expected {expected}"
