"""Opens files of data for reading: decompressed within the limits, and unchanged until the last byte is read."""

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from ....core import GRACE_BYTES, DataError, Limits, open_regular, say

PACKED = (".gz", ".zst")
_BLOCK = 1 << 20  # bytes per read where they are only counted
_MOST_IDLE = 1 << 18  # packed bytes without one that comes out: some 30,000 empty parts, which take a second to open
ROW_BYTES = 100  # that a row takes beside its texts; so short rows without end are refused as early as long ones


class FileStamp(NamedTuple):
    """Identifies the state of a file on every node: its size in bytes and its modification time."""

    size: int
    mtime_ns: int


def file_stamp(file: Path) -> FileStamp:
    """The current stamp of a file.

    Raises:
        DataError: it does not exist, or is not readable.
    """
    with reading_errors(file):
        found = file.stat()
    return FileStamp(found.st_size, found.st_mtime_ns)


def file_stamps(paths: Iterable[Any]) -> dict[Path, FileStamp]:
    """The stamps of those that are files; tables in memory and folders have none."""
    files = [Path(path) for path in paths if isinstance(path, str | Path)]
    return {file: file_stamp(file) for file in files if file.is_file()}


@contextmanager
def unchanged(stamps: Mapping[Path, FileStamp]) -> Iterator[None]:
    """Raise if a file no longer matches its stamp, before or after the block.

    Raises:
        DataError: a file was changed or deleted.
    """
    _check_unchanged(stamps)
    try:
        yield
    except (DataError, OSError):
        _check_unchanged(stamps)  # a truncated file looks damaged: the change is the better explanation
        raise
    _check_unchanged(stamps)


def _check_unchanged(stamps: Mapping[Path, FileStamp]) -> None:
    for file, stamp in stamps.items():
        if file_stamp(file) != stamp:
            raise DataError(
                f"{file}: the file changed while it was read; run the command again when nothing writes to the file"
            )


@contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors about a file of data into words."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(
            f"{path}: the file was deleted while it was read; restore it, or read the remaining files"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextmanager
def opened(path: Path, limits: Limits | None = None) -> Iterator[IO[bytes]]:
    """The file's bytes, decompressed by its suffix; with `limits`, reading ends when more came out than they allow.

    Raises:
        DataError: the file cannot be read, its compression is damaged, or it unpacks to more than a limit.
    """
    kind = path.suffix.lower()
    try:
        with reading_errors(path), open_regular(path) as raw:
            if kind not in PACKED:
                yield raw
                return
            packed = _Packed(path, raw)
            with _unpacker(packed, kind) as file:
                yield _Unpacked(path, packed, file, limits)  # type: ignore[misc]
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path}: is not a complete {'gzip' if kind == '.gz' else 'zstd'} file ({error})") from None
    except DataError as error:
        if isinstance(error.__context__, gzip.BadGzipFile):  # an OSError without a number
            raise DataError(f"{path}: is not a complete gzip file ({error.__context__})") from None
        raise
    except Exception as error:
        if type(error).__name__ != "ZstdError":  # its class exists only if the module is installed
            raise
        problem = f"is not a complete zstd file ({error})"
        if "too much memory" in str(error):
            problem = "was compressed with a window of more than 128 MB; compress it again with --long=27 or less"
        raise DataError(f"{path}: {problem}") from None


def _unpacker(packed: "_Packed", kind: str) -> Any:
    if kind == ".gz":
        return gzip.GzipFile(fileobj=packed)  # type: ignore[arg-type] - it needs no more than `read`
    if sys.version_info >= (3, 14):
        from compression import zstd  # type: ignore[import-not-found]
    else:
        from backports import zstd
    return zstd.open(packed)  # type: ignore[arg-type] - as above


class _Packed:
    """The bytes of a compressed file; `idle` counts those that went in since the last byte came out."""

    def __init__(self, path: Path, raw: IO[bytes]) -> None:
        self._path, self._raw = path, raw
        self.idle = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises: DataError if the last ones unpacked to nothing."""
        if self.idle > _MOST_IDLE:
            raise DataError(
                f"{self._path}: {say.size(self.idle)} of it unpack to nothing; the limit is {say.size(_MOST_IDLE)}, and it "
                "is fixed\nNo program writes so many empty parts: unpack the file and compress it again."
            )
        block = self._raw.read(size)
        self.idle += len(block)
        return block

    def tell(self) -> int:
        """How many bytes went in."""
        return self._raw.tell()


class _Unpacked:
    """What comes out of a compressed file, counted."""

    def __init__(self, path: Path, packed: _Packed, file: Any, limits: Limits | None) -> None:
        self._path, self._packed, self._file, self._limits = path, packed, file, limits
        self._bytes = self._lines = 0
        self._looked_ahead = False

    def read(self, size: int) -> bytes:
        """The next bytes. Raises: DataError if they are more than the limits allow."""
        blocks, missing = [], size
        while missing and (some := self._file.read1(missing)):
            self._packed.idle = 0
            blocks.append(some)
            missing -= len(some)
        block = b"".join(blocks)
        self._bytes += len(block)
        self._lines += block.count(b"\n")
        if self._limits is not None:
            self._check(self._limits)
        return block

    def held(self, limits: Limits) -> None:
        """Raise if more came out so far than the limits allow."""
        check_unpacked(self._path, self._bytes, self._packed.tell(), limits, rows=self._lines)

    @property
    def taken(self) -> int:
        """The bytes that came out so far, and those that lines take."""
        return self._bytes + self._lines * ROW_BYTES

    def _check(self, limits: Limits) -> None:
        self.held(limits)
        if self.taken > limits.of("ratio") * self._packed.tell() and not self._looked_ahead:
            # Parsing the first megabytes of a file that is refused after them would take seconds.
            self._looked_ahead = True
            with opened(self._path) as file:
                ahead = cast(_Unpacked, file)
                while ahead.taken <= GRACE_BYTES and ahead.read(_BLOCK):
                    ahead.held(limits)


def check_unpacked(path: Path, unpacked: int, packed: int, limits: Limits, *, rows: int = 0) -> None:
    """Raise if more comes out of a file, or of its first `packed` bytes, than the limits allow; `rows` are its lines."""
    if unpacked > limits.of("unpacked"):
        raise limits.exceeded(path, "unpacked", f"unpacks to more than {say.size(limits.of('unpacked'))}")
    taken = unpacked + rows * ROW_BYTES
    ratio = taken / max(1, packed)
    if taken > GRACE_BYTES and ratio > limits.of("ratio"):
        of_rows = f" in {rows:,} rows, which take {say.size(taken)}" if rows * ROW_BYTES > unpacked else ""
        what = f"its first {say.size(packed)} unpack to {say.size(unpacked)}{of_rows}, {ratio:,.0f} times as much"
        raise limits.exceeded(path, "ratio", what, needed=int(2 * ratio))
