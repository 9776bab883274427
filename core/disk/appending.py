"""Lines of JSON added to a file, all of them or none, by one process at a time.

docs/architecture.md lists the files to which commands append; a test holds that no other code opens a file to append.
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
        """Append whole lines of JSON; with `sync`, they are on the disk when this returns, with all before them.

        A last line that a kill cut short is removed first, so that it merges with none of these; one that lacks only its
        line feed gets it.

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
        while left:  # a full disk takes a part of it, and refuses the rest
            left = left[file.write(left) or 0 :]
        self._unsynced = True
        if sync:
            self._sync(file)

    def sync(self) -> None:
        """Put all that was added on the disk. Raises: OSError if that fails."""
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
    """The file, to which no other process appends while the block lasts; with `sync`, all is on the disk at its end.

    Raises: Locked, with `busy` as what a person reads first, after `patience` seconds; OSError if the disk refuses.
    """
    with writing(path, busy=busy, patience=patience) as place:
        file = Appending(place)
        try:
            yield file
        finally:
            if sync:
                file.sync()


def _end_of_lines(file: BinaryIO) -> int:
    """The place after the last line feed; usually it is the last byte."""
    place, block = file.seek(0, os.SEEK_END), 1
    while place:
        start = max(0, place - block)
        file.seek(start)
        found = file.read(place - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        place, block = start, _BLOCK
    return 0


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
