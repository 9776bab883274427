"""Facts about this machine and process, as each operating system provides them, and running out of memory.

Python raises MemoryError, but libraries in Rust, C and Fortran abort, exit with a code of their own, or retry for ever.
Where a limit is set (`ulimit -v`, `ulimit -d`), a small parent process therefore waits for the command and reports how
it ended.
"""

import errno
import getpass
import os
import platform
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType

from .errors import named_errors

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


OUT_OF_MEMORY = """tuneworth: out of memory. Files that were written completely are kept.
Close other programs, or use a smaller model or file, and run the command again."""
_BY_LOADER = ("failed to map segment", "cannot allocate memory", "cannot apply additional memory protection")
_BY_TORCH = (
    "can't allocate memory",  # its allocator on a CPU
    "not enough memory",  # the same, on Windows
    "could not allocate",  # oneDNN
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDA error: out of memory",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_FROM_OUTSIDE = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGKILL", "SIGPIPE")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, torch, the system or the loader of a library ran out of memory, or of room for threads."""
    if getattr(error, "name", None) == "plr" or "Polars' Rust module" in str(error):
        return _polars_is_too_large()
    if isinstance(error, ImportError):  # only the loader's message tells
        return any(words in str(error).lower() for words in _BY_LOADER)
    if isinstance(error, RuntimeError):
        by_torch = type(error).__name__ == "OutOfMemoryError" or any(words in str(error) for words in _BY_TORCH)
        return by_torch or "can't start new thread" in str(error)
    return isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM


def _polars_is_too_large() -> bool:
    """Whether memory is what polars' library lacks, as polars itself keeps no error of the loader."""
    for kind in ("compat", "64", "32"):  # in its order
        try:
            import_module(f"_polars_runtime_{kind}._polars_runtime")
        except ModuleNotFoundError:
            continue
        except Exception as error:
            return is_out_of_memory(error)
    return False


def is_limited() -> bool:
    """Whether a limit is set on the memory of this process."""
    try:
        import resource
    except ImportError:  # Windows
        return False
    kinds = [getattr(resource, name) for name in ("RLIMIT_AS", "RLIMIT_DATA") if hasattr(resource, name)]
    return hasattr(os, "fork") and any(resource.getrlimit(kind)[0] != resource.RLIM_INFINITY for kind in kinds)


def has_room(size: int = 64 << 20) -> bool:
    """Whether a process under a limit can still allocate `size` bytes at once; True where nothing limits it."""
    if not is_limited():
        return True
    from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap

    try:
        mmap(-1, size, MAP_ANONYMOUS | MAP_PRIVATE).close()
    except (MemoryError, OSError):
        return False
    return True


def code_of_child(work: Callable[[], int]) -> int:
    """The exit code of `work`, which is done by a child of this process; 3, and the message, if it ends without one.

    The child is stopped as this process is, and a signal from outside that ends the child ends this process, too.
    """
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        import logging

        os.close(reads)
        logging.getLogger().addHandler(logging.NullHandler())  # hashlib logs a traceback if its library does not load
        try:
            code = work()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0
        except BaseException as error:  # a panic of polars is no Exception
            if isinstance(error, KeyboardInterrupt) or has_room():
                raise
            return 3
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os.write(writes, bytes([code]))
        if code == 3:  # the message is printed; without memory, what libraries do at exit prints tracebacks
            with Path(os.devnull).open("wb") as nothing:
                os.dup2(nothing.fileno(), 2)
        return code
    os.close(writes)
    os.set_blocking(reads, False)  # a process that the child started may hold the other end
    _forward_to(child)
    _, status = os.waitpid(child, 0)
    with suppress(BlockingIOError):
        if stated := os.read(reads, 1):
            return stated[0]
    if os.WIFSIGNALED(status) and signal.Signals(os.WTERMSIG(status)).name in _FROM_OUTSIDE:
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    print(OUT_OF_MEMORY, file=sys.stderr)
    return 3


def _forward_to(child: int) -> None:
    """Let the child answer what asks this process to end; Ctrl-C reaches both by itself."""

    def forward(number: int, _: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), forward)
