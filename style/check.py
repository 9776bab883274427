"""Runs the checks of a style schema on a table of outputs, again only where an edit of a check can change their results."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import polars as pl

from ..core import key_of, nearest
from .columns import PATTERN_SLOT, Columns, field_names, given_fields
from .kinds import KINDS
from .schema import FAULT_SCHEMA, UNSCORED_SCHEMA, Check, Findings, StyleResults, StyleSchema
from .scope import missing_scopes, scoped
from .wordings import frequent_values, start_of


@contextmanager
def collection_paused() -> Iterator[None]:
    """Python's cyclic garbage collection is paused: for work that makes no cycles. Memory is freed as always."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


Counter = Callable[[Sequence[str]], Sequence[int]]


def check_outputs(pairs: pl.DataFrame, style: StyleSchema, *, count_tokens: Counter | None = None) -> StyleResults:
    """The result of each check for each row of `pairs`: columns `output`, `input` and `fields` (JSON text or null).

    A missing output counts as an empty one. A table without rows gives tables without rows. `count_tokens` is for
    lengths in tokens, which are unscored without it.
    """
    return check_columns(pair_columns(pairs, count_tokens=count_tokens), style)


def pair_columns(pairs: pl.DataFrame, *, count_tokens: Counter | None = None) -> Columns:
    """A table of pairs as the checks read it; a column `references` holds lists of right answers."""
    fields = pairs["fields"] if "fields" in pairs.columns else pl.Series("fields", [None] * len(pairs), dtype=pl.String)
    references = pairs["references"].fill_null([]).to_list() if "references" in pairs.columns else None
    return Columns(
        pairs["output"].fill_null(""), pairs["input"].fill_null(""), fields.cast(pl.String), count_tokens, references
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
    return f"{check.id}: {KINDS[check.kind].explain(check, found, expected)}"


def named_fields(check: Check) -> list[str]:
    """The fields that a check names: in `when`, in `field` or `fields`, as `{field}` in its texts."""
    p = check.parameters
    texts = getattr(p, "any", ())
    fields = () if check.about == "correctness" else getattr(p, "fields", ())  # those are the output's
    named = [*fields, *filter(None, [getattr(p, "field", None)])]
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


Lists = dict[tuple[str, str], tuple[Any, ...]]  # by the name of a parameter, and the key where it is a table of lists


def touched_rows(before: Check, after: Check, failed: pl.Series, columns: Columns) -> pl.Series | None:
    """The rows (true or false for each) whose results may differ between two forms of a check; None: all of them may.

    `failed` says for which rows the form of before fails or could not be scored. A text more in a list of exceptions can
    change these alone; a text more that says a value, only rows with its first word.
    """
    old, new = _lists(before), _lists(after)
    longer = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    added = {key: new.get(key, ())[len(old.get(key, ())) :] for key in longer}
    if (
        not added
        or _rest(before) != _rest(after)
        or any((*old.get(key, ()), *added[key]) != new.get(key) for key in added)
    ):
        return None
    kind, names = KINDS[after.kind], {name for name, _ in added}
    if names <= kind.loosens:
        return failed
    # The first text of a value is more than a text: until then the value was compared in another way.
    starts = {start_of(text) for texts in added.values() for text in texts}
    if names <= kind.looked_for and all(old.get(key) for key in added) and all(starts):
        return columns.once(("touched", *sorted(starts)), lambda: _with_any(columns, starts))
    return None


def _lists(check: Check) -> Lists:
    """The lists of a check, those of wordings among them."""
    found: Lists = {
        ("wordings", f"{name}\0{value}"): tuple(texts)
        for name, values in check.wordings.items()
        for value, texts in values.items()
    }
    for parameter in fields(check.parameters):
        value, name = getattr(check.parameters, parameter.name), key_of(parameter)
        tables = value if isinstance(value, dict) else {"": value} if isinstance(value, tuple) else {}
        found |= {
            (name, str(key)): tuple(texts) if isinstance(texts, tuple) else (texts,) for key, texts in tables.items()
        }
    return found


def _rest(check: Check) -> tuple[Any, ...]:
    """What else decides the results of a check."""
    values = {parameter.name: getattr(check.parameters, parameter.name) for parameter in fields(check.parameters)}
    single = {name: value for name, value in values.items() if not isinstance(value, dict | tuple)}
    return check.kind, single, check.when, check.ignore_case, check.each, check.part


def _with_any(columns: Columns, starts: set[str]) -> pl.Series:
    """Whether the output or the request of each row has one of these beginnings of words, in any case."""
    pattern = f"(?i){'|'.join(sorted(pl.Series(list(starts)).str.escape_regex()))}"
    folded = "|".join(sorted(pl.Series([start.casefold() for start in starts]).str.escape_regex()))
    given = pl.DataFrame(
        {"output": columns.output, "input": columns.input, "fields": columns.fields_json.fill_null("")}
    )
    texts = given.select(text=pl.concat_str(pl.all(), separator="\n"))["text"]
    casefolded = pl.Series([text.casefold() for text in texts], dtype=pl.String)  # as values are compared: ß is ss
    return texts.str.contains(pattern) | casefolded.str.contains(folded)
