"""A command in a prepared folder, and how it runs in this process."""

import io
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .steps import Steps, counted

__all__ = ["Command", "Outcome", "Situation", "run"]

Command = (
    tuple[str, ...] | Callable[[], int]
)  # its arguments, or a function that prints its message and returns the exit code


@dataclass(frozen=True)
class Situation:
    """A command, or a function that acts like one, in a folder that `make` prepares.

    appends: patterns of files that grow by whole lines, of which a fault may leave fewer. ignores: files that depend on the
    moment. repeats: files to which a rerun appends again if the command had finished. passing: files that a fault may leave
    and the rerun removes. varies: JSON keys whose values a fault may change, since a lost request may have been billed.
    may_refuse: what a rerun may say, with exit code 2, if the command had finished. fresh: called before the command runs
    for the first time.
    """

    name: str
    words: Command
    make: Callable[[Path], None]
    appends: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    varies: tuple[str, ...] = ()
    may_refuse: tuple[str, ...] = ()
    fresh: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Outcome:
    """The exit code of a command, and what it printed to standard error."""

    code: int
    err: str


def run(folder: Path, words: Command, steps: Steps | None = None) -> Outcome:
    """Run a command in the folder, in this process."""
    from tuneworth.cli import main

    err = io.StringIO()
    code = 0
    with chdir(folder), redirect_stdout(io.StringIO()), redirect_stderr(err), counted(steps or Steps(folder)):
        try:
            code = words() if callable(words) else main(list(words))
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Outcome(code, err.getvalue())
