"""Other ways in which outputs say the values of a field, found by what they have in common."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from ..columns import Columns, text_fields
from ..facts.names import JOINERS
from ..fields import field_text
from ..learned import inferred_wordings
from ..wordings import DENIALS, mentions, value_key, vocabulary

_SAID = 0.3  # of the outputs name the value of a field that outputs are about; of others, a phrase tells the topic
_READ = 5_000  # examples: a wording in a hundredth of them still shows
_FEWEST_ROWS, _MOST_VALUES, _MOST_WORDINGS, _MOST_TOKENS = 20, 30, 8, 4
# A wording is in this share of the outputs that do not name the value, in so many of them, and so much rarer elsewhere.
_SHARE, _FEWEST, _LIKELIER, _PRECISION = 0.02, 8, 10.0, 0.9
_INSTEAD = 2.0  # times as often where the value is not named as where it is
_QUALIFIER = re.compile(r"(?<=\w)\s*(?:,|\().*", re.DOTALL)
_JOINED = re.compile(r"[0-9]|\b(?:and|or)\b|&")  # a value of several, of which a part does not say the whole
_COMMON = 0.25  # a word in this share of all outputs is no edge of a wording
_CLAUSE = re.compile(r"(?<![.!?,;:()\n])[.!?,;:()\n]+(?:\s|$)")
_TOKEN = re.compile(r"[^\W_]+(?:['’.\-/][^\W_]+)*")
_SHORT = re.compile(r"[a-z]{1,2}")
_WITH, _ALONE = 0.9, 2.0  # share of a phrase's outputs with a value of another field, and how much more than without it
_NAMED = re.compile(r"[^\W\d_]{2}")
_DENIED_WITHIN = 3  # words after a denial


@dataclass(frozen=True)
class _Row:
    """An output: the phrases in it, and the fields of its request."""

    phrases: frozenset[str]
    fields: Mapping[str, Any]

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of all values; read for the few rows that need them, since a request may have hundreds of fields."""
        return frozenset(_words("\n".join(map(field_text, self.fields.values()))))

    def foreign(self, name: str) -> frozenset[str]:
        """The words of the values of other fields that the value of the field `name` does not share."""
        return self.words.difference(_words(field_text(self.fields.get(name))))


@dataclass(frozen=True)
class _Phrases:
    """The phrases of all outputs: their texts `(p,)`, where each output's begin `(n + 1,)` in the numbers of its phrases."""

    texts: Sequence[str]
    starts: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[_Row]) -> "_Phrases":
        known: dict[str, int] = {}
        numbers = [known.setdefault(text, len(known)) for row in rows for text in row.phrases]
        starts = np.cumsum([0, *(len(row.phrases) for row in rows)])
        return cls(list(known), starts, np.array(numbers, np.int64))

    @cached_property
    def _counts(self) -> np.ndarray:
        """The number of outputs `(p,)` with each phrase."""
        return np.bincount(self.numbers, minlength=len(self.texts))

    def telling(self, rows: Sequence[int]) -> set[str]:
        """The phrases that tell these rows from all others: they are common in their outputs, and rare elsewhere."""
        others = len(self.starts) - 1 - len(rows)
        if others < _FEWEST_ROWS:
            return set()
        numbers = [self.numbers[self.starts[row] : self.starts[row + 1]] for row in rows]
        within = np.bincount(np.concatenate(numbers), minlength=len(self.texts))
        outside = self._counts - within
        ratio = ((within + 0.5) / (len(rows) + 1)) / ((outside + 0.5) / (others + 1))
        telling = (ratio >= _LIKELIER) & (within >= _PRECISION * (within + outside))
        return {self.texts[number] for number in np.flatnonzero(telling).tolist()}


def propose_wordings(columns: Columns) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """The wordings of fields in these examples; kinds of checks find them as `inferred_wordings`."""
    return inferred_wordings(columns, lambda: _proposed(columns))


def _proposed(columns: Columns) -> dict[str, dict[str, list[str]]]:
    """For fields with a few recurring values, the phrases that outputs use in place of a value: field -> value -> texts.

    A phrase says a value if it is common in the outputs that should say the value and do not name it, and rare in all
    others (likelihood ratio of at least ten). A phrase that would say values of two fields says neither.
    """
    some = columns.changed(range(min(len(columns.output), _READ)), columns.output.head(_READ))
    names = [name for name in text_fields(some) if _is_enumerated(some, name)]
    if not names:
        return {}
    rows = _rows(some)
    phrases = _Phrases.of(rows)
    found = {name: _of_field(some, name, rows, phrases) for name in names}
    fields = Counter(
        chain.from_iterable({text for texts in values.values() for text in texts} for values in found.values())
    )
    single = {
        name: {
            value: kept for value, texts in values.items() if (kept := [text for text in texts if fields[text] == 1])
        }
        for name, values in found.items()
    }
    return {name: values for name, values in single.items() if values}


def _is_enumerated(columns: Columns, name: str) -> bool:
    values = columns.field(name).drop_nulls()
    return len(values) >= _FEWEST_ROWS and 2 <= values.n_unique() <= min(_MOST_VALUES, len(values) / 5)


def _rows(columns: Columns) -> list[_Row]:
    clauses = [
        [[match.group().lower() for match in _TOKEN.finditer(part)] for part in _CLAUSE.split(text)]
        for text in columns.output
    ]
    seen = Counter(chain.from_iterable(set(chain.from_iterable(parts)) for parts in clauses))
    common = {word for word, count in seen.items() if count >= _COMMON * len(clauses)}
    phrases = [frozenset(chain.from_iterable(_phrases(words, common) for words in parts)) for parts in clauses]
    counts = Counter(chain.from_iterable(phrases))
    # A rarer phrase can be no wording, and most are rarer.
    frequent = {text for text, count in counts.items() if count >= _FEWEST}
    return [_Row(texts & frequent, fields) for texts, fields in zip(phrases, columns.fields, strict=True)]


def _words(text: str) -> list[str]:
    return [match.group().lower() for match in _TOKEN.finditer(text)]


def _phrases(words: Sequence[str], common: set[str]) -> Iterator[str]:
    """Up to four words in a row that a telling word begins and ends, without those that a word before them denies.

    None with a number: numbers are compared by their values.
    """
    for start, word in enumerate(words):
        before = words[max(start - _DENIED_WITHIN, 0) : start]
        if word in common or any(map(_denies, before)):
            continue
        for end in range(start + 1, min(start + _MOST_TOKENS, len(words)) + 1):
            last = words[end - 1]
            if any(character.isdigit() for character in last):
                break
            if last not in common and not _denies(last):
                yield " ".join(words[start:end])


def _denies(word: str) -> bool:
    return word in DENIALS or word.endswith(("n't", "n’t"))


def _of_field(columns: Columns, name: str, rows: Sequence[_Row], phrases: "_Phrases") -> dict[str, list[str]]:
    """The wordings of each value of one field."""
    given = columns.field(name).to_list()
    found = mentions(columns, vocabulary(name, {}, rows=columns.field(name).drop_nulls()), name)
    named = {mention.row for mention in found if value_key(given[mention.row] or "") in mention.keys}
    counts = Counter(value for value in given if value is not None)
    if len(named) < _SAID * counts.total() and not {value_key(value) for value in counts} <= {"yes", "no"}:
        return {}
    taken = {" ".join(_words(value)) for value in counts}
    rows_of: defaultdict[str | None, list[int]] = defaultdict(list)
    for number, value in enumerate(given):
        rows_of[value].append(number)
    proposed = {}
    for value in sorted(counts):
        if not _NAMED.search(value):  # a number has no other name
            continue
        own = rows_of[value]
        telling = phrases.telling(own) - taken
        unnamed = [rows[number] for number in own if number not in named]
        telling = _in_its_place(telling, value, unnamed, [rows[number] for number in own if number in named])
        outputs = [row.phrases & telling - _foreign(row.phrases & telling, row, name) for row in unnamed]
        outputs = _own_alone(outputs, unnamed, name)
        if texts := _cover(outputs, max(_SHARE * len(unnamed), _FEWEST)):
            proposed[value] = texts
    return proposed


def _in_its_place(texts: set[str], value: str, unnamed: Sequence[_Row], named: Sequence[_Row]) -> set[str]:
    """The phrases that stand in place of the value: what comes with it as often ("English breakfast") says something else.

    The last words of a value say it too ("the centre"), other parts of it ("less", of "less than £20") do not.
    """
    without = Counter(chain.from_iterable(row.phrases & texts for row in unnamed))
    beside = Counter(chain.from_iterable(row.phrases & texts for row in named))
    plain = _QUALIFIER.sub("", value)
    own = _words(plain)
    kept = set[str]()
    for text in texts:
        words = text.split()
        # "Švejk se", "an": a short word at an edge is no part of a value.
        if any((word in JOINERS or _SHORT.fullmatch(word)) and not _denies(word) for word in (words[0], words[-1])):
            continue
        if words[0] in own and len(words) > len(own):  # the value and what it does
            continue
        if set(words) <= set(own):
            if own[-len(words) :] == words and not _JOINED.search(plain):
                kept.add(text)
        elif without[text] * max(len(named), 1) >= _INSTEAD * beside[text] * len(unnamed):
            kept.add(text)
    return kept


def _own_alone(outputs: Sequence[frozenset[str]], rows: Sequence[_Row], name: str) -> list[frozenset[str]]:
    """The phrases of each output without those that come with a value of another field: "wine" with one restaurant by
    the river."""
    of_phrase: defaultdict[str, list[int]] = defaultdict(list)
    for number, texts in enumerate(outputs):
        for text in texts:
            of_phrase[text].append(number)
    values = [[(other, field_text(value)) for other, value in row.fields.items() if other != name] for row in rows]
    usual = Counter(chain.from_iterable(values))
    gone = set[str]()
    for text, numbers in of_phrase.items():
        with_it = Counter(chain.from_iterable(values[number] for number in numbers))
        if any(
            count >= _WITH * len(numbers) and count * len(rows) >= _ALONE * usual[value] * len(numbers)
            for value, count in with_it.items()
        ):
            gone.add(text)
    return [texts - gone for texts in outputs]


def _foreign(texts: frozenset[str], row: _Row, name: str) -> set[str]:
    """The phrases with a word that the request has in another field."""
    if not texts:
        return set()
    others = row.foreign(name)
    return {text for text in texts if not others.isdisjoint(text.split())}


def _cover(outputs: list[frozenset[str]], least: float) -> list[str]:
    """The phrases that cover most outputs, each in at least `least` that no earlier one covers; of equals the shortest."""
    chosen: list[str] = []
    while len(chosen) < _MOST_WORDINGS:
        counts = Counter(chain.from_iterable(outputs))
        best = min(counts, key=lambda text: (-counts[text], len(text), text), default=None)
        if best is None or counts[best] < least:
            break
        chosen.append(best)
        outputs = [texts for texts in outputs if best not in texts]
    return chosen
