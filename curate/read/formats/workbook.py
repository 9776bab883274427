"""Reads a sheet of a workbook, once it is known to fit in memory.

A workbook is a zip archive of XML parts, and its reader allocates every cell of the rectangle that the used cells span, with
a copy of its text. So a file of a kilobyte may ask for terabytes, by one cell in the last row and column. Apache POI refuses
such files by their ratio of compression (`ZipSecureFile`); we also look at the rectangle and at the repeated texts.
"""

import re
import struct
import zipfile
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import IO

import polars as pl

from ....core import DataError, Limits, install_command, nearest, open_regular, say
from .batch import ROWS, Batch, Intake, table_batch, text_lengths
from .opened import check_unpacked, reading_errors

_NO_NAME = "__UNNAMED__"  # how fastexcel calls a column without a header
_CELL_BYTES = 32  # that calamine allocates for each cell of the rectangle
_BLOCK = 1 << 20
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a part: the lengths of its name and of its extra field
# The first bytes of the tags of rows and of cells with a value, and what they say. Each match looks at one tag alone.
_ROW = re.compile(rb"<(?:\w{1,20}:)?row\s[^<>]*?\br=[\"'](\d{1,9})")
_COLUMN = re.compile(rb"<(?:\w{1,20}:)?c\s(?=[^<>]*[^/<>]>)[^<>]*?\br=[\"']([A-Z]{1,6})\d")
_REFERENCE = re.compile(
    rb"<(?:\w{1,20}:)?c\s(?=[^<>]*?\bt=[\"']s[\"'])[^<>]*+>\s*+<(?:\w{1,20}:)?v>\s*+(\d{1,9})"
)  # of a cell to a shared text, by its number
_TEXT_END = re.compile(rb"</(?:\w{1,20}:)?si>")


def sheet_records(path: Path, sheet: str | None, limits: Limits) -> tuple[Iterator[Batch], list[str]]:
    """The rows below the header of a sheet as texts, and which sheet it is if there are several.

    Raises:
        DataError: the package is not installed, the workbook is missing, damaged or beyond the limits, or has no such sheet.
    """
    try:
        import fastexcel
    except ImportError:
        raise DataError(f"{path}: reading workbooks needs: {install_command('excel')}") from None
    try:
        _check(path, limits)
        names = fastexcel.read_excel(path).sheet_names
        name = sheet if sheet is not None else names[0]
        if name not in names:
            raise DataError(f'{path}: there is no sheet "{name}"; {nearest(name, names)}')
        # As texts: a column may mix numbers and texts, and 12 must not become 12.0. Empty rows keep their numbers.
        table = pl.read_excel(
            path, sheet_name=name, engine="calamine", infer_schema_length=0, drop_empty_rows=False, raise_if_empty=False
        )
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, OSError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).split("\n", 1)[0]
        raise DataError(f"{path} cannot be read as a workbook ({reason})") from None
    found = [f'sheet "{name}" of {len(names)}'] if len(names) > 1 else []
    return _from_sheet(table, Intake(path, limits)), found


def _from_sheet(table: pl.DataFrame, intake: Intake) -> Iterator[Batch]:
    """The rows that have a value, without columns that have neither a name nor a value."""
    nameless = [name for name in table.columns if name.startswith(_NO_NAME) and table[name].null_count() == len(table)]
    table = table.drop(nameless).with_row_index("\0row", offset=1)
    table = table.filter(pl.any_horizontal(pl.exclude("\0row").is_not_null())) if table.width > 1 else table.clear()
    for part in table.iter_slices(ROWS):
        rows = part.drop("\0row")
        yield table_batch(rows, part["\0row"].to_list(), text_lengths(rows), intake)


# --- what a workbook would take -----------------------------------------------------------------------------------


def _check(path: Path, limits: Limits) -> None:
    """Raise if the parts of a workbook unpack to more than the limits allow, or its cells would take more memory."""
    most = limits.of("document")
    references = longest = 0
    with reading_errors(path), open_regular(path) as file, zipfile.ZipFile(file) as book:
        for part in _parts(path, book, limits):
            rows = columns = 0
            for xml in part:
                rows = max(rows, *map(int, _ROW.findall(xml)), 0)
                columns = max(columns, *map(_column, set(_COLUMN.findall(xml))), 0)
                references += len(_REFERENCE.findall(xml))
                longest = max(longest, *_text_sizes(xml), 0)
            if (cells := rows * columns * _CELL_BYTES) > most:
                what = f"its cells span {rows:,} rows and {columns:,} columns, which take {say.size(cells)} of memory"
                raise limits.exceeded(path, "document", what, needed=cells)
        if references * longest > most and (texts := _all_texts(path, book, limits)) > most:
            what = f"its cells repeat texts that take {say.size(texts)} of memory"
            raise limits.exceeded(path, "document", what, needed=texts)


def _column(letters: bytes) -> int:
    """The number of a column: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _text_sizes(xml: bytes) -> list[int]:
    """The bytes of each shared text, with its tags."""
    ends = [0, *(found.end() for found in _TEXT_END.finditer(xml))]
    return [end - start for start, end in pairwise(ends)]


def _all_texts(path: Path, book: zipfile.ZipFile, limits: Limits) -> int:
    """The bytes of the shared texts of all cells."""
    sizes, uses = array("Q"), Counter[int]()
    for xml in chain.from_iterable(_parts(path, book, limits)):
        sizes.extend(_text_sizes(xml))
        uses.update(map(int, _REFERENCE.findall(xml)))
    return sum(count * sizes[number] for number, count in uses.items() if number < len(sizes))


def _parts(path: Path, book: zipfile.ZipFile, limits: Limits) -> Iterator[Iterator[bytes]]:
    """The text of each part, in pieces that end before a closing tag.

    Raises: DataError if the parts unpack to more than the limits allow, or one is damaged.
    """
    packed = unpacked = 0
    most = limits.of("document")

    def counted(part: zipfile.ZipInfo) -> Iterator[bytes]:
        nonlocal packed, unpacked
        for read, block in _unpacked(path, book, part):
            packed, unpacked = packed + read, unpacked + len(block)
            check_unpacked(path, unpacked, packed, limits)
            if unpacked > most:
                what = f"this workbook is read at once and unpacks to more than {say.size(most)}"
                raise limits.exceeded(path, "document", what)
            yield block

    for part in book.infolist():
        yield _pieces(path, part.filename, counted(part))


def _pieces(path: Path, name: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The text of a part in pieces that end before a closing tag, where there is one; images have none.

    Raises: DataError for a tag in XML without an end.
    """
    rest, xml = b"", None
    for block in blocks:
        rest += block
        xml = rest.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") if xml is None else xml
        end = rest.rfind(b"</")
        if end < 0 and len(rest) > _BLOCK:
            if xml and rest.rfind(b"<") > rest.rfind(b">"):
                raise DataError(f"{path} cannot be read as a workbook ({name} has a tag of {len(rest):,} bytes)")
            end = len(rest)
        if end > 0:
            yield rest[:end]
            rest = rest[end:]
    yield rest


def _unpacked(path: Path, book: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[tuple[int, bytes]]:
    """The bytes of a part in blocks, each with the packed bytes it took, whatever size the archive states.

    Raises: DataError if it is compressed by another method than deflate, or encrypted.
    """
    file: IO[bytes] = book.fp  # type: ignore[assignment] - open until the block of `with` ends
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or part.flag_bits & 1:
        raise DataError(
            f"{path} cannot be read as a workbook ({part.filename} is encrypted or compressed in another way)"
        )
    file.seek(part.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size:
        raise zipfile.BadZipFile(f"{part.filename} is cut off")
    name, extra = _LOCAL_HEADER.unpack(header)
    file.seek(name + extra, 1)
    left = part.compress_size
    inflate = None if part.compress_type == zipfile.ZIP_STORED else zlib.decompressobj(-zlib.MAX_WBITS)
    while left > 0 and (packed := file.read(min(left, _BLOCK // 16))):
        left -= len(packed)
        if inflate is None:
            yield len(packed), packed
            continue
        read = len(packed)
        while packed and not inflate.eof:
            yield read, inflate.decompress(packed, _BLOCK)
            packed, read = inflate.unconsumed_tail, 0
