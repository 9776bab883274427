"""What a program says: the answer on standard output, progress and warnings on standard error."""

import html
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["FIRST_ROWS", "Talk", "printable", "quoted_page"]

FIRST_ROWS = 5  # of a table, where a result prints itself
Advance = Callable[[int, int, str], None]  # done, of how many, what to show beside

# Controls but tab and line feed; line and paragraph separators; marks, embeddings, overrides and isolates of direction;
# byte order marks; surrogates; tag characters, in which text can be hidden.
_UNSAFE = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff\\U000e0000-\\U000e007f]"
)


@dataclass(frozen=True)
class Talk:
    """Whether a machine listens (`json`), whether to keep quiet, and the seed and debug options that all commands take."""

    json: bool = False
    quiet: bool = False
    seed: int = 0
    seed_given: bool = False
    debug: bool = False

    def note(self, text: str) -> None:
        """A line of progress or a warning, on standard error."""
        if not self.quiet:
            print(printable(text), file=sys.stderr, flush=True)

    def answer(self, text: str, data: Any) -> None:
        """The command's result: `text` for people, or `data` alone for machines."""
        print(_json(data) if self.json else printable(text), flush=True)

    def next(self, text: str) -> None:
        """The last line: the next step."""
        if not self.json and not self.quiet:
            print(f"\nNext: {printable(text)}", flush=True)

    @contextmanager
    def progress(self, title: str) -> Iterator[Advance]:
        """A bar with rate and time left on a terminal; elsewhere nothing, so that logs stay readable."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, total, beside: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[beside]}", markup=False),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(printable(title), total=None, beside="")

            def advance(done: int, total: int, beside: str) -> None:
                bar.update(task, completed=done, total=total, beside=printable(beside))

            yield advance


def printable(text: str) -> str:
    """The text with control characters shown as such: what stands in data must not steer a terminal.

    Also shown: what turns the direction of writing, or cannot be seen and is no part of a word, and what cannot be
    written at all.
    """
    return _UNSAFE.sub(_shown, text)


def quoted_page(text: str, table: Any = None) -> str:
    """A text and the first rows of a polars table as HTML for a notebook; nothing of the data is taken for HTML."""
    rows = "" if table is None else table.head(FIRST_ROWS)._repr_html_()
    return f"<pre>{html.escape(printable(text))}</pre>{rows}"


def _json(data: Any) -> str:
    """JSON in which the same characters stand as its own escapes, so that a terminal is safe here too."""
    return _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], json.dumps(data, ensure_ascii=False, indent=2))


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
