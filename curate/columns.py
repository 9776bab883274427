"""The columns beside input and output: id, group and split; ids told apart, the team's guide taken out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from ..style.errors import DataError
from ..style.settings import nearest
from .batch import Batch
from .settings import DataSettings
from .shapes import Shape, find_shape

__all__ = [
    "PAIR_SCHEMA",
    "SPLIT_NAMES",
    "Columns",
    "Layout",
    "check_splits",
    "find_layout",
    "guide_apart",
    "named_once",
]

PAIR_SCHEMA = {
    "row": pl.UInt32,
    "id": pl.String,
    "input": pl.String,
    "fields": pl.String,
    "output": pl.String,
    "system": pl.String,
    "group": pl.String,
    "split": pl.String,
    "reference_ok": pl.Boolean,
    "meta": pl.String,
}

_GUIDE_SHARE = 0.9  # a system message in so many of the rows is the team's guide
SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


@dataclass
class Columns:
    """What has been seen of the columns so far: all names, the names inside objects, and what `split` holds."""

    names: dict[str, None] = field(default_factory=dict)
    inner: set[str] = field(default_factory=set)
    split_named: bool = False  # it holds the name of a split
    split_other: str | None = None  # the first of what it holds beside them
    records: int = 0
    first_problem: str | None = None

    def see(self, batch: Batch, data: DataSettings) -> None:
        """Take in the columns of a batch."""
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


@dataclass(frozen=True)
class Layout:
    """Where everything stands: the shape of the pairs, and the columns of id, group and split."""

    shape: Shape
    id: str | None
    group: str | None
    split: str | None
    no_split: str | None = field(default=None, compare=False)  # why a column of that name was not taken


def find_layout(seen: Columns, data: DataSettings, where: str) -> Layout:
    """The shape, and the columns of id, group and split: the stated ones, else those that bear the name and hold it.

    Raises:
        DataError: a stated column is missing, or the columns are not those of pairs.
    """
    names = list(seen.names)
    shape = find_shape(names, data, where=where)
    problems = [
        f'there is no column "{name}" for {key}; {nearest(name, names)}'
        for key, name in (("id", data.id), ("group", data.group), ("split", data.split))
        if name is not None and name not in names and not (key == "group" and name in seen.inner)
    ]
    if problems:
        raise DataError.of(problems, where=where)
    free = [name for name in names if name not in shape.columns]
    # Only a column that holds nothing but splits is taken for one without being asked.
    named = "split" in free and seen.split_named and data.split is None
    splits = named and seen.split_other is None
    return Layout(
        shape,
        id=data.id or ("id" if "id" in free else None),
        group=data.group or ("group" if "group" in free else None),
        split=data.split or ("split" if splits else None),
        no_split=seen.split_other if named and not splits else None,
    )


def named_once(table: pl.DataFrame, *, of_texts: bool = False) -> tuple[pl.DataFrame, list[dict[str, str]]]:
    """The table with each id once: later uses become ID#2, ID#3. `of_texts`: the ids are made of the texts."""
    if table["id"].n_unique() == len(table):
        return table, []
    use = pl.int_range(pl.len()).over("id") + 1
    renamed = table.select(old="id", use=use).with_columns(
        new=pl.when(pl.col("use") > 1).then(pl.format("{}#{}", "old", "use")).otherwise("old")
    )
    names = renamed["new"]
    if names.n_unique() < len(names):  # someone calls a row a#2 of their own accord
        names = pl.Series(_free_names(table["id"].to_list()), dtype=pl.String)
    later = renamed.filter(pl.col("use") > 1)
    example = later["old"][0]
    text = (
        f"{len(later):,} rows say what an earlier row says, and their ids are made of their texts: the later ones are "
        f'called "{example}#2" and so on'
        if of_texts
        else f'{len(later):,} rows repeat an id (for example "{example}"); the later ones are called "{example}#2" and so on'
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


def guide_apart(table: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    """The table without the system message that nearly all rows share, and that message."""
    counts = table["system"].drop_nulls().value_counts(sort=True)
    if not len(counts) or counts["count"][0] < _GUIDE_SHARE * len(table):
        return table, None
    guide = counts["system"][0]
    return table.with_columns(system=pl.when(pl.col("system") != guide).then("system")), guide


def check_splits(table: pl.DataFrame, column: str | None, where: str) -> None:
    """Refuse values that are no split."""
    unknown = sorted(set(table["split"].drop_nulls().to_list()) - set(SPLIT_NAMES.values()))
    if unknown:
        shown = ", ".join(f'"{name}"' for name in unknown[:5])
        raise DataError(f'{where}: column "{column}" holds {shown}; expected train, validation or test, or nothing')
