"""Makes this Python one of another system: it has what Windows and macOS have in common, and refuses what Windows refuses.

Python imports it at its start where its folder is on PYTHONPATH, in every process that is started from there. `REFUSED`
holds what no program should try on Windows; whoever runs commands here looks at it afterwards.
"""

# The functions below pathlib are what is changed here.
# ruff: noqa: PTH100, PTH109, PTH112, PTH115, PTH208

import builtins
import io
import os
import shutil
import signal
import sys
import tempfile
from importlib.abc import MetaPathFinder
from pathlib import PurePosixPath

MODULES = frozenset({
    "fcntl", "grp", "posix_ipc", "pty", "pwd", "readline", "resource", "spwd", "syslog", "termios", "tty", "tzdata",
})  # fmt: skip
CALLS = (
    "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "chown", "fchmod", "fchown", "fork", "forkpty",
    "getegid", "geteuid", "getgid", "getgroups", "getloadavg", "getpgid", "getsid", "getuid", "killpg", "lchown",
    "mkfifo", "mknod", "nice", "posix_fadvise", "posix_fallocate", "pread", "pwrite", "register_at_fork",
    "sched_getaffinity", "sched_setaffinity", "setsid", "statvfs", "sync", "sysconf", "wait3", "wait4",
)  # fmt: skip
SIGNALS = (
    "SIGALRM", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "alarm", "pause", "pthread_kill",
    "pthread_sigmask", "setitimer",
)  # fmt: skip
RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))]
)
LONGEST = 160  # characters of a path below the folder that a user chose, of the 260 that Windows grants to all of it
REFUSED: list[str] = []
_within = False  # while this file itself looks at /proc


class _Missing(MetaPathFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named '{fullname}'", name=fullname)


def _refuse(problem: str, error: OSError) -> None:
    REFUSED.append(problem)
    raise error


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and not _within and str(arguments[0]).startswith(("/proc/", "/sys/", "/usr/share/zoneinfo")):
        raise FileNotFoundError(2, "No such file or directory", str(arguments[0]))
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT:
        _check_name(arguments[0])
    if event == "os.mkdir":
        _check_name(arguments[0])


def _check_name(path: object) -> None:
    """Refuse a name that Windows refuses, and one that its disks take for another one that is there."""
    if not isinstance(path, str | os.PathLike) or os.fspath(path) == os.devnull:  # type: ignore[arg-type]
        return
    whole = os.path.abspath(os.fspath(path))  # type: ignore[arg-type]
    folder, name = os.path.split(whole)
    if any(sign in '<>:"|?*\\' or sign < " " for sign in name) or name[-1:] in (".", " "):
        _refuse(f"{whole}: a name that Windows does not take", OSError(22, "Invalid argument", whole))
    if PurePosixPath(name).name.partition(".")[0].casefold() in RESERVED:
        _refuse(f"{whole}: the name of a device", OSError(22, "Invalid argument", whole))
    if len(os.path.relpath(whole)) > LONGEST and whole.startswith(os.getcwd()):
        _refuse(f"{whole}: too long", FileNotFoundError(2, "No such file or directory", whole))
    if os.path.isdir(folder):
        for other in os.listdir(folder):
            if other != name and other.casefold() == name.casefold():
                _refuse(f"{whole}: the disk takes it for {other}", FileExistsError(17, "File exists", whole))


def _open_below(path: str) -> str | None:
    """A file that this process has open or mapped: this one, or one in this folder."""
    global _within
    below = (path, path + os.sep)
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target == below[0] or target.startswith(below[1]):
            return target
    _within = True
    try:
        with _open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            mapped = {line.rstrip("\n").partition("/")[2] for line in maps if "/" in line}
    finally:
        _within = False
    return next((f"/{file}" for file in mapped if f"/{file}" == below[0] or f"/{file}".startswith(below[1])), None)


def _need_closed(*paths: object) -> None:
    for path in paths:
        whole = os.path.realpath(os.fspath(path))  # type: ignore[arg-type]
        if whole.endswith(".lock"):  # filelock's way without fcntl, which no system has
            continue
        if found := _open_below(whole):
            _refuse(f"{whole}: {found} is open", PermissionError(13, "Permission denied", whole))


_open, _os_open = io.open, os.open
_rename, _replace, _unlink, _rmdir, _kill = os.rename, os.replace, os.unlink, os.rmdir, os.kill


def _opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *more, **named):  # type: ignore[no-untyped-def]
    """As `open` on Windows: texts in cp1252 where no encoding is stated, and ends of lines of two characters."""
    if "b" not in mode:
        encoding = "cp1252" if encoding in (None, "locale") else encoding
        newline = "\r\n" if newline is None and set(mode) & set("wax+") else newline
    return _open(file, mode, buffering, encoding, errors, newline, *more, **named)


def _opened_number(path, flags, *more, **named):  # type: ignore[no-untyped-def]
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    return _os_open(path, flags, *more, **named)


def _renamed(source, target, **named):  # type: ignore[no-untyped-def]
    if os.path.lexists(target):
        _refuse(f"{target}: rename over what is there", FileExistsError(17, "File exists", str(target)))
    _need_closed(source)
    _check_name(target)
    return _rename(source, target, **named)


def _replaced(source, target, **named):  # type: ignore[no-untyped-def]
    _need_closed(source, target)
    _check_name(target)
    return _replace(source, target, **named)


def _unlinked(path, **named):  # type: ignore[no-untyped-def]
    _need_closed(path)
    return _unlink(path, **named)


def _removed(path, **named):  # type: ignore[no-untyped-def]
    _need_closed(path)
    return _rmdir(path, **named)


def _killed(process: int, number: int) -> None:
    """Windows ends the process, whatever the signal."""
    problem, error = f"os.kill({process}, {number})", PermissionError(13, "Permission denied")
    if sys._getframe(1).f_globals["__name__"].startswith("tuneworth."):
        _refuse(problem, error)
    if not number:  # filelock's way without fcntl, which no system has
        raise error
    _kill(process, number)


def _unlinkable(*_arguments: object, **_named: object) -> None:
    raise OSError(1, "A required privilege is not held by the client")


def become_another_system() -> None:
    """Change this Python, once."""
    sys.meta_path.insert(0, _Missing())  # type: ignore[arg-type]
    for name in MODULES & sys.modules.keys():
        del sys.modules[name]
    for module, names in ((os, CALLS), (signal, SIGNALS)):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    tempfile.TemporaryFile = tempfile.NamedTemporaryFile  # the other one removes the name of the open file
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    io.open = builtins.open = _opened  # type: ignore[assignment]
    os.open, os.rename, os.replace = _opened_number, _renamed, _replaced  # type: ignore[assignment]
    os.unlink = os.remove = _unlinked  # type: ignore[assignment]
    os.rmdir, os.kill, os.symlink = _removed, _killed, _unlinkable  # type: ignore[assignment]
    sys.addaudithook(_audit)


become_another_system()
