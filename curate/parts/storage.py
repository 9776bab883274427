"""Stores the tables of stages and parts in a folder or behind a URL; a part exists once its `done.json` does.

A table is one file of Arrow IPC pieces: one piece, or one per bucket where it has a column `bucket`, so that a reader
of one bucket fetches only that range of bytes. Each writer of a part uses unique names, and `done.json`, written
last and atomically, names the valid files: two writers of a part cannot mix, and files of a killed one are ignored.
"""

import io
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl

from ...core import RunBroken, TuneworthError, has_ended
from .files import Files, UrlFiles, files_at

BUCKET = "bucket"
# lz4: a third of zstd's time to write, and half the bytes of no compression on texts similar to each other.
_COMPRESSION = "lz4"


class Piece(NamedTuple):
    """A range of a table's file that is an Arrow IPC file of its own; `bucket` is None for unbucketed rows."""

    bucket: int | None
    rows: int
    start: int
    length: int


@dataclass(frozen=True)
class StoredTable:
    """The location of a table in its part's folder."""

    file: str
    rows: int
    bytes: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Done:
    """The result of a finished part: its tables, the note of its function, its cost."""

    tables: Mapping[str, StoredTable]
    note: Any = None
    seconds: float = 0.0
    peak_bytes: int | None = None
    rows_read: int = 0

    @property
    def rows(self) -> int:
        """The rows processed: those read, or those of the largest table if the stage reads files."""
        return self.rows_read or max((table.rows for table in self.tables.values()), default=0)


@dataclass(frozen=True)
class Storage:
    """A store for the tables of stages; picklable, so that workers on other machines can open it."""

    place: str
    files: Files = field(compare=False, repr=False)
    prefix: str = ""

    def within(self, folder: str) -> "Storage":
        """The storage in a subfolder."""
        return Storage(self.place, self.files, f"{self.prefix}{folder}/")

    @property
    def is_remote(self) -> bool:
        """Whether each request goes over a network."""
        return isinstance(self.files, UrlFiles)

    def at(self, name: str) -> str:
        """A location, for messages."""
        return f"{self.place.rstrip('/')}/{self.prefix}{name}"

    def store(
        self,
        stage: str,
        part: int,
        frames: Mapping[str, pl.DataFrame],
        *,
        note: Any = None,
        seconds: float = 0.0,
        peak_bytes: int | None = None,
        rows_read: int = 0,
    ) -> Done:
        """Write a part's tables, and `done.json` last.

        Raises: RunBroken if the write fails.
        """
        folder, mark = _folder(stage, part), secrets.token_hex(6)
        with self.refusals(folder, writing=True):
            tables = {}
            for name, frame in frames.items():
                pieces, data = _packed(frame)
                file = f"{name}.{mark}.arrow"
                self.files.write(f"{self.prefix}{folder}/{file}", data)
                tables[name] = StoredTable(file, frame.height, len(data), pieces)
            done = Done(tables, note, seconds, peak_bytes, rows_read)
            self.write_json(f"{folder}/done.json", msgspec.to_builtins(done))
        return done

    def find(self, stage: str, part: int) -> Done | None:
        """The result of a part; None if it is not finished, or if one of its files is missing or truncated."""
        folder = _folder(stage, part)
        done = self._done(folder)
        if done is None:
            return None
        with self.refusals(folder):
            for table in done.tables.values():
                if self.files.size(f"{self.prefix}{folder}/{table.file}") != table.bytes:
                    return None
        return done

    def load(
        self, stage: str, part: int, name: str, *, columns: Sequence[str] | None = None, bucket: int | None = None
    ) -> pl.DataFrame | None:
        """A table of a finished part, or its rows of one bucket; None if the stage wrote no such table.

        Raises: RunBroken if the part does not exist, or the table is missing or damaged.
        """
        folder = _folder(stage, part)
        done = self._done(folder)
        if done is None:
            raise RunBroken(
                f"{self.at(folder)}: part {part} of stage {stage} is missing\n"
                "Run the same command again: it redoes only what is missing."
            )
        table = done.tables.get(name)
        return None if table is None else self._unpacked(f"{folder}/{table.file}", table, columns, bucket)

    def _done(self, folder: str) -> Done | None:
        try:
            return msgspec.convert(self.read_json(f"{folder}/done.json"), Done)
        except msgspec.ValidationError:
            return None

    def _unpacked(
        self, path: str, table: StoredTable, columns: Sequence[str] | None, bucket: int | None
    ) -> pl.DataFrame:
        # The first piece of a bucketed table is empty: it carries the schema for empty buckets.
        wanted = [piece for piece in table.pieces if bucket is None or piece.bucket is None or piece.bucket == bucket]
        names = None if columns is None else list(columns)
        try:
            with self.refusals(path):
                if bucket is None:
                    data = memoryview(self.files.read(f"{self.prefix}{path}"))
                    blobs = [data[p.start : p.start + p.length] for p in wanted]
                else:
                    blobs = [self.files.read(f"{self.prefix}{path}", p.start, p.length) for p in wanted]
            frames = [pl.read_ipc(io.BytesIO(blob), columns=names) for blob in blobs]
            if [frame.height for frame in frames] != [piece.rows for piece in wanted]:
                raise ValueError("rows are missing")
        except (FileNotFoundError, pl.exceptions.ComputeError, ValueError, TypeError, EOFError) as error:
            what = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({_first_line(error)})"
            raise RunBroken(
                f"{self.at(path)} {what}\n"
                f"Delete {self.at(path).rpartition('/')[0]} and run the same command again: it redoes only that part."
            ) from error
        return pl.concat(frames)

    def write_json(self, name: str, value: Any) -> None:
        """Write a small file atomically."""
        with self.refusals(name, writing=True):
            self.files.write(f"{self.prefix}{name}", json.dumps(value, ensure_ascii=False).encode())

    def read_json(self, name: str) -> Any:
        """The content of a small file; None if it is missing or incomplete."""
        try:
            with self.refusals(name):
                content = self.files.read(f"{self.prefix}{name}")
            return json.loads(content)
        except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
            return None

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its contents."""
        with self.refusals(name):
            self.files.remove(f"{self.prefix}{name}")

    @contextmanager
    def refusals(self, name: str, *, writing: bool = False) -> Iterator[None]:
        """Turn storage errors (full, no permission, no network) into one error that says where and what to do.

        On reading, a missing file is still a FileNotFoundError, and a wrong value a ValueError.
        """
        passed: tuple[type[Exception], ...] = (ValueError, MemoryError, TuneworthError, pl.exceptions.PolarsError)
        if not writing:
            passed += (FileNotFoundError, NotADirectoryError)
        try:
            yield
        except passed:
            raise
        except Exception as error:  # each driver of fsspec has errors of its own
            raise RunBroken(
                f"the storage failed at {self.at(name)}: {_first_line(error)}\n"
                "Check free space, permissions and the network, then run the same command to resume."
            ) from error


def open_storage(place: str | Path) -> Storage:
    """The storage in a folder or behind a URL such as `s3://bucket/folder`; nothing is created or written yet.

    Raises: ConfigError if the package that the URL needs is missing.
    """
    files = files_at(place)
    return Storage(str(getattr(files, "folder", place)), files)


def _folder(stage: str, part: int) -> str:
    return f"{stage}/{part:05d}"


def _packed(frame: pl.DataFrame) -> tuple[tuple[Piece, ...], bytes]:
    """A frame as the bytes of its pieces, sorted by bucket where it has that column; else as one piece."""
    if BUCKET not in frame.columns:
        data = _ipc(frame)
        return (Piece(None, frame.height, 0, len(data)),), data
    if frame[BUCKET].null_count():
        raise ValueError(f"{frame[BUCKET].null_count()} rows have no bucket")
    frame = frame.sort(BUCKET, maintain_order=True)
    blobs, pieces = [_ipc(frame.clear())], [Piece(None, 0, 0, 0)]
    pieces[0] = Piece(None, 0, 0, len(blobs[0]))
    first, end = 0, len(blobs[0])
    for length, bucket in frame[BUCKET].rle().struct.unnest().iter_rows():
        blobs.append(_ipc(frame.slice(first, length)))
        pieces.append(Piece(int(bucket), length, end, len(blobs[-1])))
        first, end = first + length, end + len(blobs[-1])
    return tuple(pieces), b"".join(blobs)


def _ipc(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression=_COMPRESSION)
    return buffer.getvalue()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


_BEAT = 10.0  # seconds between heartbeats
# A driver on another machine counts as dead after this many seconds without one: storage may be slow, clocks may differ.
_DEAD = 120.0
_FILE = "lease.json"


class Lease:
    """A job's lease, kept alive by a thread until it is released.

    It prevents duplicate work. The results need no lock: two writers of a part cannot mix.
    """

    def __init__(self, storage: Storage) -> None:
        """Take the lease, also from a dead driver. Raises: RunBroken if another driver is alive."""
        self._storage = storage
        self._token = secrets.token_hex(8)
        found = storage.read_json(_FILE)
        if isinstance(found, dict) and _alive(found):
            raise RunBroken(
                f"another command is working on this job: process {found.get('process')} on {found.get('machine')}\n"
                f"It curates the same data with the same settings in {storage.at('')}. Wait for it, or stop it first."
            )
        self._sign()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise a RunBroken if another driver took the lease, for example while this machine was suspended."""
        found = self._storage.read_json(_FILE)
        if not isinstance(found, dict) or found.get("token") != self._token:
            raise RunBroken("another command took over this job\nWait for it to end, then run the same command again.")

    def release(self) -> None:
        """Release the lease if this driver still has it."""
        self._ended.set()
        self._thread.join()
        found = self._storage.read_json(_FILE)
        if isinstance(found, dict) and found.get("token") == self._token:
            self._storage.remove(_FILE)

    def _sign(self) -> None:
        sign = {"machine": platform.node(), "process": os.getpid(), "token": self._token, "alive": time.time()}
        self._storage.write_json(_FILE, sign)

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            try:
                self.check()
                self._sign()
            except TuneworthError:  # the next table reports a failed storage, `check` a lost lease
                continue


def _alive(found: dict[str, object]) -> bool:
    """Whether the driver is alive: by its process id on this machine, else by its last heartbeat."""
    process, alive = found.get("process"), found.get("alive")
    if not isinstance(alive, int | float) or time.time() - alive > _DEAD:
        return False  # or a process id that was reused
    if found.get("machine") != platform.node() or not isinstance(process, int):
        return True
    return not has_ended(process)
