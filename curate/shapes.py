"""Which columns hold what: the shapes of data that are recognised, and records turned into pairs by them."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..style.errors import DataError
from ..style.fields import field_text, render_fields
from ..style.settings import nearest
from .conversation import has_images, is_conversation, read_turns
from .records import Record
from .settings import DataSettings

__all__ = ["Pair", "Shape", "find_shape"]

_IMAGES = ("image", "images")


@dataclass(frozen=True)
class Pair:
    """One record as a pair; `rule` says why it cannot be one."""

    input: str = ""
    fields: str | None = None
    output: str = ""
    system: str | None = None
    rule: str | None = None
    evidence: str | None = None


_TOOL_CALL = Pair(rule="tool_call", evidence="It calls tools; a person must say what to learn from it.")


@dataclass(frozen=True)
class Shape:
    """How records become pairs: `said` in one line, the columns that `pair` uses up, and `pair` itself."""

    said: str
    columns: tuple[str, ...]
    pair: Callable[[Mapping[str, Any]], Pair]


def find_shape(records: Sequence[Record], data: DataSettings, *, where: str) -> Shape:
    """The shape of the records, as stated in `[data]` or recognised by their columns.

    Raises:
        DataError: a stated column is missing, nothing is recognised, or the data are preferences or images.
    """
    values = [record.value for record in records if record.value is not None]
    if not values:
        first = next((record.problem for record in records), "there is no record")
        raise DataError(f"{where}: none of the {len(records)} records can be read; the first: {first}")
    columns = list(Counter(name for value in values for name in value))
    _refuse(columns, values, where)
    if data.input is not None or data.output is not None:
        return _stated(columns, data, where)
    for needed, shape in _KNOWN:
        if all(name in columns for name in needed):
            return shape
    raise DataError(
        f"{where}: no input and output recognised among the columns {_listed(columns)}\n"
        "Expected input and output, prompt and completion, messages, conversations, or instruction and output;\n"
        'or name them in [data]: input = "…", output = "…".'
    )


def _refuse(columns: list[str], values: list[dict[str, Any]], where: str) -> None:
    if "chosen" in columns and "rejected" in columns:
        raise DataError(
            f"{where}: this is preference data (chosen, rejected); Tuneworth reads pairs of one input and one output\n"
            "Keep the chosen answer as the output and leave the rejected one out."
        )
    images = [name for name in _IMAGES if name in columns]
    if images or any(has_images(v["messages"]) for v in values if is_conversation(v.get("messages"))):
        found = f'column "{images[0]}"' if images else "image parts in messages"
        raise DataError(f"{where}: this is image data ({found}); Tuneworth reads text only")


def _stated(columns: list[str], data: DataSettings, where: str) -> Shape:
    inputs = (data.input,) if isinstance(data.input, str) else tuple(data.input or ("input",))
    output = data.output or "output"
    missing = [name for name in (*inputs, output) if name not in columns]
    if missing:
        problems = [f'there is no column "{name}"; {nearest(name, columns)}' for name in missing]
        if len(columns) > 1:
            problems[-1] += f" (columns: {_listed(columns)})"
        raise DataError.of(problems, where=where)
    several = not isinstance(data.input, str) and data.input is not None

    def pair(value: Mapping[str, Any]) -> Pair:
        given = {name: value.get(name) for name in inputs} if several else value.get(inputs[0])
        return _pair(given, value.get(output), value, output=output)

    said = f"input from {_listed(inputs)}, output from {_listed([output])}"
    return Shape(said, (*inputs, output), pair)


def _pair(given: Any, answer: Any, value: Mapping[str, Any], *, output: str = "output") -> Pair:
    """A pair from an input of any kind and an output; `value` may hold `fields` (a run's own lines) and `system`."""
    system = value.get("system") if isinstance(value.get("system"), str) else None
    fields, text = None, ""
    if is_conversation(given):
        turns = read_turns([*given, {"role": "assistant", "content": ""}])
        if turns.calls_tools:
            return _TOOL_CALL
        text, system = turns.input, turns.system or system
    elif isinstance(given, Mapping):
        fields, text = _json(given), render_fields(given)
    else:
        text = field_text(given)
        stored = value.get("fields")
        if isinstance(stored, Mapping) and stored:
            fields, text = _json(stored), render_fields(stored)
    if is_conversation(answer):
        turns = read_turns(answer)
        if turns.calls_tools:
            return _TOOL_CALL
        answer = turns.answer
    return _checked(Pair(text, fields, _answer(answer), system), named=output)


def _checked(pair: Pair, *, named: str = "output") -> Pair:
    if not pair.input.strip():
        return Pair(rule="empty_input", evidence="The input is empty.", output=pair.output)
    if not pair.output.strip():
        return Pair(rule="empty_output", evidence=f'There is no "{named}", or it is empty.', input=pair.input)
    return pair


def _answer(value: Any) -> str:
    return _json(value) if isinstance(value, Mapping | list) else field_text(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _chat(column: str) -> Callable[[Mapping[str, Any]], Pair]:
    def pair(value: Mapping[str, Any]) -> Pair:
        messages = value.get(column)
        if not is_conversation(messages):
            return Pair(rule="unreadable", evidence=f'"{column}" is not a list of messages with a role each.')
        turns = read_turns(messages)  # type: ignore[arg-type]
        if turns.calls_tools:
            return _TOOL_CALL
        system = turns.system or (value.get("system") if isinstance(value.get("system"), str) else None)
        return _checked(Pair(turns.input, None, turns.answer or "", system), named="answer of the assistant")

    return pair


def _alpaca(value: Mapping[str, Any]) -> Pair:
    parts = [field_text(value.get(name)) for name in ("instruction", "input")]
    return _pair("\n\n".join(part for part in parts if part.strip()), value.get("output"), value)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")


# Alpaca before input and output: it has both of these columns too.
_KNOWN: tuple[tuple[tuple[str, ...], Shape], ...] = (
    (
        ("instruction", "output"),
        Shape("Alpaca (instruction, input, output)", ("instruction", "input", "output", "system", "fields"), _alpaca),
    ),
    (
        ("input", "output"),
        Shape(
            "input and output",
            ("input", "output", "system", "fields"),
            lambda v: _pair(v.get("input"), v.get("output"), v),
        ),
    ),
    (
        ("prompt", "completion"),
        Shape(
            "prompt and completion",
            ("prompt", "completion", "system"),
            lambda v: _pair(v.get("prompt"), v.get("completion"), v, output="completion"),
        ),
    ),
    (("messages",), Shape("chat messages", ("messages", "system"), _chat("messages"))),
    (("conversations",), Shape("ShareGPT conversations", ("conversations", "system"), _chat("conversations"))),
)
