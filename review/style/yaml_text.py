"""Changes of a YAML text that leave every other character as it was: comments, order, quotes and line ends stay.

PyYAML says where each node begins and ends; an edit replaces or inserts there and nowhere else. Rewriting a file from
its data (ruamel.yaml) joins the lines of long lists, and so shows a person a diff of lines that were not changed.
"""

import math
from collections.abc import Sequence
from typing import Any

import yaml

from ...core import ConfigError, shown_value

Keys = tuple[str | int, ...]  # where a value stands: the names of keys, and the numbers of list entries from 0
Pair = tuple[yaml.Node, yaml.Node]
_BY_HAND = "change it in the file itself"
_BREAKS = "\r\n\x85\u2028\u2029"


def with_value(text: str, place: Keys, value: str | float, *, after: Sequence[str] = ()) -> str:
    """The text with another number or text at a place; a new key comes after the last of the keys `after` that is there.

    Raises: ConfigError in one sentence if it cannot be changed alone.
    """
    mapping = _mapping(_node(_tree(text), place[:-1], text), place)
    pair = _pair(mapping, str(place[-1]))
    if pair is None:
        return _with_key(text, mapping, str(place[-1]), _rendered(value), after=after)
    old = _plain(pair[1], text, place)
    if not isinstance(old, yaml.ScalarNode) or old.style in ("|", ">"):
        raise ConfigError(f"{_said(place)} is written over several lines; {_BY_HAND}")
    return _replaced(text, old.start_mark.index, old.end_mark.index, _rendered(value, like=old))


def without_key(text: str, place: Keys) -> str:
    """The text without a key and its value; a comment beside it stays.

    Raises: ConfigError in one sentence if it cannot be removed alone.
    """
    mapping = _mapping(_node(_tree(text), place[:-1], text), place)
    pairs = mapping.value
    at = next((n for n, pair in enumerate(pairs) if _is(pair[0], place[-1])), None)
    if at is None:
        return text
    key, value = pairs[at]
    _plain(value, text, place)
    if mapping.flow_style:
        # With the comma before it, or as the first one with the comma after it.
        start = _end(pairs[at - 1][1]) if at else key.start_mark.index
        end = _end(value) if at or len(pairs) == 1 else pairs[1][0].start_mark.index
        return _replaced(text, start, end, "")
    return _without_line(text, key, value, place)


def with_item(text: str, place: Keys, item: str, *, after: Sequence[str] = ()) -> str:
    """The text with one more item in a list; lists and tables that are missing on the way to it are added.

    A new key comes after the last of the keys `after` that is there, else after all.

    Raises: ConfigError in one sentence if the list cannot be changed alone.
    """
    tree = _tree(text)
    known, node = _deepest(tree, place, text)
    if len(known) < len(place):
        rest = [str(name) for name in place[len(known) :]]
        return _with_key(text, _mapping(node, place), rest[0], _nested(rest[1:], item), after=after)
    node = _plain(node, text, place)
    if isinstance(node, yaml.ScalarNode):  # a single text stands for a list of one
        if node.style in ("|", ">"):
            raise ConfigError(f"{_said(place)} is written over several lines; {_BY_HAND}")
        one = _rendered(node.value, like=node)
        return _replaced(text, node.start_mark.index, node.end_mark.index, f"[{one}, {_rendered(item, like=node)}]")
    if not isinstance(node, yaml.SequenceNode):
        raise ConfigError(f"{_said(place)} is no list")
    return _appended(text, node, item)


def _tree(text: str) -> yaml.Node:
    tree = yaml.compose(text, Loader=yaml.SafeLoader)
    if tree is None:
        raise ConfigError("the style is empty")
    return tree


def same_key(key: Any, name: str) -> bool:
    """Whether a style reads a key by this name: YAML takes 5 as a number and a bare `yes` as true."""
    return name == str(key) or (isinstance(key, bool) and name == ("yes" if key else "no"))


def _is(node: yaml.Node, name: str | int) -> bool:
    return same_key(yaml.SafeLoader("").construct_object(node, deep=True), str(name))


def _pair(mapping: yaml.MappingNode, name: str) -> Pair | None:
    return next((pair for pair in mapping.value if _is(pair[0], name)), None)


def _deepest(tree: yaml.Node, place: Keys, text: str) -> tuple[Keys, yaml.Node]:
    """How far the place exists, and the node there."""
    node = tree
    for number, name in enumerate(place):
        _plain(node, text, place)
        if isinstance(name, int):
            node = node.value[name]
        elif isinstance(node, yaml.MappingNode) and (pair := _pair(node, name)) is not None:
            node = pair[1]
        else:
            return place[:number], node
    return place, node


def _node(tree: yaml.Node, place: Keys, text: str) -> yaml.Node:
    known, node = _deepest(tree, place, text)
    if len(known) < len(place):
        raise ConfigError(f"{_said(place)} is not in the file")
    return _plain(node, text, place)


def _plain(node: yaml.Node, text: str, place: Keys) -> yaml.Node:
    """The node, if nothing else in the file refers to it: an alias stands where its anchor does."""
    if text[node.start_mark.index : node.start_mark.index + 1] in ("&", "!"):
        raise ConfigError(f"{_said(place)} is written with an anchor, an alias or a tag; {_BY_HAND}")
    return node


def _mapping(node: yaml.Node, place: Keys) -> yaml.MappingNode:
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise ConfigError(f"{_said(place)} cannot be added to {shown_value(node.value)}; {_BY_HAND}")
    return node


def _said(place: Keys) -> str:
    """The place as messages name it: `checks 3: max`."""
    return ": ".join(f"{name + 1}" if isinstance(name, int) else name for name in place).replace(
        "checks: ", "check ", 1
    )


def _end(node: yaml.Node) -> int:
    """Where a node's own text ends; PyYAML lets a block end where the next one begins, after blank lines and comments."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return node.end_mark.index
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _replaced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _with_line(text: str, at: int, line: str) -> str:
    """The text with a line of its own after the one in which `at` stands."""
    newline = "\r\n" if "\r\n" in text else "\n"
    ends = text.find("\n", at)
    after = at if at and text[at - 1] == "\n" else ends + 1 if ends >= 0 else len(text)
    before = "" if not after or text[after - 1] == "\n" else newline
    return _replaced(text, after, after, f"{before}{line}{newline}")


def _with_key(text: str, mapping: yaml.MappingNode, name: str, value: str, *, after: Sequence[str]) -> str:
    """The text with a new key, behind the last of the keys `after`, else behind all."""
    pairs = [pair for pair in mapping.value if any(_is(pair[0], one) for one in after)] or mapping.value
    entry, end = f"{_rendered(name)}: {value}", _end(pairs[-1][1])
    if mapping.flow_style:
        return _replaced(text, end, end, f", {entry}")
    return _with_line(text, end, " " * mapping.start_mark.column + entry)


def _nested(names: Sequence[str], item: str) -> str:
    """The list with the item, within the tables of these names, on one line."""
    inner = f"[{_rendered(item)}]"
    for name in reversed(names):
        inner = f"{{{_rendered(name)}: {inner}}}"
    return inner


def _appended(text: str, node: yaml.SequenceNode, item: str) -> str:
    last = node.value[-1] if node.value else None
    new = _rendered(item, like=last)
    if last is None:
        return _replaced(text, node.end_mark.index - 1, node.end_mark.index - 1, new)
    end = _end(last)
    if node.flow_style:
        return _replaced(text, end, end, f", {new}")
    dash = node.start_mark
    return _with_line(text, end, f"{' ' * dash.column}-{_gap(text, dash.index + 1)}{new}")


def _gap(text: str, start: int) -> str:
    """The spaces between the dash of a list and its first item."""
    return next((text[start:at] for at in range(start, len(text)) if text[at] != " "), " ") or " "


def _without_line(text: str, key: yaml.Node, value: yaml.Node, place: Keys) -> str:
    begins = text.rfind("\n", 0, key.start_mark.index) + 1
    ends = text.find("\n", _end(value))
    rest = text[_end(value) : ends if ends >= 0 else len(text)]
    indent = text[begins : key.start_mark.index]
    if indent.strip():  # the first key of a list's entry shares its line with the dash
        raise ConfigError(f"{_said(place)} cannot be removed, as its check begins with it; {_BY_HAND}")
    if rest.strip():  # a comment
        return _replaced(text, key.start_mark.index, _end(value) + len(rest) - len(rest.lstrip()), "")
    return _replaced(text, begins, ends + 1 if ends >= 0 else len(text), "")


def _rendered(value: str | float, *, like: yaml.Node | None = None) -> str:
    """A value as YAML on one line, fit for lists in brackets too; a text has the quotes of the one that it is `like`."""
    style = like.style if isinstance(like, yaml.ScalarNode) and like.style in ("'", '"') else None
    if isinstance(value, str):
        if any(mark in value for mark in _BREAKS) or not value.isprintable():
            style = '"'
    else:
        style = None
    dumped = yaml.safe_dump([value], default_flow_style=True, default_style=style, width=math.inf, allow_unicode=True)
    return dumped.strip()[1:-1]
