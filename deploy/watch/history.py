"""The history of the looks at a run's served models, to which one watcher at a time appends."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ...core import Locked, alone, appending, disk_refusals, read_stored_lines
from ..check.server import Served

__all__ = ["LOOK_SCHEMA", "History"]

LOOK_SCHEMA = "tuneworth/look/1"
FOLDER, LOOKS, ANSWERS = "watch", "looks.jsonl", "answers.jsonl"


class History:
    """A run's folder `watch`: looks.jsonl, answers.jsonl, and the answers of a look in progress."""

    def __init__(self, run: Path) -> None:
        self.folder = run / FOLDER
        self.looks, self.answers = self.folder / LOOKS, self.folder / ANSWERS

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this process is the only watcher while the block lasts. A killed process releases its lock."""
        with ExitStack() as held:
            try:
                with disk_refusals(self.folder):
                    held.enter_context(alone(self.folder / ".watch.lock", busy="", patience=0))
            except Locked:
                yield False
            else:
                yield True

    def read(self) -> list[dict[str, Any]]:
        """All looks, in order, without a last line that a kill cut short.

        Raises: DataError for a line that is not a look.
        """
        return list(read_stored_lines(self.looks, "watch/looks.jsonl", torn=True))

    def add(self, look: Mapping[str, Any], answers: Iterable[Mapping[str, Any]] = ()) -> None:
        """Append a look after its answers. Raises: RunBroken if the disk refuses."""
        with disk_refusals(self.folder):
            _append(self.answers, answers)
            _append(self.looks, [{"schema": LOOK_SCHEMA, **look}])

    def under_way(self, served: Served, number: int) -> Path:
        """The file with the answers of a look that is not complete yet."""
        return self.folder / "asking" / f"{_file_of(served)}-{number:04d}.jsonl"

    def clear(self, served: Served, number: int) -> None:
        """Remove the separate answers of the looks up to this number, which are now in the history."""
        last = self.under_way(served, number).stem
        for file in (self.folder / "asking").glob(f"{_file_of(served)}-*.jsonl"):
            if file.name.partition(".")[0] <= last:
                file.unlink(missing_ok=True)


def _file_of(served: Served) -> str:
    name = zlib.crc32(f"{served.url.strip()}\0{served.model}".encode(errors="replace"))
    return f"{name:08x}"


def _append(file: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Append lines, all of them or none, and flush them to disk."""
    data = b"".join(json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n" for line in lines)
    if data:
        with appending(file) as appended:
            appended.add(data)
