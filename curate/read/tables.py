"""Reads tables of columns: Parquet and Arrow files, and sheets of workbooks."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ...core import DataError, install_command, nearest, need_regular, open_regular
from .batch import ROWS, Batch, plain_values

__all__ = ["TABLES", "scan_table", "sheet_records", "table_kind", "table_records"]

TABLES = (".parquet", ".arrow", ".feather")
_ARROW_FILE = b"ARROW1"  # a file of Arrow begins with it; a stream of Arrow, as `datasets` writes it, does not
_NO_NAME = "__UNNAMED__"  # how fastexcel calls a column without a header


def table_records(path: Path, span: tuple[int, int] | None, number: int) -> Iterator[Batch]:
    """The rows of a Parquet or Arrow file in batches, from `number` on; `span`: only these rows.

    Raises:
        DataError: while batches are drawn, if the file is missing or damaged.
    """
    try:
        scan = scan_table(path)
        if span is not None:
            scan = scan.slice(span[0], span[1] - span[0])
        for table in scan.collect_batches(chunk_size=ROWS, maintain_order=True):
            yield Batch(range(number, number + len(table)), plain_values(table))
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
    need_regular(path)  # polars opens it itself
    # A name may hold brackets and equals signs: it is a single file, not a pattern or a partition.
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    with open_regular(path) as file:
        if file.read(len(_ARROW_FILE)) == _ARROW_FILE:
            return pl.scan_ipc(path, glob=False, hive_partitioning=False)
    return pl.read_ipc_stream(path).lazy()


def sheet_records(path: Path, sheet: str | None) -> tuple[Iterator[Batch], list[str]]:
    """The rows below the header of a sheet as texts, and which sheet it is if there are several.

    Raises:
        DataError: the package is not installed, the workbook is missing or damaged, or has no such sheet.
    """
    try:
        import fastexcel
    except ImportError:
        raise DataError(f"{path}: reading workbooks needs: {install_command('excel')}") from None
    try:
        need_regular(path)
        names = fastexcel.read_excel(path).sheet_names
        name = sheet if sheet is not None else names[0]
        if name not in names:
            raise DataError(f'{path}: there is no sheet "{name}"; {nearest(name, names)}')
        # As texts: a column may mix numbers and texts, and 12 must not become 12.0. Empty rows keep their numbers.
        table = pl.read_excel(
            path, sheet_name=name, engine="calamine", infer_schema_length=0, drop_empty_rows=False, raise_if_empty=False
        )
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise DataError(f"{path} cannot be read as a workbook ({reason})") from None
    return _from_sheet(table), [f'sheet "{name}" of {len(names)}'] if len(names) > 1 else []


def _from_sheet(table: pl.DataFrame) -> Iterator[Batch]:
    """The rows that have a value, without columns that have neither a name nor a value."""
    nameless = [name for name in table.columns if name.startswith(_NO_NAME) and table[name].null_count() == len(table)]
    table = table.drop(nameless).with_row_index("\0row", offset=1)
    table = table.filter(pl.any_horizontal(pl.exclude("\0row").is_not_null())) if table.width > 1 else table.clear()
    for part in table.iter_slices(ROWS):
        yield Batch(part["\0row"].to_list(), part.drop("\0row"))
