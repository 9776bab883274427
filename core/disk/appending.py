"""Appends lines of JSON to a file, all of them or none, one process at a time.

docs/architecture.md lists the files to which commands append; a test checks that no other code opens a file to append.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import named_errors
from ..machine import sync_folder
from .locks import PATIENCE, writing
from .regular import need_regular

__all__ = ["Appending", "appending"]

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
