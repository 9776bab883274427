"""Renders Go templates as Ollama does: the part of Go's language that our Modelfiles use, and nothing else."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["go_literal", "ollama_prompt", "render_go"]

Message = Mapping[str, str]

# What a literal text cannot hold as it is: an opening brace could join the one of an action, three quotation marks end
# the value in a Modelfile, and Ollama's reader of Modelfiles drops what Go does not call printable.
UNSAFE = re.compile(r'\{+|"{3,}|[^ -~\n\t]')
TOKEN = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|\d+|:=|[(),]|[$.]?[A-Za-z_][\w.]*|\$[\w.]*|\.')


def go_literal(text: str) -> str:
    """The text as a part of a template that renders to it."""
    return UNSAFE.sub(lambda found: found[0] if found[0].isprintable() and found[0] > "~" else _quoted(found[0]), text)


def _quoted(text: str) -> str:
    """An action with the text as a string of escapes, which needs neither quotation marks nor braces."""
    return '{{ "' + "".join(f"\\U{ord(c):08x}" for c in text) + '" }}'


def ollama_prompt(template: str, messages: Sequence[Message]) -> str:
    """The prompt that Ollama makes of a chat with this template.

    Ollama joins neighbouring messages of one role and all system messages by an empty line; the system message is both
    in `.System` and among `.Messages`.
    """
    merged: list[dict[str, str]] = []
    for message in messages:
        if merged and merged[-1]["Role"] == message["role"]:
            merged[-1]["Content"] += "\n\n" + message["content"]
        else:
            merged.append({"Role": message["role"], "Content": message["content"]})
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    return render_go(template, {"System": system, "Messages": merged, "Response": ""})


def render_go(template: str, values: Mapping[str, Any]) -> str:
    """The template filled in. Raises: ValueError for what this renderer does not know."""
    parts = list(_parts(template))[::-1]
    nodes = _parse(parts)
    if parts:
        raise ValueError(f"unexpected {parts[-1]}")
    return "".join(_rendered(nodes, values, {"$": values}))


# --- reading ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """An `if` or a `range`: what it asks, what it holds, and what stands after `else`."""

    kind: str
    tokens: list[str]
    body: list[Any] = field(default_factory=list)
    other: list[Any] = field(default_factory=list)


Part = str | list[str]  # a text, or the tokens of an action


def _parts(template: str) -> Iterator[Part]:
    """Texts and actions in turn; `{{-` and `-}}` trim the text next to them."""
    place, trim = 0, False
    while place <= len(template):
        begin = template.find("{{", place)
        text = template[place : begin if begin >= 0 else len(template)]
        if trim:
            text = text.lstrip(" \t\r\n")
        if begin < 0:
            yield text
            return
        yield text.rstrip(" \t\r\n") if template.startswith("{{- ", begin) else text
        tokens, place, trim = _action(template, begin)
        yield tokens


def _action(template: str, begin: int) -> tuple[list[str], int, bool]:
    """The tokens of the action that begins there, where it ends, and whether it trims what follows."""
    place, tokens = begin + (4 if template.startswith("{{- ", begin) else 2), []
    while not template.startswith("}}", place):
        if re.match(r"\s-}}", template[place : place + 4]):
            return tokens, place + 4, True
        found = TOKEN.match(template, place)
        if found is None:
            raise ValueError(f"cannot read the action {template[begin : begin + 60]!r}")
        if not found[0].isspace():
            tokens.append(found[0])
        place = found.end()
    return tokens, place + 2, False


def _parse(parts: list[Part]) -> list[Any]:
    """The nodes up to an `else` or `end` that belongs to an outer block; takes their parts from the end of the list."""
    nodes: list[Any] = []
    while parts and parts[-1][:1] not in (["else"], ["end"]):
        part = parts.pop()
        is_block = isinstance(part, list) and part[:1] in (["if"], ["range"])
        nodes.append(_block(part[0], list(part[1:]), parts) if is_block else part)
    return nodes


def _block(kind: str, tokens: list[str], parts: list[Part]) -> Block:
    body = _parse(parts)
    if not parts:
        raise ValueError(f"{kind} without an end")
    end = parts.pop()
    if end == ["end"]:
        return Block(kind, tokens, body)
    if len(end) > 1:  # else if ...: a block of its own, which takes the end
        return Block(kind, tokens, body, [_block(end[1], list(end[2:]), parts)])
    other = _parse(parts)
    if not parts or parts.pop() != ["end"]:
        raise ValueError(f"{kind} without an end")
    return Block(kind, tokens, body, other)


# --- filling in -------------------------------------------------------------------------------------------------


def _rendered(nodes: Sequence[Any], dot: Any, names: Mapping[str, Any]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield node
        elif isinstance(node, list):
            yield str(_value(node, dot, names))
        elif node.kind == "if":
            yield from _rendered(node.body if _value(node.tokens, dot, names) else node.other, dot, names)
        else:
            yield from _ranged(node, dot, names)


def _ranged(node: Block, dot: Any, names: Mapping[str, Any]) -> Iterator[str]:
    """`range LIST`, or `range $i, $m := LIST`."""
    bound, tokens = [], node.tokens
    if ":=" in tokens:
        place = tokens.index(":=")
        bound, tokens = [token for token in tokens[:place] if token != ","], tokens[place + 1 :]
    for place, item in enumerate(_value(tokens, dot, names)):
        inner = dict(zip(bound, (place, item), strict=True)) if bound else {}
        yield from _rendered(node.body, item, {**names, **inner})


def _value(tokens: Sequence[str], dot: Any, names: Mapping[str, Any]) -> Any:
    """The value of a command: one operand, or a function with its operands."""
    operands = list(_operands(list(tokens), dot, names))
    if tokens[0] in FUNCTIONS:
        return FUNCTIONS[tokens[0]](*operands[1:])
    if len(operands) != 1:
        raise ValueError(f"cannot evaluate {' '.join(tokens)}")
    return operands[0]


def _operands(tokens: list[str], dot: Any, names: Mapping[str, Any]) -> Iterator[Any]:
    while tokens:
        token = tokens.pop(0)
        if token == "(":
            depth, inner = 1, []
            while depth:
                inner.append(tokens.pop(0))
                depth += {"(": 1, ")": -1}.get(inner[-1], 0)
            yield _value(inner[:-1], dot, names)
        else:
            yield _operand(token, dot, names)


def _operand(token: str, dot: Any, names: Mapping[str, Any]) -> Any:
    if token in FUNCTIONS:
        return token
    if token.startswith('"'):
        return _string(token)
    if token.isdecimal():
        return int(token)
    first, *path = token.split(".")
    if first and first not in names:
        raise ValueError(f"unknown name {token}")
    value = names[first] if first else dot
    for name in filter(None, path):
        value = value.get(name, "")
    return value


def _string(token: str) -> str:
    """Go's string; JSON's escapes are among its own, except the long ones for characters."""
    short = re.sub(r"\\U([0-9a-f]{8})", lambda found: json.dumps(chr(int(found[1], 16)))[1:-1], token)
    return json.loads(short, strict=False)


FUNCTIONS = {
    "eq": lambda one, *others: one in others,
    "le": lambda one, other: one <= other,
    "and": lambda *values: next((value for value in values if not value), values[-1]),
    "or": lambda *values: next((value for value in values if value), values[-1]),
    "not": lambda value: not value,
    "len": len,
    "slice": lambda value, begin: value[begin:],
}
