"""Reads tables of columns: Parquet and Arrow files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from ....core import DataError, Limits, open_regular, say
from ..batch import ROWS, Batch, plain_values
from .intake import Intake
from .lengths import text_lengths, without_long
from .opened import check_unpacked, file_stamp, reading_errors
from .pages import Damaged, arrow_pages, parquet_pages

__all__ = ["TABLES", "scan_table", "table_kind", "table_records"]

TABLES = (".parquet", ".arrow", ".feather")
_METADATA = 16_000_000  # bytes of metadata that may be read, however short records must be
_ARROW_FILE = b"ARROW1"  # a file of Arrow begins with it; a stream of Arrow, as `datasets` writes it, does not


def table_records(path: Path, span: tuple[int, int] | None, number: int, limits: Limits) -> Iterator[Batch]:
    """The rows of a Parquet or Arrow file in batches, from `number` on; `span`: only these rows.

    Raises:
        DataError: while batches are drawn, if the file is missing, damaged or beyond the limits.
    """
    intake, size, unpacked = Intake(path, limits), file_stamp(path).size, 0
    try:
        scan = scan_table(path, limits)
        if span is not None:
            scan = scan.slice(span[0], span[1] - span[0])
        for table in scan.collect_batches(chunk_size=ROWS, maintain_order=True):
            # A text of a dictionary stands in many rows, which share its bytes only until a step changes them.
            lengths = text_lengths(table)
            unpacked += int(lengths.sum())
            check_unpacked(path, unpacked, size, limits, rows=number + len(table) - 1)
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


def _check_pages(path: Path, limits: Limits) -> None:
    """Raise if the pages of a Parquet or Arrow file, by their headers, unpack to more than the limits allow.

    Raises:
        DataError: they do, or the headers are damaged.
    """
    most_header = max(limits.of("record"), _METADATA)
    find = parquet_pages if path.suffix.lower() == ".parquet" else arrow_pages
    try:
        with reading_errors(path), open_regular(path) as file:
            pages = find(file, most_header=most_header)
    except Damaged as error:
        raise DataError(f"{path} cannot be read as {table_kind(path)} ({error})") from None
    if pages.header > most_header:
        raise limits.exceeded(path, "record", f"its metadata has {say.size(pages.header)}", needed=pages.header)
    if pages.largest > limits.of("document"):
        what = f"one of its pages unpacks to {say.size(pages.largest)}"
        raise limits.exceeded(path, "document", what, needed=pages.largest)
    if pages.repeated > limits.of("unpacked") and _has_categories(
        path
    ):  # polars compares the text of each row with them
        what = f"the values of a column of categories may take {say.size(pages.repeated)}, more than can be compared"
        raise limits.exceeded(path, "unpacked", what, needed=pages.repeated)
    # A row takes memory even if all its values are missing, which take no place in the file.
    check_unpacked(path, pages.unpacked, file_stamp(path).size, limits, rows=pages.rows)


def _has_categories(path: Path) -> bool:
    """Whether a Parquet file has columns of categories, as pandas and Arrow write them."""
    kinds = pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema().dtypes()
    return any(isinstance(kind, pl.Categorical | pl.Enum) for kind in kinds)


def table_kind(path: Path) -> str:
    """What a file of columns is called in messages."""
    return "Parquet" if path.suffix.lower() == ".parquet" else "Arrow"


def scan_table(path: Path, limits: Limits) -> pl.LazyFrame:
    """The rows of a Parquet or Arrow file, not read yet; a stream of Arrow is read at once.

    Raises:
        DataError: the file unpacks to more than the limits allow, or its headers are damaged.
        OSError, PolarsError: the file is missing or damaged.
    """
    _check_pages(path, limits)
    # A name may hold brackets and equals signs: it is a single file, not a pattern or a partition.
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    with open_regular(path) as file:
        if file.read(len(_ARROW_FILE)) == _ARROW_FILE:
            return pl.scan_ipc(path, glob=False, hive_partitioning=False)
    return pl.read_ipc_stream(path).lazy()
