"""Errors as the user sees them: a message in words, and an exit code."""

import errno
import os
import re
import sys
from pathlib import Path

from ..core import OUT_OF_MEMORY, has_room, is_out_of_memory, printable

_TOO_MANY_FILES = """tuneworth: too many open files. Files that were written completely are kept.
Raise the limit of this shell (ulimit -n), or close other programs, then run the same command again."""
_MISPLACED = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG})
_LOOP = re.compile("Symlink loop from '(.*)'")  # from Path.resolve, before Python 3.13


def report_failure(error: BaseException, *, debug: bool) -> int:
    """Report an error and return its exit code. When out of memory, nothing more can be imported to report it."""
    try:
        if debug or not _lacks_memory(error):
            return _report(error, debug=debug)
    except Exception as another:
        if not is_out_of_memory(another) and has_room():
            raise
    print(OUT_OF_MEMORY, file=sys.stderr)
    return 3


def _lacks_memory(error: BaseException) -> bool:
    """Whether memory ran out, also where the error that arrived here blames the input for it."""
    cause = error.__cause__ or error.__context__
    blames_input = getattr(error, "exit_code", 2) == 2
    return is_out_of_memory(error) or (blames_input and cause is not None and _lacks_memory(cause))


def _report(error: BaseException, *, debug: bool) -> int:
    """Print an expected error's message, or an unexpected error with the path of a log that holds the traceback."""
    from ..core import TuneworthError

    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, TuneworthError):
        if not debug:
            print(printable(f"tuneworth: {error}"), file=sys.stderr)
        return error.exit_code
    if "Too many open files" in str(error):  # of the system, or of a library in Rust
        print(_TOO_MANY_FILES, file=sys.stderr)
        return 3
    if message := _path_message(error):
        print(printable(message), file=sys.stderr)
        return 2
    if message := _disk_message(error):
        print(printable(message), file=sys.stderr)
        return 3
    if is_out_of_memory(error) or not has_room():  # without memory, Python itself fails in ways of its own
        print(OUT_OF_MEMORY, file=sys.stderr)
        return 3
    try:
        log = f"The log is in {_write_failure(error)}"
    except OSError as refused:
        log = f"Its log cannot be written ({refused.strerror}); run the command again with --debug."
    print(printable(f"tuneworth: unexpected error: {type(error).__name__}: {error}\n{log}"), file=sys.stderr)
    return 3


def _path_message(error: BaseException) -> str | None:
    """The message for a path that is none of what it should be, such as a file in place of a folder; else None."""
    name, reason = getattr(error, "filename", None), getattr(error, "strerror", None)
    if isinstance(error, RuntimeError) and (loop := _LOOP.fullmatch(str(error))):
        name, reason = loop[1], os.strerror(errno.ELOOP)
    elif not name or getattr(error, "errno", None) not in _MISPLACED:
        return None
    return f"tuneworth: {name}: {reason}\nRemove, rename or replace it, then run the same command again."


def _disk_message(error: BaseException) -> str | None:
    from ..core import disk_refusal

    reason, name = disk_refusal(error), getattr(error, "filename", None)
    if reason is None and isinstance(error, OSError) and name:  # gone, or damaged, since it was opened
        return (
            f"tuneworth: {name}: {error.strerror}. Files that were written completely are kept.\n"
            "Check the file and its disk, then run the same command again."
        )
    if reason is None:
        return None
    # Atomic writes use a temporary name, which means nothing to people.
    place = Path(str(name)) if name else None
    where = "" if place is None else f"{place.parent if place.suffix == '.part' else place}: "
    return (
        f"tuneworth: {where}{reason}. Files that were written completely are kept.\n"
        "Free some space or use another folder, then run the same command again."
    )


def _write_failure(error: BaseException) -> Path:
    """Write the traceback to a new file in the temporary folder and return its path."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="tuneworth-", suffix=".log", delete=False, encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return Path(file.name)
