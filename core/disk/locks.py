"""Locks between processes; the error names the process that holds one."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from ..errors import ConfigError

__all__ = ["Locked", "alone", "is_locked", "writing"]

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
