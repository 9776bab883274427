"""The paid requests, noted in a file before they are sent: one that brought no answer may have been billed."""

import json
from collections.abc import Container
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...core import Appending, RunBroken, read_stored_lines

__all__ = ["NotStored", "SentRequests", "sent_file"]


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
