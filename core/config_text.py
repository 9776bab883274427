"""Reads text and TOML that people write, with line numbers, and explains its syntax errors in plain words."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from .disk.files import read_regular
from .errors import ConfigError, Problem, Table, line_of

# The parsers of YAML and TOML take up to three seconds for this, and no real file of rules or settings is a tenth as large.
MOST_WRITTEN = 250_000  # bytes
_WIDTH = 70  # characters of a line that are shown
_NAMED = re.compile(r"(?<![\w.-])([\w.-]++)[\"']?\s*+[=:]")  # a key; possessive, so that a scan is linear
_SECRET = re.compile(r"(?i)key|token|secret|passw")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_written(path: Path, *, what: str, most: int = MOST_WRITTEN) -> str:
    """The text of a UTF-8 file of at most `most` bytes; `what` describes the file in messages.

    Raises: ConfigError if it is missing, not a regular file, too large, unreadable or in another encoding, with the line.
    """
    data = written_bytes(path, what=what, most=most)
    if data.startswith(_UTF_16):
        raise ConfigError(f"{path} is in UTF-16; save the {what} as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: byte {error.start + 1} is not UTF-8; save the {what} as UTF-8"
        ) from None


def written_bytes(path: Path, *, what: str, most: int = MOST_WRITTEN) -> bytes:
    """The bytes of a file of at most `most` bytes. Raises: as `read_written`, except for its encoding."""
    try:
        return read_regular(path, what=what, error=ConfigError, most=most)
    except FileNotFoundError:
        raise ConfigError(f"no {what} at {path}") from None
    except OSError as error:
        raise ConfigError(f"{path}: the {what} cannot be read ({error.strerror})") from None


def marked_line(text: str, line: int, column: int) -> str:
    """A line of a text with a caret under its `column`, both counted from 1, as two indented lines; "" for a blank line.

    A value that belongs to a key, token or password is not shown, since messages end up in logs.
    """
    lines = text.split("\n")
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return ""
    shown, place = lines[line - 1].rstrip(), column - 1
    if (secret := next((name for name in _NAMED.finditer(shown) if _SECRET.search(name[1])), None)) is not None:
        shown = f"{shown[: secret.end()]} …"
        place = min(place, len(shown) - 1)
    start = max(0, place - _WIDTH // 2) if len(shown) > _WIDTH else 0
    part = shown[start : start + _WIDTH]
    cut = ("…" if start else "", "…" if start + _WIDTH < len(shown) else "")
    plain = "".join(mark if mark.isprintable() else " " for mark in f"{cut[0]}{part}{cut[1]}")
    return f"\n    {plain}\n    {' ' * (place - start + len(cut[0]))}^"


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
KeyPath = tuple[str | int, ...]


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
    lines: dict[KeyPath, int] = {}
    tables: Counter[KeyPath] = Counter()  # the tables so far in each array of tables
    heading: KeyPath = ()
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


def _lined(value: Any, path: KeyPath, lines: dict[KeyPath, int], line: int) -> Any:
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


_PLACE = re.compile(r" \((?:at line (\d+), column (\d+)|at end of document)\)$")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_KEY = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_HEADING = re.compile(r"\s*+\[++\s*+([^\[\]\s]*+(?:\s++[^\[\]\s]++)*+)\s*+\]++\s*+(?:#.*)?")
_CURLY = "“”„‟«»‘’‚"


def read_toml(path: Path, *, what: str = "file") -> Table:
    """A TOML file as tables with line numbers, decimal numbers as exact Decimals; `what` describes it in messages.

    Raises: ConfigError if it is missing, unreadable, not TOML, too deeply nested or too large, with the line.
    """
    text = read_written(path, what=what)
    if (excess := find_excess(text)) is not None:
        shown = marked_line(text, excess.line, 1)
        raise ConfigError(f"{path}, line {excess.line}: the {what} cannot be read: {excess.what}{shown}")
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_explained(str(error), text, path)) from None
    return table_with_lines(table, text)


def toml_name(name: str) -> str:
    """A name as a TOML key: quoted if it has characters other than letters, digits, `_` and `-`."""
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def divided_names(tables: Mapping[str, Any], known: Collection[str], *, where: str) -> dict[str, str]:
    """One problem per table whose name was split at a dot, such as `[evaluate.gpt-4.1]`, by the first part of the name.

    `known` are the keys that such a table may have.
    """
    problems = {}
    for first, table in tables.items():
        rest = [key for key, value in table.items() if isinstance(value, Mapping) and key not in known]
        if rest:
            quoted = f"{where}.{toml_name(f'{first}.{rest[0]}')}"
            text = f"{where}.{first}.{rest[0]}: a dot splits a name; if it is part of the name, write [{quoted}]"
            problems[first] = Problem(text, line_of(tables[first], rest[0]))
    return problems


def _explained(message: str, text: str, path: Path) -> str:
    """The message for a syntax error: the line number, what is wrong, and the line itself."""
    lines = text.split("\n")
    place = _PLACE.search(message)
    problem = _PLACE.sub("", message)
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    else:  # at the end: show the last line that is not blank
        line = max((n for n, one in enumerate(lines, start=1) if one.strip()), default=1)
        column = len(lines[line - 1].rstrip()) + 1 if lines else 1
    line, column, why = _reason(problem, lines, line, column)
    return f"{path}, line {line}: not valid TOML: {why}{marked_line(text, line, column)}"


def _reason(problem: str, lines: list[str], line: int, column: int) -> tuple[int, int, str]:
    """The line and column to show, and what is wrong there, in plain words for the common mistakes."""
    shown = lines[line - 1] if lines else ""
    rest = shown[column - 1 :].strip()
    if problem.startswith(("Unterminated string", "Illegal character '\\n'", "Expected \"'''\"", 'Expected \'"""\'')):
        return _open_quote(lines, line)
    if problem.startswith("Unclosed array"):
        start = next((n for n in range(line, 0, -1) if re.search(r"=\s*+\[", lines[n - 1].rpartition("]")[2])), line)
        return start, lines[start - 1].rfind("[") + 1, 'the list that starts here is not closed with "]"'
    if problem.startswith("Cannot overwrite a value"):
        return line, 1, _stated_twice(lines, line)
    if problem.startswith(("Cannot declare", "Cannot redefine", "Cannot mutate")):
        return line, 1, _table_twice(lines, line)
    if problem.startswith("Invalid value"):
        return line, column, _bad_value(rest)
    if problem.startswith("Expected newline or end of document"):
        return line, column, _after_value(shown[: column - 1], rest)
    return line, column, _bad_form(problem, shown, rest)


def _open_quote(lines: list[str], line: int) -> tuple[int, int, str]:
    """Where the string starts that is never closed."""
    for mark in ('"""', "'''"):
        if sum(one.count(mark) for one in lines) % 2:
            start = next(n for n in range(len(lines), 0, -1) if mark in lines[n - 1])
            return start, lines[start - 1].rfind(mark) + 1, f"the text that starts here is not closed with {mark}"
    shown = lines[line - 1]
    start = shown.find("=") + 1
    places = [place for mark in "\"'" if (place := shown.find(mark, start)) >= 0]
    return line, min(places, default=len(shown)) + 1, "the text that starts here has no closing quote"


def _stated_twice(lines: list[str], line: int) -> str:
    key = _KEY.match(lines[line - 1])
    if key is None:
        return "a key is set twice; remove one"
    for earlier in range(line - 1, 0, -1):
        if _HEADING.fullmatch(lines[earlier - 1]):
            break
        other = _KEY.match(lines[earlier - 1])
        if other and other[1] == key[1]:
            return f"{key[1]} is already set in line {earlier}; remove one of the two"
    return f"{key[1]} is already set, as a value or as a table; remove one of the two"


def _table_twice(lines: list[str], line: int) -> str:
    heading = _HEADING.fullmatch(lines[line - 1])
    if heading is None:
        return "a table is defined in two ways; keep one of them"
    for earlier in range(line - 1, 0, -1):
        other = _HEADING.fullmatch(lines[earlier - 1])
        if other and other[1] == heading[1]:
            return f"[{heading[1]}] already starts in line {earlier}; put its keys there"
    return f"[{heading[1]}] is already defined in another way; keep one of them"


def _bad_value(rest: str) -> str:
    word = re.match(r"[^\s,\]}#]*", rest)[0]  # type: ignore[index] — it matches the empty text
    if not word:
        return "the value is missing"
    if word[0] in _CURLY:
        return 'text needs straight quotes: "…"'
    if word.lower() in ("true", "yes", "on", "false", "no", "off"):
        return f"write {'true' if word.lower() in ('true', 'yes', 'on') else 'false'}"
    if word.lower() in ("none", "null", "nil"):
        return "TOML has no empty value; leave the key out"
    if word[0] in "+-.0123456789" and not re.search(r"[A-Za-z/]", word):
        return "this is not a number; write it like 0.5 or 1000"
    if word[0] == "=":
        return 'there is an extra "="'
    return 'text needs quotes: "…"'


def _after_value(before: str, rest: str) -> str:
    if re.search(r"\d$", before) and re.match(r",\d", rest):
        return "decimals are written with a point, 0.5, and several values as a list, [0, 5]"
    if re.search(r"(?:^|\D)0$", before) and re.match(r"\d", rest):
        return "a number must not begin with 0; text such as a code needs quotes"
    if re.search(r"\d\s*$", before):
        return "this is more than a number; text needs quotes, and units are left out"
    if before.rstrip().endswith(('"', "'")) and re.match(r"[\w\s-]+=", rest):
        return "there are two keys on one line; put each on its own line"
    if before.rstrip().endswith('"') and '"' in rest:
        return 'the quote before this place ends the text; write \\" for a quote inside it'
    return "the value ends before this place; remove the rest, or put the whole value in quotes"


def _bad_form(problem: str, shown: str, rest: str) -> str:
    """What is wrong with a key, a heading or a character; for anything else, the parser's own words."""
    start = shown.strip()
    if problem.startswith("Invalid hex value") or "'\\'" in problem or "escape" in problem:
        return "a backslash is special in double quotes; use single quotes: 'C:\\data'"
    if character := re.match(r"Illegal character '(\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|.)'", problem):
        return f"the invisible character {character[1]} is not allowed; remove it"
    if start.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        return "this is a merge conflict marker; resolve the conflict"
    if start.startswith("{"):
        return "this looks like JSON; TOML has [table] and key = value"
    if problem.startswith("Expected ']' at the end of a table declaration"):
        closed = "]" in rest
        return (
            'a name with spaces or special characters needs quotes: [evaluate."gpt 4"]'
            if closed
            else 'the name of the table is not closed with "]"'
        )
    if problem.startswith("Expected '=' after a key") or start.startswith("- "):
        if ":" in rest or start.startswith("- "):
            return "this looks like YAML; TOML has key = value"
        return 'there is no "=" after the key; a key with spaces or special characters needs quotes'
    if problem.startswith("Unclosed inline table"):
        return "a table in braces must be on one line, with commas between its keys, and end with }"
    if duplicate := re.match(r"Duplicate inline table key '(.*)'", problem):
        return f"{duplicate[1]} is set twice in one table; remove one"
    if problem.startswith(("Invalid statement", "Invalid initial character")):
        return "a key is missing here, or has a special character and needs quotes"
    return problem[:1].lower() + problem[1:]
