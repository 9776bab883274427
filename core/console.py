"""A program's output: the answer on standard output, progress and warnings on standard error, whatever their encoding."""

import codecs
import json
import os
import re
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Any, TextIO

from .progress import StepProgress, Timetable

FIRST_ROWS = 5  # of a table, where a result prints itself
Advance = Callable[[float, int, str], None]  # done (may count a part of a unit), total, the unit and more
LINES_APART = 20.0  # seconds between two log lines during a long step, so that even a busy machine prints one every 30
SHORT = 5.0  # seconds; a shorter step gets no log line, however long the log has been silent

# Control characters except tab and line feed; line and paragraph separators; bidirectional marks, embeddings, overrides and
# isolates; byte order marks; surrogates; tag characters, which can hide text.
_UNSAFE = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff\\U000e0000-\\U000e007f]"
)


@dataclass
class LastLine:
    """The time at which the last log line was printed."""

    clock: Callable[[], float] = time.monotonic
    at: float = field(init=False)

    def __post_init__(self) -> None:
        self.note()

    def note(self) -> None:
        """Record that a line was just printed."""
        self.at = self.clock()

    def wait(self) -> float:
        """The seconds until the next line is due; 0 or less if it is due now."""
        return self.at + LINES_APART - self.clock()


@dataclass(frozen=True)
class Console:
    """Prints for people or, with `json`, for machines; with `quiet`, only the answer. Holds the options of every command.

    `timetable`: the longer work whose remaining time is shown next to that of each step.
    """

    json: bool = False
    quiet: bool = False
    seed: int = 0
    seed_given: bool = False
    debug: bool = False
    timetable: Timetable | None = field(default=None, compare=False)
    last_line: LastLine = field(default_factory=LastLine, repr=False, compare=False)

    def note(self, text: str) -> None:
        """Print progress or a warning to standard error."""
        if not self.quiet:
            # A single write, so that a line of the progress thread cannot land inside another line.
            print(f"{printable(text)}\n", end="", file=sys.stderr, flush=True)
            self.last_line.note()

    def answer(self, text: str, data: Any) -> None:
        """Print the command's result: `text` for people, or only `data` for machines."""
        print(_json(data) if self.json else printable(text), flush=True)

    def document(self, text: str, data: Any) -> None:
        """Print a result that is the content of a file, such as a style.yaml; in UTF-8 when redirected to a file."""
        if not self.json:
            write_documents()
        self.answer(text, data)

    def next(self, text: str) -> None:
        """Print the next step as the last line."""
        if not self.json and not self.quiet:
            print(f"\nNext: {printable(text)}", flush=True)

    @contextmanager
    def progress(self, title: str) -> Iterator[Advance]:
        """A function that reports the progress of a step: a bar with the time left on a terminal, lines in a log.

        A log gets a line whenever nothing was printed for 20 seconds, even if the function is not called in the meantime.
        """
        if self.quiet:
            yield lambda done, total, text: None
            return
        step = StepProgress(title, self.timetable)
        whole = nullcontext() if self.timetable is None else self.timetable.running(step.title)
        with whole, _bar(step) if _is_terminal() else _lines(step, self) as advance:
            yield advance


def _is_terminal() -> bool:
    """Whether standard error is a terminal on which a bar can be redrawn."""
    return sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def follow(step: StepProgress, talk: Console, wait: Callable[[float], bool]) -> None:
    """Print the step's line whenever one is due, until `wait`, which takes seconds, returns True."""

    def seconds_to_next() -> float:
        return max(0.0, talk.last_line.wait(), SHORT - step.seconds())

    with suppress(BrokenPipeError):  # the reader of the log is gone; the command itself ends at its next line
        while not wait(seconds_to_next()):
            if not seconds_to_next():
                talk.note(step.line())


@contextmanager
def _lines(step: StepProgress, talk: Console) -> Iterator[Advance]:
    """Log lines about the step while the block lasts, printed by a thread, since a long call reports nothing."""
    ended = threading.Event()
    thread = threading.Thread(target=follow, args=(step, talk, ended.wait), name="progress", daemon=True)
    thread.start()
    try:
        yield step.advance
    finally:
        ended.set()
        thread.join()


@contextmanager
def _bar(step: StepProgress) -> Iterator[Advance]:
    """A progress bar while the block lasts, redrawn by a thread of rich."""
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    console = RichConsole(stderr=True)

    class State(ProgressColumn):
        """What is done, and the time left now."""

        def render(self, task: Task) -> Text:
            return Text(printable(step.state()))

    bar_width = console.width // 5  # rich's default of 40 leaves no room for words in 80 columns
    columns = TextColumn("{task.description}", markup=False), BarColumn(min(40, bar_width)), State()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(printable(step.title), total=None)

        def advance(done: float, total: int, text: str) -> None:
            step.advance(done, total, text)
            bar.update(task, completed=done, total=total)

        yield advance


def printable(text: str) -> str:
    """The text with control characters escaped, so that data cannot control a terminal.

    Characters that change the text direction, invisible ones that are not part of a word, and surrogates, which cannot be
    encoded, are escaped too.
    """
    return _UNSAFE.sub(_escaped, text)


def _json(data: Any) -> str:
    """JSON in which the same characters, and those that standard output cannot encode, are JSON escapes."""
    text = json.dumps(data, ensure_ascii=not holds_everything(sys.stdout), indent=2)
    return _UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


# Substitutes for characters that an encoding lacks. Other letters lose their accents; anything else is escaped.
SUBSTITUTES = {
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "‐": "-", "‑": "-", "–": "-", "—": "-", "―": "-", "−": "-", "‘": "'",
    "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "‟": '"', "‹": "<", "›": ">", "«": '"', "»": '"',
    "…": "...", "•": "*", "·": "*", "‣": "*", "▪": "*", "■": "#", "●": "*", "○": "o", "►": ">", "➤": ">", "◆": "*",
    "★": "*", "☆": "*", "→": "->", "←": "<-", "↵": "\\n", "⏎": "\\n", "␣": "_", "≤": "<=", "≥": ">=", "≠": "!=",
    "≈": "~", "±": "+-", "×": "x", "÷": "/", "✓": "yes", "✔": "yes", "✗": "no", "€": "EUR", "£": "GBP", "¥": "JPY",
    "₹": "INR", "¢": "ct", "©": "(c)", "®": "(R)", "™": "(TM)", "°": " deg", "§": "section ", "µ": "u", "μ": "u",
    "′": "'", "″": '"', "─": "-", "│": "|", "└": "`", "├": "|", "▁": "_", "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o",
    "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "đ": "d", "ı": "i",
}  # fmt: skip
_HANDLER = "tuneworth.substitute"


def fill_closed_streams() -> None:
    """Open the null device for each standard stream that the caller closed (`2>&-`).

    Otherwise the next file to be opened gets the number of that stream, and a library that prints to it writes into the
    file.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Until the process ends, under the lowest number that is free: that of the stream.
            null = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115, PTH123
            os.set_inheritable(null.fileno(), True)  # the processes that a command starts need it as well
            setattr(sys, name, null)


def print_anywhere() -> None:
    """Make standard output and error print a readable substitute for each character that they cannot encode."""
    codecs.register_error(_HANDLER, _substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and not holds_everything(stream):
            stream.reconfigure(errors=_HANDLER)


def holds_everything(stream: TextIO) -> bool:
    """Whether the stream can encode every character."""
    return (stream.encoding or "utf-8").lower().replace("_", "-").startswith(("utf-8", "utf8", "utf-16", "utf-32"))


def write_documents() -> None:
    """Use UTF-8 for standard output unless it is a terminal, since a redirected style or table is read back as UTF-8."""
    if isinstance(sys.stdout, TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")


def _substitute(error: UnicodeError) -> tuple[str, int]:
    """The substitutes for the characters that an encoding lacks, and the position to continue at."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_readable, error.object[error.start : error.end])), error.end


def _readable(character: str) -> str:
    if character in SUBSTITUTES:
        return SUBSTITUTES[character]
    plain = "".join(one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one))
    plain = "".join(SUBSTITUTES.get(one, one) for one in plain).replace("\u2044", "/")
    return plain if plain.isascii() and plain else character.encode("ascii", "backslashreplace").decode()
