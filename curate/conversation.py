"""Conversations into an input and an answer: chat messages and ShareGPT turns."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

__all__ = ["Turns", "is_conversation", "read_turns", "split_turns"]

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
    """A conversation up to its last answer; `answer` is None where it holds none.

    `lengths` has the role and the characters of each turn of an input of several turns, by which `split_turns` finds
    them again; None where the input is one message of the user.
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
    """The leading system message, what was said before the last answer, and that answer.

    One user message is the input as it is; several turns become `role: content` lines. `unanswered`: the answer stands
    elsewhere, and all messages are the input.
    """
    turns, calls, images = [], False, False
    for message in messages:
        role, content = _role(message), message.get("content")
        if type(content) is not str:  # most are; the rest may hold parts of several kinds
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
    said = "\n".join(f"{role}: {content}" for role, content in before)
    return Turns(system, said, answer, calls, images, [(role, len(content)) for role, content in before])


def _last_answer(turns: Sequence[tuple[str, str]]) -> int | None:
    return next((place for place in range(len(turns) - 1, -1, -1) if turns[place][0] == "assistant"), None)


def split_turns(text: str, lengths: Sequence[Sequence[Any]]) -> list[dict[str, str]] | None:
    """The messages of an input of several turns, from its text and the `lengths` of `read_turns`; None where these
    do not fit the text, as after a change in it."""
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
