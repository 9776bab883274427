"""A table of outputs with their inputs and fields, as the checks read it, and where texts occur in a column."""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import polars as pl

from .fields import all_fields, field_text
from .protected import Protected

# {name} in a text stands for the value of that input field.
_SLOT = re.compile(r"\{([^{}]+)\}")
# In a pattern, {2,3} is a count, and \p{L} or \x{41} a character.
PATTERN_SLOT = re.compile(r"(?<!\\)(?<!\\[pPxuU])\{([^\W\d][^{}]*)\}")


_SEEN = 50


def field_names(text: str) -> list[str]:
    """The fields named as `{field}` in a text."""
    return _SLOT.findall(text)


@dataclass(frozen=True)
class Columns:
    """A table of outputs with their inputs, as the checks read it. `fields_json` holds JSON objects or null.

    `count_tokens` counts the tokens of each text with the tokenizer in use; None if there is none.
    """

    output: pl.Series
    input: pl.Series
    fields_json: pl.Series
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None

    @cached_property
    def fields(self) -> list[Mapping[str, Any]]:
        """The fields of each row, also those that its input has as text; an empty mapping if it is plain text."""
        return all_fields(self.fields_json, self.input)

    def changed(self, rows: Sequence[int], output: pl.Series) -> "Columns":
        """These rows with other outputs; what was read of their fields is kept."""
        places = pl.Series(rows, dtype=pl.UInt32)
        some = Columns(output, self.input.gather(places), self.fields_json.gather(places), self.count_tokens)
        if "fields" in self.__dict__:
            some.__dict__["fields"] = [self.fields[row] for row in rows]
        some._texts.update({name: values.gather(places) for name, values in self._texts.items()})
        return some

    def once(self, key: Hashable, work: Callable[[], Any]) -> Any:
        """The result of `work`, done once for these columns under this key."""
        done = self.__dict__.setdefault("done", {})
        if key not in done:
            done[key] = work()
        return done[key]

    @cached_property
    def protected(self) -> Protected:
        """The protected spans of the outputs."""
        return Protected(self.output)

    @cached_property
    def has_prose(self) -> bool:
        """Whether most of the first outputs have words that are not in protected spans: a query has none."""
        first = range(min(len(self.output), _SEEN))
        return 2 * sum(any(map(str.isalpha, self.protected.prose(row))) for row in first) > len(first)

    @cached_property
    def _texts(self) -> dict[str, pl.Series]:
        """The fields read so far: several checks read the same ones."""
        return {}

    @cached_property
    def memory(self) -> dict[Any, Any]:
        """What one check found in these texts and others look for too."""
        return {}

    @cached_property
    def nested_fields(self) -> frozenset[str]:
        """The fields that are a list or an object in some row."""
        return frozenset(name for row in self.fields for name, value in row.items() if type(value) in (list, dict))

    def field(self, name: str) -> pl.Series:
        """The values of one field as text; null where it is absent or empty."""
        if name not in self._texts:
            values = [field_text(row.get(name)) or None for row in self.fields]
            self._texts[name] = pl.Series(name, values, dtype=pl.String)
        return self._texts[name]

    def field_items(self, name: str) -> pl.DataFrame:
        """The values of one field, one row for each item of a list: `index`, `item` (no empty ones)."""
        if ("items", name) in self.memory:
            return self.memory["items", name]
        table = self.field(name).alias("item").to_frame().with_row_index()
        if name in self.nested_fields:
            lists = [
                list(map(field_text, value)) if isinstance(value := row.get(name), list) else [field_text(value)]
                for row in self.fields
            ]
            table = table.with_columns(item=pl.Series(lists, dtype=pl.List(pl.String))).explode("item")
        table = table.filter(pl.col("item") != "")
        self.memory["items", name] = table
        return table

    def with_outputs(self, texts: pl.Series, rows: pl.Series) -> "Columns":
        """Other output texts, each with the input and fields of a row: `rows` holds the position of each."""
        other = Columns(texts, self.input.gather(rows), self.fields_json.gather(rows), self.count_tokens)
        if "fields" in self.__dict__:  # parsed already
            other.__dict__["fields"] = [self.fields[row] for row in rows]
        return other

    def filled(self, text: str) -> pl.Series:
        """`text` with each `{field}` replaced by its value; null where one of them is absent or empty."""
        names = field_names(text)
        if not names:
            return pl.repeat(text, len(self.output), dtype=pl.String, eager=True)
        values = [self.field(name) for name in names]
        pieces = _SLOT.split(text)[::2]  # the constant parts around the slots
        expressions: list[pl.Expr] = [pl.lit(pieces[0])]
        for value, piece in zip(values, pieces[1:], strict=True):
            expressions += [pl.lit(value), pl.lit(piece)]
        return pl.DataFrame({"n": range(len(self.output))}).select(text=pl.concat_str(expressions))["text"]

    def filled_pattern(self, regex: str) -> pl.Series:
        """`regex` with each `{field}` replaced by its value, taken literally; null where one of them is absent or empty."""
        pieces = PATTERN_SLOT.split(regex)
        parts = [
            pl.lit(self.field(piece)).str.escape_regex() if number % 2 else pl.lit(piece)
            for number, piece in enumerate(pieces)
        ]
        return pl.DataFrame({"n": range(len(self.output))}).with_columns(pattern=pl.concat_str(parts))["pattern"]

    def applies(self, when: Mapping[str, tuple[str, ...] | None] | None) -> pl.Series:
        """Whether a check's condition holds: each field is present and, if values are named, has one of them."""
        mask = pl.repeat(True, len(self.output), dtype=pl.Boolean, eager=True)
        for name, wanted in (when or {}).items():
            value = self.field(name)
            mask &= value.is_not_null() if wanted is None else value.is_in(list(wanted)).fill_null(False)
        return mask


# Fields from which rules are inferred. No prompt names so many by hand; where each row has names of its own (answers to a
# survey, settings, a log), a column for each would take memory by the product of rows and names.
MOST_FIELDS = 200


def given_fields(columns: Columns) -> list[str]:
    """The names of all fields, in order of first appearance."""
    return list(dict.fromkeys(chain.from_iterable(columns.fields)))


def common_fields(columns: Columns) -> list[str]:
    """The names of all fields, or of the `MOST_FIELDS` that most rows have, in order of first appearance."""
    return columns.once("common fields", lambda: commonest(Counter(chain.from_iterable(columns.fields))))


def commonest(counts: Mapping[str, int]) -> list[str]:
    """The names with the highest counts, at most `MOST_FIELDS`, in the order given; of equal ones the first in the
    alphabet, so that the order of the rows does not matter."""
    if len(counts) <= MOST_FIELDS:
        return list(counts)
    kept = set(sorted(counts, key=lambda name: (-counts[name], name))[:MOST_FIELDS])
    return [name for name in counts if name in kept]


def text_fields(columns: Columns) -> list[str]:
    """Of the common fields, those that hold text or a number (no list, no object) in every row that has them."""
    return [name for name in common_fields(columns) if name not in columns.nested_fields]


# Noncharacters: Unicode keeps them free for a program's own use, so they mark matches in a copy of the text.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_MARK = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)


def regex_places(texts: pl.Series, pattern: str) -> list[tuple[int, str, int, int]]:
    """Every match as (index, matched text, start, end) in code points, end excluded; empty matches are omitted.

    polars (Rust's linear-time engine) does the matching, and brackets each match in a copy of the text, since it
    reports no positions: Python's own engine could hang on a pattern from a style file, and reads some differently.
    """
    frame = pl.DataFrame({"text": texts}).with_row_index()
    hits = frame.filter(pl.col("text").str.contains(pattern)).with_columns(
        marked=pl.col("text").str.replace_many([_OPEN, _CLOSE], ["\ufffd", "\ufffd"])
        .str.replace_all(pattern, f"{_OPEN}${{0}}{_CLOSE}")
    )  # fmt: skip
    places = []
    for index, text, marked in hits.select("index", "text", "marked").iter_rows():
        for number, match in enumerate(_MARK.finditer(marked)):
            start = match.start() - 2 * number  # the marks before it
            if match.group(1):
                end = start + len(match.group(1))
                places.append((index, text[start:end], start, end))
    return places


def text_places(text: str, wanted: str, *, ignore_case: bool) -> list[tuple[int, int]]:
    """Every span (start, end) of a literal text, in code points, end excluded."""
    flags = re.IGNORECASE if ignore_case else re.NOFLAG
    return [match.span() for match in re.finditer(re.escape(wanted), text, flags)] if wanted else []


_LONG = 256  # bytes


def contained(texts: pl.Series, wanted: pl.Series) -> pl.Series:
    """Whether each text contains the wanted text of its row; null where either is null.

    polars is faster for short texts, but looks for a long one that repeats itself in quadratic time; Python does not.
    """
    short = pl.when(pl.col("wanted").str.len_bytes() <= _LONG).then("wanted")
    frame = pl.DataFrame({"text": texts, "wanted": wanted})
    found = frame.select(found=pl.col("text").str.contains(short, literal=True))["found"]
    long = (wanted.str.len_bytes() > _LONG).fill_null(False).arg_true()
    if not len(long):
        return found
    pairs = zip(texts.gather(long), wanted.gather(long), strict=True)
    return found.scatter(long, [None if text is None else part in text for text, part in pairs])
