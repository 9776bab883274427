"""Output of a program: the answer on standard output, progress and warnings on standard error."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["FIRST_ROWS", "Talk", "printable"]

FIRST_ROWS = 5  # of a table, where a result prints itself
Advance = Callable[[int, int, str], None]  # done, total, text next to the bar

# Controls but tab and line feed; line and paragraph separators; marks, embeddings, overrides and isolates of direction;
# byte order marks; surrogates; tag characters, which can hide text.
_UNSAFE = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff\\U000e0000-\\U000e007f]"
)


@dataclass(frozen=True)
class Talk:
    """Prints for people or machines (`json`), or `quiet`; holds the seed and debug options that all commands take."""

    json: bool = False
    quiet: bool = False
    seed: int = 0
    seed_given: bool = False
    debug: bool = False

    def note(self, text: str) -> None:
        """Print progress or a warning to standard error."""
        if not self.quiet:
            print(printable(text), file=sys.stderr, flush=True)

    def answer(self, text: str, data: Any) -> None:
        """Print the command's result: `text` for people, or only `data` for machines."""
        print(_json(data) if self.json else printable(text), flush=True)

    def next(self, text: str) -> None:
        """Print the next step as the last line."""
        if not self.json and not self.quiet:
            print(f"\nNext: {printable(text)}", flush=True)

    @contextmanager
    def progress(self, title: str) -> Iterator[Advance]:
        """A bar with progress and remaining time on a terminal; nothing elsewhere, so that logs stay readable."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, total, text: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(printable(title), total=None, text="")

            def advance(done: int, total: int, text: str) -> None:
                bar.update(task, completed=done, total=total, text=printable(text))

            yield advance


def printable(text: str) -> str:
    """The text with control characters escaped, so that data cannot control a terminal.

    Also escaped: characters that change the direction of writing, invisible ones that are not part of a word, and
    surrogates, which cannot be encoded.
    """
    return _UNSAFE.sub(_escaped, text)


def _json(data: Any) -> str:
    """JSON with the same characters in JSON escapes, so that it is safe for a terminal too."""
    return _UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], json.dumps(data, ensure_ascii=False, indent=2))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
