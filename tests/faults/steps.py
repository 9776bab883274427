"""Counts the steps of a command that touch its folder, a lock, a socket or a process, and makes a chosen one fail.

A step is a call to the operating system as Python makes it (to open, read, write, sync, rename, remove or lock a file, or
to make a folder), a table that polars writes, a request, or a subprocess.
"""

import builtins
import errno
import fcntl
import io
import os
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any

import httpx2
import polars as pl
import pytest

__all__ = ["Steps", "counted"]


class Steps:
    """The steps of this process under `folder`, in order.

    Step number `fails` does half of its work, if it can be halved, and raises its error. `tell` gets the number of each step
    in `tells` before that step, or when half of its bytes are written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fails: int | None = None,
        tells: Collection[int] = (),
        tell: Callable[[int], None] = print,
    ) -> None:
        self.names: list[str] = []
        self._folder = os.path.realpath(folder) + os.sep
        self._fails, self._tells, self._tell = fails, tells, tell
        self._lock = threading.RLock()
        self._telling = False
        self.opened: dict[int, str] = {}  # the paths of open file descriptors

    def concerns(self, path: Any) -> bool:
        """Whether this is a path in the folder of the command."""
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        absolute = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links are not followed
        return absolute.startswith(self._folder)

    def step(self, name: str, error: Callable[[], Exception], *, half: Callable[[], Any] | None = None) -> bool:
        """Count a step, and make it fail if it is the chosen one. Returns whether `half` of it is done."""
        with self._lock:
            if self._telling:  # `tell` copies the folder, which is not a step of the command
                return False
            self.names.append(name)
            number = len(self.names)
            chosen = half is not None and (number == self._fails or number in self._tells)
            if chosen and half is not None:
                half()
            if number in self._tells:
                self._telling = True
                try:
                    self._tell(number)
                finally:
                    self._telling = False
            if number == self._fails:
                raise error()
        return chosen


@contextmanager
def counted(steps: Steps) -> Iterator[Steps]:
    """Count the steps of all threads while the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        opened = _opening(steps)
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        for owner, functions in (
            (os, {**_of_paths(steps), **_of_files(steps)}),
            (pl.DataFrame, _of_tables(steps)),
            (httpx2.AsyncClient, {"send": _sending_async(steps, httpx2.AsyncClient.send)}),
            (httpx2.Client, {"send": _sending(steps, httpx2.Client.send)}),
            (subprocess, {"Popen": _starting_process(steps)}),
            (fcntl, {"flock": _locking(steps)}),
        ):
            for name, function in functions.items():
                patch.setattr(owner, name, function)
        yield steps


def _connection_reset() -> httpx2.ConnectError:
    return httpx2.ConnectError("the connection was reset")


def _disk_full(path: Any) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fsdecode(path))


def _unreadable(path: Any) -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO), os.fsdecode(path))


# --- files ----------------------------------------------------------------------------------------------------------


def _opening(steps: Steps) -> Any:
    """An `open` that counts the reads and writes of files in the folder."""
    plain = io.open
    places: dict[int, str] = {}

    class Counted(io.FileIO):
        def write(self, data: Any, /) -> int:
            whole = bytes(data)
            middle = len(whole) // 2
            half = partial(super().write, whole[:middle])
            begun = steps.step("write", lambda: _disk_full(self.place()), half=half)
            return middle * begun + super().write(whole[middle:] if begun else whole)

        def place(self) -> str:
            return places.get(self.fileno(), self.name)

        def read(self, size: int = -1, /) -> bytes | None:
            steps.step("read", lambda: _unreadable(self.place()))
            return super().read(size)

        def readall(self) -> bytes | None:
            steps.step("read", lambda: _unreadable(self.place()))
            return super().readall()

        def readinto(self, buffer: Any, /) -> int | None:
            steps.step("read", lambda: _unreadable(self.place()))
            return super().readinto(buffer)

    @wraps(plain)
    def opened(
        file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, errors: str | None = None,
        newline: str | None = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        writes = any(letter in mode for letter in "wax+")
        if isinstance(file, int) and file in steps.opened:
            places[file] = steps.opened.pop(file)
        elif steps.concerns(file):
            steps.step("open", lambda: (_disk_full if writes else _unreadable)(file))
        else:
            return plain(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = Counted(file, "".join(letter for letter in mode if letter not in "bt"), closefd, opener)
        if buffering == 0:
            return raw
        buffered = (io.BufferedRandom if "+" in mode else io.BufferedWriter if writes else io.BufferedReader)(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding or "locale", errors, newline)

    return opened


def _of_paths(steps: Steps) -> dict[str, Any]:
    """The functions of `os` whose first or second argument is a path."""

    def stepped(name: str, error: Callable[[Any], OSError]) -> Any:
        function = getattr(os, name)

        @wraps(function)
        def called(*args: Any, **more: Any) -> Any:
            paths = [path for path in args[:2] if steps.concerns(path)]
            if paths:
                steps.step(name, lambda: error(paths[0]))
            return function(*args, **more)

        return called

    made = {name: stepped(name, _disk_full) for name in ("replace", "rename", "mkdir", "link", "symlink", "truncate")}
    return made | {name: stepped(name, _unreadable) for name in ("unlink", "remove", "rmdir")}


def _of_files(steps: Steps) -> dict[str, Any]:
    """The functions of `os` that open a file of the folder, and write to and sync its descriptor."""
    opened, wrote, synced, cut = os.open, os.write, os.fsync, os.ftruncate

    def open_(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if not steps.concerns(path):
            return opened(path, flags, *args, **more)
        steps.step("open", lambda: (_disk_full if flags & (os.O_WRONLY | os.O_RDWR) else _unreadable)(path))
        file = opened(path, flags, *args, **more)
        steps.opened[file] = os.fsdecode(path)
        return file

    def write(file: int, data: Any) -> int:
        if file not in steps.opened:
            return wrote(file, data)
        whole = bytes(data)
        middle = len(whole) // 2
        begun = steps.step("write", lambda: _os_error(errno.ENOSPC), half=lambda: wrote(file, whole[:middle]))
        return middle * begun + wrote(file, whole[middle:] if begun else whole)

    def fsync(file: Any) -> None:
        steps.step("fsync", lambda: _os_error(errno.EIO))
        synced(file)

    def ftruncate(file: int, size: int) -> None:
        if file in steps.opened:
            steps.step("truncate", lambda: _os_error(errno.EIO))
        cut(file, size)

    return {"open": open_, "write": write, "fsync": fsync, "ftruncate": ftruncate}


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _of_tables(steps: Steps) -> dict[str, Any]:
    """The methods of polars that write a table to a path."""

    def stepped(name: str) -> Any:
        function = getattr(pl.DataFrame, name)

        @wraps(function)
        def written(frame: pl.DataFrame, file: Any = None, *args: Any, **more: Any) -> Any:
            if steps.concerns(file):

                def half() -> None:
                    function(frame, file, *args, **more)
                    os.truncate(file, Path(file).stat().st_size // 2)

                steps.step(name, lambda: _disk_full(file), half=half)
            return function(frame, file, *args, **more)

        return written

    return {name: stepped(name) for name in ("write_parquet", "write_ndjson", "write_csv", "write_ipc")}


# --- locks, requests, processes ---------------------------------------------------------------------------------------


def _locking(steps: Steps) -> Any:
    function = fcntl.flock

    @wraps(function)
    def locked(file: Any, how: int) -> Any:
        if how & fcntl.LOCK_UN:  # never fails
            return function(file, how)
        steps.step("lock", lambda: OSError(errno.ENOLCK, os.strerror(errno.ENOLCK)))
        return function(file, how)

    return locked


def _sending_async(steps: Steps, function: Any) -> Any:
    @wraps(function)
    async def sent(*args: Any, **more: Any) -> Any:
        steps.step("request", _connection_reset)
        return await function(*args, **more)

    return sent


def _sending(steps: Steps, function: Any) -> Any:
    @wraps(function)
    def sent(*args: Any, **more: Any) -> Any:
        steps.step("request", _connection_reset)
        return function(*args, **more)

    return sent


def _starting_process(steps: Steps) -> Any:
    class Counted(subprocess.Popen):
        def __init__(self, *args: Any, **more: Any) -> None:
            steps.step("process", lambda: OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))
            super().__init__(*args, **more)

    return Counted
