"""Records of a file or table with other outputs: every key stays, wherever the output is in the record."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..settings import DataSettings
from .conversation import each_answer, is_conversation, parsed_json
from .formats.batch import Batch
from .formats.records import read_records
from .pairs import RawPairs
from .shapes import find_shape, json_text
from .sources import as_table, table_batches

__all__ = ["answered_lines"]


def answered_lines(source: Any, data: DataSettings, raw: RawPairs, outputs: Mapping[int, str]) -> Iterator[bytes]:
    """Every record as a JSON line, with the new output of each row number in `outputs`.

    `raw` is what `read_pairs` or `read_frame` read from the source. Records that are not pairs are written as they are;
    what could not be read as a record is left out.
    """
    for batch in _batches(source, data, raw):
        for number, record in zip(batch.numbers, batch.rows(), strict=True):
            answer = outputs.get(number)
            written = record if answer is None else with_answer(record, answer, data)
            yield f"{json_text(written)}\n".encode("utf-8", "replace")  # half a surrogate pair fits into no file


def _batches(source: Any, data: DataSettings, raw: RawPairs) -> Iterator[Batch]:
    table = as_table(source)
    starts = zip(raw.files, raw.first_rows, strict=True) if table is None else [(None, 1)]
    for path, first in starts:
        batches = table_batches(table) if path is None else read_records(path, data)[0]
        for batch in each_answer(batches, data) if data.turns == "all" else batches:
            yield batch.numbered_from(first - 1)


def with_answer(record: Mapping[str, Any], answer: str, data: DataSettings) -> dict[str, Any]:
    """The record with another output: a text, JSON where it was an object or a list, or the last answer of a conversation."""
    shape = find_shape(list(record), data, where="the record")
    column = shape.output or shape.columns[-1]
    value = record[column]
    if is_conversation(value):
        return {**record, column: _with_last_answer(value, answer)}
    return {**record, column: parsed_json(answer) if isinstance(value, Mapping | list) else answer}


def _with_last_answer(turns: Any, answer: str) -> list[dict[str, Any]]:
    """The turns with other words in the last answer of the assistant."""
    written = [dict(turn) for turn in turns]
    for turn in reversed(written):
        if str(turn.get("role") or turn.get("from")) in ("assistant", "gpt", "chatgpt", "bot", "model"):
            key = "content" if turn.get("content") is not None else "value"
            turn[key] = [{"type": "text", "text": answer}] if isinstance(turn[key], list) else answer
            return written
    return written
