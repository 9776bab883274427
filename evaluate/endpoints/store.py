"""The answers of endpoints, stored on arrival so that none is requested twice."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ...core import ConfigError, RunBroken

__all__ = ["AnswerStore", "open_answers"]

SYNC_SECONDS = 1.0  # a kill loses no answer; a power cut loses at most the answers of the last second
_TEXT, _COUNT = (str, type(None)), (int, type(None))
# The keys that make a line an answer.
_FIELDS: Mapping[str, tuple[type, ...]] = {
    "output": _TEXT, "finish_reason": _TEXT, "model": _TEXT, "input_tokens": _COUNT, "cached_tokens": _COUNT,
    "output_tokens": _COUNT, "reasoning_tokens": _COUNT, "seconds": (int, float, type(None)),
}  # fmt: skip


class AnswerStore:
    """Answers by the key of their request; `add` appends one to the file before it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = _read(path)
        self._file: IO[bytes] | None = None
        self._synced = 0.0

    def __contains__(self, key: str) -> bool:
        return key in self.lines

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self.lines[key]

    def add(self, key: str, line: Mapping[str, Any]) -> None:
        """Append one complete answer at once.

        Raises: RunBroken if it cannot be written; earlier answers are kept.
        """
        whole = {"key": key, **line}
        try:
            file = self._opened()
            file.write(json.dumps(whole, ensure_ascii=False).encode(errors="replace") + b"\n")
            file.flush()
            if time.monotonic() - self._synced > SYNC_SECONDS:
                self._sync(file)
        except OSError as error:
            raise self._full(error) from error
        self.lines[key] = whole

    def close(self) -> None:
        """Flush to the disk.

        Raises: RunBroken if that fails.
        """
        if self._file is None:
            return
        try:
            self._sync(self._file)
            self._file.close()
        except OSError as error:
            raise self._full(error) from error
        self._file = None

    def _full(self, error: OSError) -> RunBroken:
        """The error in words. The file is closed here, as closing it later would write its last line again."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
        return RunBroken(
            f"{self.path} cannot be written: {error.strerror or error}. {len(self.lines):,} answers are kept.\n"
            "Free some space, then run the same command with --run to resume."
        )

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = self.path.open("ab")
            if self._file.tell() and not _ends_whole(self.path):
                self._file.write(b"\n")  # a line that a kill cut short must not merge with the next one
        return self._file

    def _sync(self, file: IO[bytes]) -> None:
        file.flush()
        os.fsync(file.fileno())
        self._synced = time.monotonic()


@contextmanager
def open_answers(path: Path) -> Iterator[AnswerStore]:
    """The store in a file, which only this process may use within the block.

    Raises: ConfigError if another process requests answers for the same run. A killed process keeps no lock.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"another evaluation is requesting outputs for {path.parent.parent}.\nWait for it or stop it."
        ) from None
    try:
        store = AnswerStore(path)
        try:
            yield store
        finally:
            store.close()
    finally:
        lock.release()


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The first line of each key; anything else, such as a line cut short, is skipped."""
    lines: dict[str, dict[str, Any]] = {}
    if not path.exists():
        return lines
    with path.open("rb") as file:
        for text in file:
            line = _parsed(text)
            if line is not None:
                lines.setdefault(line["key"], line)
    return lines


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or not isinstance(line.get("key"), str) or "output" not in line:
        return None
    return line if all(_fits(line.get(name), kinds) for name, kinds in _FIELDS.items()) else None


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    counts = not isinstance(value, int) or 0 <= value < 2**63
    return isinstance(value, kinds) and not isinstance(value, bool) and counts


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
