"""The first step of curation: masks and checks the pairs, each part by itself, then all of them together."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Protocol

import numpy as np
import polars as pl

from ..core import Clock, ConfigError, nearest
from ..style import StyleSchema, all_fields, open_fields, pair_columns, with_row_values
from .check import DETECTION_ROWS, Checked, group_masks, identifier_like, judge, mask_outside, mask_text, merge_personal
from .decisions import Decided, decide, without_failures
from .each import Each, Kept, in_turn
from .match import Corpus, DistinctTexts, RowsHere
from .part import COLUMNS, Changes, CheckedPart, CurateRequest, PairTexts, check_part, content_forms, mask_texts
from .read import RawPairs, ReadParts, named_once, pair_dates, renamed
from .row_records import PersonalData


@dataclass(frozen=True)
class CheckedPairs:
    """The pairs of all parts, checked.

    raw: the remaining pairs, with rows dropped by decision among the rejected. style: with the values that the rows have,
    for checks that look for those. checked: the faults of each output. stratum, dates: one entry per pair; dates are None
    unless the split is by time. notes: sentences. personal: entry for the summary. texts: of each part.
    """

    raw: RawPairs
    style: StyleSchema | None
    decided: Decided
    corpus: Corpus
    checked: Checked
    stratum: pl.Series
    dates: np.ndarray | None
    notes: list[str]
    personal: PersonalData
    texts: list[PairTexts]

    @property
    def ids(self) -> pl.Series:
        """The id of each pair."""
        return self.raw.pairs["id"]

    @cached_property
    def identifier_like(self) -> list[str]:
        """The fields that look like identifiers."""
        return identifier_like(_first(self.texts, ["fields", "input"]))


class CorpusOf(Protocol):
    """Makes the corpus of checked parts, whose texts may be in memory or stored."""

    def __call__(self, parts: Sequence[CheckedPart], *, identifiers: Collection[str]) -> Corpus:
        """The corpus; `identifiers` are input fields that are not facts."""
        ...


def corpus_in_memory(parts: Sequence[CheckedPart], *, identifiers: Collection[str]) -> Corpus:
    """See `CorpusOf`: the corpus in the memory of this process."""
    starts = np.cumsum([0, *(len(part.numbers) for part in parts)])
    repairs = [
        part.texts.repairs.read().with_columns(pl.col("index") + pl.lit(start, pl.UInt32))
        for part, start in zip(parts, starts.tolist(), strict=False)
    ]
    return Corpus.of(
        pl.concat([part.numbers for part in parts]),
        DistinctTexts.of(pl.concat([part.inputs.read() for part in parts])),
        DistinctTexts.of(pl.concat([part.outputs.read() for part in parts])),
        RowsHere(pl.concat([part.texts.pairs.read() for part in parts]), pl.concat(repairs)),
        identifiers=identifiers,
    )


@dataclass(frozen=True)
class CheckedParts:
    """The parts, each checked by itself.

    raw: the remaining pairs, without texts. personal: the personal data found in each part.
    """

    parts: list[CheckedPart]
    raw: RawPairs
    decided: Decided
    request: CurateRequest
    personal: list[PersonalData]


def check(
    read: ReadParts,
    request: CurateRequest,
    *,
    clock: Clock,
    each: Each = in_turn,
    corpus_of: CorpusOf = corpus_in_memory,
    buckets: int = 1,
) -> CheckedPairs:
    """Mask the pairs, remove those dropped by decision, and check the rest; texts are exchanged in this many `buckets`.

    Raises:
        ConfigError: no pair has an identifier, the stratification field or the date, or two settings conflict.
    """
    return combine(check_each(read, request, clock=clock, each=each, buckets=buckets), clock=clock, corpus_of=corpus_of)


def check_each(
    read: ReadParts, request: CurateRequest, *, clock: Clock, each: Each = in_turn, buckets: int = 1
) -> CheckedParts:
    """The first half of `check`: each part by itself."""
    if request.date is not None and request.settings.stratify is not None:
        raise ConfigError("[data] date and [curate] stratify cannot be combined; remove one of them")
    # First, so that no value reaches a hash, a message or a file; decisions name masked ids.
    masked, personal = _mask(read, each, clock) if request.settings.mask else (read, None)
    raw, decided = decide(masked.raw, request.overrides, lambda: _contents(masked.tables, request.identifiers, each))
    styled = replace(request, style=_with_row_values(masked.tables, request.style), overrides=())
    changes = _changes(masked, raw, decided.texts, read, mask=request.settings.mask)
    parts = each(
        "measure", check_part,
        [
            {"pairs": table, "changes": change, "request": styled, "buckets": buckets}
            for table, change in zip(masked.tables, changes, strict=True)
        ],
    )  # fmt: skip
    clock.divide([part.seconds for part in parts])
    edited = {row: (before, after) for part in parts for row, before, after in part.edited}
    found = [part.personal for part in parts if part.personal is not None] if personal is None else personal
    return CheckedParts(parts, raw, replace(decided, edited=edited), styled, found)


def combine(found: CheckedParts, *, clock: Clock, corpus_of: CorpusOf) -> CheckedPairs:
    """The second half of `check`: what the parts say together.

    Raises:
        ConfigError, DataError: the values of the date cannot be read, or no pair has a name of the settings.
    """
    parts, request = found.parts, found.request
    _check_names(parts, request)
    corpus = corpus_of(parts, identifiers=request.identifiers)
    values = pl.concat([part.numbers.select(pl.col("^value .*$")) for part in parts])
    none = pl.repeat(None, len(corpus.pairs), dtype=pl.String, eager=True)
    stratum = values["value stratum"] if request.settings.stratify else none
    dates, notes = pair_dates(values["value date"].to_list(), request.date) if request.date else (None, [])
    clock.lap("normalise")
    reviewed = request.style is None or request.style.reviewed
    judged = judge([part.findings for part in parts], corpus.pairs, reviewed=reviewed)
    checked = without_failures(judged, found.decided)
    clock.lap("check")
    personal = merge_personal(found.personal, masked=request.settings.mask)
    texts = [part.texts for part in parts]
    return CheckedPairs(
        found.raw, request.style, found.decided, corpus, checked, stratum, dates, notes, personal, texts
    )


def _mask(read: ReadParts, each: Each, clock: Clock) -> tuple[ReadParts, list[PersonalData]]:
    """The parts with masks and unique ids, and the findings in each part."""
    parts = each(
        "mask", mask_texts,
        [
            {"pairs": table, "changes": Changes(offset, read.guide, ids)}
            for table, offset, ids in zip(read.tables, read.offsets, read.ids, strict=True)
        ],
    )  # fmt: skip
    after = pl.concat([part.pairs.read(["id"])["id"] for part in parts])
    pairs = read.raw.pairs
    masks = group_masks(pairs["group"])
    named, _ = named_once(pairs.with_columns(after.alias("id"), pairs["group"].replace(masks)))
    raw = mask_outside(replace(read.raw, pairs=named))
    clock.lap("personal data")
    ids = renamed(after, named["id"], read.sizes)
    masked = ReadParts(raw, [part.pairs for part in parts], [0] * len(parts), read.sizes, ids, None)
    return masked, [part.personal for part in parts]


def _contents(tables: Sequence[Kept], identifiers: Collection[str], each: Each) -> list[list[str]]:
    """The `content_forms` of all pairs."""
    forms = each("content", content_forms, [{"pairs": table, "identifiers": identifiers} for table in tables])
    return [form.to_list() for form in pl.concat(forms)]


def _with_row_values(tables: Sequence[Kept], style: StyleSchema | None) -> StyleSchema | None:
    """The style with the values that all parts have, for the checks that look for those of the rows."""
    if style is None or not open_fields(style):
        return style
    fields = pl.concat([table.read(["fields", "input"]) for table in tables])
    return with_row_values(style, pair_columns(fields.with_columns(output=pl.lit(""))))


def _changes(
    masked: ReadParts, raw: RawPairs, texts: Mapping[int, str], read: ReadParts, *, mask: bool
) -> list[Changes]:
    """The changes in each part. `raw` no longer has the rows dropped by decision; `texts` are outputs by row."""
    remaining = masked.raw.pairs["row"].is_in(raw.pairs["row"].implode())
    groups = group_masks(read.raw.pairs["group"]) if mask else {}
    texts = {row: mask_text(text) if mask else text for row, text in texts.items()}
    changes, start = [], 0
    for offset, size, ids in zip(masked.offsets, masked.sizes, masked.ids, strict=True):
        drop = (~remaining.slice(start, size)).arg_true().to_list()
        rows = set(masked.raw.pairs["row"].slice(start, size).to_list()) if texts else set()
        given = {row: text for row, text in texts.items() if row in rows}
        changes.append(Changes(offset, masked.guide, ids, groups, drop, given))
        start += size
    return changes


def _check_names(parts: Sequence[CheckedPart], request: CurateRequest) -> None:
    """Raise for names in the settings that no pair has, with the closest name in the first rows."""
    known = {name for part in parts for name in part.fields}
    missing = [name for name in request.identifiers if name not in known]
    absent = [name for name in request.columns if not any(part.found[name] for part in parts)]
    first = _first([part.texts for part in parts], ["fields", "input", "meta"]) if missing or absent else pl.DataFrame()
    if not len(first):
        return
    fields = {*chain.from_iterable(all_fields(first["fields"], first["input"]))}
    others = {key for text in first["meta"].drop_nulls() for key in json.loads(text)}
    if missing:
        problems = [f'no input has a field "{name}"; {_hint(name, fields)}' for name in missing]
        raise ConfigError.of(problems, where="[data] identifiers")
    where, name = {"stratum": "[curate] stratify", "date": "[data] date"}[absent[0]], request.columns[absent[0]]
    hint = _hint(name, fields | others | {*COLUMNS})
    raise ConfigError(f'{where}: no pair has a field or column "{name}"; {hint}')


def _hint(name: str, known: Collection[str]) -> str:
    return nearest(name, sorted(known)) if known else "the inputs are plain texts without fields"


def _first(texts: Sequence[PairTexts], columns: Sequence[str]) -> pl.DataFrame:
    """The pairs of the first parts, with as many rows as detection needs."""
    first: list[pl.DataFrame] = []
    for part in texts:
        first.append(part.pairs.read(columns))
        if sum(map(len, first)) >= DETECTION_ROWS:
            break
    return pl.concat(first)
