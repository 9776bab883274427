"""Opens paths that a user names, and only regular files, so that no command ever waits for a pipe or device."""

import os
import stat
from io import BufferedReader
from pathlib import Path

from ..errors import DataError, InputError

__all__ = ["need_regular", "open_regular", "read_regular"]

_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
# Without O_NONBLOCK, opening a pipe waits for its other end. Systems that lack a flag do not need it.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path, *, what: str = "file", error: type[InputError] = DataError) -> BufferedReader:
    """The bytes of a regular file, or of a link to one; `what` describes it in messages.

    Raises: `error` for a folder, pipe, socket or device; FileNotFoundError and other OSErrors as `open` does.
    """
    need_regular(path, what=what, error=error)  # before opening, which can have side effects on a device
    descriptor = os.open(path, _FLAGS)
    try:
        _check(os.fstat(descriptor), path, what, error)  # it may have been replaced in between
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(
    path: Path, *, what: str = "file", error: type[InputError] = DataError, most: int | None = None
) -> bytes:
    """The content of a regular file; `what` describes it in messages.

    Raises: as `open_regular`; `error` if it has more than `most` bytes.
    """
    with open_regular(path, what=what, error=error) as file:
        data = file.read(-1 if most is None else most + 1)
        if most is not None and len(data) > most:
            size = max(len(data), os.fstat(file.fileno()).st_size)
            raise error(f"{path} has {size:,} bytes; the {what} may have at most {most:,}, a fixed limit")
        return data


def need_regular(path: Path, *, what: str = "file", error: type[InputError] = DataError) -> None:
    """Check a path before it is passed to a library that opens it itself; see `open_regular`."""
    try:
        state = path.stat()
    except FileNotFoundError:
        if path.name == "-":
            raise error(f"standard input is not read; save the {what} to disk and name it") from None
        raise
    _check(state, path, what, error)


def _check(state: os.stat_result, path: Path, what: str, error: type[InputError]) -> None:
    kind = stat.S_IFMT(state.st_mode)
    if kind == stat.S_IFREG:
        return
    if kind == stat.S_IFDIR:
        raise error(f"{path} is a folder; name the {what} in it")
    raise error(f"{path} is not a file but {_KINDS.get(kind, 'something else')}; write its contents to a file first")
