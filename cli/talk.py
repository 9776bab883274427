"""How commands talk: the answer on standard output, progress and warnings on standard error."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

__all__ = ["Talk", "common_options"]

Advance = Callable[[int, int, str], None]  # done, of how many, what to show beside


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
        print(json.dumps(data, ensure_ascii=False, indent=2) if self.json else printable(text), flush=True)

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
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[beside]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=None, beside="")

            def advance(done: int, total: int, beside: str) -> None:
                bar.update(task, completed=done, total=total, beside=beside)

            yield advance


def printable(text: str) -> str:
    """The text with control characters shown as such: what stands in data must not steer a terminal."""
    return "".join(
        c
        if c in "\n\t" or ((c.isprintable() or ord(c) > 0x9F) and not 0xD800 <= ord(c) <= 0xDFFF)
        else f"\\x{ord(c):02x}"
        for c in text
    )


def common_options(command: Callable) -> Callable:
    """The options that every command takes; the command gets them as one `talk`."""

    def with_talk(*args: Any, json: bool, quiet: bool, seed: int | None, debug: bool, **kwargs: Any) -> Any:
        return command(*args, talk=Talk(json, quiet, seed or 0, seed is not None, debug), **kwargs)

    with_talk.__name__, with_talk.__doc__ = command.__name__, command.__doc__
    with_talk.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
        click.option(
            "--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of everything that is drawn by chance (default 0)."
        ),
        click.option("--quiet", is_flag=True, help="Say nothing but the answer."),
        click.option("--json", is_flag=True, help="The answer as JSON on standard output, nothing else there."),
    ):
        with_talk = option(with_talk)
    return with_talk
