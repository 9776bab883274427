"""Reads JSON from blocks of text, value by value: what is in memory is one value, however long the text is."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..batch import EXCERPT
from .lines import LongLine

__all__ = ["JsonFault", "JsonText", "scan_value"]


def _no_number(name: str) -> str | None:
    """Null for NaN, text for infinities: Python and pandas write them, but JSON has no such numbers."""
    return None if name == "NaN" else name


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; a repeated name would silently drop one of its values."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'an object names "{twice[:80]}" twice')
    return value


# What `JSONDecoder.decode` calls; its own steps take as long again.
scan_value: Any = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number).scan_once  # type: ignore[attr-defined]

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_REST_OF_STRING = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_STRING_OR_BRACKET = re.compile(rf"{_STRING.pattern}|[\[\]{{}}]", re.DOTALL)
_NEAR = 16  # characters: the longest literal or escape that the end of a block may cut
_STEPS = np.zeros(128, np.int8)  # by which a character changes the depth
_STEPS[[ord("["), ord("{")]], _STEPS[[ord("]"), ord("}")]] = 1, -1


class JsonFault(Exception):
    """The text is not JSON: what is wrong, with its line, column and character."""


class JsonText:
    """JSON text that arrives in blocks. `at` is the position in the part that is held, `passed` the number of characters
    before it. A value of more than `most` characters is passed over; `skipped` gets the lengths of what is passed over."""

    def __init__(self, blocks: Iterator[str], most: int, skipped: Callable[[int], object]) -> None:
        self._blocks, self._most, self._skipped = blocks, most, skipped
        self._text, self._ended = "", False
        self.at = self.passed = self._lines = 0
        self._column = 0  # of the first character that is held, from 0
        self.more()
        self.beginning = self._text[: EXCERPT + 1]

    @property
    def place(self) -> int:
        """The number of characters up to here."""
        return self.passed + self.at

    def more(self) -> bool:
        """Hold the next block too, and no longer what was read; False at the end of the text."""
        block = next(self._blocks, None)
        if block is None:
            self._ended = True
            return False
        self._line_and_column(self.at, keep=True)
        self.passed += self.at
        self._text, self.at = self._text[self.at :] + block, 0
        return True

    def next_mark(self) -> str:
        """The next character that is no white space, which is not read yet; empty at the end of the text."""
        while True:
            blank = _SPACE.match(self._text, self.at)
            self.at = blank.end()  # type: ignore[union-attr] - it matches everywhere
            if self.at < len(self._text):
                return self._text[self.at]
            self._skipped(len(blank[0]))  # type: ignore[index]
            if not self.more():
                return ""

    def take(self, mark: str, problem: str) -> None:
        """Read the next mark. Raises: JsonFault if it is another one."""
        if self.next_mark() != mark:
            raise self.fault(problem)
        self.at += 1

    def value(self) -> Any:
        """The next value, a `LongLine` if it is too long. Raises: JsonFault."""
        self.next_mark()
        while True:
            start = self.at
            try:
                value, end = scan_value(self._text, start)
            except StopIteration as error:
                problem, place = "Expecting value", int(error.value)
            except json.JSONDecodeError as error:
                problem, place = error.msg, error.pos
            except (ValueError, RecursionError) as error:
                raise JsonFault(str(error)) from None
            else:
                # 1 may become 12, 1.5 or 1e+2
                cut = not self._ended and type(value) in (int, float) and len(self._text) - end < len("e+2")
                if not cut:
                    if end - start > self._most:
                        value = LongLine(end - start, self._text[start : min(end, start + EXCERPT + 1)])
                    self.at = end
                    return value
                problem, place = "", end
            cut = place >= len(self._text) - _NEAR or problem.startswith("Unterminated string")
            if self._ended or not cut:
                raise self.fault(problem, place)
            if len(self._text) - start > self._most:
                return self._pass_over()
            held = len(self._text) - start
            while len(self._text) - self.at < 2 * held and self.more():  # a long value is not tried at every block
                pass

    def elements(self) -> Iterator[Any]:
        """The elements of the list that begins here, each as from `value`. Raises: JsonFault."""
        self.take("[", "Expecting value")
        if self.next_mark() == "]":
            self.at += 1
            return
        while True:
            yield self.value()
            if self.next_mark() == "]":
                self.at += 1
                return
            self.take(",", "Expecting ',' delimiter")

    def names(self) -> Iterator[str]:
        """The names in the object that begins here; the caller reads the value after each. Raises: JsonFault."""
        self.take("{", "Expecting value")
        if self.next_mark() == "}":
            self.at += 1
            return
        seen = set[str]()
        while True:
            if self.next_mark() != '"':
                raise self.fault("Expecting property name enclosed in double quotes")
            name = self.value()
            name = name if isinstance(name, str) else name.beginning
            if name in seen:
                raise JsonFault(f'an object names "{name[:80]}" twice')
            seen.add(name)
            self.take(":", "Expecting ':' delimiter")
            yield name
            if self.next_mark() == "}":
                self.at += 1
                return
            self.take(",", "Expecting ',' delimiter")

    def end(self) -> None:
        """Nothing follows. Raises: JsonFault."""
        if self.next_mark():
            raise self.fault("Extra data")

    def fault(self, problem: str, place: int | None = None) -> JsonFault:
        """The fault at a place in the text that is held, else here."""
        here = self.at if place is None else place
        line, column = self._line_and_column(here)
        return JsonFault(f"{problem}: line {line + 1} column {column + 1} (char {self.passed + here})")

    def _line_and_column(self, place: int, *, keep: bool = False) -> tuple[int, int]:
        feeds = self._text.count("\n", 0, place)
        column = place - self._text.rfind("\n", 0, place) - 1 if feeds else self._column + place
        if keep:
            self._lines, self._column = self._lines + feeds, column
            return self._lines, column
        return self._lines + feeds, column

    def _pass_over(self) -> LongLine:
        """Pass over a list, an object or a string that is too long to be read; its faults are not looked for."""
        begins, place = self.fault("a value that never ends"), self.place
        first, beginning = self._text[self.at], self._text[self.at : self.at + EXCERPT + 1]
        if first not in '"[{':
            raise self.fault("a number of thousands of digits")
        self.at += 1
        depth, within = int(first != '"'), first == '"'
        while True:
            end, depth, within = _end_of_value(self._text, self.at, depth, within)
            if end is not None:
                self.at = end
                return LongLine(length := self.place - place, beginning[:length])
            self._skipped(len(self._text) - self.at)
            self.at = len(self._text) - (within and _ends_in_escape(self._text))
            if not self.more():
                raise begins


def _end_of_value(text: str, at: int, depth: int, within: bool) -> tuple[int | None, int, bool]:
    """Where a value ends that goes on at `at`, `depth` brackets deep or `within` a string; None, and both at the end of
    the text, if it ends later."""
    if within:
        at = _REST_OF_STRING.match(text, at).end()  # type: ignore[union-attr] - it matches everywhere
        if text[at : at + 1] != '"':
            return None, depth, True
        at += 1
        if depth == 0:
            return at, 0, False
    # Nearly all blocks lie inside the value: their brackets are counted at once.
    outside, quote, _ = _STRING.sub("", text[at:]).partition('"')
    depths = depth + np.cumsum(_STEPS[np.frombuffer(outside.encode("ascii", "replace"), np.uint8)], dtype=np.int64)
    if (depths > 0).all():
        return None, int(depths[-1]) if len(depths) else depth, quote != ""
    for mark in _STRING_OR_BRACKET.finditer(text, at):
        depth += _STEPS[ord(mark[0][0])]
        if depth == 0:
            return mark.end(), 0, False
    raise AssertionError("the brackets were counted")


def _ends_in_escape(text: str) -> bool:
    """Whether a backslash at the end of the text escapes what follows."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1
