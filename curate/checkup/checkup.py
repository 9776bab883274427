"""The check-up of pairs: what to know before curating them, the most important first."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from ...core import DataError, say
from ...style import RecognisedTask, recognise_task
from ..gate import too_few_cases
from ..read import RawPairs
from ..settings import CurateSettings
from ..warnings import FEW_PAIRS
from .findings import (
    SEVERITIES,
    Checkup,
    Column,
    Example,
    Finding,
    Severity,
    Table,
    quoted_names,
    table_of,
    toml_list,
    typed,
)
from .mispaired import look_for_mispaired, mispaired_clean, mispaired_rows
from .propose import names_rows
from .repeats import Compared, compare, repeats
from .texts import faults, languages, lengths, long_inputs, markup, missing_facts, personal_data

_FEWEST = 20  # pairs from which columns that never vary, or that differ in every row, mean something
_SPACES = 0.1  # of the values of a column of identifiers: a name of several words describes the item
_SHOWN = 3
_EXACT = 20_000  # pairs up to which all are compared; beyond, of those at the threshold 1 in 1,000 may be missed
# What is looked for, by the first words of the keys of its findings.
_LOOKED_FOR = {
    "missing_": "facts that the inputs lack", "exact_duplicate": "duplicates", "near_duplicate": "near duplicates",
    "conflicts": "conflicts", "variants": "shared outputs", "constant_columns": "columns that never vary",
    "identifiers": "identifiers", "personal_data": "personal data", "markup_": "markup", "languages": "other languages",
    "quality_": "damaged outputs", "long_pairs": "overlong pairs", "rejected_": "unreadable rows",
}  # fmt: skip


def check_pairs(
    raw: RawPairs,
    *,
    identifiers: Collection[str] = (),
    proposed: Mapping[str, Any] | None = None,
    reason: str = "",
    mispaired: bool = True,
) -> Checkup:
    """The check-up of pairs as they were read, without a style.

    `identifiers` are fields that name the item without describing it; `proposed` are columns that were chosen because
    none was named, for this `reason`. `mispaired` says whether to look for rows whose output fits the request of another row
    better.

    Raises:
        ConfigError: no pair has one of the identifiers.
        DataError: there is no pair, or too many pairs repeat each other.
    """
    if not len(raw.pairs):
        reasons = raw.rejected["rule"].value_counts(sort=True, name="n").head(1).rows()
        why = f"; most of them: {reasons[0][0]} ({say.count(reasons[0][1])})" if reasons else ""
        found = f"there is no pair in {say.count(raw.rows_read, 'row')} ({raw.shape}){why}"
        raise DataError(f"{found}\nName the columns with --input and --output.")
    pairs = raw.pairs
    table = table_of(pairs, raw.inputs)
    method = "candidates" if len(pairs) > _EXACT else "auto"
    constant = _constant(table, n=len(pairs))
    # As the advice has it, constant columns are left out: they would make all inputs similar.
    ignored = [column.name for column in constant] if len(table.inputs) > 1 else []
    compared = compare(raw, [*identifiers, *ignored], CurateSettings(method=method))
    fitting_others = look_for_mispaired(compared) if mispaired else None
    task = recognise_task(pairs)
    found_out = task.task in ("labels", "answer")  # outputs that need not be in their inputs
    findings = [
        *_amount(pairs, compared),
        *_task(task, rows=len(pairs)),
        *(() if found_out else missing_facts(pairs, table)),
        *repeats(pairs, compared, table),
        *mispaired_rows(pairs, fitting_others),
        *personal_data(pairs, compared.pairs),
        *languages(pairs),
        *faults(compared.pairs),
        *markup(pairs),
        *_costly(pairs, table, constant),
        *_identifiers(table, compared, identifiers),
        *_id_column(table, raw),
        *long_inputs(pairs),
        *_rejected(raw),
        *_many_names(table),
        *_reading(raw),
    ]
    order = list(SEVERITIES)
    found = sorted(findings, key=lambda finding: order.index(finding.severity))
    return Checkup(
        shape=raw.shape,
        inputs=raw.inputs,
        rows_read=raw.rows_read,
        pairs=len(pairs),
        distinct_inputs=int(compared.pairs.corpus.text.max()) + 1,
        distinct_outputs=int(compared.pairs.corpus.output.max()) + 1,
        lengths=lengths(pairs),
        findings=tuple(found),
        clean=(*_clean(found, found_out=found_out), *mispaired_clean(fitting_others)),
        proposed=dict(proposed or {}),
        reason=reason,
    )


def _clean(found: list[Finding], *, found_out: bool) -> Iterator[str]:
    # Where a column differs in every row, no two rows are compared as they should be.
    hidden = ("exact_", "near_", "conflicts") if any(f.key == "identifiers" for f in found) else ()
    hidden += ("missing_",) if found_out else ()
    for key, what in _LOOKED_FOR.items():
        if not key.startswith(hidden) and not any(finding.key.startswith(key) for finding in found):
            yield what


# What one row does, and what several rows do.
_REJECTED = {
    "unreadable": ("cannot be read", "cannot be read"),
    "empty_input": ("has no input", "have no input"),
    "empty_output": ("has no output", "have no output"),
    "tool_call": ("calls tools", "call tools"),
    "bad_example": ("is marked as a bad example", "are marked as bad examples"),
}


def _rejected(raw: RawPairs) -> Iterator[Finding]:
    """The records that are no pairs, by reason."""
    for rule, rows in raw.rejected["rule"].value_counts(name="n").sort("n", "rule", descending=[True, False]).rows():
        share = rows / raw.rows_read
        shown = raw.rejected.filter(pl.col("rule") == rule).head(_SHOWN)
        examples = [Example(row, id or "", None, why) for row, id, why in shown.select("row", "id", "evidence").rows()]
        empty = rule.startswith("empty_")  # an empty text shows nothing
        verb = _REJECTED.get(rule, (rule, rule))[rows > 1]
        # Rows without an output are usual in exports and may be what is to be written; damaged ones never are.
        severe: Severity = "high" if rule == "unreadable" else "low" if rule == "bad_example" else "medium"
        yield Finding(
            f"rejected_{rule}", severe if share >= 0.02 else "low",
            f"{say.count(rows, 'row')} ({say.percent(share)}) {verb}.",
            rows, share, "Such rows are left out, with their reason in the ledger.", examples=() if empty else tuple(examples),
        )  # fmt: skip


def _constant(table: Table, *, n: int) -> list[Column]:
    """Fields of the input with one value in every row."""
    return [c for c in table.given if c.distinct == 1 and c.filled == n] if n >= _FEWEST else []


def _costly(pairs: pl.DataFrame, table: Table, constant: Sequence[Column]) -> Iterator[Finding]:
    """Constant fields cost tokens and tell nothing."""
    n = len(pairs)
    if not constant:
        return
    names = [column.name for column in constant]
    spent = sum(len(column.name) + len(column.texts[0]) + 3 for column in constant) * n  # with ": " and the line end
    share = min(1.0, spent / max(1, int(pairs["input"].str.len_chars().sum()) + n))
    several = len(names) > 1
    listed = len(table.inputs) > 1
    yield Finding(
        "constant_columns", "medium" if share >= 0.1 else "low",
        f"{say.count(len(names), 'input column')} {'have' if several else 'has'} one value in every row "
        f"({say.percent(share)} of the input's characters): {quoted_names(names)}.",
        n, 1.0, "Leave them out: they cost tokens and tell the model nothing." if several else
        "Leave it out: it costs tokens and tells the model nothing.",
        option="--leave-out-constant" if listed else None, setting="[data] leave_out_constant = true" if listed else None,
        values={"columns": names, "characters_share": share},
    )  # fmt: skip


def _identifiers(table: Table, compared: Compared, stated: Collection[str]) -> Iterator[Finding]:
    """Fields that differ in every row and are no names of several words: they hide duplicates."""
    texts = {column.name: column.texts for column in table.given}
    like = [
        name
        for name in compared.pairs.identifier_like
        if name not in stated and texts[name].str.contains(r"\S\s+\S").mean() <= _SPACES  # type: ignore[operator]
    ]
    if like:
        several = len(like) > 1
        yield Finding(
            "identifiers", "medium",
            f"Input column{'s' * several} {quoted_names(like)} differ{'s' * (not several)} in every row: "
            f"no two rows can be duplicates.",
            len(table.columns[0].texts), 1.0,
            f"If {'they only name' if several else 'it only names'} the item, say so.",
            option=" ".join(typed("--identifier", name) for name in like),
            setting=f"[data] identifiers = {toml_list(like)}", values={"columns": like},
        )  # fmt: skip


def _id_column(table: Table, raw: RawPairs) -> Iterator[Finding]:
    """A column beside the input that names each row, where ids are hashes of the texts."""
    beside = [column for column in table.columns if not column.given] if raw.id_column is None else []
    name = next((column.name for column in beside if names_rows(column.name, column.texts.to_list(), ())), None)
    if name is not None:
        yield Finding(
            "id_column", "medium", f'Column "{name}" has another value in each row: it can be the id.',
            len(raw.pairs), 1.0,
            "State it, so that decisions, splits and collected outputs still find a row after its text has changed.",
            option=typed("--id", name), setting=f"[data] id = {toml_list([name])[1:-1]}", values={"column": name},
        )  # fmt: skip


def _amount(pairs: pl.DataFrame, compared: Compared) -> Iterator[Finding]:
    n = len(pairs)
    kept = int(compared.outcomes.kept.sum())
    tested = round(CurateSettings().split.test * kept)
    if kept < FEW_PAIRS:
        clear = "" if (too_few := too_few_cases(tested)) is None else f" {too_few.verdict}"
        yield Finding(
            "few_pairs", "high" if kept < FEW_PAIRS / 4 or clear else "medium",
            f"Only {say.count(kept, 'different pair')}: a comparison rarely gives a clear result with fewer than "
            f"{FEW_PAIRS}.{clear}",
            n, 1.0, "Collect more examples.",
        )  # fmt: skip


def _task(task: RecognisedTask, *, rows: int) -> Iterator[Finding]:
    """What the outputs are, and the rule that compares them with the right answers."""
    cheaper = " A plain classifier may do the same at lower cost." if task.task == "labels" else ""
    kind = task.rule["kind"] if task.rule else None
    yield Finding(
        "task", "low", f"{task.sentence}{cheaper}", rows, 1.0,
        "`tuneworth init` and `tuneworth style infer` write the rule." if kind else "",
        setting=f"checks: [{{kind: {kind}}}]" if kind else None,
        values={"task": task.task, "outputs": task.rows, "follows": task.follows, "rule": task.rule, "notes": list(task.notes)},
    )  # fmt: skip


def _many_names(table: Table) -> Iterator[Finding]:
    """Names of their own in many rows: most of them were not looked at."""
    if table.names > len(table.columns):
        yield Finding(
            "many_columns", "medium",
            f"The rows have {say.count(table.names, 'different column')}: the {len(table.columns)} most common were looked at.",
            len(table.columns[0].texts), 1.0,
            "If the names are data, such as dates or questions, give each row its names and values in a few columns.",
            values={"columns": table.names},
        )  # fmt: skip


def _reading(raw: RawPairs) -> Iterator[Finding]:
    """What reading warned of, and the guide."""
    n = len(raw.pairs)
    for warning in raw.warnings:
        text = warning["text"].removesuffix(".")
        yield Finding(warning["code"], "low", f"{text[0].upper()}{text[1:]}.", n, 1.0, "")
    if raw.guide is not None:
        yield Finding(
            "guide", "low", f"One system message stands in nearly all rows ({say.count(len(raw.guide))} characters).", n, 1.0,
            "It is taken as your guide for the prompted variant, and is no part of the inputs.",
        )  # fmt: skip
