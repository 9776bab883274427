"""Raw files or tables into pairs: which records there are, which columns hold what, what could not be read."""

import glob
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ..style.errors import DataError
from ..style.fields import field_text
from ..style.settings import nearest
from .normalise import clean_text
from .records import SUFFIXES, Record, file_kind, read_records
from .settings import DataSettings
from .shapes import Pair, Shape, find_shape

__all__ = ["PAIR_SCHEMA", "RawPairs", "read_frame", "read_pairs"]

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
REJECTED_SCHEMA = {"row": pl.UInt32, "id": pl.String, "outcome": pl.String, "rule": pl.String, "evidence": pl.String}

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


@dataclass(frozen=True)
class RawPairs:
    """What was read.

    pairs: a pair table, one row per record that is a pair. rejected: row, id, outcome, rule, evidence of the others.
    shape: what was recognised, in one line. guide: the system message of nearly all rows, or None.
    """

    pairs: pl.DataFrame
    rejected: pl.DataFrame
    shape: str
    guide: str | None
    rows_read: int
    files: tuple[Path, ...] = ()
    first_rows: tuple[int, ...] = ()  # of each file
    warnings: tuple[dict[str, str], ...] = ()
    seconds: float = field(default=0.0, compare=False)


def read_pairs(path: str | Path, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a file, of a folder or glob of files in name order, or of a saved `datasets` folder.

    Raises:
        DataError: nothing can be read there, a column is missing, or the data have a shape that is not pairs.
    """
    started = time.perf_counter()
    data = data or DataSettings(path=str(path))
    if Path(path).is_dir() and _is_datasets_folder(Path(path)):
        return _read(_from_datasets(Path(path)), data, where=str(path), started=started, files=(Path(path),))
    records: list[Record] = []
    said: list[str] = []
    first_rows = []
    files = _files(str(path))
    for file in files:
        first_rows.append(len(records) + 1 if not records else records[-1].number + 1)
        found, guessed = read_records(file, encoding=data.encoding, delimiter=data.delimiter)
        records += [Record(r.number + first_rows[-1] - 1, r.value, r.problem) for r in found]
        said += [words for words in guessed if words not in said]
    return _read(records, data, where=str(path), started=started, said=said, files=files, first_rows=first_rows)


def read_frame(frame: Any, data: DataSettings | None = None) -> RawPairs:
    """The pairs of a polars or pandas DataFrame, a `datasets.Dataset` or `DatasetDict`, or a list of dictionaries."""
    started = time.perf_counter()
    records = [Record(number, row) for number, row in enumerate(_rows(frame), start=1)]
    return _read(records, data or DataSettings(path=""), where="the table", started=started)


def _files(path: str) -> list[Path]:
    place = Path(path)
    if place.is_file():
        if file_kind(place) is None:
            raise DataError(
                f"{path}: unknown kind of file; expected {', '.join(SUFFIXES)}, packed with .gz or .zst or not"
            )
        return [place]
    if place.is_dir():
        found = [p for p in sorted(place.iterdir()) if p.is_file() and not p.name.startswith(".") and file_kind(p)]
        if not found:
            raise DataError(f"{path}: no file to read in this folder; expected {', '.join(SUFFIXES)}")
        return found
    matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 — Path.glob refuses absolute patterns
    found = [p for p in map(Path, matches) if p.is_file() and file_kind(p)]
    if found:
        return found
    names = [p.name for p in place.parent.iterdir() if file_kind(p)] if place.parent.is_dir() else []
    hint = f"; {nearest(place.name, sorted(names))}" if names else ""
    raise DataError(f"{path}: there is no such file{hint}")


def _is_datasets_folder(path: Path) -> bool:
    return (path / "dataset_dict.json").is_file() or (path / "dataset_info.json").is_file()


def _from_datasets(path: Path) -> list[Record]:
    try:
        from datasets import load_from_disk
    except ImportError:
        raise DataError(
            f"{path}: this is a datasets folder; reading it needs: pip install 'tuneworth[train]'"
        ) from None
    return [Record(number, row) for number, row in enumerate(_rows(load_from_disk(str(path))), start=1)]


def _rows(frame: Any) -> Iterable[dict[str, Any]]:
    if isinstance(frame, pl.DataFrame):
        return frame.iter_rows(named=True)
    if isinstance(frame, Mapping):  # a DatasetDict: its own splits hold, unless a column says otherwise
        return [{"split": name, **row} for name, part in frame.items() for row in _rows(part)]
    if hasattr(frame, "to_list") and not hasattr(frame, "iloc"):  # datasets.Dataset
        return frame.to_list()
    if hasattr(frame, "iloc"):  # pandas
        return [{k: _not_nan(v) for k, v in row.items()} for row in frame.to_dict("records")]
    return list(frame)


def _not_nan(value: Any) -> Any:
    """The value as plain Python; NaN, NaT and NA of pandas are nothing."""
    if isinstance(value, list | dict | tuple | str):
        return value
    if type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
        return None
    return value.tolist() if hasattr(value, "tolist") else value  # numpy's scalars and arrays


def _read(
    records: Sequence[Record],
    data: DataSettings,
    *,
    where: str,
    started: float,
    said: Sequence[str] = (),
    files: Sequence[Path] = (),
    first_rows: Sequence[int] = (),
) -> RawPairs:
    if not records:
        raise DataError(f"{where}: there is no record in it")
    shape = find_shape(records, data, where=where)
    columns = _columns(records, data, shape, where)
    kept, rejected = [], []
    for record in records:
        problem = record.problem
        pair = shape.pair(record.value) if record.value is not None else Pair(rule="unreadable", evidence=problem)
        value = record.value or {}
        identity = _scalar(value.get(columns["id"])) if columns["id"] else None
        if pair.rule:
            outcome = "quarantined" if pair.rule == "tool_call" else "invalid"
            rejected.append((record.number, identity, outcome, pair.rule, clean_text(pair.evidence or "")))
        else:
            kept.append(_row(record.number, identity, pair, value, columns, shape))
    table = pl.DataFrame(kept, schema=PAIR_SCHEMA, orient="row")
    table, warnings = _named_once(table)
    table, guide = _guide_apart(table)
    _check_splits(table, columns["split"], where)
    words = [shape.said, *(f'{k} from "{columns[k]}"' for k in ("id", "group", "split") if columns[k]), *said]
    return RawPairs(
        pairs=table,
        rejected=pl.DataFrame(rejected, schema=REJECTED_SCHEMA, orient="row"),
        shape=", ".join(words),
        guide=guide,
        rows_read=len(records),
        files=tuple(files),
        first_rows=tuple(first_rows),
        warnings=tuple(warnings),
        seconds=time.perf_counter() - started,
    )


def _columns(records: Sequence[Record], data: DataSettings, shape: Shape, where: str) -> dict[str, str | None]:
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


def _row(
    number: int,
    identity: str | None,
    pair: Pair,
    value: Mapping[str, Any],
    columns: dict[str, str | None],
    shape: Shape,
) -> tuple[Any, ...]:
    text, answer, fields = clean_text(pair.input), clean_text(pair.output), pair.fields
    group = _group(value, columns["group"], fields)
    split = _scalar(value.get(columns["split"])) if columns["split"] else None
    used = {*shape.columns, *_OWN, columns["id"], columns["group"], columns["split"], "meta"}
    rest = {name: v for name, v in value.items() if name not in used and v is not None}
    meta = value.get("meta")
    if meta not in (None, ""):
        rest = {**meta, **rest} if isinstance(meta, dict) else {"meta": meta, **rest}
    return (
        number,
        identity or short_hash(text, answer),
        text,
        None if fields is None else clean_text(fields),
        answer,
        None if pair.system is None or not pair.system.strip() else clean_text(pair.system),
        group,
        _SPLITS.get(split, split) if split else None,
        True,
        clean_text(json.dumps(rest, ensure_ascii=False, default=str)) if rest else None,
    )


def short_hash(text: str, answer: str) -> str:
    """The id of a pair that has none: the first 12 hex digits of SHA-256 over input and output."""
    return hashlib.sha256(f"{text}\n{answer}".encode()).hexdigest()[:12]


def _group(value: Mapping[str, Any], column: str | None, fields: str | None) -> str | None:
    if column is None:
        return None
    if column in value:
        return _scalar(value[column])
    return _scalar(json.loads(fields).get(column)) if fields else None


def _scalar(value: Any) -> str | None:
    text = clean_text(field_text(value)).strip()
    return text or None


def _named_once(table: pl.DataFrame) -> tuple[pl.DataFrame, list[dict[str, str]]]:
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


def _guide_apart(table: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    """The table without the system message that nearly all rows share, and that message."""
    counts = table["system"].drop_nulls().value_counts(sort=True)
    if not len(counts) or counts["count"][0] < _GUIDE_SHARE * len(table):
        return table, None
    guide = counts["system"][0]
    return table.with_columns(system=pl.when(pl.col("system") != guide).then("system")), guide


def _check_splits(table: pl.DataFrame, column: str | None, where: str) -> None:
    unknown = sorted(set(table["split"].drop_nulls().to_list()) - set(_SPLITS.values()))
    if unknown:
        shown = ", ".join(f'"{name}"' for name in unknown[:5])
        raise DataError(f'{where}: column "{column}" holds {shown}; expected train, validation or test, or nothing')
