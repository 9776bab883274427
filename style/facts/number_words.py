"""Numbers as words (`three`, `dual`, `twenty-one`, `zwölf`), and what the words and spans of many texts state."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar

from .numbers import Fact, loose_code_keys, span_facts, without_leading_word
from .values import MONTHS, Key, month_number

_UNITS_TEXT = "zero one two three four five six seven eight nine"
_UNITS = dict(enumerate(_UNITS_TEXT.split()))
_TEENS_TEXT = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TEENS = dict(enumerate(_TEENS_TEXT.split(), 10))
_TENS = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety"}
# Words that only count things: dual is not 2 V.
_COUNTING = {
    1: "single once mono first", 2: "dual double twin pair twice both second couple", 3: "triple thrice third",
    4: "quad quadruple fourth", 5: "fifth", 6: "hex sixth", 7: "seventh", 8: "octal eighth", 9: "ninth", 10: "tenth",
    11: "eleventh", 12: "dozen twelfth",
}  # fmt: skip
_GERMAN_UNITS_TEXT = "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf"
_GERMAN_UNITS = dict(enumerate(_GERMAN_UNITS_TEXT.split()))
_GERMAN_TENS = {20: "zwanzig", 30: "dreißig", 40: "vierzig", 50: "fünfzig", 60: "sechzig", 70: "siebzig", 80: "achtzig",
                90: "neunzig"}  # fmt: skip
_FRENCH = {1: "un une", 2: "deux", 3: "trois", 4: "quatre", 5: "cinq", 7: "sept", 8: "huit", 9: "neuf", 10: "dix", 11: "onze",
           12: "douze", 13: "treize", 14: "quatorze", 15: "quinze", 16: "seize", 20: "vingt", 30: "trente", 40: "quarante",
           50: "cinquante", 60: "soixante", 100: "cent"}  # fmt: skip


def _english() -> Iterator[tuple[str, int]]:
    """The cardinal numbers that English writes as words."""
    yield from ((word, value) for value, word in {**_UNITS, **_TEENS, **_TENS}.items())
    for tens, word in _TENS.items():
        for unit in range(1, 10):
            yield from ((f"{word}{joint}{_UNITS[unit]}", tens + unit) for joint in "- ")
    for times in range(1, 10):
        yield f"{_UNITS[times]} hundred", 100 * times
    yield from (("a hundred", 100), ("a thousand", 1000), ("one thousand", 1000))


def _elsewhere() -> Iterator[tuple[str, int]]:
    """Those of German and French, which a request may hold beside English words."""
    yield from ((word, value) for value, word in {**_GERMAN_UNITS, **_GERMAN_TENS}.items())
    for tens, word in _GERMAN_TENS.items():
        for unit in range(1, 10):
            yield f"{'ein' if unit == 1 else _GERMAN_UNITS[unit]}und{word}", tens + unit
    yield from ((word, 1) for word in ("ein", "eine", "einen"))
    yield from ((word, value) for value, words in _FRENCH.items() for word in words.split())


_CARDINALS = dict(_english())


def _word_keys() -> dict[str, frozenset[Key]]:
    """The keys that each number word and month gives."""
    table: dict[str, set[Key]] = {}
    for kinds, words in (("0v", [*_CARDINALS.items(), *_elsewhere()]), ("v", _counting())):
        for word, value in words:
            keys = {(kind, (value, 1), sign) for kind in kinds for sign in ("*", "")}
            for form in (word, f"{word}s"):
                table.setdefault(form, set()).update(keys)
    for month in MONTHS.lower().split("|"):
        table.setdefault(month, set()).add(("m", month_number(month)))
    return {word: frozenset(keys) for word, keys in table.items()}


def _counting() -> Iterator[tuple[str, int]]:
    yield from ((word, value) for value, words in _COUNTING.items() for word in words.split())
    yield from (("half a dozen", 6), ("two dozen", 24))


_WORD_KEYS = _word_keys()


def _any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first, tried by their first letters: there are hundreds."""
    starts: dict[str, list[str]] = {}
    for word in sorted(words, key=lambda word: (-len(word), word)):
        starts.setdefault(word[:2], []).append(word[2:])
    return "|".join(f"{start}(?:{'|'.join(rests)})" for start, rests in starts.items())


WORDS = rf"\b(?:{_any_of(_WORD_KEYS)})\b"  # of a text in small letters
_WORD = re.compile(WORDS)

# Words that state a number by themselves. One is a pronoun, two are often counted by the writer ("two of the leaders");
# a hyphen makes another word of it (three-piece), a capital after one a name (the Seven Sisters).
_STATING = sorted(
    (word for word, value in _CARDINALS.items() if 3 <= value < 1000), key=lambda word: (-len(word), word)
)
# Each text with such a word holds one of these in small letters or capitals; most texts hold none.
STATED = ["hundred", *sorted(word for word in _STATING if word.isalpha())]
_ONE_OF_THEM, _LETTERS = frozenset(STATED), re.compile("[a-z]+")
_STATED = re.compile(rf"(?<![\w-])(?:(?i:{'|'.join(_STATING)}))(?![\w-]| [A-Z])")


def words_in(text: str) -> list[str]:
    """The number words and months of a text, in small letters."""
    return _WORD.findall(text.lower())


def word_keys(words: Iterable[str]) -> set[Key]:
    """The keys that words give: two, dual and a pair are 2, November is a month."""
    return {key for word in words for key in _WORD_KEYS[word]}


def as_digits(text: str) -> str:
    """The digits of a text that is one English number word; any other text unchanged."""
    value = _CARDINALS.get(text.strip().lower())
    return text if value is None else str(value)


def stated_numbers(text: str) -> Iterator[tuple[int, int, int]]:
    """The number words of a text that state a number by themselves: value, start, end."""
    if _ONE_OF_THEM.isdisjoint(_LETTERS.findall(text.lower())):
        return
    for match in _STATED.finditer(text):
        yield _CARDINALS[match.group().lower()], match.start(), match.end()


Given = TypeVar("Given")
Worked = TypeVar("Worked")


_MOST = 50_000  # results kept at a time: where all spans differ, they are of no use and take kilobytes each


class Memory(dict[Given, Worked]):
    """A cache of `work`, emptied when it is full: spans repeat, and nothing is faster than a dictionary look-up."""

    def __init__(self, work: Callable[[Given], Worked]) -> None:
        super().__init__()
        self.work = work

    def __missing__(self, given: Given) -> Worked:
        if len(self) >= _MOST:
            self.clear()
        result = self[given] = self.work(given)
        return result


class Spans:
    """What spans need and give, computed once per distinct span; keys are numbered, since integers compare faster.

    facts: the facts of the wanted kinds; needs: the keys of each of them; gives: all keys that a span gives, and
    `gives_numbers` those of its numbers alone.
    """

    def __init__(self, kinds: Collection[str]) -> None:
        self.numbers: dict[Key, int] = {}
        self.numbered: Memory[frozenset[Key], frozenset[int]] = Memory(
            self.ids
        )  # the facts of many spans share their keys
        self.facts: Memory[str, list[Fact]] = Memory(
            lambda span: [fact for fact in span_facts(span) if fact.kind in kinds]
        )
        self.needs: Memory[str, list[frozenset[int]]] = Memory(self._needs)
        self.gives: Memory[str, frozenset[int]] = Memory(lambda span: self._given(span_facts(span)))
        self.gives_numbers: Memory[str, frozenset[int]] = Memory(self._gives_numbers)
        self.gives_loosely: Memory[str, frozenset[int]] = Memory(self._loosely)

    def ids(self, keys: Iterable[Key]) -> frozenset[int]:
        """The numbers of the keys."""
        return frozenset([self.numbers.setdefault(key, len(self.numbers)) for key in keys])

    def _needs(self, span: str) -> list[frozenset[int]]:
        rest = without_leading_word(span)
        return self.needs[rest] if rest != span else [self.numbered[fact.needs] for fact in self.facts[span]]

    def _gives_numbers(self, span: str) -> frozenset[int]:
        rest = without_leading_word(span)  # with it a number gives a code as well, which no number needs
        if rest != span:
            return self.gives_numbers[rest]
        return self._given([fact for fact in span_facts(span) if fact.kind == "numbers"])

    def _given(self, facts: Sequence[Fact]) -> frozenset[int]:
        given = [self.numbered[fact.gives] for fact in facts]
        return given[0] if len(given) == 1 else frozenset[int]().union(*given)

    def _loosely(self, span: str) -> frozenset[int]:
        """The keys of the codes of a span when shortened."""
        codes = [fact.text for fact in span_facts(span) if fact.kind == "codes"]
        return self.ids(key for code in codes for key in loose_code_keys(code))

    def all_given(self, words: Sequence[str], of_text: Sequence[str]) -> frozenset[int]:
        """The ids of all that a text states: by its number words, its spans, and the codes in these when shortened."""
        plain, loose = map(self.gives.__getitem__, of_text), map(self.gives_loosely.__getitem__, of_text)
        return self.ids(word_keys(words)).union(*plain, *loose)
