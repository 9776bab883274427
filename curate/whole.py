"""A folder that appears whole or not at all, and what is said when the disk refuses."""

import errno
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..style.errors import RunBroken

__all__ = ["disk_refusals", "whole_folder"]

_REFUSED = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def whole_folder(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """A folder to write into, which takes the place of `folder` once the block is through.

    Until then what was there before is as it was, whatever happens. Files of other names than these move along.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    part.mkdir()
    try:
        yield part
        _exchange(folder, part, names)
    finally:
        _clear(folder)


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
    """Take away what a killed process left beside the folder."""
    for leftover in (*folder.parent.glob(f".{folder.name}.*.part"), *folder.parent.glob(f".{folder.name}.*.old")):
        shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def disk_refusals(place: Path) -> Iterator[None]:
    """Turn a full disk, a quota or a missing right while writing into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise RunBroken(
            f"{place} cannot be written: {error.strerror}. Nothing half-written was left there.\n"
            "Make room or name another folder; the same command then gives the same result."
        ) from error
