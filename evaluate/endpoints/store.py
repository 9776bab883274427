"""The answers of endpoints, stored on arrival so that none is requested twice, and the paid requests sent for them."""

import json
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...core import Appending, RunBroken, appending, read_stored_lines


class NotStored(RunBroken):
    """The disk refused an answer or a request, which says nothing about the endpoint."""


def sent_file(answers: Path) -> Path:
    """The file of the requests that were sent for the answers in a file."""
    return answers.with_suffix(".sent.jsonl")


class SentRequests:
    """What each request without an answer could cost at most, by the key of the request.

    The file has a line for each attempt that could cost something, written before it is sent, and one with the negative
    amount if it turned out to cost nothing. The last amount of a request that is `answered` is not counted: its answer has
    the real cost. So a killed process leaves its requests in flight counted.
    """

    def __init__(self, path: Path, answered: Container[str], file: Appending | None = None) -> None:
        self.path, self._file = path, file
        self._answered = answered
        self._amounts: dict[str, list[tuple[str, Decimal]]] = {}
        for line in read_stored_lines(path, "evaluate/answers.sent.jsonl", torn=True):
            self._note(line)

    def add(self, key: str, worst: Decimal, currency: str) -> None:
        """Note that a request is about to be sent.

        Raises: NotStored if the disk refuses. ValueError if the store was opened to read.
        """
        self._append({"key": key, "worst": str(worst), "currency": currency})

    def free(self, key: str) -> None:
        """Note that the last attempt of a request cost nothing. Raises: NotStored if the disk refuses."""
        if amounts := self._amounts.get(key):
            currency, worst = amounts[-1]
            self._append({"key": key, "worst": str(-worst), "currency": currency})

    def unanswered(self, currency: str) -> Decimal:
        """The most that the attempts without an answer may have cost."""
        return sum(
            (
                worst
                for key, amounts in self._amounts.items()
                for stated, worst in (amounts[:-1] if key in self._answered else amounts)
                if stated == currency
            ),
            Decimal(0),
        )

    def sync(self) -> None:
        """Put all requests on the disk. Raises: OSError if that fails."""
        if self._file is not None:
            self._file.sync()

    def _append(self, line: dict[str, Any]) -> None:
        if self._file is None:
            raise ValueError(f"{self.path} was opened to read")
        try:
            self._file.add(json.dumps(line).encode() + b"\n", sync=False)
        except OSError as error:
            reason = error.strerror or error
            raise NotStored(
                f"{self.path} cannot be written: {reason}.\nFree some space, then run the same command again."
            ) from error
        self._note(line)

    def _note(self, line: dict[str, Any]) -> None:
        amounts, worst = self._amounts.setdefault(line["key"], []), Decimal(line["worst"])
        if worst > 0:
            amounts.append((line["currency"], worst))
        elif amounts:
            amounts.pop()


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
