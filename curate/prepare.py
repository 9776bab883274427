"""The first half of curation: reads what each part holds, masks, measures and relates rows; texts stay in storage."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from ..core import Clock, ConfigError, Fix
from ..style import StyleSchema, open_fields, pair_columns, with_row_values
from .check import (
    DETECTION_ROWS,
    Checked,
    Findings,
    examine,
    find_places,
    group_masks,
    identifier_like,
    is_label,
    judge,
    mask_groups,
    mask_outside,
    mask_part,
    mask_text,
    merge_personal,
    personal_note,
)
from .decisions import Decided, decide, without_failures
from .jobs.tasks import Result, Table, Task, Work
from .match import Corpus
from .overrides import Override
from .read import (
    RawPairs,
    ReadParts,
    compared_inputs,
    compared_outputs,
    content_hash,
    moved_rows,
    named_once,
    pair_contents,
    pair_dates,
    renamed,
    without_guide,
)
from .settings import CurateSettings
from .split import (
    find_values,
    names_found,
    no_such_identifiers,
    no_such_value,
)

__all__ = ["CountTokens", "CurateRequest", "Prepared", "assemble", "check_names", "measure", "prepare"]

CountTokens = Callable[[Sequence[str]], Sequence[int]]


@dataclass(frozen=True)
class CurateRequest:
    """What to do with the pairs: the arguments of `curate`. count_tokens makes the token counter, if one is needed."""

    style: StyleSchema | None
    settings: CurateSettings
    identifiers: Collection[str] = ()
    date: str | None = None
    overrides: Sequence[Override] = ()
    count_tokens: Callable[[], CountTokens | None] | None = None

    def token_counter(self) -> CountTokens | None:
        """The token counter, if one is needed."""
        return None if self.count_tokens is None else self.count_tokens()

    @property
    def columns(self) -> dict[str, str]:
        """The columns or fields that the split uses."""
        named = {"stratum": self.settings.stratify, "date": self.date}
        return {name: column for name, column in named.items() if column is not None}


@dataclass(frozen=True)
class Prepared:
    """raw: the remaining pairs, with rows dropped by decision among the rejected. personal: entry for the summary.
    style: with the values that the rows have, for checks that look for those.

    stratum, dates: one entry per pair; dates are None unless the split is by time. notes: sentences. identifier_like:
    fields that look like identifiers. checked: the faults of each output.
    """

    raw: RawPairs
    personal: dict[str, Any]
    style: StyleSchema | None
    decided: Decided
    corpus: Corpus
    checked: Checked
    stratum: pl.Series
    dates: np.ndarray | None
    notes: list[str]
    identifier_like: list[str]

    @property
    def ids(self) -> pl.Series:
        """The id of each pair."""
        return self.raw.pairs["id"]


def prepare(job: Work, read: ReadParts, request: CurateRequest, *, buckets: int, clock: Clock) -> Prepared:
    """Mask pairs, apply drop decisions, normalise the rest, and check it: first each part, then all of them.

    Texts are exchanged in this many `buckets`.

    Raises:
        ConfigError: no pair has an identifier, the stratification field or the date, or two settings conflict.
    """
    if request.date is not None and request.settings.stratify is not None:
        raise ConfigError("[data] date and [curate] stratify cannot be combined; remove one of them")
    # First, so that no value reaches a hash, a message or a file; decisions name masked ids.
    masked, personal = _masked(job, read, clock) if request.settings.mask else (read, None)
    raw, decided = decide(masked.raw, request.overrides, lambda: _contents(job, masked.tables, request.identifiers))
    style = _with_row_values(job, masked.tables, request.style)
    notes = job.run(_measured(masked, raw, decided.texts, read, replace(request, style=style), buckets))
    job.forget("read", "read again", "mask", "content")
    clock.divide([note["seconds"] for note in notes])
    pairs = [Table("measure", part, "pairs") for part in range(len(notes))]
    check_names(job, pairs, notes, request)
    decided = replace(decided, edited={row: (before, after) for note in notes for row, before, after in note["edited"]})
    found = personal if personal is not None else [note["personal"] for note in notes]
    like = identifier_like(_first(job, pairs, ["fields"])) if pairs else []
    findings = [_findings(job, part, note) for part, note in enumerate(notes)]
    numbers = [job.read([replace(table, name="numbers")]) for table in pairs]
    corpus = Corpus.of(job, numbers, identifiers=request.identifiers, buckets=buckets)
    return assemble(
        raw, decided, corpus, numbers, findings, replace(request, style=style),
        personal=merge_personal(found, masked=request.settings.mask), identifier_like=like, clock=clock,
    )  # fmt: skip


def assemble(
    raw: RawPairs,
    decided: Decided,
    corpus: Corpus,
    numbers: Sequence[pl.DataFrame],
    findings: Sequence[Findings],
    request: CurateRequest,
    *,
    personal: dict[str, Any],
    identifier_like: list[str],
    clock: Clock,
) -> Prepared:
    """What the measured pairs say together, of which `raw` has no more those dropped by decision.

    Raises:
        ConfigError, DataError: the values of the date cannot be read.
    """
    values = pl.concat([part.select(pl.col("^value .*$")) for part in numbers])
    none = pl.repeat(None, len(corpus.pairs), dtype=pl.String, eager=True)
    stratum = values["value stratum"] if request.settings.stratify else none
    dates, notes = pair_dates(values["value date"].to_list(), request.date) if request.date else (None, [])
    clock.lap("normalise")
    checked = without_failures(judge(findings, corpus.pairs), decided)
    clock.lap("check")
    return Prepared(
        raw, personal, request.style, decided, corpus, checked, stratum, dates, notes, identifier_like
    )  # fmt: skip


# --- what tasks do ------------------------------------------------------------------------------------------------


def mask_texts(pairs: pl.DataFrame, *, offset: int, guide: str | None, ids: Mapping[int, str]) -> Result:
    """The pairs with personal data masked, and the findings; groups are masked once all are known."""
    pairs = _numbered_pairs(pairs, offset, guide, ids)
    places = find_places(pairs)
    return Result({"pairs": mask_part(pairs, places)}, personal_note(places))


def hash_contents(pairs: pl.DataFrame, *, identifiers: Collection[str]) -> Result:
    """The hashes by which decisions may name each pair, a column per form."""
    forms = content_forms(pairs, identifiers)
    return Result({"contents": pl.DataFrame(forms, schema=dict.fromkeys(forms, pl.String))})


def content_forms(pairs: pl.DataFrame, identifiers: Collection[str]) -> dict[str, list[str]]:
    """The contents of the pairs, with these identifiers and as they were before any were stated."""
    forms = {"content": pair_contents(pairs, identifiers)}
    return {**forms, "plain": pair_contents(pairs, ())} if identifiers else forms


def measure(
    pairs: pl.DataFrame,
    *,
    offset: int,
    guide: str | None,
    ids: Mapping[int, str],
    groups: Mapping[str, str],
    drop: Sequence[int],
    texts: Mapping[int, str],
    identifiers: Collection[str],
    style: StyleSchema | None,
    count_tokens: Callable[[], CountTokens | None] | None,
    columns: Mapping[str, str],
    buckets: int,
    find_personal: bool,
    fix: Fix,
) -> Result:
    """The measurements of each pair that decisions need, and the remaining pairs.

    `offset` is added to the row numbers. `ids` are new ids by position; `groups` maps groups to their masks; `drop`
    holds the positions dropped by decision, `texts` the outputs that people gave, by row number. `columns` names values to
    extract: name -> column or field. Tables: pairs, dropped, numbers (a row per pair), inputs and outputs (key, text,
    bucket: each text once, outputs also as repaired), and those of `Findings`.
    """
    clock = Clock({})
    pairs = _numbered_pairs(pairs, offset, guide, ids)
    note: dict[str, Any] = {"personal": personal_note(find_places(pairs))} if find_personal else {}
    clock.lap("personal data")
    pairs, dropped = _parted(mask_groups(pairs, groups), drop)
    pairs = _with_texts(pairs, texts)
    findings = examine(pairs, style, None if count_tokens is None else count_tokens(), fix=fix)
    clock.lap("check")
    content = pair_contents(pairs, identifiers)
    inputs, outputs = compared_inputs(pairs, identifiers), compared_outputs(pairs)
    repaired = _keyed(compared_outputs(findings.repairs), buckets)
    keyed = {"inputs": _keyed(inputs, buckets), "outputs": _keyed(outputs, buckets)}
    keys = pl.repeat(None, len(pairs), dtype=pl.String, eager=True).scatter(findings.repairs["index"], repaired["key"])
    taken = {name: find_values(pairs, column) for name, column in columns.items()}
    numbers = pairs.select("row", "id", "group", "split").with_columns(
        pl.Series("content", content, dtype=pl.String),
        keyed["inputs"]["key"].alias("input"),
        keyed["outputs"]["key"].alias("output"),
        keys.alias("repaired"),
        pairs["output"].str.len_chars().alias("length"),
        pl.Series("long", [not is_label(text) for text in outputs], dtype=pl.Boolean),
        *(pl.Series(f"value {name}", values, dtype=pl.String) for name, (values, _) in taken.items()),
    )
    note["edited"] = pairs.filter(pl.col("written").is_not_null()).select("row", "written", "output").rows()
    note |= {"found": {name: found for name, (_, found) in taken.items()}, "fields": names_found(pairs, identifiers)}
    tables = {"pairs": pairs, "dropped": dropped, "numbers": numbers}
    keyed["outputs"] = pl.concat([keyed["outputs"], repaired])
    tables |= {name: table.unique("key", keep="first", maintain_order=True) for name, table in keyed.items()}
    clock.lap("normalise")
    tables |= {f"findings {name}": table for name, table in findings.tables().items()}
    return Result(tables, note | {"findings": findings.note(), "seconds": clock.seconds})


def _numbered_pairs(pairs: pl.DataFrame, offset: int, guide: str | None, ids: Mapping[int, str]) -> pl.DataFrame:
    """The pairs of a part with their final row numbers and ids, without the guide."""
    pairs = moved_rows(without_guide(pairs, guide), offset)
    return pairs.with_columns(pairs["id"].clone().scatter(list(ids), list(ids.values()))) if ids else pairs


def _parted(pairs: pl.DataFrame, drop: Sequence[int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The remaining pairs, and those at the positions to drop."""
    if not drop:
        return pairs, pairs.clear()
    dropped = pl.int_range(len(pairs), eager=True).is_in(pl.Series(drop, dtype=pl.Int64).implode())
    return pairs.filter(~dropped), pairs.filter(dropped)


def _with_texts(pairs: pl.DataFrame, texts: Mapping[int, str]) -> pl.DataFrame:
    """The pairs with the outputs that people gave; `written` is then the output as it was read, else null."""
    given = (
        pl.col("row").replace_strict(texts, default=None, return_dtype=pl.String) if texts else pl.lit(None, pl.String)
    )
    edited = given.is_not_null()
    return pairs.with_columns(
        output=pl.coalesce(given, "output"), written=pl.when(edited).then("output").otherwise(None)
    )


def _keyed(texts: Sequence[str], buckets: int) -> pl.DataFrame:
    """Each text with its hash, which identifies it in all parts, and the bucket of that hash."""
    keys = [content_hash(text) for text in texts]
    table = pl.DataFrame({"key": keys, "text": texts}, schema={"key": pl.String, "text": pl.String})
    bucket = pl.col("key").str.slice(0, 8).str.to_integer(base=16, dtype=pl.UInt32) % buckets
    return table.with_columns(bucket=bucket)


# --- over all parts -----------------------------------------------------------------------------------------------


def _masked(job: Work, read: ReadParts, clock: Clock) -> tuple[ReadParts, list[Any]]:
    """The parts with masks and unique ids, and the findings in each part."""
    parts = enumerate(zip(read.tables, read.offsets, read.ids, strict=True))
    notes = job.run(
        [
            Task("mask", n, mask_texts, {"pairs": [table]}, parameters={"offset": by, "guide": read.guide, "ids": ids})
            for n, (table, by, ids) in parts
        ]
    )
    tables = [Table("mask", n, "pairs") for n in range(len(notes))]
    after = pl.concat([job.read([table], columns=["id"])["id"] for table in tables])
    pairs = read.raw.pairs
    masks = group_masks(pairs["group"])
    named, _ = named_once(pairs.with_columns(after.alias("id"), pairs["group"].replace(masks)))
    raw = mask_outside(replace(read.raw, pairs=named))
    clock.lap("personal data")
    ids = renamed(after, named["id"], read.sizes)
    return ReadParts(raw, tables, [0] * len(tables), read.sizes, ids, None), notes


def _contents(job: Work, tables: Sequence[Table], identifiers: Collection[str]) -> list[list[str]]:
    """The `content_forms` of all pairs."""
    known = {"identifiers": identifiers}
    job.run([Task("content", n, hash_contents, {"pairs": [table]}, parameters=known) for n, table in enumerate(tables)])
    return [form.to_list() for form in job.read([Table("content", n, "contents") for n in range(len(tables))])]


def _measured(
    masked: ReadParts, raw: RawPairs, texts: Mapping[int, str], read: ReadParts, request: CurateRequest, buckets: int
) -> list[Task]:
    """The tasks that measure each part. `raw` no longer has the rows dropped by decision; `texts` are outputs by row."""
    remaining = masked.raw.pairs["row"].is_in(raw.pairs["row"].implode())
    groups = group_masks(read.raw.pairs["group"]) if request.settings.mask else {}
    texts = {row: mask_text(text) if request.settings.mask else text for row, text in texts.items()}
    common = {
        "guide": masked.guide, "groups": groups, "identifiers": request.identifiers, "style": request.style,
        "count_tokens": request.count_tokens, "columns": request.columns, "buckets": buckets,
        "find_personal": not request.settings.mask, "fix": request.settings.fix,
    }  # fmt: skip
    tasks, start = [], 0
    for n, (table, offset, size, ids) in enumerate(
        zip(masked.tables, masked.offsets, masked.sizes, masked.ids, strict=True)
    ):
        drop = (~remaining.slice(start, size)).arg_true().to_list()
        rows = set(masked.raw.pairs["row"].slice(start, size).to_list()) if texts else set()
        given = {row: text for row, text in texts.items() if row in rows}
        parameters = {**common, "offset": offset, "ids": ids, "drop": drop, "texts": given}
        tasks.append(Task("measure", n, measure, {"pairs": [table]}, parameters=parameters))
        start += size
    return tasks


def _with_row_values(job: Work, tables: Sequence[Table], style: StyleSchema | None) -> StyleSchema | None:
    """The style with the values that all parts have, for the checks that look for those of the rows."""
    if style is None or not open_fields(style):
        return style
    fields = pl.concat([job.read([table], columns=["fields"]) for table in tables])
    return with_row_values(style, pair_columns(fields.with_columns(output=pl.lit(""), input=pl.lit(""))))


def check_names(job: Work, pairs: Sequence[Table], notes: Sequence[Any], request: CurateRequest) -> None:
    """Raise for names in the settings that no pair has, with the closest name in the first rows."""
    known = {name for note in notes for name in note["fields"]}
    missing = [name for name in request.identifiers if name not in known]
    absent = [name for name in request.columns if not any(note["found"][name] for note in notes)]
    first = _first(job, pairs, ["fields", "meta"]) if missing or absent else pl.DataFrame()
    if missing and len(first):
        raise no_such_identifiers(first, missing)
    if absent and len(first):
        where = {"stratum": "[curate] stratify", "date": "[data] date"}[absent[0]]
        raise no_such_value(first, request.columns[absent[0]], where=where)


def _findings(job: Work, part: int, note: Any) -> Findings:
    columns = {"rows": None, "evidence": None, "unscored": None, "repairs": ["index", "rules", "evidence", "faults"]}
    tables = {name: job.read([Table("measure", part, f"findings {name}")], read) for name, read in columns.items()}
    return Findings.of(tables, note["findings"])


def _first(job: Work, tables: Sequence[Table], columns: Sequence[str]) -> pl.DataFrame:
    """The first parts, with as many rows as detection needs."""
    first, parts = 0, []
    for table in tables:
        parts.append(job.read([table], columns=columns))
        first += len(parts[-1])
        if first >= DETECTION_ROWS:
            break
    return pl.concat(parts)
