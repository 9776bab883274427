"""Reads the values of a JSON text one after another, so that only one is in memory beside the text."""

import json
import re
from collections.abc import Iterator
from typing import Any

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


class JsonFault(Exception):
    """The text is not JSON: what is wrong, with its line, column and character."""


class JsonText:
    """A JSON text that is read from its beginning; `at` is how far. A value of more than `most` characters is a `LongLine`."""

    def __init__(self, text: str, most: int) -> None:
        self._text, self._most = text, most
        self.at = 0

    @property
    def beginning(self) -> str:
        """The first characters."""
        return self._text[: EXCERPT + 1]

    def next_mark(self) -> str:
        """The next character that is no white space, which is not read yet; empty at the end of the text."""
        self.at = _SPACE.match(self._text, self.at).end()  # type: ignore[union-attr] - it matches everywhere
        return self._text[self.at : self.at + 1]

    def take(self, mark: str, problem: str) -> None:
        """Read the next mark. Raises: JsonFault if it is another one."""
        if self.next_mark() != mark:
            raise self._fault(problem, self.at)
        self.at += 1

    def value(self) -> Any:
        """The next value, a `LongLine` if it is too long. Raises: JsonFault."""
        self.next_mark()
        start = self.at
        try:
            value, self.at = scan_value(self._text, start)
        except StopIteration as error:
            raise self._fault("Expecting value", int(error.value)) from None
        except (ValueError, RecursionError) as error:
            raise JsonFault(str(error)) from None
        if self.at - start > self._most:
            return LongLine(self.at - start, self._text[start : min(self.at, start + EXCERPT + 1)])
        return value

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
                raise self._fault("Expecting property name enclosed in double quotes", self.at)
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
            raise self._fault("Extra data", self.at)

    def _fault(self, problem: str, place: int) -> JsonFault:
        return JsonFault(str(json.JSONDecodeError(problem, self._text, place)))
