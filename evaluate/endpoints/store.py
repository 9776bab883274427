"""The answers of endpoints, stored on arrival so that none is requested twice."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core import ConfigError, RunBroken, append_lines
from .sent import SentRequests

__all__ = ["AnswerStore", "open_answers"]

SYNC_SECONDS = 1.0  # a kill loses no answer; a power cut loses at most the answers of the last second
_TEXT, _COUNT = (str, type(None)), (int, type(None))
# The keys that make a line an answer.
_FIELDS: Mapping[str, tuple[type, ...]] = {
    "output": _TEXT, "finish_reason": _TEXT, "model": _TEXT, "input_tokens": _COUNT, "cached_tokens": _COUNT,
    "output_tokens": _COUNT, "reasoning_tokens": _COUNT, "seconds": (int, float, type(None)),
}  # fmt: skip


class AnswerStore:
    """Answers by the key of their request; `add` appends one to the file before it returns.

    `sent` are the paid requests, in a file beside that of the answers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = _read(path)
        self.sent = SentRequests(path.with_suffix(".sent.jsonl"), self)
        self._synced, self._open = 0.0, False

    def __contains__(self, key: str) -> bool:
        return key in self.lines

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self.lines[key]

    def add(self, key: str, line: Mapping[str, Any]) -> None:
        """Append one complete answer at once.

        Raises: RunBroken if it cannot be written; earlier answers are kept.
        """
        whole = {"key": key, **line}
        data = json.dumps(whole, ensure_ascii=False).encode(errors="replace") + b"\n"
        sync = time.monotonic() - self._synced > SYNC_SECONDS
        try:
            append_lines(self.path, data, sync=sync)
        except OSError as error:
            raise self._full(error) from error
        self._open = not sync
        if sync:
            self._synced = time.monotonic()
        self.lines[key] = whole

    def close(self) -> None:
        """Put all answers on the disk.

        Raises: RunBroken if that fails.
        """
        if not self._open:
            return
        try:
            append_lines(self.path, b"", sync=True)
        except OSError as error:
            raise self._full(error) from error
        self._open = False

    def _full(self, error: OSError) -> RunBroken:
        return RunBroken(
            f"{self.path} cannot be written: {error.strerror or error}. {len(self.lines):,} answers are kept.\n"
            "Free some space, then run the same command with --run to resume."
        )


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
