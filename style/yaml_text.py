"""Reads YAML, says in plain words what is wrong with it and where, and writes the entries of a style file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from ..core import ConfigError, Table, marked_line, shown_value

# A JSON Schema inside a check is the deepest honest content, and its validator takes about 125 levels.
MAX_DEPTH = 100
# Aliases make a value appear again without being written again: ten in each of nine lists are a billion values. What is
# written at most, 250,000 bytes, has about as many.
MAX_VALUES = 125_000
MAX_NUMBER = 1_000  # characters; Python reads no number of more than 4,300 digits
_KEY_LENGTH = 1024  # of a key without `?`: YAML 1.1, section 7.4.1


class _Loader(yaml.SafeLoader):
    """Loads plain data only, mappings as tables that know their lines.

    It records keys that a mapping has twice, of which YAML would silently keep the last, and counts the values that
    aliases stand for before it makes any of them.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.doubled: list[str] = []
        self._depth = 0
        self._values: dict[int, int] = {}  # the values in a node that has been read, by its identity

    # The keys that may begin here are in the order of their tokens, so the first is the oldest. PyYAML goes through all of
    # them at each token, which takes minutes for a file of brackets.
    def next_possible_simple_key(self) -> int | None:
        return next((key.token_number for key in self.possible_simple_keys.values()), None)

    def stale_possible_simple_keys(self) -> None:
        while self.possible_simple_keys:
            level, key = next(iter(self.possible_simple_keys.items()))
            if key.line == self.line and self.index - key.index <= _KEY_LENGTH:
                return
            if key.required:
                problem = "could not find expected ':'"
                raise yaml.MarkedYAMLError("while scanning a simple key", key.mark, problem, self.get_mark())
            del self.possible_simple_keys[level]

    def compose_node(self, parent: Any, index: Any) -> Any:
        alias = self.peek_event() if self.check_event(yaml.AliasEvent) else None
        begins = self.peek_event().start_mark
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"it is nested deeper than {MAX_DEPTH} levels, a fixed limit", problem_mark=begins
            )
        node = super().compose_node(parent, index)
        self._depth -= 1
        if alias is not None:
            if id(node) not in self._values:
                raise yaml.MarkedYAMLError(problem=f"*{alias.anchor} stands inside of itself", problem_mark=begins)
            return node
        self._values[id(node)] = values = 1 + sum(self._values[id(one)] for one in _inside(node))
        if values > MAX_VALUES:
            raise yaml.MarkedYAMLError(
                problem=f"{_TOO_MANY} {MAX_VALUES:,} values, a fixed limit; write less by aliases", problem_mark=begins
            )
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        try:
            node.value.encode()
        except UnicodeEncodeError:
            try:  # two escapes for one character, as JSON writes it
                node.value = node.value.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                raise yaml.MarkedYAMLError(problem=_HALF, problem_mark=node.start_mark) from None
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if before := first.get(name := (key.tag, key.value)):
                    self.doubled.append(
                        f"lines {before} and {line}: the key {shown_value(key.value)} is repeated; remove one"
                    )
                first[name] = line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            if isinstance(node, yaml.ScalarNode) and node.tag == _INT and len(node.value) > MAX_NUMBER:
                raise ValueError(
                    f"a number of {len(node.value):,} characters; at most {MAX_NUMBER:,} are read, a fixed limit"
                )
            return super().construct_object(node, deep)
        except ValueError as error:  # a date such as 2026-13-45
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from None

    def construct_table(self, node: yaml.MappingNode) -> Iterator[Table]:
        table = Table(line=node.start_mark.line + 1)
        yield table
        table.update(self.construct_mapping(node))  # type: ignore[arg-type] — keys may be numbers, as in a plain dict
        table.lines.update((self.construct_object(key), key.start_mark.line + 1) for key, _ in node.value)


_HALF = r"an escape from \ud800 to \udfff is half a character; write the other half behind it, or remove it"
_TOO_MANY = "with what its aliases (*name) repeat, it holds more than"
_INT, _MAP = "tag:yaml.org,2002:int", "tag:yaml.org,2002:map"
_Loader.add_constructor(_MAP, _Loader.construct_table)


def _inside(node: Any) -> Iterator[yaml.Node]:
    """The nodes directly in a node: items, or keys and values."""
    for one in node.value if isinstance(node, yaml.CollectionNode) else ():
        yield from one if isinstance(one, tuple) else (one,)


def read_yaml(text: str, *, where: str) -> Any:
    """The data in one YAML document; None if it is empty.

    Raises: ConfigError with the line, or with every repeated key of a mapping.
    """
    try:
        loader = _Loader(text)
        try:
            data = loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        line, column, why = _reason(error, text)
        raise ConfigError(f"{where}, line {line}: not valid YAML: {why}{marked_line(text, line, column)}") from None
    if loader.doubled:
        raise ConfigError.of(list(dict.fromkeys(loader.doubled)), where=where)
    return data


def _reason(error: yaml.YAMLError, text: str) -> tuple[int, int, str]:
    """The line and column of the fault, counted from 1, and what it is, in our words if we have some."""
    if isinstance(error, yaml.reader.ReaderError):  # a character that YAML has no place for
        before = text[: int(error.position)]
        column = len(before) - before.rfind("\n")
        return before.count("\n") + 1, column, f"the character U+{ord(text[len(before)]):04X} is not allowed; remove it"
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    problem, during = str(getattr(error, "problem", None) or error).splitlines()[0], str(getattr(error, "context", ""))
    if mark is None:
        return 1, 1, problem
    if context is not None and (begun := _begun(problem, during)):
        return context.line + 1, context.column + 1, begun
    return mark.line + 1, mark.column + 1, _fault(problem, text.split("\n"), mark.line, mark.column)


def _begun(problem: str, during: str) -> str | None:
    """What is wrong with what began earlier; None if the fault is not there."""
    if "quoted scalar" in during and "unexpected end of stream" in problem:
        return "the text that begins here has no closing quote"
    if "flow sequence" in during:
        return 'the list that begins here is not closed with "]", or lacks a comma; quote a text that begins with ['
    if "flow mapping" in during:
        return 'the mapping that begins here is not closed with "}", or lacks a comma; quote a text that begins with {'
    if "simple key" in during and "could not find expected ':'" in problem:
        return 'there is no ":" after the key; a text of several lines is indented more than its key'
    return None


def _fault(problem: str, lines: list[str], line: int, column: int) -> str:
    """Why it cannot be read at this place, counted from 0, with advice."""
    shown = lines[line] if line < len(lines) else ""
    if "'\\t'" in problem:
        return "the line is indented with a tab; indent with spaces"
    if "mapping values are not allowed" in problem:
        return _colon(lines, line, shown[:column])
    if "expected <block end>" in problem:
        return _block(problem, shown[:column])
    if mark := re.match(r"found character '(.)' that cannot start any token", problem):
        return f"a text that begins with {mark[1]} needs quotes"
    if "undefined alias" in problem or "expected alphabetic or numeric character" in problem:
        return "a text that begins with * or & needs quotes"
    if "unhashable key" in problem:
        return "a text that begins with { or [ needs quotes"
    if mark := re.match(r"found unknown escape character '(.)'", problem):
        return f"\\{mark[1]} means nothing between double quotes; use single quotes for a text with a backslash"
    if "sequence entries are not allowed" in problem:
        return "a list begins in the line below its key; quote a text that begins with `- `"
    if "expected a comment or a line break" in problem:
        return "the text after > or | begins in the next line; quote a text that begins with > or |"
    if "another document" in problem:
        return "a second document begins here (`---`); keep one style per file"
    if "could not determine a constructor" in problem:
        return "tags (`!...`) are not supported; write plain data"
    if "must be in" in problem or "out of range" in problem:
        return f"this reads as a date that does not exist ({problem}); quote it to make it text"
    if "<document start>" in problem:
        return "this is no YAML mapping; write `key: value`"
    return problem


def _colon(lines: list[str], line: int, before: str) -> str:
    """Why a colon cannot stand here: inside a text, below a value, or below a key without a colon."""
    if re.search(r":\s", before.rstrip(":")) or "#" in before:
        return "unexpected colon; quote a text that contains `: `"
    above = next((one for one in reversed(lines[:line]) if one.strip() and not one.lstrip().startswith("#")), "")
    indent, indent_above = (len(one) - len(one.lstrip(" -")) for one in (lines[line], above))
    if not re.search(r":(?:\s|$)", above):
        return "unexpected colon; the line above has none after its key, or its text continues here: quote it"
    if indent > indent_above:
        return "the line is indented more than the key above, which has a value already"
    return "unexpected colon; quote a text that contains `: `"


def _block(problem: str, before: str) -> str:
    """Why something stands where a mapping or list should have ended."""
    if "<scalar>" in problem or before.strip(" -"):
        return (
            "text follows a closing quote or bracket; put the whole text in quotes: \"…\" if it has ' in it, else '…'"
        )
    if "'-'" in problem or "sequence" in problem:
        return "the `-` is indented differently from those above"
    if "'?'" in problem:
        return "keys and a list with `-` cannot stand at one indentation"
    return "the line is indented differently from the keys above"


class _Dumper(yaml.SafeDumper):
    """Short lists on one line; texts with anything but plain characters in double quotes, escaped."""


def _list(dumper: yaml.SafeDumper, value: Sequence[Any]) -> yaml.Node:
    flat = all(isinstance(item, str | int | float | None) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flat)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    # Quoting keeps line breaks, NEL and the like out of the file, where they would end a comment.
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if value.isprintable() else '"')


_Dumper.add_representer(list, _list)
_Dumper.add_representer(tuple, _list)
_Dumper.add_representer(str, _text)
_Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]


def entries_text(entries: Sequence[Mapping[str, Any]]) -> str:
    """Checks as they appear below `checks:`, indented by two spaces."""
    text = dumped([_plain(entry) for entry in entries])
    return "".join(f"  {line}\n" for line in text.split("\n") if line)


def wordings_text(wordings: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """`wordings` as they appear at the top of the file; empty if there are none."""
    return dumped({"wordings": _plain(wordings)}) if wordings else ""


def dumped(value: Any) -> str:
    """The value as YAML. What is not printable is in double quotes (`_text`), so an escape means the same there."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return "".join(c if c.isprintable() or c == "\n" else f"\\U{ord(c):08x}" for c in text)


def _plain(value: Any) -> Any:
    """The value in types that YAML supports."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
