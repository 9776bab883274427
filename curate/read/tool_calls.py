"""Writes tool calls as text: the calls of an answer as JSON, results as what the tool said."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .conversation import message_text

__all__ = ["with_calls_as_text"]

_CALLS = ("tool_use", "tool_call", "function_call")  # kinds of content parts


def with_calls_as_text(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The messages with tool calls as answers of the assistant: `[{"name": …, "arguments": {…}}]` as JSON.

    If such an answer also has words, it is `{"content": …, "tool_calls": […]}`. Results are messages of the role `tool`.
    Other messages stay as they are.
    """
    return [written for message in messages for written in _written(message)]


def _written(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    calls, results = list(_calls(message)), list(_results(message))
    if not calls and not results:
        yield message
        return
    for result in results:
        yield {"role": "tool", "content": result}
    if calls:
        words = "" if message.get("from") == "function_call" else message_text(message).strip()
        content = {"content": words, "tool_calls": calls} if words else calls
        marks = {"weight": message["weight"]} if "weight" in message else {}
        yield {"role": "assistant", "content": _json(content), **marks}


def _calls(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The calls of a message, as OpenAI, Anthropic, Gemini and ShareGPT write them."""
    for call in message.get("tool_calls") or ():
        if isinstance(call, Mapping):
            yield _call(call.get("function") if isinstance(call.get("function"), Mapping) else call)
    if isinstance(message.get("function_call"), Mapping):
        yield _call(message["function_call"])
    if message.get("from") == "function_call":
        value = _parsed(message.get("value"))
        for call in value if isinstance(value, list) else [value]:
            yield _call(call if isinstance(call, Mapping) else {"arguments": call})
    for part in _parts(message):
        if part.get("type") in _CALLS or isinstance(part.get("functionCall"), Mapping):
            yield _call(part.get("functionCall") or part)


def _call(call: Any) -> dict[str, Any]:
    arguments = next((call[name] for name in ("arguments", "args", "input") if call.get(name) is not None), {})
    return {"name": call.get("name"), "arguments": _parsed(arguments)}


def _results(message: Mapping[str, Any]) -> Iterator[str]:
    """What tools said, where results are parts of a message."""
    for part in _parts(message):
        if part.get("type") == "tool_result":
            content = part.get("content")
            yield message_text({"content": content}) if isinstance(content, str | list) else _json(content)
        elif isinstance(part.get("functionResponse"), Mapping):
            yield _json(part["functionResponse"].get("response"))


def _parts(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("content", "parts"):
        parts = message.get(name)
        yield from (part for part in parts if isinstance(part, Mapping)) if isinstance(parts, list) else ()


def _parsed(value: Any) -> Any:
    """The value of a JSON text; else the text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
