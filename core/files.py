"""A folder that appears whole or not at all, and what is said when the disk refuses."""

import errno
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from .errors import RunBroken

__all__ = [
    "disk_refusal",
    "disk_refusals",
    "free_bytes",
    "read_object",
    "sha256_file",
    "whole_folder",
    "write_whole",
]


_REFUSED = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
_BY_RUST = re.compile(r"\(os error (\d+)\)")  # polars puts the number into the text alone
_DEAD = 3600  # seconds without a change: a process of another machine that still writes there is not so slow
_MACHINE = f"{zlib.crc32(platform.node().encode(errors='replace')):08x}"


@contextmanager
def whole_folder(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` once the block is through.

    Until then what was there before is as it was, whatever happens. Files of other names than these move along.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    part = folder.with_name(f".{folder.name}.{_MACHINE}.{os.getpid()}.{secrets.token_hex(4)}.part")
    part.mkdir()
    try:
        yield part
        _exchange(folder, part, names)
    finally:
        for own in (part, part.with_suffix(".old")):
            shutil.rmtree(own, ignore_errors=True)


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


def _clear(folder: Path) -> None:
    """Take away what a killed process left beside the folder, and nothing that another one may be writing."""
    for leftover in (*folder.parent.glob(f".{folder.name}.*.part"), *folder.parent.glob(f".{folder.name}.*.old")):
        if _is_dead(leftover):
            shutil.rmtree(leftover, ignore_errors=True)


def _is_dead(leftover: Path) -> bool:
    """Whether the process that wrote there is gone: by its number where it ran here, else by the time since."""
    machine, number = leftover.name.rsplit(".", 4)[1:3]
    if machine == _MACHINE and number.isdecimal() and os.name == "posix":
        try:
            os.kill(int(number), 0)  # asks, and sends nothing
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False
    return time.time() - _changed(leftover) > _DEAD


def _changed(folder: Path) -> float:
    """When something in the folder was last written, in seconds since 1970; now where it is gone meanwhile."""
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except OSError:
        return time.time()


@contextmanager
def disk_refusals(place: Path) -> Iterator[None]:
    """Turn a full disk, a quota or a missing right while writing into an error that says what to do."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        said = disk_refusal(error)
        if said is None:
            raise
        raise RunBroken(
            f"{place} cannot be written: {said}. Nothing half-written was left there.\n"
            "Make room or name another folder; the same command then gives the same result."
        ) from error


def disk_refusal(error: Exception) -> str | None:
    """In words what the disk refuses; None where the error is another one."""
    code = getattr(error, "errno", None)
    if code is None and (found := _BY_RUST.search(str(error))):
        code = int(found[1])
    return os.strerror(code) if code in _REFUSED else None


def write_whole(path: Path, data: str | bytes | Iterable[bytes]) -> None:
    """Write under a temporary name in the same folder, then rename: a reader never sees a half-written file.

    What is large may come piece by piece.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("wb") as file:
            file.writelines([data.encode()] if isinstance(data, str) else [data] if isinstance(data, bytes) else data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """The file's SHA-256 as hex digits, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def free_bytes(place: Path) -> int:
    """The free bytes of the disk on which a file or folder stands or would be written."""
    return shutil.disk_usage(next(at for at in (place, *place.absolute().parents) if at.exists())).free
