"""What a Parquet or Arrow file would unpack to, by the headers of its pages and buffers, before any of it is unpacked.

Readers of these files allocate what a header states. So the sizes are added up first: a page of 2 GB of zeros takes 60 kB
in the file. Only headers are read, no data.

Formats: https://parquet.apache.org/docs/file-format/ (metadata in Thrift's compact protocol), https://arrow.apache.org/docs/
format/Columnar.html#serialization-and-interprocess-communication-ipc (metadata in FlatBuffers).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

__all__ = ["Damaged", "Pages", "arrow_pages", "parquet_pages"]


@dataclass
class Pages:
    """rows: as stated. unpacked: bytes of all pages, or buffers. largest: bytes of the largest one. header: bytes of its
    metadata, or of the largest piece of it. repeated: bytes of a column's texts, if the values of all rows were as long as its
    dictionary."""

    rows: int = 0
    unpacked: int = 0
    largest: int = 0
    header: int = 0
    repeated: int = 0
    count: int = 0

    def add(self, size: int) -> None:
        """Add a page that unpacks to this size. Raises: Damaged if there are too many."""
        self.count += 1
        if self.count > MOST_PAGES:
            raise Damaged(f"it has more than {MOST_PAGES:,} pages")
        self.unpacked += max(0, size)
        self.largest = max(self.largest, size)


class Damaged(ValueError):
    """The metadata cannot be followed."""


MOST_PAGES = 500_000  # pages and buffers of a file: their headers are read one by one; a page has a megabyte as a rule


# --- Parquet ------------------------------------------------------------------------------------------------------

_MAGIC = b"PAR1"
# The wanted fields by their numbers in parquet.thrift, each with those of the structure in it; the others are skipped.
_CHUNK = {3: {7: None, 9: None, 11: None}}  # of ColumnChunk: meta_data with its size and offsets
_FILE = {3: None, 4: {1: _CHUNK, 3: None}}  # of FileMetaData: num_rows, row_groups with columns and num_rows
# Of PageHeader: uncompressed and compressed size, and the number of values in a page of data, or in a dictionary.
_PAGE = {2: None, 3: None, 5: {1: None}, 7: {1: None}, 8: {1: None}}


def parquet_pages(file: IO[bytes], *, most_header: int) -> Pages:
    """The pages of a Parquet file; none if its metadata has more than `most_header` bytes, which are then only counted.

    Raises: Damaged, OSError.
    """
    size = file.seek(0, 2)
    if size < 12:
        raise Damaged("no metadata")
    file.seek(size - 8)
    length, magic = struct.unpack("<I4s", file.read(8))
    pages = Pages(header=length)
    if magic != _MAGIC or length > size - 12:
        raise Damaged("no metadata")
    if length > most_header:
        return pages
    file.seek(size - 8 - length)
    found = _Thrift(file).structure(_FILE)
    groups = found.get(4, [])
    pages.rows = max(found.get(3, 0), sum(group.get(3, 0) for group in groups))
    for group in groups:
        for chunk in group.get(1, []):
            _add_chunk(file, chunk.get(3, {}), size, pages)
    return pages


def _add_chunk(file: IO[bytes], chunk: dict[int, Any], size: int, pages: Pages) -> None:
    """The pages of a column in a group of rows."""
    place = min((at for at in (chunk.get(11), chunk.get(9)) if at), default=0)
    end = min(size, place + chunk.get(7, 0))
    dictionary = values = 0
    while 0 < place < end:
        file.seek(place)
        header = _Thrift(file).structure(_PAGE)
        unpacked, packed = header.get(2, 0), header.get(3, 0)
        pages.add(unpacked)
        if 7 in header:
            dictionary = unpacked
        values += header.get(5, header.get(8, {})).get(1, 0)
        if packed < 0:
            raise Damaged("a page of negative size")
        place = file.tell() + packed
    pages.repeated = max(pages.repeated, dictionary * values)


class _Thrift:
    """Reads structures in Thrift's compact protocol."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def structure(self, wanted: dict[int, Any], depth: int = 0) -> dict[int, Any]:
        """The wanted fields of the structure that begins here."""
        found, number = {}, 0
        while (head := self._byte()) != 0:
            kind, step = head & 15, head >> 4
            number = number + step if step else self._signed()
            if number in wanted:
                found[number] = self._value(kind, wanted[number], depth + 1)
            else:
                self._skip(kind, depth + 1)
        return found

    def _value(self, kind: int, wanted: Any, depth: int) -> Any:
        if kind in (9, 10) and isinstance(wanted, dict):
            count, inner = self._list_head()
            if inner != 12 or count > MOST_PAGES:
                raise Damaged("a list of another kind or length")
            return [self.structure(wanted, depth) for _ in range(count)]
        if kind == 12 and isinstance(wanted, dict):
            return self.structure(wanted, depth)
        if kind in (3, 4, 5, 6) and wanted is None:
            return self._signed()
        raise Damaged("a field of another kind")

    def _skip(self, kind: int, depth: int) -> None:
        if depth > 50:
            raise Damaged("nested too deep")
        if kind in (4, 5, 6):
            self._unsigned()
        elif kind in (3, 7):
            self._past(1 if kind == 3 else 8)
        elif kind == 8:
            self._past(self._unsigned())
        elif kind in (9, 10):
            count, inner = self._list_head()
            if inner in (1, 2):  # a byte for each
                self._past(count)
            else:
                for _ in range(count):
                    self._skip(inner, depth + 1)
        elif kind == 11:
            count = self._unsigned()
            kinds = self._byte() if count else 0
            for _ in range(count):
                self._skip(kinds >> 4, depth + 1)
                self._skip(kinds & 15, depth + 1)
        elif kind == 12:
            self.structure({}, depth + 1)
        elif kind not in (1, 2):  # these are their own value
            raise Damaged("an unknown kind of field")

    def _list_head(self) -> tuple[int, int]:
        head = self._byte()
        count = head >> 4
        return self._unsigned() if count == 15 else count, head & 15

    def _past(self, count: int) -> None:
        self._file.seek(count, 1)

    def _byte(self) -> int:
        found = self._file.read(1)
        if not found:
            raise Damaged("cut off")
        return found[0]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise Damaged("a number of too many bytes")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)


# --- Arrow --------------------------------------------------------------------------------------------------------

_ARROW = b"ARROW1"  # a file begins with it; a stream does not
_DICTIONARY, _RECORDS = 2, 3  # kinds of messages


def arrow_pages(file: IO[bytes], *, most_header: int) -> Pages:
    """The buffers of an Arrow file or stream; none after a header of more than `most_header` bytes, which is only counted.

    Raises: Damaged, OSError.
    """
    try:
        pages = Pages()
        file.seek(0)
        whole = file.read(len(_ARROW)) == _ARROW
        for place in _blocks(file, pages, most_header) if whole else _stream(file):
            message, body, _ = _message(file, place, pages, most_header)
            if message is None:
                return pages
            _add_batch(file, message, body, pages)
        return pages
    except (struct.error, IndexError) as error:
        raise Damaged(str(error)) from None


def _add_batch(file: IO[bytes], message: "_Table", body: int, pages: Pages) -> None:
    """The buffers of a message, if it is a batch of records or a dictionary."""
    kind, batch = message.number(1, "<B"), message.table(2)
    if kind not in (_DICTIONARY, _RECORDS) or batch is None:
        return
    if kind == _DICTIONARY:
        batch = batch.table(1)
    else:
        pages.rows += max(0, batch.number(0, "<q"))
    if batch is None:
        raise Damaged("a dictionary without values")
    packed = batch.table(3) is not None
    for offset, length in batch.structures(2, "<qq"):
        unpacked = length
        if packed and length >= 8:  # the size before compression comes first; -1 if it was not compressed
            file.seek(body + offset)
            (unpacked,) = struct.unpack("<q", file.read(8))
        pages.add(length if unpacked == -1 else unpacked)


def _blocks(file: IO[bytes], pages: Pages, most: int) -> Iterator[int]:
    """Where the batches of an Arrow file begin, by its footer."""
    file.seek(-len(_ARROW) - 4, 2)
    length, magic = struct.unpack("<i6s", file.read(4 + len(_ARROW)))
    pages.header = max(pages.header, length)
    if magic != _ARROW or not 0 <= length < file.tell():
        raise Damaged("no footer")
    if length > most:
        return
    file.seek(-len(_ARROW) - 4 - length, 2)
    footer = _Table.root(file.read(length))
    for name in (2, 3):  # dictionaries, batches of records
        for offset, _, _ in footer.structures(name, "<qi4xq"):
            yield offset


def _stream(file: IO[bytes]) -> Iterator[int]:
    """Where the messages of a stream of Arrow begin."""
    place, size = 0, file.seek(0, 2)
    while place + 8 <= size:
        yield place
        message, body, length = _message(file, place, Pages(), size)
        if message is None or length < 0:
            return
        place = body + length


def _message(file: IO[bytes], place: int, pages: Pages, most: int) -> "tuple[_Table | None, int, int]":
    """The message at a position, and where its body begins and how long it is; None at the end, or beyond the limit."""
    size = file.seek(0, 2)
    file.seek(place)
    (length,) = struct.unpack("<i", file.read(4))
    if length == -1:  # before the length since version 0.15
        (length,) = struct.unpack("<i", file.read(4))
    if length > size:
        raise Damaged("its metadata is cut off")
    pages.header = max(pages.header, length)
    if length <= 0 or length > most:
        return None, 0, 0
    message = _Table.root(file.read(length))
    return message, file.tell(), message.number(3, "<q")


class _Table:
    """A table in FlatBuffers: its fields have numbers, and may be missing."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        """The outermost table."""
        return cls(data, struct.unpack_from("<I", data)[0])

    def number(self, field: int, form: str) -> int:
        """The number in a field; 0 if it is missing."""
        place = self._of(field)
        return 0 if place is None else struct.unpack_from(form, self._data, place)[0]

    def table(self, field: int) -> "_Table | None":
        """The table in a field."""
        place = self._of(field)
        return None if place is None else _Table(self._data, self._follow(place))

    def structures(self, field: int, form: str) -> Iterator[tuple[int, ...]]:
        """The structures in a vector."""
        place = self._of(field)
        if place is None:
            return
        start = self._follow(place)
        (count,) = struct.unpack_from("<I", self._data, start)
        for number in range(min(count, len(self._data))):
            yield struct.unpack_from(form, self._data, start + 4 + number * struct.calcsize(form))

    def _follow(self, place: int) -> int:
        return place + struct.unpack_from("<I", self._data, place)[0]

    def _of(self, field: int) -> int | None:
        """Where a field is: the table begins with the distance to the list of its fields' places."""
        fields = self._place - struct.unpack_from("<i", self._data, self._place)[0]
        (size,) = struct.unpack_from("<H", self._data, fields)
        if 6 + 2 * field > size:
            return None
        (offset,) = struct.unpack_from("<H", self._data, fields + 4 + 2 * field)
        return self._place + offset if offset else None
