"""Recognises the format of records by their columns, and turns records into pairs."""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from ...core import DataError, nearest, say, shown_value
from ...style import field_text, render_fields
from ..settings import DataSettings
from .conversation import is_conversation, message_text, read_turns, with_calls_as_text

ALL_COLUMNS = "*"  # as [data] input: every column but the output
_IMAGES = ("image", "images")


class Pair(NamedTuple):
    """One record as a pair; `rule` says why it is not one, `lengths` holds the turns of a conversation."""

    input: str = ""
    fields: str | None = None
    output: str = ""
    system: str | None = None
    lengths: list[tuple[str, int]] | None = None
    rule: str | None = None
    evidence: str | None = None


_TOOL_CALL = Pair(rule="tool_call", evidence="It calls tools; a person must say what to learn from it.")
_IMAGE = Pair(rule="image", evidence="image parts in messages")
_BAD = Pair(rule="bad_example", evidence="The answer is marked as a bad one: it has the weight 0.")
_BYTES = Pair(rule="unreadable", evidence="It holds bytes that are not UTF-8 text.")


@dataclass(frozen=True)
class Shape:
    """How records become pairs: a `description` in one line, the columns that `pair` uses, and `pair` itself.

    If all values of the columns `inputs` and `output` are texts, the inputs joined by an empty line and the output
    are the pair, so whole columns can be processed at once. `answer` is the output's name in messages. `label` is the
    column that says of each output whether it is a good one. Picklable.
    """

    description: str
    columns: tuple[str, ...]
    pair: Callable[[Mapping[str, Any]], Pair] = field(compare=False)
    inputs: tuple[str, ...] = ()
    output: str | None = None
    answer: str = "output"
    label: str | None = None


def find_shape(columns: Sequence[str], data: DataSettings, *, where: str, constant: Collection[str] = ()) -> Shape:
    """The shape of records with these columns, as stated in `[data]` or recognised; the case of names does not matter.

    `constant` are columns to leave out of an input of several columns.

    Raises:
        DataError: a stated column is missing, nothing is recognised, or the data are preferences or images.
    """
    if data.input is None or data.output is None:  # if both columns are stated, nothing else is detected
        _refuse(columns, where)
    if data.input is not None or data.output is not None:
        return _stated(columns, data, where, constant)
    for needed, shape in _KNOWN:
        names = [named_like(columns, name) for name in needed]
        if None not in names:
            found = shape(*(name for name in names if name is not None), columns)
            kept = data.tool_calls == "output" and found.output is None
            return replace(found, pair=partial(_chat_pair, found.columns[0], calls=True)) if kept else found
    raise DataError(
        f"{where}: found no input and output among the columns {_listed(columns)}\n"
        f"Expected {', '.join(' and '.join(needed) for needed, _ in _KNOWN)}.\n"
        "Name other columns in [data] (input = …, output = …) or with --input and --output; --input '*' takes all columns "
        "but the output. A CSV file needs a header line."
    )


def named_like(columns: Collection[str], name: str) -> str | None:
    """The column of that name, else the first one whose name differs only in case or in spaces around it."""
    if name in columns:
        return name
    return next((column for column in columns if column.strip().casefold() == name), None)


def _refuse(columns: Sequence[str], where: str) -> None:
    if "chosen" in columns and "rejected" in columns:
        raise DataError(
            f"{where}: this is preference data (chosen, rejected); Tuneworth reads pairs of one input and one output\n"
            'In [data], set input to the column of inputs, and output = "chosen".'
        )
    images = [name for name in _IMAGES if name in columns]
    if images:
        raise DataError(
            f'{where}: this is image data (column "{images[0]}"); Tuneworth reads text only\n'
            "To ignore this column, set input and output in [data]."
        )


def _stated(columns: Sequence[str], data: DataSettings, where: str, constant: Collection[str]) -> Shape:
    output = data.output or named_like(columns, "output") or "output"
    inputs = _inputs(columns, data, output)
    missing = [name for name in (*inputs, output) if name not in columns]
    stated = [name for name in missing if name in (data.input, data.output) or name in (data.input or ())]
    if missing and not stated:
        raise DataError(f"{where}: {_half_stated(columns, output if data.output is not None else None)}")
    if missing:
        problems = [f"there is no column {shown_value(name)}; {nearest(name, list(columns))}" for name in stated]
        if len(columns) > 1:
            problems[-1] += f" (columns: {_listed(columns)})"
        raise DataError.of(problems, where=where)
    several = (not isinstance(data.input, str) and data.input is not None) or data.input == ALL_COLUMNS
    varying = tuple(name for name in inputs if name not in constant) if several else inputs
    inputs, left_out = (varying, len(inputs) - len(varying)) if varying else (inputs, 0)
    pair = partial(_several_pair, inputs, output) if several else partial(_plain_pair, inputs[0], output)
    description = f"input from {_listed(inputs)}, output from {_listed([output])}"
    if left_out:
        description += f"; {say.count(left_out, 'column')} that never {'vary' if left_out > 1 else 'varies'} left out"
    return Shape(description, (*inputs, output), pair, () if several else inputs, output, answer=output)


def _half_stated(columns: Sequence[str], output: str | None) -> str:
    """What to state beside the stated input, or beside the stated output."""
    if output is None:
        return (
            "the input is stated, the output is not\n"
            f"Name the column of outputs with --output, or as output under [data]: {_listed(columns)}."
        )
    return (
        "the output is stated, the input is not\n"
        f"Add --input '*' for all other columns, or name some: {_listed([name for name in columns if name != output])}. In a "
        'project, set input = "*" or a list under [data].'
    )


def _inputs(columns: Sequence[str], data: DataSettings, output: str) -> tuple[str, ...]:
    """The names of the input columns; for `*` all but the output and those that are no part of a request."""
    if data.input != ALL_COLUMNS:
        default = named_like(columns, "input") or "input"
        return (data.input,) if isinstance(data.input, str) else tuple(data.input or (default,))
    apart = {output, data.id, data.split, "system", "split", "references", named_like(columns, "id")}
    return tuple(name for name in columns if name not in apart)


def _plain_pair(given: str, answer: str, value: Mapping[str, Any]) -> Pair:
    return _pair(value.get(given), value.get(answer), value.get("system"))


def _several_pair(given: Sequence[str], answer: str, value: Mapping[str, Any]) -> Pair:
    return _pair({name: value.get(name) for name in given}, value.get(answer), value.get("system"))


def _pair(given: Any, answer: Any, system: Any = None) -> Pair:
    """A pair from an input of any kind and an output."""
    if isinstance(given, str) and isinstance(answer, str):
        return Pair(given, None, answer, system if isinstance(system, str) else None)
    fields, lengths, text = None, None, ""
    if is_conversation(given):
        turns = read_turns(given, unanswered=True)
        if turns.calls_tools or turns.holds_images:
            return _TOOL_CALL if turns.calls_tools else _IMAGE
        text, lengths, system = turns.input, turns.lengths, turns.system or system
    elif isinstance(given, Mapping):
        fields, text = json_text(given), render_fields(given)
    else:
        text = _plain(given)
    if is_conversation(answer):
        turns = read_turns(answer)
        if turns.calls_tools or turns.holds_images:
            return _TOOL_CALL if turns.calls_tools else _IMAGE
        if turns.bad:
            return _BAD
        answer = turns.answer or ""
    answer = json_text(answer) if isinstance(answer, Mapping | list) else _plain(answer)
    if text is None or answer is None:
        return _BYTES
    return Pair(text, fields, answer, system if isinstance(system, str) else None, lengths)


def _plain(value: Any) -> str | None:
    """The value as text; None for bytes that are not text."""
    if not isinstance(value, bytes):
        return field_text(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _chat_pair(column: str, value: Mapping[str, Any], *, calls: bool = False) -> Pair:
    """The pair of a conversation; `calls`: tool calls are answers like others, as JSON."""
    messages = value.get(column)
    if isinstance(messages, str):  # a table has them as JSON
        with suppress(ValueError, RecursionError):
            messages = json.loads(messages)
    if not is_conversation(messages):
        return Pair(rule="unreadable", evidence=f'"{column}" is not a list of messages with a role each.')
    turns = read_turns(with_calls_as_text(messages) if calls else messages)
    if turns.calls_tools and not calls:
        return _TOOL_CALL
    if turns.holds_images or turns.bad:
        return _IMAGE if turns.holds_images else _BAD
    system = turns.system or _system(value)
    return Pair(turns.input, None, turns.answer or "", system, turns.lengths)


def _system(value: Mapping[str, Any]) -> str | None:
    """The system message beside a conversation: in a column `system`, or as Gemini has it."""
    stated = value.get("system")
    for name in ("systemInstruction", "system_instruction"):
        if isinstance(stated, str):
            break
        stated = message_text(value[name]) if isinstance(value.get(name), Mapping) else value.get(name)
    return stated if isinstance(stated, str) and stated.strip() else None


def _instructed(parts: Sequence[str], answer: str, value: Mapping[str, Any]) -> Pair:
    """A pair whose input is an instruction and, if it is given, what the instruction is about."""
    texts = [field_text(value.get(name)) for name in parts]
    return _pair("\n\n".join(text for text in texts if text.strip()), value.get(answer), value.get("system"))


def json_text(value: Any) -> str:
    """The value as portable JSON; values that JSON cannot express are written as text."""
    try:
        return _encode(value)
    except (ValueError, TypeError):  # numbers that are not finite, names that are not texts
        return _encode(_encodable(value))


def _as_text(value: Any) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_as_text).encode


def _encodable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name if isinstance(name, str) else str(name): _encodable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(shown_value, names[:20]))  # names come from the file and may be long or contain line breaks
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _plain_shape(given: str, answer: str, columns: Sequence[str]) -> Shape:
    pair, description = partial(_plain_pair, given, answer), f"{given} and {answer}"
    # Data for KTO have a label for each completion, true or false.
    label = named_like(columns, "label") if given.strip().casefold() == "prompt" else None
    return Shape(description, (given, answer), pair, (given,), answer, answer=answer, label=label)


def _instructed_shape(name: str, about: str, instruction: str, answer: str, columns: Sequence[str]) -> Shape:
    """An instruction with a column `about` that holds what it is about, in some of the records."""
    parts = (instruction, named_like(columns, about) or about)
    pair, description = partial(_instructed, parts, answer), f"{name} ({', '.join((*parts, answer))})"
    return Shape(description, (*parts, answer), pair, parts, answer, answer=answer)


def _chat_shape(description: str, column: str, columns: Sequence[str]) -> Shape:
    return Shape(description, (column,), partial(_chat_pair, column), answer="answer of the assistant")


# The columns that make each shape, the first that fits. Alpaca before input and output: it has both of these columns too.
_KNOWN: tuple[tuple[tuple[str, ...], Callable[..., Shape]], ...] = (
    (("instruction", "output"), partial(_instructed_shape, "Alpaca", "input")),
    (("input", "output"), _plain_shape),
    (("prompt", "completion"), _plain_shape),
    (("prompt", "response"), _plain_shape),
    (("instruction", "response"), partial(_instructed_shape, "instructions", "context")),
    (("question", "answer"), _plain_shape),
    (("source", "target"), _plain_shape),
    (("messages",), partial(_chat_shape, "chat messages")),
    (("conversations",), partial(_chat_shape, "ShareGPT conversations")),
    (("contents",), partial(_chat_shape, "Gemini contents")),
)
