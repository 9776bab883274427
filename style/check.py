"""A table of outputs against a style schema."""

from collections.abc import Callable, Sequence

import polars as pl

from .columns import Columns
from .findings import FAULT_SCHEMA
from .kinds import KINDS
from .schema import UNSCORED_SCHEMA, Check, StyleResults, StyleSchema

__all__ = ["check_columns", "check_outputs", "explain", "pair_columns"]

Counter = Callable[[Sequence[str]], Sequence[int]]


def check_outputs(pairs: pl.DataFrame, style: StyleSchema, *, count_tokens: Counter | None = None) -> StyleResults:
    """The result of each check for each row of `pairs`: columns `output`, `input` and `fields` (JSON text or null).

    A missing output counts as an empty one. A table without rows gives tables without rows. `count_tokens` is for
    lengths in tokens, which are unscored without it.
    """
    return check_columns(pair_columns(pairs, count_tokens=count_tokens), style)


def pair_columns(pairs: pl.DataFrame, *, count_tokens: Counter | None = None) -> Columns:
    """A table of pairs as checks see it."""
    fields = pairs["fields"] if "fields" in pairs.columns else pl.Series("fields", [None] * len(pairs), dtype=pl.String)
    return Columns(
        pairs["output"].fill_null(""), pairs["input"].fill_null(""), fields.cast(pl.String), count_tokens=count_tokens
    )


def check_columns(columns: Columns, style: StyleSchema) -> StyleResults:
    """The result of each check for each row of `columns`."""
    statuses, violations, unscored = {}, [_no_violations()], [pl.DataFrame(schema=UNSCORED_SCHEMA)]
    if not len(columns.output):
        empty = pl.DataFrame({c.id: [] for c in style.checks}, schema={c.id: pl.String for c in style.checks})
        return StyleResults(style, empty, _no_violations().drop("order"))
    for order, check in enumerate(style.checks):
        status, found, reasons = _run(check, columns)
        statuses[check.id] = status
        violations.append(found.select("index", pl.lit(order).alias("order"), pl.lit(check.id).alias("check"), *_REST))
        unscored.append(reasons.select("index", pl.lit(check.id).alias("check"), "why"))
    table = pl.concat(violations).sort("index", "order", maintain_order=True)
    return StyleResults(style, pl.DataFrame(statuses), table.drop("order"), pl.concat(unscored))


_REST = [name for name in FAULT_SCHEMA if name != "index"]


def _run(check: Check, columns: Columns) -> tuple[pl.Series, pl.DataFrame, pl.DataFrame]:
    """The status column of one check, its violations, and the reasons (index, why) where it could not tell."""
    findings = KINDS[check.kind].find(check, columns)
    frame = pl.DataFrame({"applies": columns.applies(check.when)}).with_row_index()
    if findings.applicable is not None:
        frame = frame.with_columns(applies=pl.col("applies") & findings.applicable)
    frame = frame.with_columns(why=pl.lit(None, pl.String) if findings.unscored is None else findings.unscored)
    violations = findings.violations.join(frame.filter("applies"), on="index", how="semi", maintain_order="left")
    status = frame.select(
        pl.when(~pl.col("applies")).then(pl.lit("not applicable"))
        .when(pl.col("index").is_in(violations["index"].unique().implode())).then(pl.lit("fail"))
        .when(pl.col("why").is_not_null()).then(pl.lit("unscored"))
        .otherwise(pl.lit("pass")).alias(check.id)
    )  # fmt: skip
    reasons = frame.filter(status[check.id] == "unscored").select("index", "why")
    return status[check.id], violations, reasons


def _no_violations() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"index": pl.UInt32, "order": pl.Int32, "check": pl.String, **{k: FAULT_SCHEMA[k] for k in _REST}}
    )


def explain(check: Check, found: str | None, expected: str) -> str:
    """One violation in a sentence: which rule, what was found, what was expected."""
    return KINDS[check.kind].explain(check, found, expected)
