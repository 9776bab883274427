"""Whether a process waits for ever, because each of its threads waits for another one.

Polars, for example, hands the reading of a file to a new thread. If the system cannot start one for lack of memory, the
work stays in a queue without a reader, and no error is raised. Only Linux shows what a thread waits for.
"""

import platform
from pathlib import Path

__all__ = ["is_deadlocked"]

# The numbers of two system calls: `futex`, and those of `epoll`, whose fourth argument is a timeout as well.
_CALLS = {"x86_64": ("202", {"232", "281"}), "aarch64": ("98", {"22"})}
_NO_TIMEOUT = {"0xffffffffffffffff", "0xffffffff"}  # -1


def is_deadlocked(process: int) -> bool:
    """Whether the main thread waits for another one, and none of the others can go on; False if that is unknown.

    A thread can go on if it runs, sleeps, or waits for a file, a socket or a process. One that waits for others with a
    timeout only keeps watch, such as the one that reports progress.
    """
    folder = Path(f"/proc/{process}")
    try:
        tasks = list((folder / "task").iterdir())
        if any((task / "children").read_text(encoding="ascii") for task in tasks):
            return False
        return _waits(folder / "task" / str(process), timed=False) and all(_waits(task, timed=True) for task in tasks)
    except (OSError, KeyError, ValueError, IndexError):
        return False


def _waits(task: Path, *, timed: bool) -> bool:
    """Whether only another thread can wake this one, or, if `timed`, a timeout."""
    futex, polls = _CALLS[platform.machine()]
    call, *arguments = (task / "syscall").read_text(encoding="ascii").split()
    if call == futex:
        return timed or int(arguments[3], 16) == 0
    return call in polls and arguments[3] in _NO_TIMEOUT and _polls_threads(task, int(arguments[0], 16))


def _polls_threads(task: Path, poll: int) -> bool:
    """Whether all that this `epoll` watches are signals between threads."""
    lines = (task / "fdinfo" / str(poll)).read_text(encoding="ascii").splitlines()
    watched = [line.split()[1] for line in lines if line.startswith("tfd:")]
    return all(str((task / "fd" / number).readlink()) == "anon_inode:[eventfd]" for number in watched)
