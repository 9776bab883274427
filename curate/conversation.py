"""Conversations into an input and an answer: chat messages and ShareGPT turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Turns", "has_images", "is_conversation", "read_turns"]

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


@dataclass(frozen=True)
class Turns:
    """A conversation up to its last answer; `answer` is None where it holds none."""

    system: str | None
    input: str
    answer: str | None
    calls_tools: bool


def is_conversation(value: Any) -> bool:
    """Whether the value is a list of messages (`role`, `content`) or turns (`from`, `value`)."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str | bytes)
        and len(value) > 0
        and all(isinstance(turn, dict) and ("role" in turn or "from" in turn) for turn in value)
    )


def read_turns(messages: Sequence[dict[str, Any]]) -> Turns:
    """The leading system message, what was said before the last answer, and that answer.

    One user message is the input as it is; several turns become `role: content` lines.
    """
    turns = [(_role(message), _content(message)) for message in messages]
    calls = any(
        role == "tool" or message.get("tool_calls") or message.get("function_call")
        for (role, _), message in zip(turns, messages, strict=True)
    )
    system = None
    if turns and turns[0][0] == "system":
        system = turns.pop(0)[1] or None
    last = max((i for i, (role, _) in enumerate(turns) if role == "assistant"), default=None)
    before = turns if last is None else turns[:last]
    if len(before) == 1 and before[0][0] == "user":
        said = before[0][1]
    else:
        said = "\n".join(f"{role}: {content}" for role, content in before)
    return Turns(system, said, None if last is None else turns[last][1], bool(calls))


def has_images(messages: Sequence[dict[str, Any]]) -> bool:
    """Whether any message has a part that is an image."""
    return any(
        isinstance(part, dict) and "image" in str(part.get("type", ""))
        for message in messages
        if isinstance(message.get("content"), list)
        for part in message["content"]
    )


def _role(message: dict[str, Any]) -> str:
    role = str(message.get("role") or message.get("from") or "")
    return _ROLES.get(role, role)


def _content(message: dict[str, Any]) -> str:
    content = message["content"] if "content" in message else message.get("value")
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") if isinstance(part, dict) else str(part) for part in content)
    return "" if content is None else str(content)
