"""How many near misses a style catches: outputs of which one fact is wrong, made from the examples' own outputs.

An answer to another request is easily told from the right one. A near miss is what a model gets wrong: two values
swapped, a value of another row, a fact left out, a negation too many.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from random import Random
from typing import Any, NamedTuple

import polars as pl

from ..core import Count, Proportion, Record, say
from .check import check_columns, pair_columns
from .columns import Columns
from .discrimination import sample
from .negations import negated, negation_language
from .schema import StyleSchema
from .slots import masked, writes_fields

MISSED = 150  # examples with near misses: with one of each kind, some thousand texts are checked
_MADE_FROM = 500  # examples: most of them follow the rules
_LONGEST = 2_000  # characters of an output and of a request: one fact of a document is lost in it
_SHOWN, _SHOWN_CHARACTERS = 5, 160
_MOST_WORDS = 12  # of a span that an output shares with its request
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"(?!\s*:)')
_WORDS = re.compile(r"\w+(?:[-'’./]\w+)*")
_CLAUSE = re.compile(r"\s*(?:[,;]|(?<=[.!?])\s|\b(?:and|und|et)\b)\s*")


class CaughtMisses(Record):
    """Near misses of one kind."""

    n: Count
    """Number of near misses."""
    caught: Proportion
    """Share that breaks a must rule."""
    with_should: Proportion
    """Share that breaks a must rule or a should rule."""


class Survivor(Record):
    """A near miss that no must rule rejects."""

    kind: str
    """Kind of near miss."""
    text: str
    """Output with the names of the input's fields in place of their values."""


class NearMisses(Record):
    """Outputs with one wrong fact, and how many of them the rules reject."""

    n: Count
    """Number of near misses."""
    caught: Proportion
    """Share that breaks a must rule: the mean over the kinds."""
    by_kind: Mapping[str, CaughtMisses]
    """Result by kind of near miss."""
    survivors: Sequence[Survivor]
    """Examples that no must rule rejects."""

    @property
    def sentence(self) -> str:
        """The result in a sentence."""
        kinds = ", ".join(f"{name} {say.percent(one.caught)}" for name, one in self.by_kind.items())
        return f"The must rules catch {say.percent(self.caught)} of near misses ({kinds})."


class _Value(NamedTuple):
    """A value in an output, with its field; without one, a span that the request has too."""

    start: int
    end: int
    name: str


def measure_near_misses(
    pairs: pl.DataFrame,
    style: StyleSchema,
    *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
    seed: int = 0,
) -> NearMisses | None:
    """The near misses made of a sample of the outputs in `pairs` that follow the must rules, and those that `style` catches.

    The order of the rows does not matter. None if there are none, or if the style has no `must` rule.
    """
    musts = [check.id for check in style.checks if check.level == "must"]
    columns = pair_columns(sample(pairs, seed=seed).head(_MADE_FROM), count_tokens=count_tokens)
    if not musts or not len(columns.output):
        return None
    right = check_columns(columns, style).shares()["acceptable"].fill_null(True)
    wrong = near_misses(columns.changed(right.arg_true().to_list(), columns.output.filter(right)), seed=seed)
    if wrong is None:
        return None
    failed = check_columns(wrong.columns, style).status.select(pl.all() == "fail")
    table = failed.select(must=pl.any_horizontal(musts), any=pl.any_horizontal(pl.all())).with_columns(kind=wrong.kinds)
    counted = table.group_by("kind", maintain_order=True).agg(pl.len(), pl.col("must").mean(), pl.col("any").mean())
    by_kind = {
        kind: CaughtMisses(n=n, caught=must, with_should=some)
        for kind, n, must, some in sorted(counted.iter_rows(), key=lambda row: list(_KINDS).index(row[0]))
    }
    caught = sum(one.caught for one in by_kind.values()) / len(by_kind)
    passed = (
        table.with_row_index().filter(~pl.col("must")).unique("kind", keep="first", maintain_order=True).head(_SHOWN)
    )
    survivors = [
        Survivor(kind=kind, text=_shown(wrong.columns.changed([at], wrong.columns.output[at : at + 1]), style))
        for at, kind in passed.select("index", "kind").iter_rows()
    ]
    return NearMisses(n=len(table), caught=caught, by_kind=by_kind, survivors=survivors)


def _shown(one: Columns, style: StyleSchema) -> str:
    """The output without its facts."""
    (output,) = one.output
    (named,) = masked(one, style.wordings)
    if writes_fields(one.output):
        text = _STRING.sub('"…"', output)
    elif named.slots:
        text = " ".join(named.pieces)
    else:
        text = output
        for value in reversed(_shared_spans(output, one.input[0])):
            text = f"{text[: value.start]}…{text[value.end :]}"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


class Wrong(NamedTuple):
    """Near misses as outputs, and the kind of each."""

    columns: Columns
    kinds: pl.Series


def near_misses(columns: Columns, *, seed: int = 0) -> Wrong | None:
    """The near misses of some outputs, of each kind at most one for each; None if there are none.

    A text that is an output of the same request is no near miss.
    """
    short = (columns.output.str.len_chars() <= _LONGEST) & (columns.input.str.len_chars() <= _LONGEST)
    columns = columns.changed(short.arg_true().to_list(), columns.output.filter(short))
    maker = _Maker(columns)
    right = defaultdict[str, set[str]](set)
    for request, output in zip(columns.input, columns.output, strict=True):
        right[request].add(output)
    made = []
    for row in range(min(len(columns.output), MISSED)):
        for kind, make in _KINDS.items():
            text = make(maker, row, Random(f"{seed} {row} {kind}"))
            if text and text.strip() and text not in right[columns.input[row]]:
                made.append((row, kind, text))
    if not made:
        return None
    rows, kinds, texts = (pl.Series(values) for values in zip(*made, strict=True))
    return Wrong(columns.with_outputs(texts.alias("output"), rows), kinds)


class _Maker:
    """Makes near misses of some outputs."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.texts, self.requests = columns.output.to_list(), columns.input.to_list()
        self.values = list(map(_json_values, self.texts)) if writes_fields(columns.output) else self._copied()
        pool = defaultdict[str, list[str]](list)
        for row, values in enumerate(self.values):
            for value in values:
                pool[value.name].append(self.texts[row][value.start : value.end])
        self.pool = {name: list(dict.fromkeys(texts)) for name, texts in pool.items()}
        self.language = negation_language(self.texts) or negation_language(self.requests)
        self._words = [frozenset(map(str.lower, _WORDS.findall(text))) for text in self.requests]

    def _copied(self) -> list[list[_Value]]:
        found = []
        for row, one in enumerate(masked(self.columns, {})):
            places = one.places(self.texts[row])
            values = [_Value(*places[at], name) for at, name, _ in one.slots]
            found.append(values or _shared_spans(self.texts[row], self.requests[row]))
        return found

    def _text(self, row: int, value: _Value) -> str:
        return self.texts[row][value.start : value.end]

    def _with(self, row: int, *edits: tuple[_Value, str]) -> str:
        text = self.texts[row]
        for value, new in sorted(edits, reverse=True):
            text = text[: value.start] + new + text[value.end :]
        return text

    def swapped(self, row: int, random: Random) -> str | None:
        pairs = [
            (a, b) for a, b in combinations(self.values[row][:20], 2)
            if a.name != b.name or not a.name if self._text(row, a).lower() != self._text(row, b).lower()
        ]  # fmt: skip
        if not pairs:
            return None
        a, b = random.choice(pairs)
        return self._with(row, (a, self._text(row, b)), (b, self._text(row, a)))

    def other_value(self, row: int, random: Random) -> str | None:
        given = self.requests[row].lower()
        own = [v for v in self.values[row] if v.name]
        random.shuffle(own)
        for value in own:
            others = [
                text for text in self.pool[value.name] if text.lower() not in given and text != self._text(row, value)
            ]
            if others:
                return self._with(row, (value, random.choice(others)))
        return None

    def other_span(self, row: int, random: Random) -> str | None:
        if not self.values[row]:
            return None
        value = random.choice(self.values[row])
        said = self.texts[row].lower()
        words = list(_WORDS.finditer(self.requests[row]))
        count = max(len(_WORDS.findall(self._text(row, value))), 1)
        spans = [self.requests[row][a.start() : b.end()] for a, b in zip(words, words[count - 1 :], strict=False)]
        spans = [span for span in spans if span.lower() not in said and len(span) > 3 and "\n" not in span]
        return self._with(row, (value, random.choice(spans))) if spans else None

    def omitted(self, row: int, random: Random) -> str | None:
        if not self.values[row]:
            return None
        value = random.choice(self.values[row])
        if writes_fields(self.columns.output):
            return _json_without(self.texts[row], self._text(row, value))
        start, end = _clause(self.texts[row], value)
        alone = all(not (start <= v.start < end) or v == value for v in self.values[row])
        start, end = (start, end) if alone else (value.start, value.end)
        rest = self.texts[row][:start].rstrip() + " " + self.texts[row][end:].lstrip()
        return re.sub(r"\s+([,.;:!?])", r"\1", rest) if _WORDS.search(rest) else None

    def negation(self, row: int, random: Random) -> str | None:
        if self.language is None or writes_fields(self.columns.output):
            return None
        return negated(self.texts[row], random, language=self.language)

    def number(self, row: int, random: Random) -> str | None:
        numbers = list(_NUMBER.finditer(self.texts[row]))
        if not numbers:
            return None
        match = random.choice(numbers)
        at = random.choice([n for n in range(match.start(), match.end()) if self.texts[row][n].isdigit()])
        digit = random.choice([d for d in "123456789" if d != self.texts[row][at]])
        return self.texts[row][:at] + digit + self.texts[row][at + 1 :]

    def nearest(self, row: int, random: Random) -> str | None:
        mine = self._words[row]
        others = [n for n in range(len(self.texts)) if self.requests[n] != self.requests[row]]
        best = max(others, key=lambda n: len(mine & self._words[n]) / (len(mine | self._words[n]) or 1), default=None)
        return None if best is None else self.texts[best]

    def random(self, row: int, random: Random) -> str | None:
        others = [n for n in range(len(self.texts)) if self.requests[n] != self.requests[row]]
        return self.texts[random.choice(others)] if others else None


_KINDS: Mapping[str, Callable[[_Maker, int, Random], str | None]] = {
    "two values swapped": _Maker.swapped,
    "value of another row": _Maker.other_value,
    "another span of the request": _Maker.other_span,
    "value omitted": _Maker.omitted,
    "negation changed": _Maker.negation,
    "number changed": _Maker.number,
    "nearest request": _Maker.nearest,
    "random request": _Maker.random,
}


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


def _shared_spans(text: str, request: str) -> list[_Value]:
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
