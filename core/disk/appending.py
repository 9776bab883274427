"""Appends lines of JSON to a file, all of them or none, one process at a time, and locks between processes.

docs/architecture.md lists the files to which commands append; a test checks that no other code opens a file to append.
"""

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ..errors import ConfigError, named_errors
from ..machine import sync_folder
from .files import need_regular

PATIENCE = 30  # seconds to wait for another process that is writing the same file

_LONGEST = 200  # characters of a note in a lock
_MARK = "held by "


class Locked(ConfigError):
    """Another process holds a lock."""


@contextmanager
def alone(lock: Path, *, busy: str, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a lock while the block lasts; a killed process releases it. The folder of the lock is created if missing.

    patience: seconds to wait for another process. busy: the first line of the error if that was not enough.

    Raises: Locked, which names the process that holds the lock; OSError if the disk refuses.
    """
    from filelock import FileLock, Timeout  # imported here, since reading needs no locks

    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=patience)
    except Timeout:
        raise Locked(f"{busy}\nIt is {_holder(lock)}. Wait for it or stop it, then try again.") from None
    try:
        _sign(lock)
        yield
    finally:
        held.release()


@contextmanager
def writing(path: Path, *, busy: str = "", patience: float = PATIENCE) -> Iterator[Path]:
    """The path to write to, the target if it is a link, while no other process of Tuneworth writes there. As `alone`.

    The lock is a hidden file next to it.
    """
    place = Path(os.path.realpath(path))
    busy = busy or f"{path} is being written by another process."
    with alone(place.with_name(f".{place.name}.lock"), busy=busy, patience=patience):
        yield place


def is_locked(lock: Path) -> bool:
    """Whether a live process holds the lock; false on a read-only disk, where no command can be at work."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def _sign(lock: Path) -> None:
    """Write the holder's name into the lock; on systems without locks, filelock itself writes there."""
    command = " ".join([Path(sys.argv[0] or "python").name, *sys.argv[1:2]])
    now = datetime.now(UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    note = f"{_MARK}`{command}` (process {os.getpid()} on {platform.node()}, since {now} UTC)"
    with suppress(OSError):  # the lock works without a signature
        known = _note(lock)
        if not known or known.startswith(_MARK):
            lock.write_text(note[:_LONGEST], encoding="utf-8", errors="replace", newline="\n")


def _holder(lock: Path) -> str:
    """The process that holds a lock, as it signed; on Windows a locked file cannot be read."""
    with suppress(OSError):
        if (note := _note(lock)).startswith(_MARK):
            return note.removeprefix(_MARK)
    return "an unknown process"


def _note(lock: Path) -> str:
    with lock.open(encoding="utf-8", errors="replace") as file:
        return file.read(_LONGEST)


_BLOCK = 1 << 16


class Appending:
    """A file to which only this process appends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsynced = self._is_new = False

    def add(self, data: bytes, *, sync: bool = True) -> None:
        """Append whole lines of JSON; with `sync`, they and all earlier lines are on disk when this returns.

        A last line that a kill cut short is removed first, so that it does not merge with the new ones; one that lacks only
        its line feed gets it.

        Raises: DataError if it is no regular file; OSError if the disk refuses; the file then holds the lines that it held.
        """
        is_new = not self.path.exists()
        if not is_new:
            need_regular(self.path)
        self._is_new |= is_new
        with self.path.open("w+b" if is_new else "r+b", buffering=0) as file:
            end = _end_of_lines(file)
            file.seek(end)
            if _is_json(file.read()):
                data, end = b"\n" + data, file.tell()
            file.truncate(end)
            file.seek(end)
            try:
                with named_errors(self.path):
                    self._write(file, data, sync=sync)
            except BaseException:
                with suppress(OSError):
                    file.truncate(end)
                raise

    def _write(self, file: BinaryIO, data: bytes, *, sync: bool) -> None:
        left = memoryview(data)
        while left:  # a full disk may accept a part and refuse the rest
            left = left[file.write(left) or 0 :]
        self._unsynced = True
        if sync:
            self._sync(file)

    def sync(self) -> None:
        """Flush everything that was added to disk. Raises: OSError if that fails."""
        if self._unsynced:
            with self.path.open("r+b", buffering=0) as file, named_errors(self.path):
                self._sync(file)

    def _sync(self, file: BinaryIO) -> None:
        os.fsync(file.fileno())
        if self._is_new:
            sync_folder(self.path.parent)
        self._unsynced = self._is_new = False


@contextmanager
def appending(path: Path, *, busy: str = "", patience: float = PATIENCE, sync: bool = True) -> Iterator[Appending]:
    """The file, to which no other process appends while the block lasts; with `sync`, everything is on disk at its end.

    Raises: Locked after `patience` seconds, with `busy` as its first line; OSError if the disk refuses.
    """
    with writing(path, busy=busy, patience=patience) as place:
        file = Appending(place)
        try:
            yield file
        finally:
            if sync:
                file.sync()


def _end_of_lines(file: BinaryIO) -> int:
    """The offset after the last line feed, which is usually the last byte."""
    end, block = file.seek(0, os.SEEK_END), 1
    while end:
        start = max(0, end - block)
        file.seek(start)
        last = file.read(end - start).rfind(b"\n")
        if last >= 0:
            return start + last + 1
        end, block = start, _BLOCK
    return 0


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
