"""Reads a JSON document into batches of records, element by element, so that only one batch is in memory beside its text."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ....core import DataError
from .batch import EXCERPT, ROWS, Batch, Intake, excerpt, object_batch
from .text import LongLine


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


_BATCH = 1 << 22  # characters of a batch, as of a block of lines


def document_batches(document: str, intake: Intake) -> Iterator[Batch]:
    """The records of a document: a list, a list under one name, columns of equal length, or one record.

    An object is read twice, as its last name may decide which of its lists has the records.

    Raises: JsonFault if the text is not JSON; DataError if it holds no records, or is beyond a limit.
    """
    text = JsonText(document, intake.most)
    mark = text.next_mark()
    if mark == "[":
        yield from _batches(text.elements(), intake, lambda: text.at, text.end)
        return
    if mark != "{":
        text.value()
        text.end()
        raise DataError(f"{intake.path}: expected a list of objects, found {excerpt(text.beginning)}")
    members = {name: _member(text) for name in text.names()}
    text.end()
    yield from _of_object(members, document, intake)


@dataclass(frozen=True)
class _Member:
    """A value of the document: the number of elements and whether the first one is an object, if it is a list."""

    elements: int = 0
    of_objects: bool = False


def _member(text: JsonText) -> _Member:
    if text.next_mark() != "[":
        text.value()
        return _Member()
    elements = text.elements()
    first = next(elements, None)
    of_objects = isinstance(first, dict) or (type(first) is LongLine and first.beginning.startswith("{"))
    return _Member(sum(1 for _ in elements) + (first is not None), of_objects)


def _of_object(members: dict[str, _Member], document: str, intake: Intake) -> Iterator[Batch]:
    lists = [name for name, member in members.items() if member.elements]
    objects = [name for name in lists if members[name].of_objects]
    if not {"messages", "conversations"} & members.keys():
        if len(objects) == 1:
            text = JsonText(document, intake.most)
            yield from _batches(_under(text, objects[0]), intake, lambda: text.at)
            return
        lengths = {member.elements for member in members.values()}
        if not objects and len(lists) == len(members) > 1 and len(lengths) == 1:
            text = JsonText(document, intake.most)
            columns = {name: list(text.elements()) for name in text.names() if text.next_mark()}
            yield from _batches(_rows(columns), intake)
            return
    yield from _batches([JsonText(document, intake.most).value()], intake)


def _under(text: JsonText, wanted: str) -> Iterator[Any]:
    """The elements of the list under this name."""
    for name in text.names():
        if name == wanted:
            yield from text.elements()
            return
        _member(text)


def _rows(columns: dict[str, list[Any]]) -> Iterator[Any]:
    """The records of columns; one with a value that is too long is that value."""
    for values in zip(*columns.values(), strict=True):
        long = next((value for value in values if type(value) is LongLine), None)
        yield long or dict(zip(columns, values, strict=True))


def _batches(
    values: Iterable[Any],
    intake: Intake,
    place: Callable[[], int] = lambda: 0,
    end: Callable[[], object] = lambda: None,
) -> Iterator[Batch]:
    """Batches of at most 20,000 records and some megabytes of text; `end` checks what follows before the last one."""
    first, some, begin = 1, list[Any](), place()
    for value in values:
        some.append(value)
        if len(some) == ROWS or place() - begin > _BATCH:
            yield _batch(some, first, intake)
            first, some, begin = first + len(some), [], place()
    end()
    if some:
        yield _batch(some, first, intake)


def _batch(values: Sequence[Any], first: int, intake: Intake) -> Batch:
    batch = object_batch(values, first)
    long = {number: value for number, value in enumerate(values, start=first) if type(value) is LongLine}
    problems = [
        (number, intake.too_long(f"record {number}", *long[number]) if number in long else why)
        for number, why in batch.problems
    ]
    batch = Batch(batch.numbers, batch.values, problems)
    intake.saw(batch)
    return batch
