"""Runs the checks of a style schema on a table of outputs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import polars as pl

from ..core import nearest
from .collection import collection_paused
from .fields import given_fields
from .kinds import KINDS
from .schema import (
    FAULT_SCHEMA,
    PATTERN_SLOT,
    UNSCORED_SCHEMA,
    Check,
    Columns,
    Findings,
    StyleResults,
    StyleSchema,
    field_names,
)
from .scope import missing_scopes, scoped
from .wordings import frequent_values

__all__ = [
    "check_columns",
    "check_outputs",
    "explain",
    "find_violations",
    "good_example",
    "missing_fields",
    "named_fields",
    "open_fields",
    "pair_columns",
    "unknown_fields",
    "with_row_values",
]


Counter = Callable[[Sequence[str]], Sequence[int]]


def check_outputs(pairs: pl.DataFrame, style: StyleSchema, *, count_tokens: Counter | None = None) -> StyleResults:
    """The result of each check for each row of `pairs`: columns `output`, `input` and `fields` (JSON text or null).

    A missing output counts as an empty one. A table without rows gives tables without rows. `count_tokens` is for
    lengths in tokens, which are unscored without it.
    """
    return check_columns(pair_columns(pairs, count_tokens=count_tokens), style)


def pair_columns(pairs: pl.DataFrame, *, count_tokens: Counter | None = None) -> Columns:
    """A table of pairs as the checks read it."""
    fields = pairs["fields"] if "fields" in pairs.columns else pl.Series("fields", [None] * len(pairs), dtype=pl.String)
    return Columns(
        pairs["output"].fill_null(""), pairs["input"].fill_null(""), fields.cast(pl.String), count_tokens=count_tokens
    )


@collection_paused()
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


def find_violations(check: Check, columns: Columns) -> Findings:
    """What a check finds in a column, in the pieces that it is limited to; its condition (`when`) is not applied."""
    return scoped(KINDS[check.kind].look, check, columns)


def _run(check: Check, columns: Columns) -> tuple[pl.Series, pl.DataFrame, pl.DataFrame]:
    """The status column of one check, its violations, and the reasons (index, why) for its unscored rows."""
    findings = find_violations(check, columns)
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


def open_fields(style: StyleSchema) -> list[str]:
    """The fields whose values a check looks for without stating them: those of the rows that are checked count."""
    checks = [check for check in style.checks if check.kind == "contradicts" and not check.parameters.values]
    return list(dict.fromkeys(check.parameters.field for check in checks))


def with_row_values(style: StyleSchema, columns: Columns) -> StyleSchema:
    """The style with the values of these rows stated, so that parts of them are checked like the whole."""
    if not open_fields(style):
        return style
    checks = list(style.checks)
    for at, check in enumerate(checks):
        if check.kind == "contradicts" and not check.parameters.values:
            values = tuple(frequent_values(columns.field_items(check.parameters.field)["item"]))
            checks[at] = replace(check, parameters=replace(check.parameters, values=values))
    return replace(style, checks=tuple(checks))


def explain(check: Check, found: str | None, expected: str) -> str:
    """One violation in a sentence: which rule, what was found, what was expected."""
    return KINDS[check.kind].explain(check, found, expected)


def named_fields(check: Check) -> list[str]:
    """The fields that a check names: in `when`, in `field` or `fields`, as `{field}` in its texts."""
    p = check.parameters
    texts = getattr(p, "any", ())
    named = [*getattr(p, "fields", ()), *filter(None, [getattr(p, "field", None)])]
    named += PATTERN_SLOT.findall(p.regex) if check.kind == "pattern" else []
    return list(dict.fromkeys([*(check.when or {}), *named, *(n for t in texts for n in field_names(t))]))


def missing_fields(style: StyleSchema, columns: Columns) -> Iterator[str]:
    """A sentence for each field that a check needs and no row has: without it a misspelt field would pass every row.

    Likewise for the fields of wordings, and for the pieces (`each`, `part`) that no output has.
    """
    needed = [(check.id, name) for check in style.checks for name in named_fields(check)]
    if len(columns.output):
        given = given_fields(columns)
        yield from unknown_fields(needed, given)
        for name in style.wordings:
            if name not in given:
                yield f'"wordings" lists values of the field "{name}", which no row has; {_hint(name, given)}'
        yield from missing_scopes(style, columns)


def unknown_fields(needed: Iterable[tuple[str, str]], given: list[str]) -> Iterator[str]:
    """A sentence for each needed field (check id, name) that is not among the `given` names."""
    for check, name in needed:
        if name not in given:
            yield f'rule "{check}" needs the field "{name}", which no row has; {_hint(name, given)}'


def _hint(name: str, given: list[str]) -> str:
    return nearest(name, given) if given else "the inputs are plain text without fields"


def good_example(pairs: pl.DataFrame, style: StyleSchema) -> tuple[str, str] | None:
    """Input and output of the pair that breaks no rule, shows as many as possible, and has the median length.

    The order of the rows does not matter. None if every pair breaks a rule.
    """
    status = check_outputs(pairs, style).status
    names = status.columns
    table = pairs.select("input", "output").with_columns(
        good=status.select(g=pl.all_horizontal(pl.col(names).is_in(["pass", "not applicable"])))["g"]
        if names
        else True,
        shows=status.select(n=pl.sum_horizontal(pl.col(names) == "pass"))["n"] if names else 0,
    )
    good = table.filter("good").filter(pl.col("shows") == pl.col("shows").max())
    if not len(good):
        return None
    ranked = good.sort(pl.col("output").str.len_chars(), "output", "input")
    return ranked.select("input", "output").row((len(ranked) - 1) // 2)
