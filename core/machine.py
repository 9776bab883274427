"""Facts about this machine and process, as each operating system provides them: cores, memory, user, folders."""

import errno
import getpass
import os
import platform
import sys
from pathlib import Path

from .errors import named_errors

__all__ = [
    "allowed_cores",
    "has_ended",
    "machine_memory",
    "peak_bytes",
    "processor_name",
    "reset_peak",
    "sync_file",
    "sync_folder",
    "user_name",
]

_STATUS, _RESET, _PROCESSOR = Path("/proc/self/status"), Path("/proc/self/clear_refs"), Path("/proc/cpuinfo")


def allowed_cores() -> int:
    """The cores that this process may use; all cores of the machine where the system has no CPU affinity."""
    if sys.platform == "linux" and hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine_memory() -> int | None:
    """The machine's memory in bytes; None if Python cannot determine it, as on Windows."""
    if sys.platform == "win32" or not hasattr(os, "sysconf"):
        return None
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def processor_name() -> str:
    """The name of the processor; outside Linux what Python knows about it, at least its architecture."""
    try:
        lines = _PROCESSOR.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def user_name() -> str:
    """The name of this machine's user; empty if there is none, as in a container without a user database."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return ""


def has_ended(process: int) -> bool | None:
    """Whether the process with this id is gone; None where that cannot be known.

    On Windows, `os.kill` ends a process whatever the signal, so nothing is sent.
    """
    if os.name != "posix":
        return None
    try:
        os.kill(process, 0)  # only checks that it exists
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it belongs to another user, or ids are never that large
        return False
    return False


def sync_folder(folder: Path) -> None:
    """Flush new and removed names in a folder to disk; does nothing where folders cannot be opened, as on Windows.

    Raises: OSError if the disk refuses, except where it does not support the call, as some network disks.
    """
    if hasattr(os, "O_DIRECTORY"):
        _sync(folder, os.O_RDONLY)


def sync_file(path: Path) -> None:
    """Flush the content of a file to disk. Raises: as `sync_folder`."""
    _sync(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows syncs only what may be written


def _sync(path: Path, flags: int) -> None:
    file = os.open(path, flags)
    try:
        with named_errors(path):
            os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(file)


def reset_peak() -> None:
    """Reset the peak of `peak_bytes`, where the system supports it (Linux)."""
    try:
        _RESET.write_text("5", encoding="ascii")
    except OSError:
        return


def peak_bytes() -> int | None:
    """Peak resident memory in bytes since the reset, or since the process started; None if unknown, as on Windows."""
    try:  # Linux's getrusage also includes the peak of the program that this process was before exec
        for line in _STATUS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if sys.platform == "win32":
        return None
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB
