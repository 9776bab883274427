"""The answers of endpoints, stored on arrival so that none is requested twice."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core import Appending, appending, read_stored_lines
from .sent import NotStored, SentRequests, sent_file

__all__ = ["AnswerStore", "open_answers"]

SYNC_SECONDS = 1.0  # a kill loses no answer; a power cut loses at most the answers of the last second


class AnswerStore:
    """Answers by the key of their request; in the store of `open_answers`, `add` appends one before it returns.

    `sent` are the paid requests, in a file beside that of the answers.
    """

    def __init__(self, path: Path, file: Appending | None = None, sent: Appending | None = None) -> None:
        self.path, self._file = path, file
        self.lines = _read(path)
        self.sent = SentRequests(sent_file(path), self, sent)
        self._synced = 0.0

    def __contains__(self, key: str) -> bool:
        return key in self.lines

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self.lines[key]

    def add(self, key: str, line: Mapping[str, Any]) -> None:
        """Append one complete answer at once.

        Raises: NotStored if it cannot be written; earlier answers are kept. ValueError for a store that is only read.
        """
        if self._file is None:
            raise ValueError(f"{self.path} was opened to read")
        whole = {"key": key, **line}
        data = json.dumps(whole, ensure_ascii=False).encode(errors="replace") + b"\n"
        sync = time.monotonic() - self._synced > SYNC_SECONDS
        try:
            self._file.add(data, sync=sync)
        except OSError as error:
            raise self._full(error) from error
        if sync:
            self._synced = time.monotonic()
        self.lines[key] = whole

    def close(self) -> None:
        """Put all answers on the disk, and the requests that were sent.

        Raises: NotStored if that fails.
        """
        if self._file is None:
            return
        try:
            self._file.sync()
            self.sent.sync()
        except OSError as error:
            raise self._full(error) from error

    def _full(self, error: OSError) -> NotStored:
        return NotStored(
            f"{self.path} cannot be written: {error.strerror or error}. {len(self.lines):,} answers are kept.\n"
            "Free some space, then run the same command with --run to resume."
        )


@contextmanager
def open_answers(path: Path) -> Iterator[AnswerStore]:
    """The store in a file, which only this process may use within the block.

    Raises: Locked if another process requests answers for the same run. A killed process keeps no lock.
    """
    busy = f"another evaluation is requesting outputs for {path.parent.parent}."
    with appending(path, busy=busy, patience=0, sync=False) as file:
        store = AnswerStore(path, file, Appending(sent_file(path)))
        try:
            yield store
        finally:
            store.close()


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The first line of each key, without a last line that a kill cut short. Raises: DataError if a line is damaged."""
    lines: dict[str, dict[str, Any]] = {}
    for line in read_stored_lines(path, "evaluate/answers.jsonl", torn=True):
        lines.setdefault(line["key"], line)
    return lines
