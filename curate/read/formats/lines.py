"""Cuts text into lines; of a line that is longer than the limit, only its length and its beginning are kept."""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ..batch import EXCERPT

__all__ = ["BlankLines", "LongLine", "any_lines", "feed_lines"]


class LongLine(NamedTuple):
    """A line that is longer than the limit: its number of characters, and the first of them."""

    length: int
    beginning: str


class BlankLines(NamedTuple):
    """A block of text that is blank: its number of lines and of characters."""

    lines: int
    length: int


class _Unfinished:
    """The beginning of a line that continues in the next block."""

    def __init__(self, most: int, passed: Callable[[int], object]) -> None:
        self._most, self._pieces, self._length = most, [], 0
        self._passed = passed

    def __bool__(self) -> bool:
        return self._length > 0

    def continues(self, block: str, ends: str) -> bool:
        """Whether the line is too long already and does not end in the block, which is then passed over."""
        over = self._length > self._most and not any(end in block for end in ends)
        if over:
            self._length += len(block)
            self._passed(len(block))
        return over

    def add(self, text: str) -> None:
        """Add what follows; once the line is too long, only its first characters are kept."""
        self._length += len(text)
        self._pieces.append(text)
        if self._length > self._most:
            self._pieces = ["".join(piece[: EXCERPT + 1] for piece in self._pieces)[: EXCERPT + 1]]

    def take(self) -> str | LongLine:
        """The line, which is finished now; the next one begins empty."""
        text, length = "".join(self._pieces), self._length
        self._pieces, self._length = [], 0
        return LongLine(length, text) if length > self._most else text


def feed_lines(
    blocks: Iterable[str], most: int, passed: Callable[[int], object]
) -> Iterator[list[str | LongLine] | BlankLines]:
    """The lines of each block, without their ends; only a line feed ends a line, as U+2028 may occur in a text.

    Lines of more than `most` characters are `LongLine`; `passed` gets the length of each block within one.
    """
    rest = _Unfinished(most, passed)
    for block in blocks:
        if rest.continues(block, "\n"):
            continue
        if not rest and block.isspace():
            yield BlankLines(block.count("\n"), len(block))
            continue
        *lines, last = block.split("\n")
        if lines:
            rest.add(lines[0])
            yield [rest.take(), *_limited(lines[1:], most, len(block))]
        rest.add(last)
    yield [rest.take()]


def any_lines(blocks: Iterable[str], most: int, passed: Callable[[int], object]) -> Iterator[str | LongLine]:
    """Lines with their ends (\\n, \\r\\n or \\r); only these three end a line of a CSV file.

    A line of more than `most` characters is a `LongLine`; `passed` gets the length of each block within one. Many blank
    lines in a row are one text.
    """
    rest = _Unfinished(most, passed)
    held = ""  # a \r at the end of a block may be the first half of \r\n
    for block in blocks:
        if not held and rest.continues(block, "\r\n"):
            continue
        text = held + block
        held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r")
        if not rest and text.isspace() and not text.strip("\r\n"):
            yield text
            continue
        lines = _split(text)
        last = "" if not lines or lines[-1].endswith(("\n", "\r")) else lines.pop()
        if lines:
            rest.add(lines[0])
            yield rest.take()
            yield from _limited(lines[1:], most, len(text))
        rest.add(last)
    rest.add(held)
    if rest:
        yield rest.take()


# A run begins where a line ends, so that each character is looked at once.
_BLANK_LINES = re.compile(r"(?<![\r\n])[\r\n]{64,}+")


def _split(text: str) -> list[str]:
    """The lines of a block; many blank ones in a row are one text."""
    lines, at = list[str](), 0
    for run in _BLANK_LINES.finditer(text):
        blank = run.start() + (2 if run[0].startswith("\r\n") else 1)  # after the end of the line before
        lines += [*io.StringIO(text[at:blank], newline=""), text[blank : run.end()]]
        at = run.end()
    return [*lines, *io.StringIO(text[at:], newline="")]


def _limited(lines: list[str], most: int, length: int) -> list[str | LongLine]:
    """The lines of a block of this length, each held to the limit."""
    if length <= most:
        return lines  # type: ignore[return-value] - of texts alone
    return [
        line if len(line) <= most or line[0] in "\r\n" else LongLine(len(line), line[: EXCERPT + 1]) for line in lines
    ]
