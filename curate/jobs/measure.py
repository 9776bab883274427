"""What is taken from the pairs of one part: pure functions of its pair table, whoever calls them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import polars as pl

from ...style import StyleSchema
from ..check.facts import text_facts
from ..check.masking import find_places, mask_groups, mask_part, personal_note
from ..check.rows import examine
from ..match.subjects import input_facts
from ..read.columns import system_counts, without_guide
from ..read.file_parts import FilePart, count_lines
from ..read.normalise import compare_texts, compared_inputs, compared_outputs, content_hash, row_hashes
from ..read.pairs import moved_rows, read_part
from ..settings import DataSettings
from ..split.strata import find_values, names_found
from .tasks import Result

__all__ = ["count_part", "distinct_texts", "look_up", "mask_texts", "measure", "read_texts", "system_messages"]

CountTokens = Callable[[Sequence[str]], Sequence[int]]


def count_part(*, part: FilePart) -> Result:
    """How many lines a part of a file has."""
    return Result(note=count_lines(part))


def read_texts(*, part: FilePart, data: DataSettings, where: str, layout: Any = None) -> Result:
    """The pairs of a part of the files, and the records that are none; rows are counted from 1 in the part."""
    read = read_part(part, data, where=where, layout=layout)
    return Result({"pairs": read.pairs, "rejected": read.rejected}, read.facts.note())


def system_messages(pairs: pl.DataFrame, *, of: Collection[str]) -> Result:
    """How many pairs have each of these system messages."""
    return Result(note=system_counts(pairs, of))


def mask_texts(pairs: pl.DataFrame, *, offset: int, guide: str | None, ids: Mapping[int, str]) -> Result:
    """The pairs with masks in place of personal data, and what was found; groups are masked when all are known."""
    pairs = _named(_placed(pairs, offset, guide), ids)
    places = find_places(pairs)
    return Result({"pairs": mask_part(pairs, places)}, personal_note(places))


def measure(
    pairs: pl.DataFrame,
    *,
    offset: int,
    guide: str | None,
    ids: Mapping[int, str],
    groups: Mapping[str, str],
    leave: Sequence[int],
    identifiers: Collection[str],
    style: StyleSchema | None,
    count_tokens: Callable[[], CountTokens | None] | None,
    columns: Mapping[str, str],
    buckets: int,
    find_personal: bool,
) -> Result:
    """What deciding needs of each pair, beside the pairs as they go on.

    `offset` is added to the row numbers. `ids` are new names by position; `groups` what stands in place of a group;
    `leave` the positions that a person took out: they go no further. `columns` names values to take out: name -> column
    or field. Tables: pairs, left (those taken out), numbers (a row per pair), inputs and outputs (key, text, bucket:
    each text once), and those of `Examined`.
    """
    pairs = _named(_placed(pairs, offset, guide), ids)
    note: dict[str, Any] = {"personal": personal_note(find_places(pairs))} if find_personal else {}
    pairs = mask_groups(pairs, groups)
    stays = ~pl.int_range(len(pairs), eager=True).is_in(pl.Series(leave, dtype=pl.Int64).implode())
    left, pairs = pairs.filter(~stays), pairs.filter(stays)
    compared = compare_texts(pairs, identifiers)
    keys = {name: pl.Series([content_hash(t) for t in texts], dtype=pl.String) for name, texts in
            (("inputs", compared.inputs), ("outputs", compared.outputs))}  # fmt: skip
    taken = {name: find_values(pairs, column) for name, column in columns.items()}
    examined = examine(pairs, style, None if count_tokens is None else count_tokens())
    numbers = pairs.select("row", "id", "group", "split").with_columns(
        pl.Series("content", compared.content, dtype=pl.String),
        keys["inputs"].alias("input"),
        keys["outputs"].alias("output"),
        pairs["output"].str.len_chars().alias("length"),
        *(pl.Series(f"value {name}", values, dtype=pl.String) for name, (values, _) in taken.items()),
    )
    note |= {
        "examined": examined.note(),
        "found": {name: found for name, (_, found) in taken.items()},
        "fields": names_found(pairs, identifiers),
    }
    tables = {"pairs": pairs, "left": left, "numbers": numbers}
    for name, texts in (("inputs", compared.inputs), ("outputs", compared.outputs)):
        tables[name] = _once(keys[name], texts, buckets)
    return Result({**tables, **{f"examined {n}": t for n, t in examined.tables().items()}}, note)


def distinct_texts(texts: pl.DataFrame) -> Result:
    """Each text of a bucket once, in the order of the keys."""
    once = texts.unique("key").sort("key").select("key", "text")
    return Result({"texts": once}, len(once))


# What each question looks at; None is everything.
LOOKED_AT: dict[str, tuple[str, ...] | None] = {
    "inputs": ("input", "fields"), "input facts": ("input", "fields"), "outputs": ("output",), "written": ("output",),
    "output facts": ("output",), "whole": None,
}  # fmt: skip


def look_up(pairs: pl.DataFrame, *, rows: Sequence[int], what: str, identifiers: Collection[str]) -> Result:
    """Something of the pairs at these positions, as text, in a table `found`."""
    chosen = pairs[list(rows)]
    return Result(
        {"found": pl.DataFrame({"found": _looked_up(chosen, what, identifiers)}, schema={"found": pl.String})}
    )


def _looked_up(pairs: pl.DataFrame, what: str, identifiers: Collection[str]) -> Sequence[str | None]:
    if what == "inputs":
        return compared_inputs(pairs, identifiers)
    if what == "outputs":
        return compared_outputs(pairs)
    if what == "written":
        return pairs["output"].to_list()
    if what == "whole":
        return row_hashes(pairs)
    facts = input_facts(pairs, leave_out=identifiers) if what == "input facts" else map(text_facts, pairs["output"])
    return [content_hash(*sorted(own)) for own in facts]


def _placed(pairs: pl.DataFrame, offset: int, guide: str | None) -> pl.DataFrame:
    return moved_rows(without_guide(pairs, guide), offset)


def _named(pairs: pl.DataFrame, ids: Mapping[int, str]) -> pl.DataFrame:
    if not ids:
        return pairs
    return pairs.with_columns(pairs["id"].clone().scatter(list(ids), list(ids.values())))


def _once(keys: pl.Series, texts: Sequence[str], buckets: int) -> pl.DataFrame:
    table = pl.DataFrame({"key": keys, "text": texts}, schema={"key": pl.String, "text": pl.String})
    bucket = pl.col("key").str.slice(0, 8).str.to_integer(base=16, dtype=pl.UInt32) % buckets
    return table.unique("key", keep="first", maintain_order=True).with_columns(bucket=bucket)
