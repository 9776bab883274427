"""Locates the tables of a curated run, and queries its ledger.

A run in one piece has `curate/train.jsonl` and `curate/ledger.parquet`; a run in parts has the folders `curate/train`
and `curate/ledger` with a file for each part. Concatenated in order, the parts are that single file.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from ..core import DataError, read_object
from .split import SPLITS

__all__ = [
    "CURATED",
    "LINES",
    "ledger_files",
    "ledger_rows",
    "part_name",
    "parts_of_ids",
    "read_ledger",
    "read_summary",
    "scan_ledger",
    "set_aside_files",
    "split_files",
    "table_name",
    "tested_files",
]

LINES = (*SPLITS, "set_aside")  # the tables kept as JSON lines
_FILES = (*(f"{name}.jsonl" for name in LINES), "ledger.parquet")
CURATED = (*_FILES, *(Path(name).stem for name in _FILES), "summary.json")  # all that curating may write


def split_files(run: Path, split: str) -> list[Path]:
    """The files of train, validation or test, in the order of rows; [] if the run has none.

    Raises:
        DataError: the run is in parts, and some are missing.
    """
    return _files_of(Path(run) / "curate", f"{split}.jsonl")


def set_aside_files(run: Path) -> list[Path]:
    """The files of the pairs that were not kept; as `split_files`."""
    return _files_of(Path(run) / "curate", "set_aside.jsonl")


def tested_files(run: Path) -> list[Path]:
    """The files of the pairs used for evaluation: those given for it, else the run's test split."""
    given = Path(run) / "evaluate" / "pairs.jsonl"
    return [given] if given.is_file() else split_files(run, "test")


def ledger_files(run: Path) -> list[Path]:
    """The files of the ledger, in the order of rows.

    Raises:
        DataError: the run has no ledger, or is in parts and some are missing.
    """
    folder = Path(run) / "curate"
    found = _files_of(folder, "ledger.parquet")
    if not found:
        raise DataError(f"{folder / 'ledger.parquet'}: there is no ledger; check that {run} is a curated run")
    return found


def table_name(run: Path, file: str) -> str | None:
    """The path in the run of a file such as `curate/train.jsonl`: the file, or the folder of its parts; else None."""
    whole = Path(run) / file
    if whole.exists():
        return file
    return file.removesuffix(whole.suffix) if whole.name in _FILES and whole.with_suffix("").is_dir() else None


def part_name(part: int, suffix: str) -> str:
    """The name of a part's file, numbered from 0."""
    return f"part-{part:05d}{suffix}"


def read_summary(run: Path) -> dict[str, Any]:
    """The numbers of curating the run; empty if there are none."""
    return read_object(Path(run) / "curate" / "summary.json")


def scan_ledger(run: Path) -> pl.LazyFrame:
    """The ledger, one row per row read, as a lazy frame.

    Raises:
        DataError: as `ledger_files`.
    """
    return pl.scan_parquet(ledger_files(run))


def read_ledger(run: Path, columns: Sequence[str] | None = None, where: pl.Expr | None = None) -> pl.DataFrame:
    """The ledger of a run: one row per row read; optionally only some columns, and the rows for which `where` holds.

    Raises:
        DataError: the run has none, or it is damaged.
    """
    with _damage_reported(run):
        rows = scan_ledger(run)
        rows = rows if where is None else rows.filter(where)
        return (rows if columns is None else rows.select(columns)).collect()


def ledger_rows(run: Path, where: pl.Expr) -> pl.DataFrame:
    """The rows of the ledger for which `where` holds, with the number of their `part` (0 in a run of one piece).

    Raises:
        DataError: as `read_ledger`.
    """
    files = ledger_files(run)
    numbers = {str(file): number for number, file in enumerate(files)}
    with _damage_reported(run):
        rows = pl.scan_parquet(files, include_file_paths="part").filter(where).collect()
    return rows.with_columns(pl.col("part").replace_strict(numbers, return_dtype=pl.UInt32))


def parts_of_ids(run: Path, ids: Collection[str]) -> list[int]:
    """The numbers of the parts that contain rows with these ids, in order."""
    if len(ledger_files(run)) == 1:
        return [0]
    wanted = pl.Series(sorted(ids), dtype=pl.String)
    return sorted(set(ledger_rows(run, pl.col("id").is_in(wanted.implode()))["part"].to_list()))


def _files_of(folder: Path, name: str) -> list[Path]:
    whole = folder / name
    if whole.is_file():
        return [whole]
    parts = whole.with_suffix("")
    if not parts.is_dir():
        return []
    expected = [parts / part_name(number, whole.suffix) for number in range(_parts(folder))]
    missing = [path for path in expected if not path.is_file()]
    if missing:
        raise DataError(
            f"{missing[0]} is missing, with {len(missing):,} of the {len(expected):,} parts in all\n"
            "Restore them, or curate again: tuneworth curate"
        )
    return expected


def _parts(folder: Path) -> int:
    """The number of parts of a folder, from the summary, which is written last."""
    parts = read_object(folder / "summary.json").get("parts")
    if isinstance(parts, int) and not isinstance(parts, bool) and parts > 0:
        return parts
    raise DataError(
        f"{folder} is incomplete: it is in parts, and there is no summary.json with their number\n"
        "Curate again: tuneworth curate"
    )


@contextmanager
def _damage_reported(run: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pl.exceptions.PolarsError):
        name = table_name(run, "curate/ledger.parquet") or "curate/ledger.parquet"
        raise DataError(f"{Path(run) / name} is damaged; curate again: tuneworth curate") from None
