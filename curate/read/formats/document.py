"""Reads a JSON document into batches of records, element by element."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ....core import DataError
from ..batch import ROWS, Batch, excerpt, object_batch
from .intake import Intake
from .json_text import JsonText
from .lines import LongLine

__all__ = ["document_batches"]

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
