"""Makes a record of each answer in a conversation, with the turns before it, where every answer is an example."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..settings import DataSettings
from .batch import Batch
from .conversation import answer_places, is_conversation
from .tool_calls import with_calls_as_text

__all__ = ["CHATS", "each_answer"]

CHATS = ("messages", "conversations", "contents")


def each_answer(batches: Iterable[Batch], data: DataSettings) -> Iterator[Batch]:
    """The batches with one record for each answer of a conversation, numbered in order; other records stay as they are.

    The records of one conversation get its id with the number of the answer, and are one group, unless a group is stated
    or in the data.
    """
    number = 0
    for batch in batches:
        numbers: list[int] = []
        values: list[Mapping[str, Any]] = []
        problems: list[tuple[int, str]] = []
        for _, record in sorted(
            [*zip(batch.numbers, batch.rows(), strict=True), *batch.problems], key=lambda item: item[0]
        ):
            if isinstance(record, str):
                number += 1
                problems.append((number, record))
                continue
            for answered in _answered(record, data, chat=number + 1):
                number += 1
                numbers.append(number)
                values.append(answered)
        yield Batch(numbers, values, problems)


def _answered(record: Mapping[str, Any], data: DataSettings, *, chat: int) -> Iterator[Mapping[str, Any]]:
    column = next((name for name in record if name.strip().casefold() in CHATS), None)
    turns = None if column is None else record[column]
    if is_conversation(turns) and data.tool_calls == "output":
        turns = with_calls_as_text(turns)
    places = answer_places(turns) if is_conversation(turns) else []
    if column is None or turns is None or len(places) < 2:
        yield record
        return
    name = data.id or "id"
    id = record.get(name)
    named = {} if data.group is not None or record.get("group") else {"group": f"chat {chat if id is None else id}"}
    for count, place in enumerate(places, start=1):
        own = {} if id is None else {name: f"{id}/{count}"}
        yield {**record, **named, **own, column: list(turns[: place + 1])}
