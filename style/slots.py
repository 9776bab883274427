"""Where the values of fields stand in a text: its slots, and the text with the names of the fields in their place.

Fields are those of the request, looked for in the output; or, where outputs are JSON, its values, looked for in the request.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import polars as pl

from .columns import Columns, field_text
from .facts.values import DATE, MONTHS, read_date
from .schema import Wordings
from .wordings import value_key
from .words import mostly_json

_TOKEN = r"\p{N}+(?:[.,]\p{N}+)*|[\p{L}\p{M}]+|[^\s\p{L}\p{M}\p{N}_]"
_JOINTS = frozenset("-‐‑–'’")  # between the words of a value: they do not matter
_SAYS_NOTHING = frozenset(["yes", "no", "none", "unknown"])  # as the value of a field
_QUALIFIER = re.compile(r"(?<=\w)\s*\(\D*\)$")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_MONTHS = MONTHS.split("|")[:24:2]
_MOST_ITEMS, _MOST_TOKENS = 200, 40  # of the values of a row, and of one value: more is a document

Side = Literal["output", "request"]
Value = tuple[str, str]  # the name of a field, and one of its values
Form = tuple[str, ...]  # a way to write a value: its tokens as they are compared


class Masked(NamedTuple):
    """A text with the names of fields in place of their values.

    pieces: its tokens in small letters, and for each value the name in braces: `{near}`; `{near|name}` if two fields have
    it. starts: for each piece its first token. slots: the numbers of the pieces that are values, with the names.
    """

    tokens: Sequence[str]
    pieces: Sequence[str]
    starts: Sequence[int]
    slots: Sequence[tuple[int, str]]

    def places(self, text: str) -> list[tuple[int, int]]:
        """The place of each piece in the text: start and end in code points, end excluded."""
        at, spans = 0, []
        for token in self.tokens:
            start = text.index(token, at)  # only white space and underscores are between tokens
            at = start + len(token)
            spans.append((start, at))
        ends = [*self.starts[1:], len(self.tokens)]
        return [(spans[first][0], spans[end - 1][1]) for first, end in zip(self.starts, ends, strict=True)]


def writes_fields(outputs: pl.Series) -> bool:
    """Whether outputs are JSON: they state fields of the request, whose text shows where these values come from."""
    return mostly_json(outputs)


def masked(columns: Columns, wordings: Wordings, *, of: Side = "output") -> list[Masked]:
    """The outputs with the fields of their requests as slots; of the requests, with the values of the JSON outputs."""
    return columns.once(("masked", of, repr(wordings)), lambda: _masked(columns, wordings, of))


def _masked(columns: Columns, wordings: Wordings, of: Side) -> list[Masked]:
    texts = columns.output if of == "output" else columns.input
    given = list(map(_values, columns.fields) if of == "output" else map(stated_values, columns.output))
    words = _Words()
    forms = _forms(list(dict.fromkeys(chain.from_iterable(given))), wordings, words)
    tokens: list[list[str]] = texts.str.extract_all(_TOKEN).to_list()
    rows = []
    for row, values in zip(tokens, given, strict=True):
        starts: dict[str, list[tuple[Form, str]]] = {}
        for value in values:
            for form in forms[value]:
                starts.setdefault(form[0], []).append((form, value[0]))
        rows.append(_with_slots(row, starts, words))
    return rows


def _values(fields: Mapping[str, Any]) -> list[Value]:
    """The name and the text of each value."""
    found = []
    for name, value in fields.items():
        if type(value) is str:
            found.append((name, value))
        elif value is not None:
            found += _leaves(name, value)
    return found


def _leaves(name: str, value: Any) -> Iterator[Value]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list):
        for item in value[:_MOST_ITEMS]:
            yield from _leaves(name, item)
    elif value is not None:
        yield name, field_text(value)


def stated_values(output: str) -> list[Value]:
    """The values of a JSON output, each with its key; a text that is no object is a value without one."""
    try:
        data = json.loads(output)
    except (ValueError, RecursionError):
        data = None
    return list(_leaves("", data)) if isinstance(data, dict | list) else [("", output.strip())]


def _forms(values: Sequence[Value], wordings: Wordings, words: "_Words") -> dict[Value, Sequence[Form]]:
    """The ways to write each value: as it is, without a qualifier, its wordings, dates in other forms."""
    said = {(name, value_key(value)): texts for name, given in wordings.items() for value, texts in given.items()}
    texts = [
        [*said.get((name, value_key(value)), ()), *_ways(value)] if said else _ways(value) for name, value in values
    ]
    flat = pl.Series(list(chain.from_iterable(texts)), dtype=pl.String).str.extract_all(_TOKEN).to_list()
    split = iter([tuple([word for token in tokens if (word := words[token][1])]) for tokens in flat])
    forms = [dict.fromkeys(islice(split, len(ways))) for ways in texts]
    return {
        value: [form for form in some if 0 < len(form) <= _MOST_TOKENS]
        for value, some in zip(values, forms, strict=True)
    }


def _ways(value: str) -> list[str]:
    if value_key(value) in _SAYS_NOTHING:
        return []
    ways = [value]
    if value.endswith(")"):
        ways.append(_QUALIFIER.sub("", value))
    if value[:1].isalnum() and (match := DATE.fullmatch(value)) is not None:
        ways += _date_ways(match)
    return ways


def _date_ways(match: re.Match[str]) -> Iterator[str]:
    for date in read_date(match):
        if date.day is not None and date.year is not None:
            month = _MONTHS[date.month - 1]
            for name in (month, month[:3]):
                yield from (f"{date.day} {name} {date.year}", f"{name} {date.day}, {date.year}")
                yield f"{date.day}. {name} {date.year}"
            for mark in ".-/":
                yield f"{date.day}{mark}{date.month}{mark}{date.year}"
                yield f"{date.day:02}{mark}{date.month:02}{mark}{date.year}"


class _Words(dict[str, tuple[str, str]]):
    """Tokens in small letters and as they are compared: 1,200 is 1200, 5.0 is 5, 4,5 is 4.5; a hyphen is nothing."""

    def __missing__(self, token: str) -> tuple[str, str]:
        low = word = token.lower()
        if token[0].isdigit():
            word = token.replace(",", "") if _GROUPED.fullmatch(token) else token.replace(",", ".")
            word = word.rstrip("0").rstrip(".") if "." in word else word
        elif token in _JOINTS:
            word = ""
        elif len(low) > 3 and low[-1] == "s" and low[-2] != "s":
            word = low[:-1]
        self[token] = low, word
        return low, word


def _with_slots(tokens: Sequence[str], begun: Mapping[str, Sequence[tuple[Form, str]]], words: _Words) -> Masked:
    """The text with its slots: of the values that may begin at a token the longest."""
    read = [words[token] for token in tokens]
    pieces, starts, slots, at = list[str](), list[int](), list[tuple[int, str]](), 0
    while at < len(read):
        low, word = read[at]
        best, names = at, list[str]()
        for form, name in begun.get(word, ()):
            end = _end_of(form, read, at)
            if end > best:
                best, names = end, [name]
            elif end == best > at and name not in names:
                names.append(name)
        starts.append(at)
        if names:
            name = "|".join(sorted(names))
            slots.append((len(pieces), name))
            pieces.append(f"{{{name}}}")
            at = best
        else:
            pieces.append(low)
            at += 1
    return Masked(tokens, pieces, starts, slots)


def _end_of(form: Form, read: Sequence[tuple[str, str]], at: int) -> int:
    """Where a form that begins at a token ends; -1 if it is not there. Hyphens between its words do not count."""
    for word in form:
        while at < len(read) and not read[at][1]:
            at += 1
        if at == len(read) or read[at][1] != word:
            return -1
        at += 1
    return at
