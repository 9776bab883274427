"""Lines of JSON added to a file, all of them or none."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["append_lines"]

_BLOCK = 1 << 16


def append_lines(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Append whole lines of JSON; with `sync`, they are on the disk when this returns.

    A last line that a kill cut short is removed first, so that it merges with none of these; one that lacks only its line
    feed gets it.

    Raises: OSError if the disk refuses; the file then holds the lines that it held.
    """
    with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
        end = _end_of_lines(file)
        file.seek(end)
        if _is_json(file.read()):
            data, end = b"\n" + data, file.tell()
        file.truncate(end)
        file.seek(end)
        try:
            left = memoryview(data)
            while left:  # a full disk takes a part of it, and refuses the rest
                left = left[file.write(left) or 0 :]
            if sync:
                os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                file.truncate(end)
            raise


def _end_of_lines(file: BinaryIO) -> int:
    """The place after the last line feed; usually it is the last byte."""
    place, block = file.seek(0, os.SEEK_END), 1
    while place:
        start = max(0, place - block)
        file.seek(start)
        found = file.read(place - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        place, block = start, _BLOCK
    return 0


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
