"""Reads conversations: messages of OpenAI, ShareGPT and Gemini, up to their last answer."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

__all__ = ["Turns", "answer_places", "fold_system", "is_conversation", "message_text", "read_turns", "split_turns"]

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
_CALLS = ("tool_use", "tool_result", "tool_call", "function_call")  # kinds of content parts


class Turns(NamedTuple):
    """A conversation up to its last answer; `answer` is None if it has none.

    `lengths` has the role and the number of characters of each turn of the input, from which `split_turns` restores
    them; None if the input is a single user message. `bad`: the answer is marked with weight 0, so it is no example.
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
        role, content = _role(message), _content(message)
        if type(content) is not str:  # most are; the rest may have parts of several kinds
            kinds = _kinds(content)
            calls = calls or any(kind in _CALLS for kind in kinds)
            images = images or any("image" in kind for kind in kinds)
            content = message_text(message)
        turns.append((role, content))
        if role == "tool" or message.get("tool_calls") or message.get("function_call"):
            calls = True
    bad = _is_bad(messages)
    system = None
    if turns and turns[0][0] == "system":
        system = turns.pop(0)[1] or None
    last = None if unanswered else _last_answer(turns)
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


def _is_bad(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the last answer has the weight 0, by which OpenAI's files mark what is not to be learned."""
    last = next((message for message in reversed(messages) if _role(message) == "assistant"), None)
    return last is not None and last.get("weight") in (0, 0.0)  # None is not among them


def _last_answer(turns: Sequence[tuple[str, str]]) -> int | None:
    return next((place for place in range(len(turns) - 1, -1, -1) if turns[place][0] == "assistant"), None)


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
