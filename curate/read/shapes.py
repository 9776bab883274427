"""Recognises the format of records by their columns, and turns records into pairs."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeGuard

from ...core import DataError, nearest, shown_value
from ...style import field_text, render_fields
from ..settings import DataSettings

__all__ = [
    "Pair",
    "Shape",
    "Turns",
    "find_shape",
    "is_conversation",
    "json_text",
    "read_turns",
    "split_turns",
]


_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "developer": "system",
    "function_call": "tool",
    "observation": "tool",
    "function": "tool",
}


_CALLS = ("tool_use", "tool_result", "tool_call", "function_call")  # kinds of content parts


class Turns(NamedTuple):
    """A conversation up to its last answer; `answer` is None if it has none.

    `lengths` has the role and the number of characters of each turn of the input, from which `split_turns` restores
    them; None if the input is a single user message.
    """

    system: str | None
    input: str
    answer: str | None
    calls_tools: bool
    holds_images: bool
    lengths: list[tuple[str, int]] | None


def is_conversation(value: Any) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    """Whether the value is a list of messages (`role`, `content`) or turns (`from`, `value`)."""
    return isinstance(value, list | tuple) and len(value) > 0 and all(_is_turn(turn) for turn in value)


def _is_turn(value: Any) -> bool:
    return (type(value) is dict or isinstance(value, Mapping)) and ("role" in value or "from" in value)


def read_turns(messages: Sequence[Mapping[str, Any]], *, unanswered: bool = False) -> Turns:
    """The leading system message, the turns before the last answer, and that answer.

    A single user message is the input; several turns become `role: content` lines. `unanswered`: all messages are the
    input, and the answer is in another column.
    """
    turns, calls, images = [], False, False
    for message in messages:
        role, content = _role(message), message.get("content")
        if type(content) is not str:  # most are; the rest may have parts of several kinds
            kinds = _kinds(content)
            calls = calls or any(kind in _CALLS for kind in kinds)
            images = images or any("image" in kind for kind in kinds)
            content = _text(message)
        turns.append((role, content))
        if role == "tool" or message.get("tool_calls") or message.get("function_call"):
            calls = True
    system = None
    if turns and turns[0][0] == "system":
        system = turns.pop(0)[1] or None
    last = None if unanswered else _last_answer(turns)
    before = turns if last is None else turns[:last]
    answer = None if last is None else turns[last][1]
    if len(before) == 1 and before[0][0] == "user":
        return Turns(system, before[0][1], answer, calls, images, None)
    text = "\n".join(f"{role}: {content}" for role, content in before)
    return Turns(system, text, answer, calls, images, [(role, len(content)) for role, content in before])


def _last_answer(turns: Sequence[tuple[str, str]]) -> int | None:
    return next((place for place in range(len(turns) - 1, -1, -1) if turns[place][0] == "assistant"), None)


def split_turns(text: str, lengths: Sequence[Sequence[Any]]) -> list[dict[str, str]] | None:
    """The messages of an input of several turns, from its text and the `lengths` of `read_turns`; None if they do not
    fit the text, for example after it was changed."""
    messages, at = [], 0
    for role, length in lengths:
        opening = f"{role}: "
        end = at + len(opening) + length
        if not text.startswith(opening, at) or text[end : end + 1] not in ("", "\n"):
            return None
        messages.append({"role": role, "content": text[at + len(opening) : end]})
        at = end + 1
    return messages if messages and at == len(text) + 1 else None


def _role(message: Mapping[str, Any]) -> str:
    role = message.get("role") or message.get("from") or ""
    return _ROLES.get(role, role) if isinstance(role, str) else str(role)


def _kinds(content: Any) -> Sequence[str]:
    """The kinds of the parts of a message's content."""
    if not isinstance(content, list):
        return ()
    return [str(part.get("type", "")) for part in content if isinstance(part, Mapping)]


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if content is None:
        content = message.get("value")
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") if isinstance(part, Mapping) else str(part) for part in content)
    return content if isinstance(content, str) else "" if content is None else str(content)


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
_BYTES = Pair(rule="unreadable", evidence="It holds bytes that are not UTF-8 text.")


@dataclass(frozen=True)
class Shape:
    """How records become pairs: a `description` in one line, the columns that `pair` uses, and `pair` itself.

    If all values of the columns `inputs` and `output` are texts, the inputs joined by an empty line and the output
    are the pair, so whole columns can be processed at once. `answer` is the output's name in messages. Picklable.
    """

    description: str
    columns: tuple[str, ...]
    pair: Callable[[Mapping[str, Any]], Pair] = field(compare=False)
    inputs: tuple[str, ...] = ()
    output: str | None = None
    answer: str = "output"


def find_shape(columns: Sequence[str], data: DataSettings, *, where: str) -> Shape:
    """The shape of records with these columns, as stated in `[data]` or recognised.

    Raises:
        DataError: a stated column is missing, nothing is recognised, or the data are preferences or images.
    """
    if data.input is None or data.output is None:  # if both columns are stated, nothing else is detected
        _refuse(columns, where)
    if data.input is not None or data.output is not None:
        return _stated(columns, data, where)
    for needed, shape in _KNOWN:
        if all(name in columns for name in needed):
            return shape
    raise DataError(
        f"{where}: found no input and output among the columns {_listed(columns)}\n"
        "Expected input and output, prompt and completion, messages, conversations, or instruction and output.\n"
        "Name other columns in [data] (input = …, output = …) or with --input and --output. A CSV file needs a header line."
    )


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


def _stated(columns: Sequence[str], data: DataSettings, where: str) -> Shape:
    inputs = (data.input,) if isinstance(data.input, str) else tuple(data.input or ("input",))
    output = data.output or "output"
    missing = [name for name in (*inputs, output) if name not in columns]
    if missing:
        problems = [f"there is no column {shown_value(name)}; {nearest(name, list(columns))}" for name in missing]
        if len(columns) > 1:
            problems[-1] += f" (columns: {_listed(columns)})"
        raise DataError.of(problems, where=where)
    several = not isinstance(data.input, str) and data.input is not None
    pair = partial(_several_pair, inputs, output) if several else partial(_plain_pair, inputs[0], output)
    description = f"input from {_listed(inputs)}, output from {_listed([output])}"
    return Shape(description, (*inputs, output), pair, () if several else inputs, output, answer=output)


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


def _chat_pair(column: str, value: Mapping[str, Any]) -> Pair:
    messages = value.get(column)
    if not is_conversation(messages):
        return Pair(rule="unreadable", evidence=f'"{column}" is not a list of messages with a role each.')
    turns = read_turns(messages)
    if turns.calls_tools or turns.holds_images:
        return _TOOL_CALL if turns.calls_tools else _IMAGE
    system = turns.system or (value.get("system") if isinstance(value.get("system"), str) else None)
    return Pair(turns.input, None, turns.answer or "", system, turns.lengths)


def _alpaca(value: Mapping[str, Any]) -> Pair:
    parts = [field_text(value.get(name)) for name in ("instruction", "input")]
    return _pair("\n\n".join(part for part in parts if part.strip()), value.get("output"), value.get("system"))


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


# Alpaca before input and output, since it has both of these columns too.
_KNOWN: tuple[tuple[tuple[str, ...], Shape], ...] = (
    (
        ("instruction", "output"),
        Shape(
            "Alpaca (instruction, input, output)",
            ("instruction", "input", "output"),
            _alpaca,
            ("instruction", "input"),
            "output",
        ),
    ),
    (
        ("input", "output"),
        Shape(
            "input and output",
            ("input", "output"),
            partial(_plain_pair, "input", "output"),
            ("input",),
            "output",
        ),
    ),
    (
        ("prompt", "completion"),
        Shape(
            "prompt and completion",
            ("prompt", "completion"),
            partial(_plain_pair, "prompt", "completion"),
            ("prompt",),
            "completion",
            answer="completion",
        ),
    ),
    (
        ("messages",),
        Shape("chat messages", ("messages",), partial(_chat_pair, "messages"), answer="answer of the assistant"),
    ),
    (
        ("conversations",),
        Shape(
            "ShareGPT conversations",
            ("conversations",),
            partial(_chat_pair, "conversations"),
            answer="answer of the assistant",
        ),
    ),
)
