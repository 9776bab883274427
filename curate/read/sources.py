"""Finds and opens the sources of records: files, folders and globs, saved datasets, tables in memory."""

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError, install_command, nearest, need_regular
from ..run_files import table_name
from .formats.batch import ROWS, Batch, object_batches, plain_values
from .formats.records import SUFFIXES, file_kind

# --- files --------------------------------------------------------------------------------------------------------


def find_files(path: str) -> list[Path]:
    """The files that a path, folder or glob stands for, in name order."""
    try:
        return _find(path)
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _find(path: str) -> list[Path]:
    place = Path(path)
    if place.is_file():
        if file_kind(place) is None:
            raise DataError(
                f"{path}: unknown file type; expected {', '.join(SUFFIXES)}, also compressed as .gz or .zst"
                " (except Parquet, Arrow and Excel)"
            )
        return [place]
    if place.is_dir():
        return _in_folder(place)
    with suppress(OSError):
        need_regular(place)
    matches = _in_order(map(Path, glob.glob(path, recursive=True)))  # noqa: PTH207 — Path.glob refuses absolute patterns
    found = [p for p in matches if p.is_file() and file_kind(p)]
    if found:
        return found
    if matches:
        raise DataError(
            f"{path}: none of the {len(matches)} matches is a readable file; expected {', '.join(SUFFIXES)}"
        )
    names = [p.name for p in place.parent.iterdir() if file_kind(p)] if place.parent.is_dir() else []
    hint = f"; {nearest(place.name, sorted(names))}" if names else ""
    raise DataError(f"there is no file at {path}{hint}")


def _in_order(paths: Iterable[Path]) -> list[Path]:
    """Sorted as text: the order numbers the rows, and on Windows paths compare without their case."""
    return sorted(paths, key=Path.as_posix)


def _in_folder(folder: Path) -> list[Path]:
    files = _in_order(folder.iterdir())
    found = [p for p in files if p.is_file() and not p.name.startswith(".") and file_kind(p)]
    # Some files of data in parts may be empty; if all are, reading the first one raises.
    found = [p for p in found if p.stat().st_size] or found
    names = {p.name for p in found}
    if not found:
        raise DataError(f"{folder}: this folder contains no readable file; expected {', '.join(SUFFIXES)}")
    if "run.json" in names:
        train = table_name(folder, "curate/train.jsonl") or "curate/train.jsonl"
        raise DataError(f"{folder}: this is a run of Tuneworth; name the pairs to read, such as {folder.name}/{train}")
    if "summary.json" in names and ("ledger.parquet" in names or (folder / "ledger").is_dir()):
        train = "train" if (folder / "train").is_dir() else "train.jsonl"
        raise DataError(f"{folder}: this is the output of `tuneworth curate`; name the file to read, such as {train}")
    return found


# --- saved datasets and tables in memory --------------------------------------------------------------------------


def is_saved_dataset(path: Path) -> bool:
    """Whether the folder was written by `save_to_disk` of datasets."""
    return (path / "dataset_dict.json").is_file() or (path / "dataset_info.json").is_file()


def as_table(source: Any) -> Any | None:
    """The table of a source, in memory or a saved dataset; None if the source is a path of files.

    Raises: DataError as `load_saved`.
    """
    if not isinstance(source, str | Path):
        return source
    return load_saved(Path(source)) if is_saved_dataset(Path(source)) else None


def load_saved(path: Path) -> Any:
    """The saved Dataset or DatasetDict of a folder, opened but not yet read.

    Raises:
        DataError: datasets is not installed, or the folder is damaged.
    """
    try:
        from datasets import load_from_disk
    except ImportError:
        raise DataError(f"{path}: this is a datasets folder; reading it needs: {install_command('train')}") from None
    try:
        return load_from_disk(str(path))
    except Exception as error:  # pyarrow, json and the file system raise errors of many types
        reason = str(error).split("\n", 1)[0]
        raise DataError(f"{path}: this datasets folder cannot be read ({reason}); save it again") from None


def table_batches(table: Any) -> Iterator[Batch]:
    """Batches of a polars, pandas or Arrow table, a Dataset, a DatasetDict or a list of mappings.

    Raises:
        DataError: the table holds images, audio or video.
        TypeError: it is something else.
    """
    if isinstance(table, pl.LazyFrame):
        table = table.collect()
    if isinstance(table, pl.DataFrame):
        return _from_polars(table, 0)
    if isinstance(table, Mapping):
        return _from_parts(table)
    if hasattr(table, "features") and not hasattr(table, "__len__"):
        raise TypeError(
            f"found {type(table).__name__}, a streamed dataset, which cannot be read twice; pass list(dataset), or a part of "
            "it: list(dataset.take(10_000))"
        )
    if hasattr(table, "to_polars") and hasattr(table, "features"):
        return _from_dataset(table)
    if hasattr(table, "iloc") and hasattr(table, "columns"):
        return object_batches(_from_pandas(table))
    if not isinstance(table, pl.Series) and (
        hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__")
    ):
        return _from_polars(pl.DataFrame(table), 0)
    if isinstance(table, str | bytes | Path | pl.Series) or not isinstance(table, Iterable):
        raise TypeError(
            "expected a polars or pandas DataFrame, an Arrow table, a Dataset, a DatasetDict or a list of dictionaries, "
            f"found {type(table).__name__}; read_pairs reads files"
        )
    return object_batches(table if isinstance(table, Sequence) else list(table))


def _from_polars(table: pl.DataFrame, before: int) -> Iterator[Batch]:
    for start in range(0, len(table), ROWS):
        part = plain_values(table[start : start + ROWS])
        yield Batch(range(before + start + 1, before + start + 1 + len(part)), part)


def _from_parts(parts: Mapping[str, Any]) -> Iterator[Batch]:
    """The parts of a DatasetDict in order; each part's name is its split, unless a column gives it.

    Raises:
        TypeError: a part is not a table, as in one pair or in columns by name.
    """
    if not all(map(_is_table, parts.values())):
        raise TypeError(
            "expected a table or a list of dictionaries, found one dictionary; pass a single pair as [pair], and columns by "
            "name as polars.DataFrame(columns)"
        )
    before = 0
    for name, part in parts.items():
        last = before
        for batch in table_batches(part):
            moved = batch.numbered_from(before)
            last = max(last, moved.last())
            if isinstance(moved.values, pl.DataFrame):
                if "split" not in moved.values.columns:
                    moved = Batch(moved.numbers, moved.values.with_columns(split=pl.lit(name)), moved.problems)
            else:
                moved = Batch(moved.numbers, [{"split": name, **row} for row in moved.values], moved.problems)
            yield moved
        before = last


def _is_table(part: Any) -> bool:
    if isinstance(part, list):
        return not part or isinstance(part[0], Mapping)
    return hasattr(part, "features") or hasattr(part, "columns")


def _from_dataset(dataset: Any) -> Iterator[Batch]:
    """A Dataset via Arrow; labels as their names."""
    features = dataset.features
    media = [n for n, f in features.items() if type(f).__name__ in ("Image", "Audio", "Video", "Pdf")]
    if media:
        kind = type(features[media[0]]).__name__.lower()
        raise DataError(f'the table: this is {kind} data (column "{media[0]}"); Tuneworth reads text only')
    labels = {n: dict(enumerate(f.names)) for n, f in features.items() if type(f).__name__ == "ClassLabel"}
    named = [pl.col(n).replace_strict(names, default=None, return_dtype=pl.String) for n, names in labels.items()]
    before = 0
    for start in range(0, len(dataset), ROWS):
        rows = range(start, min(start + ROWS, len(dataset)))
        table = dataset.select(rows).with_format(None).to_polars()
        yield from _from_polars(table.with_columns(named), before)
        before += len(table)


def _from_pandas(frame: Any) -> list[dict[str, Any]]:
    """The rows of a pandas table; NaN, NaT and NA become null. A named index is a column, and an unnamed one the id.

    Labels that merely count the rows, or that repeat after tables were put together, are no ids.
    """
    index = frame.index
    if any(name is not None for name in index.names):
        own = [n for n, name in enumerate(index.names) if name is not None and name not in frame.columns]
        frame = frame.reset_index(level=own) if own else frame
    elif (
        "id" not in frame.columns and index.nlevels == 1 and index.is_unique and index.tolist() != [*range(len(index))]
    ):
        frame = frame.reset_index(names="id")
    names = [str(name) for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f'the table has two columns "{repeated[0]}"; give every column its own name')
    columns = []
    for place in range(len(names)):
        column = frame.iloc[:, place]
        missing = column.isna().tolist()
        values = column.tolist()
        columns.append([None if absent else _plain(v) for absent, v in zip(missing, values, strict=True)])
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    """The value as plain Python, if it is a numpy value."""
    return value if isinstance(value, str) else getattr(value, "tolist", lambda: value)()
