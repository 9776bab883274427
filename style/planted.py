"""Near misses: outputs of which one fact is wrong, made from right ones.

A text that says what a reference of its request says, in other words or in another order, is none.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, combinations, pairwise
from random import Random
from typing import Any, NamedTuple

import polars as pl

from .answers import Ignored, normal_text, same_answer
from .columns import Columns
from .fields import field_text
from .kinds.language import main_language
from .kinds.same_fields import FieldRule, SameFieldsParameters, compare_records, record_of
from .negations import LANGUAGES, negated, negation_language
from .schema import Wordings
from .scope import pieces_of
from .slots import masked, writes_fields
from .wordings import value_key, wordings_of

MISSED = 150  # examples with near misses: with one of each kind, some thousand texts are checked
_LONGEST = 2_000  # characters of an output and of a request: one fact of a document is lost in it
_MOST_WORDS = 12  # of a span that an output shares with its request
_LABEL_CHARACTERS, _LABEL_WORDS, _LABEL_RECURS = 60, 5, 3
NEAREST = "nearest request"
_SIGN_SHARE = 0.25  # of changed numbers
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# A sign before a number, or the place of one before a number that stands alone.
_SIGN = re.compile(r"(?:^|(?<=[\s(\[=:\"]))[-\u2212+]$|(?:^|[(\[=:\"]\s?)$")
_NO_AMOUNT = re.compile(r"\s?[-–/:]\s?\d|[-–/:\w]")  # after a number that is part of a range, a date or a name
_FLAG = re.compile(r"(?<=[:\[,])\s*(true|false)\b")
_WORDS = re.compile(r"\w+(?:[-'’./]\w+)*")
_CLAUSE = re.compile(r"\s*(?:[,;](?!\d)|\n|(?<=[.!?])\s|\b(?:and|or|und|oder|et)\b)\s*")
_MARKS = re.compile(r"[.:!?\"'’“”„«»()\[\]…](?!\d)")
_QUERY = re.compile(r"(?i)\s*(?:select|with)\b")
_LOOSE: tuple[Ignored, ...] = ("case", "space", "accents", "articles")


class _Value(NamedTuple):
    """A value in an output, with its field; without one, a span that the request has too."""

    start: int
    end: int
    name: str


class Wrong(NamedTuple):
    """Near misses as outputs, and the kind of each."""

    columns: Columns
    kinds: pl.Series


def near_misses(columns: Columns, wordings: Wordings, *, seed: int = 0) -> Wrong | None:
    """The near misses of some outputs, of each kind at most one for each; None if there are none."""
    short = (columns.output.str.len_chars() <= _LONGEST) & (columns.input.str.len_chars() <= _LONGEST)
    columns = columns.changed(short.arg_true().to_list(), columns.output.filter(short))
    if not len(columns.output):
        return None
    maker = _Maker(columns, wordings)
    kinds = _OF_LABELS if outputs_are_labels(columns.output) else _KINDS
    made = []
    for row in range(min(len(columns.output), MISSED)):
        for kind, make in kinds.items():
            text = make(maker, row, Random(f"{seed} {row} {kind}"))
            if text and text.strip() and not maker.is_right(row, text):
                made.append((row, kind, text))
    if not made:
        return None
    rows, names, texts = (pl.Series(values) for values in zip(*made, strict=True))
    return Wrong(columns.with_outputs(texts.alias("output"), rows), names)


def outputs_are_labels(outputs: pl.Series) -> bool:
    """Whether the outputs are short texts of which there are few."""
    short = (outputs.str.len_chars() <= _LABEL_CHARACTERS) & (outputs.str.count_matches(r"\S+") <= _LABEL_WORDS)
    return bool(short.all()) and outputs.n_unique() * _LABEL_RECURS <= len(outputs)


def comparing_kind(outputs: pl.Series) -> str:
    """The kind of check that compares outputs of this form with their references."""
    if outputs_are_labels(outputs):
        return "label"
    forms: Mapping[str, Callable[[str], object]] = {
        "same_fields": record_of,
        "same_result": _QUERY.match,
        "equals": lambda text: len(text.split()) <= _LABEL_WORDS and text.strip(" $€£.")[:1].isdigit(),
    }
    return next(
        (kind for kind, has in forms.items() if 2 * sum(map(bool, map(has, outputs))) > len(outputs)), "similar"
    )


@lru_cache(maxsize=8192)
def _facts(text: str) -> Sequence[str]:
    """The clauses of a text in one order and spelling."""
    return sorted(filter(None, (normal_text(_MARKS.sub(" ", part), _LOOSE) for part in _CLAUSE.split(text) if part)))


def _say_the_same(text: str, reference: str, wordings: Wordings) -> bool:
    """Whether two outputs differ only in spelling, in the order of facts or in how numbers and values are written."""
    if _facts(text) == _facts(reference) or same_answer(text, reference, ignore=_LOOSE, tolerance=0):
        return True
    given, wanted = record_of(text), record_of(reference)
    if given is None or wanted is None:
        return False
    lists = {name: FieldRule(_LOOSE, 0, "set") for name, value in wanted.items() if isinstance(value, list)}
    return not compare_records(given, wanted, SameFieldsParameters(lists, _LOOSE, 0), wordings).faults


class _Maker:
    """Makes near misses of some outputs."""

    def __init__(self, columns: Columns, wordings: Wordings) -> None:
        self.columns, self.wordings = columns, wordings
        self.texts, self.requests = columns.output.to_list(), columns.input.to_list()
        self.json = writes_fields(columns.output)
        self.values = list(map(_json_values, self.texts)) if self.json else self._copied()
        self.sentences = [list[tuple[int, int]]() for _ in self.texts]
        for row, start, end in pieces_of(columns.output, each="sentence").select("index", "start", "end").iter_rows():
            self.sentences[row].append((start, end))
        self._keys = [normal_text(text, [*_LOOSE, "line_order"]) for text in self.requests]
        self._right = defaultdict[str, dict[str, None]](dict)
        for row, (key, output) in enumerate(zip(self._keys, self.texts, strict=True)):
            self._right[key].update(dict.fromkeys([output, *columns.right(row)]))
        pool = defaultdict[str, list[str]](list)
        for row, values in enumerate(self.values):
            for value in values:
                pool[value.name].append(self.texts[row][value.start : value.end])
        self.pool = {name: list(dict.fromkeys(texts)) for name, texts in pool.items()}
        main = main_language(columns.output)
        self.language = main if main in LANGUAGES else negation_language(self.texts, main)
        self._words = [frozenset(map(str.lower, _WORDS.findall(text))) for text in self.requests]

    def _copied(self) -> list[list[_Value]]:
        found = []
        for row, one in enumerate(masked(self.columns, self.wordings)):
            places = one.places(self.texts[row])
            values = [_Value(*places[at], name) for at, name, _ in one.slots]
            found.append(values or shared_spans(self.texts[row], self.requests[row]))
        return found

    def is_right(self, row: int, text: str) -> bool:
        """Whether a text says what a reference of the row's request says."""
        return any(_say_the_same(text, reference, self.wordings) for reference in self._right[self._keys[row]])

    def _others(self, row: int) -> list[int]:
        """The rows of other requests."""
        return [other for other, key in enumerate(self._keys) if key != self._keys[row]]

    def _equal(self, value: _Value, old: str, new: str) -> bool:
        """Whether two texts are the same value of a field: in spelling, as a number or by the wordings."""
        said = self.wordings.get(value.name, {}).items()
        keys = {value_key(old), value_key(new)}
        return same_answer(old, new, ignore=_LOOSE, tolerance=0) or any(
            keys <= {value_key(name), *map(value_key, texts)} for name, texts in said
        )

    def _says(self, row: int, value: _Value, text: str) -> bool:
        """Whether a text has the value, as it is or in one of its wordings."""
        own = self._text(row, value)
        return any(said.lower() in text.lower() for said in (own, *wordings_of(self.wordings, value.name, own)))

    def _lacks(self, row: int, value: _Value, rest: str) -> bool:
        """Whether a text lacks a value that every reference has."""
        right = self._right[self._keys[row]]
        return not self._says(row, value, rest) and all(self._says(row, value, text) for text in right)

    def _copies(self, row: int) -> list[_Value]:
        """The values that the request has too."""
        given = self.requests[row].lower()
        return [value for value in self.values[row] if not self.json or self._text(row, value).lower() in given]

    def _text(self, row: int, value: _Value) -> str:
        return self.texts[row][value.start : value.end]

    def _with(self, row: int, *edits: tuple[_Value, str]) -> str:
        text = self.texts[row]
        for value, new in sorted(edits, reverse=True):
            text = text[: value.start] + new + text[value.end :]
        return text

    def swapped(self, row: int, random: Random) -> str | None:
        values = self._copies(row)[:20]
        if not values:
            return None
        # The order of values with nothing but commas, spaces or an equals sign between them says nothing.
        between = (self.texts[row][a.end : b.start] for a, b in pairwise(values))
        lists = accumulate((bool(_CLAUSE.sub("", text).strip(" =")) for text in between), initial=0)
        pairs = []
        for (a, one), (b, other) in combinations(zip(values, lists, strict=True), 2):
            same_field = a.name and a.name == b.name
            if one != other and not same_field and not self._equal(a, self._text(row, a), self._text(row, b)):
                pairs.append((a, b))
        if not pairs:
            return None
        a, b = random.choice(pairs)
        return self._with(row, (a, self._text(row, b)), (b, self._text(row, a)))

    def other_value(self, row: int, random: Random) -> str | None:
        said = "\n".join([self.requests[row], *self._right[self._keys[row]]]).lower()
        own = [v for v in self.values[row] if v.name]
        random.shuffle(own)
        for value in own:
            old = self._text(row, value)
            others = [
                text for text in self.pool[value.name] if text.lower() not in said and not self._equal(value, old, text)
            ]
            if others:
                return self._with(row, (value, random.choice(others)))
        return None

    def other_span(self, row: int, random: Random) -> str | None:
        if not (copies := self._copies(row)):
            return None
        value = random.choice(copies)
        old, said = self._text(row, value), self.texts[row].lower()
        fields = self.columns.fields[row].values()  # whose names are no values
        given = "\n".join(map(field_text, fields)) if fields else self.requests[row]
        words, count = list(_WORDS.finditer(given)), max(len(_WORDS.findall(old)), 1)
        spans = [given[a.start() : b.end()] for a, b in zip(words, words[count - 1 :], strict=False)]
        spans = [span for span in spans if span.lower() not in said and len(span) > 3 and "\n" not in span]
        spans = [span for span in spans if old.lower() not in span.lower() and not self._equal(value, old, span)]
        return self._with(row, (value, random.choice(spans))) if spans else None

    def omitted(self, row: int, random: Random) -> str | None:
        # Without a name in the request's fields, a single word ("believe") may say nothing of its own.
        values = [value for value in self.values[row] if value.name or not self._text(row, value).isalpha()]
        if not values:
            return None
        value = random.choice(values)
        if self.json:
            return _json_without(self.texts[row], self._text(row, value))
        start, end = _clause(self.texts[row], value)
        alone = all(not (start <= v.start < end) or v == value for v in self.values[row])
        start, end = (start, end) if alone else (value.start, value.end)
        rest = self.texts[row][:start].rstrip() + " " + self.texts[row][end:].lstrip()
        if not _WORDS.search(rest) or not self._lacks(row, value, rest):
            return None
        return re.sub(r"\s+([,.;:!?])", r"\1", rest)

    def sentence(self, row: int, random: Random) -> str | None:
        text, telling = self.texts[row], list[str]()
        for start, end in self.sentences[row] if len(self.sentences[row]) > 1 and not self.json else ():
            rest = (text[:start] + text[end:].lstrip()).strip()
            if any(start <= v.start < end and self._lacks(row, v, rest) for v in self.values[row]):
                telling.append(rest)
        return random.choice(telling) if telling else None

    def negation(self, row: int, random: Random) -> str | None:
        text = self.texts[row]
        if self.json:
            flags = list(_FLAG.finditer(text))
            start, end = random.choice(flags).span(1) if flags else (0, 0)
            return text[:start] + ("false" if text[start:end] == "true" else "true") + text[end:] if flags else None
        if self.language is None or not self.columns.has_prose or text.rstrip().endswith("?"):
            return None  # a question says nothing that could be denied
        return negated(text, random, language=self.language)

    def number(self, row: int, random: Random) -> str | None:
        text = self.texts[row]
        within = list(_NUMBER.finditer(text))
        numbers = [match for match in within if not text[: match.start()][-1:].isalpha()]
        if not (numbers := numbers or (within if self.columns.has_prose else [])):
            return None
        start, end = random.choice(numbers).span()
        sign = _SIGN.search(text[:start])
        if sign and random.random() < _SIGN_SHARE and not _NO_AMOUNT.match(text, end):
            before, mark = text[:start].rstrip("+-\u2212"), "" if sign.group().endswith(("-", "\u2212")) else "-"
            return before + mark + text[start:]
        at = random.choice([n for n in range(start, end) if text[n].isdigit()])
        digit = random.choice([d for d in "123456789" if d != text[at]])
        return text[:at] + digit + text[at + 1 :]

    def nearest(self, row: int, random: Random) -> str | None:
        mine = self._words[row]
        others = [n for n in self._others(row) if self.texts[n] not in self._right[self._keys[row]]]
        best = max(others, key=lambda n: len(mine & self._words[n]) / (len(mine | self._words[n]) or 1), default=None)
        return None if best is None else self.texts[best]

    def other_label(self, row: int, random: Random) -> str | None:
        others = sorted(set(self.texts) - self._right[self._keys[row]].keys())
        return random.choice(others) if others else None


_KINDS: Mapping[str, Callable[[_Maker, int, Random], str | None]] = {
    "two values swapped": _Maker.swapped,
    "value of another row": _Maker.other_value,
    "another span of the request": _Maker.other_span,
    "value omitted": _Maker.omitted,
    "sentence omitted": _Maker.sentence,
    "negation changed": _Maker.negation,
    "number changed": _Maker.number,
    NEAREST: _Maker.nearest,
}
_OF_LABELS = {"another label": _Maker.other_label, NEAREST: _Maker.nearest}
KINDS_OF_MISSES = (*_OF_LABELS, *_KINDS)


def _json_values(text: str) -> list[_Value]:
    """The texts of a JSON output, each with the key before it."""
    found, name = [], ""
    for match in re.finditer(r'"((?:[^"\\]|\\.)*+)"(\s*:)?', text):
        if match.group(2):
            name = match.group(1)
        elif match.group(1):
            found.append(_Value(*match.span(1), name))
    return found


def _json_without(text: str, value: str) -> str | None:
    """A JSON output without one of its texts, written as before."""

    def without(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: without(inner) for key, inner in node.items() if inner != value}
        return [without(inner) for inner in node if inner != value] if isinstance(node, list) else node

    try:
        data = json.loads(text)
    except ValueError:
        return None
    apart = (", ", ": ") if '": ' in text else (",", ":")
    return json.dumps(without(data), ensure_ascii=False, separators=apart)


def shared_spans(text: str, request: str) -> list[_Value]:
    """The longest runs of words of a text that its request has too, without those of small words alone."""
    known = request.lower()
    found, words, at = [], list(_WORDS.finditer(text)), 0
    while at < len(words):
        end = at
        while end < min(len(words), at + _MOST_WORDS) and text[words[at].start() : words[end].end()].lower() in known:
            end += 1
        if end > at and any(len(w.group()) > 3 or w.group()[0].isdigit() for w in words[at:end]):
            found.append(_Value(words[at].start(), words[end - 1].end(), ""))
        at = max(end, at + 1)
    return found


def _clause(text: str, value: _Value) -> tuple[int, int]:
    """The clause around a value, between commas or sentences, with the mark before it."""
    start, end = 0, len(text)
    for match in _CLAUSE.finditer(text):
        if match.end() <= value.start:
            start = match.start()
        elif match.start() >= value.end:
            end = match.start()
            break
    return start, end
