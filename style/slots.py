"""Where the values of fields stand in a text: its slots, and the text with the names of the fields in their place.

Fields are those of the request, looked for in the output; or, where outputs are JSON, its values, looked for in the request.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import polars as pl

from .columns import Columns
from .facts.values import DATE, MONTHS, read_date
from .fields import field_text
from .schema import Wordings
from .wordings import value_key
from .words import mostly_json

_TOKEN = r"\p{N}+(?:[.,]\p{N}+)*|[\p{L}\p{M}]+|[^\s\p{L}\p{M}\p{N}_]"
_PIECE = re.compile(r"\{[^{}]*\}|\S+")
_JOINTS = frozenset("-‐‑–'’")  # between the words of a value: they do not matter
_SAYS_NOTHING = frozenset(["yes", "no", "none", "unknown"])  # as the value of a field
_QUALIFIER = re.compile(r"(?<=\w)\s*\(\D*\)$")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_MONTHS = MONTHS.split("|")[:24:2]
_AT_ONCE = 2_000  # texts whose tokens are in memory
_MOST_ITEMS, _MOST_TOKENS = 200, 40  # of the values of a row, and of one value: more is a document

Side = Literal["output", "request"]
Value = tuple[str, str]  # the name of a field, and one of its values
Form = tuple[str, ...]  # a way to write a value: its tokens as they are compared
Begun = tuple[tuple[Form, str], ...]  # the ways that begin with one word, each with the name of the field


# A value in a masked text: the number of its piece, the name of its field, how many tokens it has. A plain tuple, since
# there are some in each text.
Slot = tuple[int, str, int]


class Masked(NamedTuple):
    """A text with the names of fields in place of their values.

    pieces: its tokens in small letters, and for each value the name in braces: `{near}`; `{near|name}` if two fields have
    it. slots: the pieces that are values.
    """

    pieces: Sequence[str]
    slots: Sequence[Slot]

    def places(self, text: str) -> list[tuple[int, int]]:
        """The place of each piece in the text: start and end in code points, end excluded."""
        tokens: list[str] = pl.Series([text]).str.extract_all(_TOKEN)[0].to_list()
        at, spans = 0, []
        for token in tokens:
            start = text.index(token, at)  # only white space and underscores are between tokens
            at = start + len(token)
            spans.append((start, at))
        several = {number: count for number, _, count in self.slots}
        first, places = 0, []
        for number in range(len(self.pieces)):
            end = first + several.get(number, 1)
            places.append((spans[first][0], spans[end - 1][1]))
            first = end
        return places


def pieces_of(text: str) -> list[str]:
    """The pieces of a masked text that a person wrote: words in small letters, `{fields}` as they are."""
    return [piece if piece.startswith("{") else piece.lower() for piece in _PIECE.findall(text)]


def writes_fields(outputs: pl.Series) -> bool:
    """Whether outputs are JSON: they state fields of the request, whose text shows where these values come from."""
    return mostly_json(outputs)


def masked(
    columns: Columns, wordings: Wordings, *, of: Side = "output", names: Collection[str] | None = None
) -> list[Masked]:
    """The outputs with the fields of their requests as slots; of the requests, with the values of the JSON outputs.

    `names`: the fields whose values are looked for; None: all.
    """
    key = ("masked", of, repr(wordings), None if names is None else tuple(sorted(names)))
    return columns.once(key, lambda: _masked(columns, wordings, of, names))


def _masked(columns: Columns, wordings: Wordings, of: Side, names: Collection[str] | None) -> list[Masked]:
    if of == "output":
        wanted = None if names is None else {part for name in names for part in (name, name.partition(".")[0])}
        texts, given = columns.output, [_values(fields, wanted) for fields in columns.fields]
    else:
        texts, given = columns.input, list(map(stated_values, columns.output))
    words = _Words()
    forms = _forms(list(dict.fromkeys(chain.from_iterable(given))), wordings, words)
    rows = []
    for start in range(0, len(texts), _AT_ONCE):
        tokens: list[list[str]] = texts[start : start + _AT_ONCE].str.extract_all(_TOKEN).to_list()
        for row, values in zip(tokens, given[start : start + _AT_ONCE], strict=True):
            begun: dict[str, Begun] = {}
            for value in values:
                for first, one in forms[value]:
                    begun[first] = begun[first] + one if first in begun else one
            rows.append(_with_slots(row, begun, words))
    return rows


def _values(fields: Mapping[str, Any], names: Collection[str] | None) -> list[Value]:
    """The name and the text of each value."""
    found: list[Value] = []
    for name, value in fields.items():
        if names is None or name in names:
            _add_values(found, name, value)
    return found


def _add_values(found: list[Value], name: str, value: Any) -> None:
    kind = type(value)
    if kind is str:
        found.append((name, value))
    elif kind is list:
        for item in value[:_MOST_ITEMS]:
            _add_values(found, name, item)
    elif kind is dict:
        for key, inner in value.items():
            _add_values(found, f"{name}.{key}" if name else key, inner)
    elif value is not None:
        found.append((name, field_text(value)))


def stated_values(output: str) -> list[Value]:
    """The values of a JSON output, each with its key; a text that is no object is a value without one."""
    try:
        data = json.loads(output)
    except (ValueError, RecursionError):
        data = None
    found: list[Value] = []
    _add_values(found, "", data if isinstance(data, dict | list) else output.strip())
    return found


def _forms(values: Sequence[Value], wordings: Wordings, words: "_Words") -> dict[Value, Sequence[tuple[str, Begun]]]:
    """The ways to write each value by their first words: as it is, without a qualifier, its wordings, other dates."""
    said = {(name, value_key(value)): texts for name, given in wordings.items() for value, texts in given.items()}
    texts = [
        [*said.get((name, value_key(value)), ()), *_ways(value)] if said else _ways(value) for name, value in values
    ]
    flat = pl.Series(list(chain.from_iterable(texts)), dtype=pl.String).str.extract_all(_TOKEN).to_list()
    split = iter([tuple([word for token in tokens if (word := words[token][1])]) for tokens in flat])
    forms = [dict.fromkeys(islice(split, len(ways))) for ways in texts]
    return {
        value: [(form[0], ((form, value[0]),)) for form in some if 0 < len(form) <= _MOST_TOKENS]
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


def _with_slots(tokens: Sequence[str], begun: Mapping[str, Begun], words: _Words) -> Masked:
    """The text with its slots: of the values that may begin at a token the longest."""
    read = [words[token] for token in tokens]
    low = [one[0] for one in read]
    pieces, slots, reached = list[str](), list[Slot](), 0
    for at in [at for at, one in enumerate(read) if one[1] in begun]:
        if at < reached:
            continue
        best, names = at, list[str]()
        for form, name in begun[read[at][1]]:
            end = _end_of(form, read, at)
            if end > best:
                best, names = end, [name]
            elif end == best > at and name not in names:
                names.append(name)
        if names:
            name = names[0] if len(names) == 1 else "|".join(sorted(names))
            pieces += low[reached:at]
            slots.append((len(pieces), name, best - at))
            pieces.append(f"{{{name}}}")
            reached = best
    return Masked(pieces + low[reached:], slots)


def _end_of(form: Form, read: Sequence[tuple[str, str]], at: int) -> int:
    """Where a form that begins at a token ends; -1 if it is not there. Hyphens between its words do not count."""
    for word in form:
        while at < len(read) and not read[at][1]:
            at += 1
        if at == len(read) or read[at][1] != word:
            return -1
        at += 1
    return at
