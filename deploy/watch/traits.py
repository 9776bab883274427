"""What can be counted of a request: its fields, their values, its length, its language, its words."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from ...style import field_text, likely_languages

__all__ = ["Kind", "Trait", "new_values", "read_fields", "traits_of"]

Kind = Literal["missing", "value", "rare", "number", "length", "language", "word"]
RARE = 2  # requests of all that share a value; the values of ordinary fields repeat
VALUES, WORDS = 50, 300  # the most frequent, of a field and of all requests
FEWEST = 5  # requests that have a trait; fewer cannot show a difference
WORD = re.compile(r"[^\W\d_][\w'-]*")
KNOWN_FIELD = 0.2  # a field whose distinct values are at most this share of the requests has values to know
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Trait:
    """One thing that a request has or has not, or a number of it as its rank among all requests, from 0 to 1.

    `numbers` are the numbers behind the ranks, NaN for a request without one.
    """

    kind: Kind
    field: str
    value: str
    has: np.ndarray
    numbers: np.ndarray | None = None


def read_fields(requests: pl.DataFrame) -> Rows:
    """The fields of each request; none for one without fields."""
    read = (json.loads(text) if text else {} for text in requests["fields"])
    return [value if isinstance(value, dict) else {} for value in read]


def traits_of(requests: pl.DataFrame) -> list[Trait]:
    """The traits of these requests (columns `input`, `fields`) that some have and some do not."""
    rows, texts = read_fields(requests), requests["input"].fill_null("").to_list()
    found = [*_of_fields(rows), _length(texts), *_languages(requests["input"].fill_null("")), *_words(texts)]
    return [trait for trait in found if np.count_nonzero(trait.has) >= FEWEST and trait.has.min() < trait.has.max()]


def _of_fields(rows: Rows) -> Iterator[Trait]:
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [field_text(row.get(name)) for row in rows]
        yield Trait("missing", name, "", np.array([not value for value in values]))
        numbers = _numbers(values)
        if numbers is not None:
            yield Trait("number", name, "", _ranks(numbers), numbers)
        counts = Counter(value for value in values if value)
        if numbers is None and len(counts) > 1:
            yield Trait("rare", name, "", np.array([0 < counts[value] <= RARE for value in values]))
        for value, count in _frequent(counts, VALUES):
            if count >= FEWEST:
                yield Trait("value", name, value, np.array([other == value for other in values]))


def _frequent(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    """The most frequent texts; among equals by the text, as their order would tell which side they come from."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:most]


def _numbers(values: Sequence[str]) -> np.ndarray | None:
    """The values as numbers, NaN where there is none; None unless nearly all are numbers, and not always the same few."""
    read = pl.Series(list(values), dtype=pl.String).cast(pl.Float64, strict=False)
    stated = sum(map(bool, values))
    if not stated or read.count() < 0.9 * stated or read.n_unique() < 10:
        return None
    return read.fill_null(float("nan")).to_numpy()


def _ranks(numbers: np.ndarray) -> np.ndarray:
    """The rank of each number from 0 to 1, equal for ties; the middle where there is none."""
    known = np.isfinite(numbers)
    ranks = np.full(len(numbers), 0.5)
    if known.sum() > 1:
        ranks[known] = (pl.Series(numbers[known]).rank("average").to_numpy() - 0.5) / known.sum()
    return ranks


def _length(texts: Sequence[str]) -> Trait:
    lengths = np.array([len(text) for text in texts], dtype=float)
    return Trait("length", "", "", _ranks(lengths), lengths)


def _languages(texts: pl.Series) -> Iterator[Trait]:
    languages = likely_languages(texts)["language"].to_list()
    for language in dict.fromkeys(name for name in languages if name):
        yield Trait("language", "", language, np.array([name == language for name in languages]))


def _words(texts: Sequence[str]) -> Iterator[Trait]:
    sets = [set(map(str.casefold, WORD.findall(text))) for text in texts]
    counts = Counter(word for words in sets for word in words)
    for word, count in _frequent(counts, WORDS):
        if FEWEST <= count < len(texts):
            yield Trait("word", "", word, np.array([word in words for words in sets]))


def new_values(known: Rows, live: Rows) -> dict[str, Any]:
    """What the known requests do not have: `fields` by name, and `values` of a field by name, each with its requests.

    Only fields whose values repeat have values to know: of others, such as a part number, nearly every one is new.
    """
    fields = Counter(name for row in live for name, value in row.items() if field_text(value))
    names = {name for row in known for name in row}
    values: dict[str, Mapping[str, int]] = {}
    for name in names:
        before = Counter(field_text(row.get(name)) for row in known)
        if len(before) <= KNOWN_FIELD * len(known):
            counts = Counter(value for row in live if (value := field_text(row.get(name))) and value not in before)
            if counts:
                values[name] = dict(counts.most_common(VALUES))
    return {
        "fields": {name: count for name, count in fields.items() if name not in names},
        "values": dict(sorted(values.items(), key=lambda entry: -sum(entry[1].values()))),
    }
