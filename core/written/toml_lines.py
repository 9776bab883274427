"""Finds the line of each key in a TOML text, and excessive nesting or numbers before they reach the parser."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..lines import Table

__all__ = ["MAX_DEPTH", "MAX_NUMBER", "Excess", "find_excess", "table_with_lines"]

# The settings have at most 4 levels, including inline tables in lists. A parser's time and memory grow with the square of
# the number of parts of a key, and Python's stack with the depth.
MAX_DEPTH = 32
# Python refuses to read a decimal number of more than 4,300 digits; the largest sensible one is a count of tokens.
MAX_NUMBER = 1_000

# All repetitions are possessive: no text makes them try the same characters twice.
_TOKEN = re.compile(
    r"""
      (?P<text>\"{3}(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5} | '{3}(?:[^']++|'{1,2}(?!'))*+'{3,5}
        | "(?:[^"\\\n]++|\\[^\n])*+" | '[^'\n]*+')
    | (?P<blank>[ \t\r]++|\#[^\n]*+)
    | (?P<word>[^\s"'\#\[\]{}=,.]++) | (?P<mark>[\n\[\]{}=,.])
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = frozenset("[{"), frozenset("]}")
Path = tuple[str | int, ...]


class Excess(NamedTuple):
    """What is too deep or too long, and its line (counted from 1)."""

    line: int
    what: str


class _Statement(NamedTuple):
    """A heading or a key with its parts; `opening` is `[`, `[[`, or empty for a key."""

    line: int
    opening: str
    names: tuple[str, ...]


def find_excess(text: str) -> Excess | None:
    """The first place that is nested deeper than MAX_DEPTH or has a number longer than MAX_NUMBER; None if there is none."""
    for found in _scan(text):
        if isinstance(found, Excess):
            return found
    return None


def table_with_lines(table: dict[str, Any], text: str) -> Table:
    """The parsed table of a valid TOML text, with the line numbers of all keys."""
    lines: dict[Path, int] = {}
    tables: Counter[Path] = Counter()  # the tables so far in each array of tables
    heading: Path = ()
    for found in _scan(text):
        if not isinstance(found, _Statement):
            continue
        path = () if found.opening else heading
        for number, name in enumerate(found.names, start=1):
            path = (*path, name)
            if found.opening == "[[" and number == len(found.names):
                tables[path] += 1
            lines.setdefault(path, found.line)
            if path in tables:
                path = (*path, tables[path] - 1)
                lines.setdefault(path, found.line)
        if found.opening:
            heading = path
    return _lined(table, (), lines, 1)


def _lined(value: Any, path: Path, lines: dict[Path, int], line: int) -> Any:
    """The value with line numbers; inside an inline table or list, everything has the line of the key."""
    line = lines.get(path, line)
    if isinstance(value, dict):
        known = {key: lines.get((*path, key), line) for key in value}
        return Table({key: _lined(one, (*path, key), lines, line) for key, one in value.items()}, line, known)
    if isinstance(value, list):
        return [_lined(one, (*path, number), lines, line) for number, one in enumerate(value)]
    return value


def _scan(text: str) -> Iterator[_Statement | Excess]:
    """The statements of a text in order, up to the first syntax error, which the parser will report."""
    line, depth, at = 1, 0, 0
    opening, names, in_value, dotted = "", list[str](), False, True
    while (token := _TOKEN.match(text, at)) is not None:
        kind, piece, at = token.lastgroup, token[0], token.end()
        if kind in ("text", "word") and not in_value:
            if not dotted:
                return
            names.append(_unquoted(piece) if kind == "text" else piece)
            dotted = False
        elif kind == "word":
            if len(piece) > MAX_NUMBER:
                yield Excess(
                    line, f"a number of {len(piece):,} characters; at most {MAX_NUMBER:,} are read, a fixed limit"
                )
        elif piece in _OPENING:
            if in_value:
                depth += 1
            elif not names:
                opening += piece
        elif piece in _CLOSING and in_value:
            depth -= 1
        elif piece == "." and not in_value:
            dotted = True
        elif piece == "=":
            if in_value and not depth:
                return
            if not in_value:
                yield _Statement(line, "", tuple(names))
                in_value = True
        if max(depth, len(names)) > MAX_DEPTH:
            yield Excess(line, f"it is nested deeper than {MAX_DEPTH} levels, a fixed limit; the settings need 4")
            return
        if piece == "\n" and depth <= 0:
            if opening and names:
                yield _Statement(line, opening, tuple(names))
            depth, opening, names, in_value, dotted = 0, "", [], False, True
        line += piece.count("\n")
    if opening and names and at == len(text):
        yield _Statement(line, opening, tuple(names))


def _unquoted(text: str) -> str:
    """The name that a quoted key stands for."""
    if text.startswith("'"):
        return text.strip("'")
    try:
        return json.loads(text)
    except ValueError:  # an escape that JSON does not have
        return text.strip('"')
