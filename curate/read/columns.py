"""Finds the columns of id, group and split, makes ids unique, and removes the team's guide."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ...core import DataError, nearest, say
from ...style import field_text
from ..settings import DataSettings
from .formats.batch import Batch
from .shapes import Shape, find_shape, named_like

PAIR_SCHEMA = {
    "row": pl.UInt32,
    "id": pl.String,
    "input": pl.String,
    "fields": pl.String,
    "output": pl.String,
    "system": pl.String,
    "group": pl.String,
    "component": pl.String,
    "split": pl.String,
    "reference_ok": pl.Boolean,
    "meta": pl.String,
}

_GUIDE_SHARE = 0.9  # a system message in at least this share of the rows is the team's guide
SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_SPLITS = frozenset(SPLIT_NAMES.values())


def is_curated(names: Collection[str]) -> bool:
    """Whether the columns are those of lines that curating wrote: it names them itself, whatever the raw file called them."""
    return {"component", "reference_ok"} <= set(names)


@dataclass
class Columns:
    """The columns read so far: all names, the names inside objects, and the contents of `split`."""

    names: dict[str, None] = field(default_factory=dict)
    inner: set[str] = field(default_factory=set)
    split_named: bool = False  # it holds the name of a split
    split_other: str | None = None  # the first other value
    records: int = 0
    first_problem: str | None = None
    single: dict[str, str] = field(default_factory=dict)  # the only value so far of each column that does not vary
    varying: set[str] = field(default_factory=set)

    def see(self, batch: Batch, data: DataSettings) -> None:
        """Add the columns of a batch."""
        if data.leave_out_constant and batch.numbers:
            names = [name for name in (*self.names, *batch.names) if name not in self.varying]
            self._compare({name: distinct_texts(batch.column(name)) for name in names})
        self.records += len(batch.numbers) + len(batch.problems)
        self.names |= dict.fromkeys(batch.names)
        if data.group is not None and data.group not in self.names:
            columns = (batch.column(name) for name in batch.names)
            self.inner.update(k for column in columns for v in column if isinstance(v, dict) for k in v)
        if "split" in self.names:
            for value in batch.column("split"):
                if isinstance(value, str) and value.strip().lower() in SPLIT_NAMES:
                    self.split_named = True
                elif value is not None and str(value).strip() and self.split_other is None:
                    self.split_other = str(value)[:40]
        if self.first_problem is None and batch.problems:
            self.first_problem = batch.problems[0][1]

    def _compare(self, texts: Mapping[str, Collection[str]]) -> None:
        """Find the columns that vary, by their values in records after those seen; a column seen never was empty."""
        first = not self.single and not self.varying
        for name in texts.keys() - self.varying:
            several = set(texts[name]) | (set() if first else {self.single.get(name, "")})
            if len(several) > 1:
                self.varying.add(name)
                self.single.pop(name, None)
            else:
                self.single[name] = several.pop()

    @property
    def constant(self) -> frozenset[str]:
        """The columns with the same value in every record; known only with `leave_out_constant`."""
        return frozenset(self.single)


def distinct_texts(values: pl.Series | list[Any]) -> set[str]:
    """The different values of a column as texts, at most two; empty ones and missing ones are the same."""
    found: set[str] = set()
    for value in values:
        found.add(field_text(value).strip())
        if len(found) > 1:
            break
    return found


def merge_columns(parts: Iterable[Columns]) -> Columns:
    """The columns of all parts combined, in the order of the parts."""
    merged = Columns()
    for part in parts:
        if part.single or part.varying:
            values = {name: {text} for name, text in part.single.items()} | {name: {"", "-"} for name in part.varying}
            merged._compare({name: {""} for name in merged.names if name not in merged.varying} | values)
        merged.records += part.records
        merged.names |= part.names
        merged.inner |= part.inner
        merged.split_named |= part.split_named
        if merged.split_other is None:
            merged.split_other = part.split_other
        if merged.first_problem is None:
            merged.first_problem = part.first_problem
    return merged


@dataclass(frozen=True)
class Layout:
    """The shape of the pairs, and the columns of id, group and split."""

    shape: Shape
    id: str | None
    group: str | None
    split: str | None
    no_split: str | None = field(default=None, compare=False)  # why a column of that name was not used


def find_layout(seen: Columns, data: DataSettings, where: str) -> Layout:
    """The shape, and the columns of id, group and split: the stated ones, else those with that name and valid contents.

    Raises:
        DataError: a stated column is missing, or the columns are not those of pairs.
    """
    names = list(seen.names)
    shape = find_shape(names, data, where=where, constant=seen.constant)
    problems = [
        f'there is no column "{name}" for {key}; {nearest(name, names)}'
        for key, name in (("id", data.id), ("group", data.group), ("split", data.split))
        if name is not None and name not in names and not (key == "group" and name in seen.inner)
    ]
    if problems:
        raise DataError.of(problems, where=where)
    free = [name for name in names if name not in shape.columns]
    # Unless stated, only a column that holds nothing but splits is used as one.
    named = "split" in free and seen.split_named and data.split is None
    splits = named and seen.split_other is None
    return Layout(
        shape,
        id=data.id or named_like(free, "id"),
        group=data.group or named_like(free, "group"),
        split=data.split or ("split" if splits else None),
        no_split=seen.split_other if named and not splits else None,
    )


def layout_so_far(seen: Columns, data: DataSettings, where: str) -> Layout | None:
    """The layout by the columns read so far; None if they do not make pairs, since others may follow."""
    try:
        return find_layout(seen, data, where)
    except DataError:
        return None


def final_layout(seen: Columns, data: DataSettings, where: str) -> Layout:
    """The layout by the columns of all records.

    Raises:
        DataError: no record can be read, a stated column is missing, or the columns are not those of pairs.
    """
    if not seen.names:
        if seen.first_problem is None:
            raise DataError(f"{where} contains no records")
        raise DataError(f"{where}: none of the {seen.records:,} records can be read; the first: {seen.first_problem}")
    return find_layout(seen, data, where)


def named_once(table: pl.DataFrame, *, of_texts: bool = False) -> tuple[pl.DataFrame, list[dict[str, str]]]:
    """The table with unique ids: later uses become ID#2, ID#3. `of_texts`: the ids are hashes of the texts.

    Only the column `id` of the table is read, so a table of the ids of all parts is enough.
    """
    if table["id"].n_unique() == len(table):
        return table, []
    use = pl.int_range(pl.len()).over("id") + 1
    renamed = table.select(old="id", use=use).with_columns(
        new=pl.when(pl.col("use") > 1).then(pl.format("{}#{}", "old", "use")).otherwise("old")
    )
    names = renamed["new"]
    if names.n_unique() < len(names):  # the data may contain an id such as a#2
        names = pl.Series(_free_names(table["id"].to_list()), dtype=pl.String)
    later = renamed.filter(pl.col("use") > 1)
    example = later["old"][0]
    repeating = f"{say.count(len(later), 'row')} {'repeats' if len(later) == 1 else 'repeat'}"
    text = (
        f"{repeating} the texts of an earlier row, and ids are hashes of the texts: later ones are "
        f'renamed to "{example}#2" and so on'
        if of_texts
        else f'{repeating} an id (for example "{example}"); later ones are renamed to "{example}#2" and so on'
    )
    return table.with_columns(id=names), [{"code": "repeated_ids", "text": text}]


def _free_names(ids: Sequence[str]) -> list[str]:
    taken = set(ids)
    uses: Counter[str] = Counter()
    names = []
    for name in ids:
        uses[name] += 1
        new = name
        if uses[name] > 1:
            while (new := f"{name}#{uses[name]}") in taken:
                uses[name] += 1
            taken.add(new)
        names.append(new)
    return names


def system_counts(pairs: pl.DataFrame, of: Collection[str] | None = None) -> dict[str, int]:
    """The number of pairs with each of these system messages; without `of`, only for one that nearly all pairs share.

    A message that nearly all rows share is shared by nearly all rows of at least one part. So the parts' results
    without `of`, counted in all parts, are enough for `find_guide`.
    """
    counts = pairs["system"].drop_nulls().value_counts()
    likely = pl.col("count") >= _GUIDE_SHARE * len(pairs) if of is None else pl.col("system").is_in(list(of))
    return dict(counts.filter(likely).sort("system").iter_rows())


def find_guide(counts: Mapping[str, int], rows: int) -> str | None:
    """The system message that nearly all rows share: the team's guide. None if there is no such message."""
    return next((text for text, count in counts.items() if count >= _GUIDE_SHARE * rows), None)


def without_guide(pairs: pl.DataFrame, guide: str | None) -> pl.DataFrame:
    """The pairs without the system message that nearly all of them share."""
    return pairs if guide is None else pairs.with_columns(system=pl.when(pl.col("system") != guide).then("system"))


def split_values(pairs: pl.DataFrame) -> list[str]:
    """The values of the column `split`, sorted: the splits, and the first five other values, for a message."""
    found = set(pairs["split"].drop_nulls().unique())
    return sorted([*(found & _SPLITS), *sorted(found - _SPLITS)[:5]])


def check_splits(values: Iterable[str], column: str | None, where: str) -> None:
    """Raise for values that are not splits."""
    unknown = sorted(set(values) - _SPLITS)
    if unknown:
        shown = ", ".join(f'"{name}"' for name in unknown[:5])
        raise DataError(f'{where}: column "{column}" holds {shown}; expected train, validation, test or an empty value')
