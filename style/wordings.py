"""The values of a field and the texts that say them: accepted wordings, and where a text mentions a value."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from ..core import Problem, line_of, shown_value
from .columns import Columns, regex_places
from .schema import Wordings

# Values that say nothing by themselves: a text with the word "no" in it does not say that the value is "no".
_FLAGS = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_OPPOSITE = {"yes": "no", "no": "yes"}
# Values that say that there is none, or that any will do: no output has to mention them.
NO_VALUES = frozenset(["none", "n/a", "na", "unknown", "unspecified", "not given", "dontcare", "dont care"])
_NO_TEXT = NO_VALUES | {"yes", "no", "other"}
_BREAK = r"[\s_\-‐‑–]+"
# Between words of a text: bounded, so that no hostile text makes a match slow.
_BETWEEN = r"[\s_\-‐‑–]{1,10}"
_CAPITALS = re.compile(r"[A-Z0-9/+]{1,3}")
_START = re.compile(r"[^\w\s]*[^\W_]*")
# Words before a value that deny it, and small words that may stand between them.
DENIALS = frozenset(["not", "never", "no", "non", "neither", "nor", "without", "cannot", "unlike"])
_NOT_IN_TWO = frozenset(["rather than", "instead of"])
# Words before a place that say where something else is.
_BESIDE = frozenset(["near", "nearby", "outside", "beside", "opposite"])
_BESIDE_IN_TWO = frozenset(
    ["close to", "next to", "far from", "outside of", "north of", "south of", "east of", "west of", "away from"]
)
_SMALL = frozenset(
    ["a", "an", "the", "any", "very", "so", "too", "really", "particularly", "especially", "exactly", "necessarily", "at",
     "in", "of", "all", "be", "have", "considered", "for", "to", "your", "suitable", "recommended", "appropriate", "good",
     "ideal", "meant", "known", "friendly", "allow", "accept", "admit", "permit", "welcome", "cater", "serve", "offer",
     "provide"]
)  # fmt: skip
_MOST_SMALL = 4
_TELLING = sorted(DENIALS | _BESIDE | {two.partition(" ")[0] for two in _NOT_IN_TWO | _BESIDE_IN_TWO})
_MAY_TELL = rf"(?i)\b(?:{'|'.join(_TELLING)})\b|n['’]t\b"
_LOOK_BACK = 48  # characters before a value in which a denial is looked for
_TOKEN = re.compile(r"[^\s\-]+")
_ALSO_DENIED = re.compile(r",?\s{1,10}n?or\s{1,10}(?:an?\s|the\s)?")
_MOST_WORDS = 12  # of a value in which other values are looked for
_MARKS = ',;:.()"“”„«»'  # around a word of a value
_STEM, _ENDING = 5, 3  # letters of a value, and of an ending that makes another word of it
_WORDY = r"\p{L}{2}"
_MOST_VALUES = 5_000  # of the rows: a field with more has names, not a vocabulary


class Mention(NamedTuple):
    """A place in a row's text that names a value of a field; `keys` are those of the value, or of the several that the
    text may say.

    `denied`: the text says that it is not this value (`not red`); `beside`: it says where something else is (`north of
    the city centre`).
    """

    row: int
    text: str
    start: int
    end: int
    keys: frozenset[str]
    denied: bool = False
    beside: bool = False


def value_key(value: Any) -> str:
    """What two spellings of a value have in common: case, hyphens and spaces do not matter; true is yes."""
    text = "yes" if value is True else "no" if value is False else str(value)
    folded = _folded(text)
    return _FLAGS.get(folded, folded)


def _folded(text: str) -> str:
    plain = re.sub(_BREAK, " ", text.replace("’", "'").casefold()).strip()
    return plain.replace(" & ", " and ")


def read_wordings(table: Any, problems: list[str]) -> Wordings:
    """`wordings: {field: {value: [texts]}}` of a style file. A text may say several values of a field."""
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        problems.append(f"wordings: expected {{field: {{value: [texts]}}}}, found {shown_value(table)}")
        return {}
    wordings = {}
    for name, values in table.items():
        wordings[str(name)] = _read_values(values, f"wordings.{name}", problems, line_of(table, name))
    return wordings


def _read_values(values: Any, where: str, problems: list[str], line: int | None) -> dict[str, tuple[str, ...]]:
    if not isinstance(values, Mapping) or not values:
        problems.append(Problem(f"{where}: expected {{value: [texts]}}, found {shown_value(values)}", line))
        return {}
    read = {}
    for value, given in values.items():
        texts = [given] if isinstance(given, str) else given
        name = value_key(value) if isinstance(value, bool) else str(value)  # YAML reads a bare yes as true
        if not isinstance(texts, list) or not all(isinstance(text, str) and re.search(r"\w", text) for text in texts):
            message = f"{where}.{name}: expected texts with a letter or digit, found {shown_value(given)}"
            problems.append(Problem(message, line_of(values, value)))
            continue
        read[name] = tuple(texts)
    return read


@dataclass(frozen=True)
class Vocabulary:
    """The texts that say values of fields. values: of each field, the values as written by their keys."""

    values: Mapping[str, Mapping[str, str]]
    texts: Mapping[str, Mapping[str, frozenset[str]]]  # text -> field -> keys of the values that it may say

    @cached_property
    def starts(self) -> dict[str, tuple[re.Pattern[str], list[str]]]:
        """For each first word: a pattern of all texts that may begin there, longest first, and these texts."""
        by_start: dict[str, list[str]] = {}
        for text in sorted(self.texts, key=lambda text: (-len(text), text)):
            by_start.setdefault(start_of(text), []).append(text)
        table = {}
        for start in by_start:
            shorter = [start[:n] for n in range(1, len(start) + 1) if start[:n] in by_start]
            texts = sorted((t for one in shorter for t in by_start[one]), key=lambda text: (-len(text), text))
            table[start] = re.compile("|".join(f"({_piece(text)})" for text in texts)), texts
        return table

    @cached_property
    def pattern(self) -> str:
        """A pattern for the first words, longest first; empty if there are no texts."""
        edge = {start: r"\b" if re.match(r"\w", start) else "" for start in self.starts}
        pieces = [edge[start] + re.escape(start) for start in sorted(self.starts, key=lambda s: (-len(s), s))]
        return f"(?i){'|'.join(pieces)}" if pieces else ""

    @cached_property
    def _plain(self) -> dict[str, dict[str, frozenset[str]]]:
        plain: dict[str, dict[str, frozenset[str]]] = {}
        for text, keyed in self.texts.items():
            for name, keys in keyed.items():
                same = plain.setdefault(_folded(text), {})
                same[name] = same.get(name, frozenset()) | keys
        return plain

    def keys_within(self, text: str, name: str) -> set[str]:
        """The keys of all values of a field that words of a text say: "dark red" is red too, and Colombian Colombia."""
        words = [word.strip(_MARKS) for word in re.split(r"[ /]", _folded(text))][:_MOST_WORDS]
        parts = [" ".join(words[a:b]) for a in range(len(words)) for b in range(a + 1, len(words) + 1)]
        parts += [word[:-n] for word in words for n in range(1, _ENDING + 1) if len(word) >= _STEM + n]
        return set().union(*(self._plain.get(part, {}).get(name, ()) for part in parts))


def _as_written(text: str) -> bool:
    """Whether case matters: in lower case a short abbreviation (US, M) would be another word."""
    return _CAPITALS.fullmatch(text) is not None and any(c.isalpha() for c in text)


def start_of(text: str) -> str:
    """The beginning of a text by which it is looked for: its first word without a plural ending, in lower case."""
    found = _START.match(text)
    start = found.group().lower() if found else ""
    return start[:-1] if len(start) > 3 and start.endswith("s") else start


def _piece(text: str) -> str:
    """The pattern of one text as whole words; a plural ending may follow or be missing."""
    stem, ending = text, ""
    if text[-1:].isalpha() and not _as_written(text):
        stem = text[:-1] if re.search(r"\w{2}[^su\W]s$", text) else text
        ending = "s?" if stem != text else "(?:e?s|['’]s)?"
    words = [re.escape(word.replace("’", "'")).replace("'", "['’]") for word in re.split(_BREAK, stem) if word]
    words = [r"(?:and|&)" if word in ("and", r"\&") else word for word in words]
    # Digits at an edge are a whole number: 5 is not said by 3.5 or 5.5.
    opening = (r"(?<!\w)" if text[0].isalnum() else "") + (r"(?<!\d[.,])" if text[0].isdigit() else "")
    closing = (r"(?!\w)" if text[-1].isalnum() else "") + (r"(?![.,]\d)" if text[-1].isdigit() else "")
    body = f"{opening}{_BETWEEN.join(words)}{ending}{closing}"
    return body if _as_written(text) else f"(?i:{body})"


def vocabulary(
    name: str, wordings: Wordings, *, values: Sequence[str] = (), rows: pl.Series | None = None
) -> Vocabulary:
    """The texts that say values of the field `name`, and those of the other fields with wordings.

    The values of a field are those with wordings, the stated `values`, and those that `rows` have. A value also says
    itself, but not if two fields with wordings share it: "high" alone does not say which. Numbers without a word that
    rows have say nothing; checks of facts compare them.
    """
    shown: dict[str, Mapping[str, str]] = {}
    texts: dict[str, dict[str, frozenset[str]]] = {}
    seen = [] if rows is None else frequent_values(rows)
    for other in dict.fromkeys([name, *wordings]):
        own = [*values, *seen] if other == name else []
        shown[other] = {value_key(value): value for value in reversed([*wordings.get(other, {}), *own])}
        for text, keys in _texts(other, shown[other], wordings).items():
            texts.setdefault(text, {})[other] = keys
    return Vocabulary(shown, texts)


def _texts(name: str, shown: Mapping[str, str], wordings: Wordings) -> dict[str, frozenset[str]]:
    """Every text that says a value of one field, with the keys of the values that it may say."""
    stated = wordings.get(name, {})
    elsewhere = {value_key(v) for other, table in wordings.items() if other != name and stated for v in table}
    said = [(value, key) for key, value in shown.items() if key not in _NO_TEXT and key not in elsewhere]
    said += [(text, value_key(value)) for value, given in stated.items() for text in given]
    keys: defaultdict[str, set[str]] = defaultdict(set)  # by the text in small letters: case does not make another text
    for text, key in said:
        keys[_folded(text)].add(key)
    return {text: frozenset(keys[_folded(text)]) for text, _ in said}


def frequent_values(items: pl.Series) -> list[str]:
    """The most frequent values with a word in them, in an order that depends only on their counts."""
    counts = items.rename("item").value_counts().sort(["count", "item"], descending=[True, False])
    return counts["item"].filter(counts["item"].str.contains(_WORDY)).head(_MOST_VALUES).to_list()


def wordings_of(wordings: Wordings, name: str, value: str) -> tuple[str, ...]:
    """The accepted wordings of one value of a field."""
    key = value_key(value)
    return next((texts for given, texts in wordings.get(name, {}).items() if value_key(given) == key), ())


class _Place(NamedTuple):
    """Where a text of a vocabulary occurs, and how it is written there, with the words before it that deny it."""

    row: int
    text: str
    found: str
    start: int
    end: int
    denied: bool
    beside: bool


def mentions(texts: pl.Series | Columns, words: Vocabulary, name: str) -> list[Mention]:
    """The places where texts name a value of the field `name`, the longest text first; of `Columns`, in the outputs.

    A longer text of another field covers a shorter one: "low" in "low prices" is no rating. A denied yes is a no.
    """
    found = []
    places = _remembered(texts, words) if isinstance(texts, Columns) else _places(texts, words)
    saying = {text: keyed[name] for text, keyed in words.texts.items() if name in keyed}
    for index, text, written, start, end, denied, beside in places:
        if keys := saying.get(text):
            flipped = denied and keys <= _OPPOSITE.keys()
            keys = frozenset(map(_OPPOSITE.__getitem__, keys)) if flipped else keys
            found.append(Mention(index, written, start, end, keys, denied and not flipped, beside))
    return found


def _remembered(columns: Columns, words: Vocabulary) -> list[_Place]:
    """The places in the outputs, searched once for all checks that use the same texts."""
    key = ("places", *sorted(words.texts))
    if key not in columns.memory:
        columns.memory[key] = _places(columns.output, words)
    return columns.memory[key]


def _places(texts: pl.Series, words: Vocabulary) -> list[_Place]:
    found: list[_Place] = []
    last, text, reached = -1, "", 0
    may_tell = texts.str.contains(_MAY_TELL).to_list()  # most texts deny nothing, and need no look back
    for index, start_word, start, _ in regex_places(texts, words.pattern) if words.pattern else ():
        if index != last:
            last, text, reached = index, texts[index], 0
        pattern, options = words.starts[start_word.lower()]
        if start < reached or (match := pattern.match(text, start)) is None:
            continue
        begins, denied, beside = start, False, False
        if may_tell[index]:
            begins, denied, beside = _before(text, max(start - _LOOK_BACK, reached), start, found, index)
        reached = match.end()
        option = options[(match.lastindex or 1) - 1]
        found.append(_Place(index, option, text[begins:reached], begins, reached, denied, beside))
    return found


def _before(text: str, since: int, start: int, found: Sequence[_Place], index: int) -> tuple[int, bool, bool]:
    """Where the denial of the value at `start` begins, whether there is one, and whether the value is only near."""
    tokens = list(_TOKEN.finditer(text, since, start))
    for _ in range(_MOST_SMALL):
        if tokens and tokens[-1].group().lower() in _SMALL and _two(tokens) not in _NOT_IN_TWO | _BESIDE_IN_TWO:
            tokens.pop()
    if tokens:
        one, two = tokens[-1].group().lower().replace("’", "'"), _two(tokens)
        if one in DENIALS or one.endswith("n't"):
            return tokens[-1].start(), True, False
        if two in _NOT_IN_TWO:
            return tokens[-2].start(), True, False
        if one in _BESIDE or two in _BESIDE_IN_TWO:
            return start, False, True
    last = found[-1] if found else None
    # In "not red or blue", blue is denied too.
    if last is None or last.row != index or not last.denied:
        return start, False, False
    return start, _ALSO_DENIED.fullmatch(text, last.end, start) is not None, False


def _two(tokens: Sequence[re.Match[str]]) -> str:
    """The last two of the words."""
    return " ".join(token.group().lower() for token in tokens[-2:])
