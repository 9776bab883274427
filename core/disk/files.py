"""Opens regular files alone, writes files and folders completely or not at all, and puts disk errors into words."""

import errno
import glob
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import stat
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import polars as pl

from ..errors import ConfigError, DataError, InputError, RunBroken, named_errors
from ..machine import has_ended, sync_folder

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


_REFUSED = {
    errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOLCK
}  # fmt: skip
_BY_RUST = re.compile(r"\(os error (\d+)\)")  # polars gives the number only in its message
NEXT = ".next-run"  # the folder in a run where a change of it is built
# As `_temporary` names them, and what a killed change leaves.
_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}\.[0-9]+\.[0-9a-f]{8}\.(part|old)|\.next-run|\.run\.lock")
_DEAD = 3600  # seconds without a change after which a writer on another machine is taken to be gone
# Seconds between attempts to replace a file. Windows refuses while another program, such as a virus scanner or an indexer,
# has it open; other systems do not.
_WAITS = (0.02, 0.1, 0.3, 1.0) if os.name == "nt" else ()
_MACHINE = f"{zlib.crc32(platform.node().encode(errors='replace')):08x}"


@contextmanager
def whole_folder(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """A folder to write into, which replaces `folder` when the block ends.

    Until then `folder` is unchanged, whatever happens. Its files with names other than `names` are carried over.
    """
    with part_folder(folder) as part:
        try:
            yield part
            _exchange(folder, part, names)
        finally:
            shutil.rmtree(part.with_suffix(".old"), ignore_errors=True)


@contextmanager
def part_folder(place: Path) -> Iterator[Path]:
    """An empty folder next to `place`, whose content the block moves there; anything left is removed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    _clear(place)
    part = _temporary(place)
    part.mkdir()
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _exchange(folder: Path, part: Path, names: tuple[str, ...]) -> None:
    if not folder.exists():
        part.rename(folder)
        return
    for path in folder.iterdir():
        if path.name not in names:
            path.rename(part / path.name)
    old = folder.rename(part.with_suffix(".old"))
    try:
        part.rename(folder)
    except BaseException:
        old.rename(folder)
        raise


def _temporary(path: Path) -> Path:
    """A hidden name next to the path, which identifies the process that writes there."""
    return path.with_name(f".{path.name}.{_MACHINE}.{os.getpid()}.{secrets.token_hex(4)}.part")


def _clear(path: Path) -> None:
    """Remove what killed processes left next to the path, but nothing that a live process may be writing."""
    name = glob.escape(f".{path.name}.")
    for leftover in (*path.parent.glob(f"{name}*.part"), *path.parent.glob(f"{name}*.old")):
        if not _is_dead(leftover):
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with suppress(OSError):
                leftover.unlink()


def home_of(path: Path) -> Path:
    """The place that a path in a change of a run (core/stored/whole_run.py) will have; any other path as it is."""
    at = path.parts.index(NEXT) if NEXT in path.parts else None
    return path if at is None else Path(*path.parts[:at], *path.parts[at + 1 :])


def is_vacant(folder: Path) -> bool:
    """Whether a folder holds nothing, apart from what killed processes left in it."""
    return all(_LEFTOVER.fullmatch(path.name) for path in folder.iterdir())


def _is_dead(leftover: Path) -> bool:
    """Whether the process that wrote it is gone: by its id if it ran on this machine, otherwise by elapsed time."""
    machine, number = leftover.name.rsplit(".", 4)[1:3]
    ended = has_ended(int(number)) if machine == _MACHINE and number.isdecimal() else None
    if ended is not None:
        return ended
    return time.time() - _changed(leftover) > _DEAD


def _changed(leftover: Path) -> float:
    """When the file or folder last changed, in seconds since 1970; now if it has just disappeared."""
    try:
        inside = leftover.iterdir() if leftover.is_dir() else ()
        return max(path.stat().st_mtime for path in (leftover, *inside))
    except OSError:
        return time.time()


@contextmanager
def disk_refusals(place: Path) -> Iterator[None]:
    """Turn a full disk, an exceeded quota or missing permissions into an error that says what to do."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = disk_refusal(error)
        if reason is None:
            raise
        raise RunBroken(
            f"{home_of(place)} cannot be written: {reason}. No partial file was left there.\n"
            "Free some space or use another folder, then run the same command again."
        ) from error


def disk_refusal(error: BaseException) -> str | None:
    """The reason for a disk error in words; None for any other error."""
    code = getattr(error, "errno", None)
    if code is None and (code_match := _BY_RUST.search(str(error))):
        code = int(code_match[1])
    return os.strerror(code) if code in _REFUSED else None


def write_whole(path: Path, data: str | bytes | Iterable[bytes]) -> None:
    """Write under a temporary name in the same folder, then rename, so that a reader never sees a partial file.

    Large data may be passed in pieces.
    """
    with _replacing(path) as file:
        file.writelines(_pieces(data))


def write_synced(path: Path, data: str | bytes | Iterable[bytes]) -> None:
    """Like `write_whole`, and on disk when it returns, so that a power cut loses nothing that was reported as saved."""
    with _replacing(path) as file:
        file.writelines(_pieces(data))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)  # it has a new entry


def _pieces(data: str | bytes | Iterable[bytes]) -> Iterable[bytes]:
    return [data.encode()] if isinstance(data, str) else [data] if isinstance(data, bytes) else data


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file under a temporary name, which replaces `path` when the block ends without an error.

    Raises: ConfigError if `path` is a pipe or device, such as /dev/null; DataError if it is a folder.
    """
    if path.is_dir():
        raise DataError(
            f"{path} is a folder, but a file has to be written there\nMove it away, then run the same command again."
        )
    if path.exists():
        need_regular(path, what="file to write", error=ConfigError)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path)
    temporary = _temporary(path)
    try:
        with named_errors(path):
            with temporary.open("wb") as file:
                yield file
            _replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _replace(temporary: Path, path: Path) -> None:
    """Replace `path`, with further attempts on systems that refuse while the old file is being read."""
    for wait in _WAITS:
        try:
            temporary.replace(path)
            return
        except PermissionError:
            time.sleep(wait)
    temporary.replace(path)


def sha256_file(path: Path) -> str:
    """The file's SHA-256 as hex digits, read in blocks."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one if there is no such file, or it holds something else.

    Raises: DataError for a folder, pipe or device; OSError if the file cannot be read, since its content is then unknown.
    """
    try:
        content = json.loads(read_regular(path))
    except (FileNotFoundError, RecursionError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def free_bytes(place: Path) -> int:
    """The free bytes on the disk of a file or folder that need not exist yet."""
    return shutil.disk_usage(next(at for at in (place, *place.absolute().parents) if at.exists())).free
