"""From parts that are read to what deciding starts from: masked if asked for, measured, made comparable, checked."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ...core import Clock
from ...style import StyleSchema
from ..check.facts import LOOKED_AT, identifier_like
from ..check.masking import group_masks, mask_outside, merge_personal
from ..check.rows import Examined, judge
from ..decisions import Override, decide, without_failures
from ..read.columns import named_once
from ..read.dates import pair_dates
from ..read.pairs import RawPairs
from ..settings import CurateSettings
from ..split.strata import no_such_identifiers, no_such_value
from ..steps import Prepared, one_order
from .corpus import TextsInParts
from .measure import CountTokens, distinct_texts, mask_texts, measure
from .read import ReadInParts, renamed
from .tasks import Job, Table, Task

__all__ = ["Asked", "prepare_in_parts"]


@dataclass(frozen=True)
class Asked:
    """What `curate` is asked for, beside the pairs. count_tokens makes what counts tokens, where that is wanted."""

    style: StyleSchema | None
    settings: CurateSettings
    identifiers: Collection[str] = ()
    date: str | None = None
    overrides: Sequence[Override] = ()
    count_tokens: Callable[[], CountTokens | None] | None = None

    @property
    def columns(self) -> dict[str, str]:
        """The values that are taken out of each pair: what the split goes by."""
        named = {"stratum": self.settings.stratify, "date": self.date}
        return {name: column for name, column in named.items() if column is not None}


def prepare_in_parts(job: Job, read: ReadInParts, asked: Asked, *, buckets: int, clock: Clock) -> Prepared:
    """The counterpart of `prepare` for parts.

    Raises:
        ConfigError: as `prepare`.
    """
    one_order(asked.date, asked.settings)
    masked, personal = _masked(job, read, clock) if asked.settings.mask else (read, None)
    raw, decided = decide(masked.raw, asked.overrides)
    notes = job.run(_measured(masked, raw, read, asked, buckets))
    tables = {name: [Table("measure", part, name) for part in range(len(notes))] for name in _READ}
    _check_names(job, tables["pairs"], notes, asked)
    for name in ("inputs", "outputs"):
        job.run(
            [
                Task(f"distinct {name}", bucket, distinct_texts, {"texts": tables[name]}, bucket=bucket)
                for bucket in range(buckets)
            ]
        )
    numbers = job.read(tables["numbers"])
    sizes = [len(job.read([table], columns=["row"])) for table in tables["numbers"]]
    corpus = TextsInParts(job, numbers, sizes, buckets=buckets, identifiers=asked.identifiers)
    none = pl.repeat(None, len(numbers), dtype=pl.String, eager=True)
    stratum = numbers["value stratum"] if asked.settings.stratify else none
    dates, said = pair_dates(numbers["value date"].to_list(), asked.date) if asked.date else (None, [])
    clock.lap("normalise")
    checked = judge([_examined(job, part, note) for part, note in enumerate(notes)], corpus.pairs)
    clock.lap("check")
    found = personal if personal is not None else [note["personal"] for note in notes]
    return Prepared(
        raw, merge_personal(found, masked=asked.settings.mask), decided, corpus, without_failures(checked, decided),
        stratum, dates, said, _apart(job, tables["pairs"]),
    )  # fmt: skip


_READ = ("pairs", "numbers", "inputs", "outputs")


def _masked(job: Job, read: ReadInParts, clock: Clock) -> tuple[ReadInParts, list[Any]]:
    """The parts with masks, ids told apart again, and what was found in each part."""
    notes = job.run(
        [
            Task(
                "mask",
                n,
                mask_texts,
                {"pairs": [table]},
                parameters={"offset": offset, "guide": read.raw.guide, "ids": ids},
            )
            for n, (table, offset, ids) in enumerate(zip(read.tables, read.offsets, read.ids, strict=True))
        ]
    )
    tables = [Table("mask", n, "pairs") for n in range(len(notes))]
    after = pl.concat([job.read([table], columns=["id"])["id"] for table in tables])
    pairs = read.raw.pairs
    masks = group_masks(pairs["group"])
    named, _ = named_once(pairs.with_columns(after.alias("id"), pairs["group"].replace(masks)))
    raw = mask_outside(replace(read.raw, pairs=named))
    clock.lap("personal data")
    return (
        ReadInParts(raw, tables, [0] * len(tables), read.sizes, renamed(after, named["id"], read.sizes)),
        notes,
    )


def _measured(masked: ReadInParts, raw: RawPairs, read: ReadInParts, asked: Asked, buckets: int) -> list[Task]:
    """The tasks that measure each part. `raw` has no rows any more that people took out."""
    stays = masked.raw.pairs["row"].is_in(raw.pairs["row"].implode())
    groups = group_masks(read.raw.pairs["group"]) if asked.settings.mask else {}
    same = {
        "guide": None if asked.settings.mask else masked.raw.guide, "groups": groups, "identifiers": asked.identifiers,
        "style": asked.style, "count_tokens": asked.count_tokens, "columns": asked.columns, "buckets": buckets,
        "find_personal": not asked.settings.mask,
    }  # fmt: skip
    tasks, start = [], 0
    for n, (table, offset, size, ids) in enumerate(
        zip(masked.tables, masked.offsets, masked.sizes, masked.ids, strict=True)
    ):
        leave = (~stays.slice(start, size)).arg_true().to_list()
        own = {**same, "offset": offset, "ids": ids, "leave": leave}
        tasks.append(Task("measure", n, measure, {"pairs": [table]}, parameters=own))
        start += size
    return tasks


def _check_names(job: Job, pairs: Sequence[Table], notes: Sequence[Any], asked: Asked) -> None:
    """Refuse names in the settings that no pair of any part has; what is nearest is told by the first rows."""
    known = {name for note in notes for name in note["fields"]}
    missing = [name for name in asked.identifiers if name not in known]
    absent = [name for name in asked.columns if not any(note["found"][name] for note in notes)]
    first = _first(job, pairs, ["fields", "meta"]) if missing or absent else pl.DataFrame()
    if missing and len(first):
        raise no_such_identifiers(first, missing)
    if absent and len(first):
        where = {"stratum": "[curate] stratify", "date": "[data] date"}[absent[0]]
        raise no_such_value(first, asked.columns[absent[0]], where=where)


def _examined(job: Job, part: int, note: Any) -> Examined:
    names = ("rows", "told", "unscored")
    return Examined.of(
        {name: job.read([Table("measure", part, f"examined {name}")]) for name in names}, note["examined"]
    )


def _apart(job: Job, tables: Sequence[Table]) -> list[str]:
    """Fields that look like identifiers, by the first rows."""
    return identifier_like(_first(job, tables, ["fields"])) if tables else []


def _first(job: Job, tables: Sequence[Table], columns: Sequence[str]) -> pl.DataFrame:
    """The first rows, so many as are looked at to guess from, of whole parts."""
    first, parts = 0, []
    for table in tables:
        parts.append(job.read([table], columns=columns))
        first += len(parts[-1])
        if first >= LOOKED_AT:
            break
    return pl.concat(parts)
