"""The columns beside input and output: id, group, split, system and all that is carried through as meta."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ..style.errors import DataError
from ..style.fields import field_text
from ..style.settings import nearest
from .normalise import clean_text
from .records import Record
from .settings import DataSettings
from .shapes import Pair, Shape

__all__ = ["PAIR_SCHEMA", "check_splits", "find_columns", "guide_apart", "named_once", "pair_row", "scalar"]

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
_SPLITS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}
_SPLITS |= {"test": "test"}
_OWN = ("row", "reference_ok")  # columns of a run's own lines that a new run gives anew


def find_columns(records: Sequence[Record], data: DataSettings, shape: Shape, where: str) -> dict[str, str | None]:
    """The columns of id, group and split: the stated ones, else those that bear the name and hold it."""
    names = list(Counter(name for record in records for name in record.value or ()))
    inner = {k for record in records for v in (record.value or {}).values() if isinstance(v, dict) for k in v}
    problems = [
        f'there is no column "{name}" for {key}; {nearest(name, names)}'
        for key, name in (("id", data.id), ("group", data.group), ("split", data.split))
        if name is not None and name not in names and not (key == "group" and name in inner)
    ]
    if problems:
        raise DataError.of(problems, where=where)
    free = [name for name in names if name not in shape.columns]
    found = {
        "id": data.id or ("id" if "id" in free else None),
        "group": data.group or ("group" if "group" in free else None),
        "split": data.split,
    }
    if found["split"] is None and "split" in free:
        values = {r.value.get("split") for r in records if r.value}
        # Only a column that holds nothing but splits is taken for one without being asked.
        if values - {None, ""} and all(v in (None, "") or v in _SPLITS for v in values if isinstance(v, str | None)):
            found["split"] = "split" if all(isinstance(v, str | None) for v in values) else None
    return found


def pair_row(
    number: int,
    identity: str | None,
    pair: Pair,
    value: Mapping[str, Any],
    columns: dict[str, str | None],
    shape: Shape,
) -> tuple[Any, ...]:
    """One row of a pair table, in the order of `PAIR_SCHEMA`."""
    text, answer, fields = clean_text(pair.input), clean_text(pair.output), pair.fields
    group = _group(value, columns["group"], fields)
    split = scalar(value.get(columns["split"])) if columns["split"] else None
    used = {*shape.columns, *_OWN, columns["id"], columns["group"], columns["split"], "meta"}
    rest = {name: v for name, v in value.items() if name not in used and v is not None}
    meta = value.get("meta")
    if meta not in (None, ""):
        rest = {**meta, **rest} if isinstance(meta, dict) else {"meta": meta, **rest}
    return (
        number,
        identity or _short_hash(text, answer),
        text,
        None if fields is None else clean_text(fields),
        answer,
        None if pair.system is None or not pair.system.strip() else clean_text(pair.system),
        group,
        _SPLITS.get(split, split) if split else None,
        True,
        clean_text(json.dumps(rest, ensure_ascii=False, default=str)) if rest else None,
    )


def _short_hash(text: str, answer: str) -> str:
    """The id of a pair that has none: the first 12 hex digits of SHA-256 over input and output."""
    return hashlib.sha256(f"{text}\n{answer}".encode()).hexdigest()[:12]


def _group(value: Mapping[str, Any], column: str | None, fields: str | None) -> str | None:
    if column is None:
        return None
    if column in value:
        return scalar(value[column])
    return scalar(json.loads(fields).get(column)) if fields else None


def scalar(value: Any) -> str | None:
    """The value as stripped text; None where that is empty."""
    text = clean_text(field_text(value)).strip()
    return text or None


def named_once(table: pl.DataFrame) -> tuple[pl.DataFrame, list[dict[str, str]]]:
    """The table with each id once: later uses become ID#2, ID#3."""
    taken = set(table["id"].to_list())
    uses: Counter[str] = Counter()
    names = []
    for name in table["id"].to_list():
        uses[name] += 1
        new = name
        if uses[name] > 1:
            while (new := f"{name}#{uses[name]}") in taken:
                uses[name] += 1
            taken.add(new)
        names.append(new)
    repeated = sum(new != old for new, old in zip(names, table["id"].to_list(), strict=True))
    if not repeated:
        return table, []
    example = next(old for new, old in zip(names, table["id"].to_list(), strict=True) if new != old)
    text = (
        f'{repeated:,} rows repeat an id (for example "{example}"); the later ones are called "{example}#2" and so on'
    )
    return table.with_columns(id=pl.Series(names, dtype=pl.String)), [{"code": "repeated_ids", "text": text}]


def guide_apart(table: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    """The table without the system message that nearly all rows share, and that message."""
    counts = table["system"].drop_nulls().value_counts(sort=True)
    if not len(counts) or counts["count"][0] < _GUIDE_SHARE * len(table):
        return table, None
    guide = counts["system"][0]
    return table.with_columns(system=pl.when(pl.col("system") != guide).then("system")), guide


def check_splits(table: pl.DataFrame, column: str | None, where: str) -> None:
    """Refuse values that are no split."""
    unknown = sorted(set(table["split"].drop_nulls().to_list()) - set(_SPLITS.values()))
    if unknown:
        shown = ", ".join(f'"{name}"' for name in unknown[:5])
        raise DataError(f'{where}: column "{column}" holds {shown}; expected train, validation or test, or nothing')
