"""Reads conversations: messages of OpenAI, ShareGPT and Gemini, with their tool calls, up to one of their answers."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from ..settings import DataSettings
from .formats.batch import Batch

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


_GEMINI_KINDS = {
    "functionCall": "function_call", "functionResponse": "tool_result", "inlineData": "image", "fileData": "image",
}  # fmt: skip
_CALL_KINDS = ("tool_use", "tool_call", "function_call")  # kinds of content parts


class Turns(NamedTuple):
    """A conversation up to its last answer; `answer` is None if it has none.

    `lengths` has the role and the number of characters of each turn of the input, from which `split_turns` restores
    them; None if the input is a single user message. `bad`: the answer has the weight 0, by which OpenAI's files mark what
    is not to be learned.
    """

    system: str | None
    input: str
    answer: str | None
    calls_tools: bool
    holds_images: bool
    lengths: list[tuple[str, int]] | None
    bad: bool = False


def is_conversation(value: Any) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    """Whether the value is a list of messages (`role`, `content`) or turns (`from`, `value`)."""
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(
            (type(turn) is dict or isinstance(turn, Mapping)) and ("role" in turn or "from" in turn) for turn in value
        )
    )


def read_turns(messages: Sequence[Mapping[str, Any]], *, unanswered: bool = False) -> Turns:
    """The leading system message, the turns before the last answer, and that answer.

    A single user message is the input; several turns become `role: content` lines. `unanswered`: all messages are the
    input, and the answer is in another column.
    """
    turns, calls, images = [], False, False
    for message in messages:
        role, content = _role(message), _content(message)
        if type(content) is not str:  # most are; the rest may have parts of several kinds
            kinds = _kinds(content)
            calls = calls or any(kind in (*_CALL_KINDS, "tool_result") for kind in kinds)
            images = images or any("image" in kind for kind in kinds)
            content = message_text(message)
        turns.append((role, content))
        if role == "tool" or message.get("tool_calls") or message.get("function_call"):
            calls = True
    answered = next((message for message in reversed(messages) if _role(message) == "assistant"), {})
    bad = answered.get("weight") in (0, 0.0)  # None is not among them
    system = None
    if turns and turns[0][0] == "system":
        system = turns.pop(0)[1] or None
    places = range(len(turns) - 1, -1, -1) if not unanswered else ()
    last = next((place for place in places if turns[place][0] == "assistant"), None)
    before = turns if last is None else turns[:last]
    answer = None if last is None else turns[last][1]
    if len(before) == 1 and before[0][0] == "user":
        return Turns(system, before[0][1], answer, calls, images, None, bad)
    text = "\n".join(f"{role}: {content}" for role, content in before)
    return Turns(system, text, answer, calls, images, [(role, len(content)) for role, content in before], bad)


def answer_places(messages: Sequence[Mapping[str, Any]]) -> list[int]:
    """The places of the assistant's messages that follow a message which is to be answered."""
    roles = [_role(message) for message in messages]
    return [place for place, role in enumerate(roles) if role == "assistant" and set(roles[:place]) - {"system"}]


def fold_system(messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """A chat without a system message: its text, if there is one, begins the first message that follows.

    >>> fold_system([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    [{'role': 'user', 'content': 'Be brief.\\n\\nHi'}]
    """
    chat = [dict(message) for message in messages]
    if len(chat) < 2 or chat[0]["role"] != "system":
        return chat
    system, first, *rest = chat
    return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *rest]


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


def _content(message: Mapping[str, Any]) -> Any:
    """What a message says: as OpenAI, ShareGPT and Gemini name it."""
    return next((message[name] for name in ("content", "value", "parts") if message.get(name) is not None), None)


def _kinds(content: Any) -> Sequence[str]:
    """The kinds of the parts of a message's content."""
    if not isinstance(content, list):
        return ()
    return [str(part.get("type") or _gemini_kind(part)) for part in content if isinstance(part, Mapping)]


def _gemini_kind(part: Mapping[str, Any]) -> str:
    """The kind of a part that names it by its key."""
    return next((kind for name, kind in _GEMINI_KINDS.items() if part.get(name) is not None), "")


def message_text(message: Mapping[str, Any]) -> str:
    """The text of a message, its parts joined."""
    content = _content(message)
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") if isinstance(part, Mapping) else str(part) for part in content)
    return content if isinstance(content, str) else "" if content is None else str(content)


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
        value = parsed_json(message.get("value"))
        for call in value if isinstance(value, list) else [value]:
            yield _call(call if isinstance(call, Mapping) else {"arguments": call})
    for part in _parts(message):
        if part.get("type") in _CALL_KINDS or isinstance(part.get("functionCall"), Mapping):
            yield _call(part.get("functionCall") or part)


def _call(call: Any) -> dict[str, Any]:
    arguments = next((call[name] for name in ("arguments", "args", "input") if call.get(name) is not None), {})
    return {"name": call.get("name"), "arguments": parsed_json(arguments)}


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


def parsed_json(value: Any) -> Any:
    """The value of a JSON text; else the value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


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
