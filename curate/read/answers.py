"""Records of a file or table with other outputs: every key stays, wherever the output is in the record."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..settings import DataSettings
from .conversation import each_answer, is_conversation
from .formats.batch import Batch
from .formats.records import read_records
from .pairs import RawPairs
from .shapes import ALL_COLUMNS, find_shape, json_text
from .sources import is_saved_dataset, load_saved, table_batches

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
    if not isinstance(source, str | Path):
        yield from _turned(table_batches(source), data)
    elif Path(source).is_dir() and is_saved_dataset(Path(source)):
        yield from _turned(table_batches(load_saved(Path(source))), data)
    else:
        wanted = [name for name in (data.input, data.output) if isinstance(name, str) and name != ALL_COLUMNS]
        for path, first in zip(raw.files, raw.first_rows, strict=True):
            batches, _ = read_records(
                path,
                encoding=data.encoding,
                delimiter=data.delimiter,
                wanted=wanted,
                sheet=data.sheet,
                limits=data.limits,
            )
            for batch in _turned(batches, data):
                yield batch.numbered_from(first - 1)


def _turned(batches: Iterator[Batch], data: DataSettings) -> Iterator[Batch]:
    return each_answer(batches, data) if data.turns == "all" else batches


def with_answer(record: Mapping[str, Any], answer: str, data: DataSettings) -> dict[str, Any]:
    """The record with another output: a text, JSON where it was an object or a list, or the last answer of a conversation."""
    shape = find_shape(list(record), data, where="the record")
    column = shape.output or shape.columns[-1]
    value = record[column]
    if is_conversation(value):
        return {**record, column: _with_last_answer(value, answer)}
    return {**record, column: _as_it_was(answer) if isinstance(value, Mapping | list) else answer}


def _as_it_was(answer: str) -> Any:
    """The object or list that a text is as JSON; else the text."""
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return answer


def _with_last_answer(turns: Any, answer: str) -> list[dict[str, Any]]:
    """The turns with other words in the last answer of the assistant."""
    written = [dict(turn) for turn in turns]
    for turn in reversed(written):
        if str(turn.get("role") or turn.get("from")) in _ANSWERS:
            key = "content" if turn.get("content") is not None else "value"
            turn[key] = [{"type": "text", "text": answer}] if isinstance(turn[key], list) else answer
            return written
    return written


_ANSWERS = ("assistant", "gpt", "chatgpt", "bot", "model")
