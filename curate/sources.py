"""Where records come from: files, folders and globs, saved datasets, and tables in memory."""

import glob
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ..style.errors import DataError
from ..style.settings import nearest
from .records import SUFFIXES, Record, file_kind

__all__ = ["find_files", "is_saved_dataset", "plain_rows", "saved_dataset"]


def find_files(path: str) -> list[Path]:
    """The files that a path, folder or glob stands for, in name order."""
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


def is_saved_dataset(path: Path) -> bool:
    """Whether the folder is what `save_to_disk` of datasets leaves."""
    return (path / "dataset_dict.json").is_file() or (path / "dataset_info.json").is_file()


def saved_dataset(path: Path) -> list[Record]:
    """The records of a saved Dataset or DatasetDict."""
    try:
        from datasets import load_from_disk
    except ImportError:
        raise DataError(
            f"{path}: this is a datasets folder; reading it needs: pip install 'tuneworth[train]'"
        ) from None
    return [Record(number, row) for number, row in enumerate(plain_rows(load_from_disk(str(path))), start=1)]


def plain_rows(frame: Any) -> Iterable[dict[str, Any]]:
    """The rows of a polars or pandas table, a Dataset, a DatasetDict or a list, as dictionaries."""
    if isinstance(frame, pl.DataFrame):
        return frame.iter_rows(named=True)
    if isinstance(frame, Mapping):  # a DatasetDict: its own splits hold, unless a column says otherwise
        return [{"split": name, **row} for name, part in frame.items() for row in plain_rows(part)]
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
    return getattr(value, "tolist", lambda: value)()  # numpy's scalars and arrays
