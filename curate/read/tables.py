"""Reads tables of columns: Parquet and Arrow files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from ...core import DataError, Limits
from .batch import ROWS, Batch, plain_values
from .intake import Intake
from .lengths import text_lengths, without_long
from .opened import check_unpacked, file_stamp

__all__ = ["TABLES", "scan_table", "table_kind", "table_records"]

TABLES = (".parquet", ".arrow", ".feather")
_ARROW_FILE = b"ARROW1"  # a file of Arrow begins with it; a stream of Arrow, as `datasets` writes it, does not


def table_records(path: Path, span: tuple[int, int] | None, number: int, limits: Limits) -> Iterator[Batch]:
    """The rows of a Parquet or Arrow file in batches, from `number` on; `span`: only these rows.

    Raises:
        DataError: while batches are drawn, if the file is missing, damaged or beyond the limits.
    """
    intake, size, unpacked = Intake(path, limits), file_stamp(path).size, 0
    try:
        scan = scan_table(path)
        if span is not None:
            scan = scan.slice(span[0], span[1] - span[0])
        for table in scan.collect_batches(chunk_size=ROWS, maintain_order=True):
            # A text of a dictionary stands in many rows, which share its bytes only until a step changes them.
            lengths = text_lengths(table)
            unpacked += int(lengths.sum())
            check_unpacked(path, unpacked, size, limits)
            rows = without_long(Batch(range(number, number + len(table)), table), lengths, intake)
            yield replace(rows, values=plain_values(rows.values))  # type: ignore[arg-type] - a table
            number += len(table)
    except FileNotFoundError:
        raise DataError(f"there is no file at {path}") from None
    except PermissionError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise DataError(f"{path} cannot be read as {table_kind(path)} ({reason})") from None


def table_kind(path: Path) -> str:
    """What a file of columns is called in messages."""
    return "Parquet" if path.suffix.lower() == ".parquet" else "Arrow"


def scan_table(path: Path) -> pl.LazyFrame:
    """The rows of a Parquet or Arrow file, not read yet; a stream of Arrow is read at once.

    Raises:
        OSError, PolarsError: the file is missing or damaged.
    """
    # A name may hold brackets and equals signs: it is a single file, not a pattern or a partition.
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    with path.open("rb") as file:
        if file.read(len(_ARROW_FILE)) == _ARROW_FILE:
            return pl.scan_ipc(path, glob=False, hive_partitioning=False)
    return pl.read_ipc_stream(path).lazy()
