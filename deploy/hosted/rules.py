"""A provider's rules for a file of chat lines, checked before anything is sent."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...core import say

__all__ = ["FileRules", "file_problems"]

SHOWN = 5  # lines named for each problem
KEYS, MESSAGE_KEYS = {"messages"}, {"role", "content"}


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """A provider's rules for a training file: JSON objects with chat messages, one per line, in UTF-8.

    `alternates`: after an optional system message, user and assistant must alternate. `source` is where the rules are
    published, with the day on which they were read.
    """

    least_examples: int
    most_examples: int | None
    most_bytes: int
    roles: tuple[str, ...]
    alternates: bool
    source: str


def file_problems(
    content: bytes,
    rules: FileRules,
    *,
    role: str,
    name: Callable[[int], str] | None = None,
    tokens: Sequence[int] | None = None,
    longest_tokens: int | None = None,
) -> list[str]:
    """All problems of a training or validation file, with the numbers of the lines and the names of their pairs.

    `name` returns the name of a line by its index. `tokens` are those of each line, if known.
    """
    lines = content.split(b"\n")
    if lines and not lines[-1]:  # after the line feed of the last line
        lines.pop()
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        for problem in _line_problems(line, rules):
            found.setdefault(problem, []).append(number)
        if tokens is not None and longest_tokens is not None and tokens[number] > longest_tokens:
            found.setdefault(f"has more than the {longest_tokens:,} tokens of an example", []).append(number)
    problems = list(_file_problems(len(lines), len(content), rules, role=role))
    return problems + [f"{_places(numbers, name)}: {problem}" for problem, numbers in found.items()]


def _file_problems(lines: int, size: int, rules: FileRules, *, role: str) -> Iterator[str]:
    least = rules.least_examples if role == "train" else 1
    if lines < least:
        yield f"{say.count(lines, 'example')}; expected {least} or more"
    if rules.most_examples is not None and lines > rules.most_examples:
        yield f"{lines:,} examples; expected at most {rules.most_examples:,}"
    if size > rules.most_bytes:
        yield f"{say.size(size)}; expected at most {say.size(rules.most_bytes)}"


def _line_problems(line: bytes, rules: FileRules) -> Iterator[str]:
    try:
        chat = json.loads(line.decode("utf-8"), parse_constant=_not_a_number)
    except UnicodeDecodeError:
        yield "is not UTF-8"
        return
    except (ValueError, RecursionError):
        yield "is not JSON"
        return
    if not isinstance(chat, dict) or set(chat) != KEYS or not isinstance(chat["messages"], list):
        yield 'is not an object with a list of "messages" and nothing else'
        return
    messages = chat["messages"]
    if not all(isinstance(message, dict) and set(message) == MESSAGE_KEYS for message in messages):
        yield 'has a message that is not an object with "role" and "content" and nothing else'
        return
    yield from dict.fromkeys(problem for message in messages for problem in _message_problems(message, rules))
    yield from _order_problems([message["role"] for message in messages], rules)


def _message_problems(message: dict[str, Any], rules: FileRules) -> Iterator[str]:
    role, content = message["role"], message["content"]
    if role not in rules.roles:
        yield f"has a role other than {', '.join(rules.roles)}"
    if not isinstance(content, str):
        yield "has a content that is not text"
    elif not content.strip():
        kind = f"{role} " if role in rules.roles else ""
        yield f"has an empty {kind}message"
    elif any("\ud800" <= sign <= "\udfff" for sign in content):
        yield "holds half a character (a lone surrogate)"


def _order_problems(roles: list[Any], rules: FileRules) -> Iterator[str]:
    if not roles or roles[-1] != "assistant":
        yield "does not end with an assistant message, which is what is learnt"
    if "system" in roles[1:]:
        yield "has a system message that is not the first one"
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if not rules.alternates:
        if "user" not in roles:
            yield "has no user message"
    elif any(role != ("user", "assistant")[place % 2] for place, role in enumerate(turns)):
        yield "does not have user and assistant in turn, the user first"


def _places(numbers: Sequence[int], name: Callable[[int], str] | None) -> str:
    named = [f"{n + 1}" if name is None else f"{n + 1} ({name(n)})" for n in numbers[:SHOWN]]
    rest = f" and {len(numbers) - SHOWN:,} more" if len(numbers) > SHOWN else ""
    return f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(named)}{rest}"


def _not_a_number(_text: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")
