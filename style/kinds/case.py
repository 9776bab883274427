"""The check `case`: sentence case, title case, capitals or small letters."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ..columns import Columns, regex_places
from ..schema import Broken, Check, Edit, Findings, Fix, Kind, Proposal, ordered_faults
from ..words import mostly_html, mostly_json, quoted

# Words that may begin with a small letter in a title.
_SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and as at but by de der des die das du e en et for from if in into la le les nor of off on onto or out over "
        "per so the to up und van via von vs with y yet zu zum zur für mit aus auf im am",
    )
)
# Words with a capital letter in any sentence.
_ALWAYS_CAPITAL = frozenset(
    re.findall(
        r"\w+",
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July August "
        "September October November December",
    )
)
# German writes every noun with a capital letter, so capitals mean nothing; any of these words identifies German.
_GERMAN = r"\b(?:und|oder|mit|für|der|das|dem|eine[rnms]?|nicht|auf|zum|zur|vom|ist)\b"
# The characters of a word: letters, digits, and the marks inside words.
_PART = r"[\p{L}\p{M}\p{N}'’_\-./&+@]"
_WORD = re.compile(r"[^\W_][\w'’\-./&+@\u0300-\u036f]*")
_LONG_WORD = re.compile(r"[^\W_][\w'’\-./&+@\u0300-\u036f]{3,}")  # of four characters or more: no other has a size
_PIECES = re.compile(r"[\-./&+@'’_]+")
# Title case: at least this many words could be small, and this share of them is not. Shorter words do not count: many
# of them are acronyms, units or small words.
_TITLE_WORDS, _TITLE_SHARE, _LETTERS = 3, 0.75, 4
_CAPITALS_SHARE = 0.1  # of the words of a text in small letters
_AROUND_SENTENCES = " \t\u00a0\"'“”„‘’«»()[]*_#-•"
_SENTENCE_ENDS = ".!?…:\n"


@dataclass(frozen=True)
class CaseParameters:
    """How an output is capitalised. Words with digits are ignored; a text without letters that have a case is not
    applicable.

    sentence: the first letter is a capital, or the first word has one inside (`iPhone`) or is code (`np.angle`).
    The text is not in title case, that is, it does not have three or more capitalised words that make up three quarters
    of its other words with four or more letters (without acronyms and words written that way in the request). It is not
    all in capitals. Title case is not checked in German, where nouns have capitals. Days and months keep theirs.
    title: every word begins with a capital letter or has one inside (`mV`); small words (of, the, and) are exempt,
    except the first.
    upper: no small letters, except in units after a number and in words written that way, with a capital, in the
    request.
    lower: no word begins with a capital letter, except those written that way in the request, acronyms and single
    letters.
    """

    is_: Literal["sentence", "title", "upper", "lower"]


Rows = list[tuple[int, str, int, int, str]]


def _find_case(check: Check, columns: Columns) -> Findings:
    p: CaseParameters = check.parameters
    find = {"sentence": _not_sentence, "title": _not_title, "upper": _not_upper, "lower": _not_lower}[p.is_]
    return Findings(
        ordered_faults(find(columns)),
        columns.output.str.contains(r"[\p{Lu}\p{Ll}]").rename("applies"),
    )


def _not_upper(columns: Columns) -> Rows:
    rows = []
    texts, requests = columns.output.to_list(), columns.input.to_list()
    for index, word, start, end in regex_places(columns.output, rf"{_PART}*\p{{Ll}}{_PART}*"):
        named = word != word.lower() and word in _words(requests[index])
        if not (named or _has_digit(word) or _is_unit(word, texts[index], start)):
            rows.append((index, word, start, end, "capitals"))
    return rows


def _not_lower(columns: Columns) -> Rows:
    rows = _in_capitals(columns, "small letters")
    requests = columns.input.to_list()
    for index, word, start, end in regex_places(columns.output, rf"{_PART}*\p{{Lu}}\p{{Ll}}{_PART}*"):
        if _capitalised(word) and not _has_digit(word) and word not in _words(requests[index]):
            rows.append((index, word, start, end, quoted(word.lower())))
    return rows


def _not_title(columns: Columns) -> Rows:
    rows = []
    texts, firsts = (
        columns.output.to_list(),
        columns.output.str.extract(r"\A([^\p{L}\p{N}]*)").str.len_chars().to_list(),
    )
    outside = rf"(?:\A|[^{_PART[1:-1]}])"
    for index, found, start, _ in regex_places(columns.output, rf"{outside}\p{{Ll}}{_PART}*"):
        margin = 0 if found[0].islower() else 1  # the character before the word
        word, start = found[margin:].rstrip("'’.-/&+@_"), start + margin
        wrong = start == firsts[index] or word not in _SMALL_WORDS
        if wrong and word == word.lower() and not _has_digit(word) and not _is_unit(word, texts[index], start):
            rows.append((index, word, start, start + len(word), quoted(word[:1].upper() + word[1:])))
    return rows


def _not_sentence(columns: Columns) -> Rows:
    rows = _in_capitals(columns, "capitals only where a sentence or a name begins")
    for index, found, _, end in regex_places(columns.output, rf"\A[^\p{{L}}\p{{N}}]*\p{{Ll}}{_PART}*"):
        word = found[next(at for at, c in enumerate(found) if c.isalpha()) :]
        code = "`" in found or any(mark in word.rstrip(".") for mark in "._@/")
        if word == word.lower() and not code and not _has_digit(word):
            rows.append((index, word, end - len(word), end, quoted(word[:1].upper() + word[1:])))
    # Operations on whole columns select the texts that may be in title case; only their words are examined one by one.
    capital = columns.output.str.count_matches(rf"\b\p{{Lu}}\p{{Ll}}{_PART}{{2,}}")
    small = columns.output.str.count_matches(r"(?:^|\s)\p{Ll}{4,}")
    # Small words right after a word or a comma are certainly inside a sentence.
    inside = columns.output.str.count_matches(r"[\p{L}\p{N},] \p{Ll}{4,}")
    likely = (capital >= _TITLE_WORDS) & (capital >= small) & (capital >= _TITLE_SHARE * (inside + capital))
    likely &= ~columns.output.str.contains(_GERMAN)
    for index, text, request in zip(
        likely.arg_true(), columns.output.filter(likely), columns.input.filter(likely), strict=True
    ):
        rows += [(index, *fault) for fault in _in_title_case(text, request)]
    return rows


def _in_title_case(text: str, request: str) -> list[tuple[str, int, int, str]]:
    """The first capitalised word of a text in title case that should be small; none if the text is not in title case."""
    small, capital, first = 0, 0, None
    for match in _LONG_WORD.finditer(text):
        word = match.group()
        if (size := _size(word)) is None or _opens(text, match.start()):
            continue
        if size == "small":
            small += 1
        elif not _named(word, request):
            capital += 1
            first = first or match
    if first is None or capital < max(_TITLE_WORDS, _TITLE_SHARE * (small + capital)):
        return []
    return [(first.group(), *first.span(), f"{quoted(first.group().lower())} (sentence case)")]


@lru_cache(maxsize=65_536)
def _size(word: str) -> Literal["small", "capital"] | None:
    """Whether a word counts for or against title case; None if it is short, an acronym, or has a digit."""
    if len(word) < _LETTERS or word in _ALWAYS_CAPITAL or _has_digit(word) or sum(map(str.isalpha, word)) < _LETTERS:
        return None
    if word[0].islower():
        return "small"
    return "capital" if _capitalised(word) else None


def _named(word: str, request: str) -> bool:
    """Whether the request writes the word this way."""
    return word in _words(request)


def _opens(text: str, start: int) -> bool:
    """Whether a word at this position begins a sentence, so that its capital letter means nothing."""
    while start and text[start - 1] in _AROUND_SENTENCES:
        start -= 1
    return not start or text[start - 1] in _SENTENCE_ENDS


@lru_cache(maxsize=65_536)
def _capitalised(word: str) -> bool:
    """Whether a word or a part of it (`Rail-to-Rail`) has a capital letter followed by small ones; acronyms have none."""
    return any(piece[:1].isupper() and piece[1:].islower() for piece in _PIECES.split(word))


def _in_capitals(columns: Columns, expected: str) -> Rows:
    """Texts without a small letter that contain at least three words of four capitals or more: not just acronyms."""
    loud = columns.output.str.count_matches(r"\b\p{Lu}{4,}\b") >= _TITLE_WORDS
    loud &= ~columns.output.str.contains(r"\p{Ll}")
    rows = []
    for index in loud.arg_true():
        text = columns.output[index]
        start = len(text) - len(text.lstrip())
        rows.append((index, text.strip(), start, start + len(text.strip()), expected))
    return rows


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(match.group().rstrip("'’.-/&+@_") for match in _WORD.finditer(text))


def _is_unit(word: str, text: str, start: int) -> bool:
    """Whether a short word right after a number is a unit."""
    return len(word) <= 4 and re.search(r"\d\s?\Z", text[max(start - 2, 0) : start]) is not None


def _has_digit(word: str) -> bool:
    return not word.isalpha() and any(map(str.isnumeric, word))


_SAYINGS = {
    "sentence": "Write in sentence case: a capital letter at the beginning, small letters except for names.",
    "title": "Write in title case: every word but small ones (of, the, and) begins with a capital letter.",
    "upper": "Write everything in capitals.",
    "lower": "Write everything in small letters; only acronyms and names keep their capitals.",
}


def _propose_case(columns: Columns) -> list[Proposal]:
    """Each case that at least half of the outputs seem to follow, if most could be in another."""
    texts = columns.output
    several = texts.str.contains(r"\p{L}{2}.*?\P{L}\p{L}{2}") & texts.str.contains(r"[\p{Lu}\p{Ll}]")
    if several.sum() < max(0.5 * len(texts), 1) or mostly_json(texts) or mostly_html(texts):
        return []
    # Abbreviations may be in capitals; key words of a language would make "small letters" a false description.
    few_capitals = texts.str.count_matches(r"\b\p{Lu}{2,}\b") <= _CAPITALS_SHARE * texts.str.count_matches(r"\S+")
    seen = {
        "upper": ~texts.str.contains(r"\p{Ll}"),
        "lower": ~texts.str.contains(r"\b\p{Lu}\p{Ll}") & few_capitals,
        "title": ~texts.str.contains(r"\s\p{Ll}{5,}\b") & texts.str.contains(r"\p{Lu}\p{Ll}"),
        "sentence": ~texts.str.contains(r"\A\P{L}*\p{Ll}+\b") & texts.str.contains(r"\s\p{Ll}") & few_capitals,
    }
    # Sentences begin with a capital letter anyway; only lines that are not sentences could be titles.
    line = ~texts.str.contains(r"[.!?。][\"'”’)]*\s*\z|\n")
    return [
        Proposal({"is": name}, style=name != "sentence" or line.sum() > 0.5 * len(texts))
        for name, holds in seen.items()
        if holds.sum() >= 0.5 * len(texts)
    ]


def _fix_case(check: Check, broken: Broken) -> Iterator[Edit]:
    """Each word as the rule writes it. Words that become small in sentence case may be names: see `_lower_titles`."""
    p: CaseParameters = check.parameters
    for found, start, end, expected in broken.spans:
        if p.is_ == "upper":
            yield Edit(start, end, found.upper())
        elif expected.startswith('"') and not expected.endswith(")"):
            yield Edit(start, end, expected[1:-1])


def _lower_titles(check: Check, broken: Broken) -> Iterator[Edit]:
    """Small letters for the words of a text in title case, or all in capitals, that do not open a sentence."""
    shouted = check.parameters.is_ in ("sentence", "lower") and not re.search("[a-z]", broken.text)
    if not shouted and not any(expected.endswith("(sentence case)") for *_, expected in broken.faults):
        return
    request = broken.request
    for match in (_WORD if shouted else _LONG_WORD).finditer(broken.text):
        word, start = match.group().rstrip("'’.-/&+@_"), match.start()
        if not word[:1].isupper() or not (shouted or _size(word) == "capital"):
            continue
        if _named(word, request) or _has_digit(word) or _is_unit(word, broken.text, start):
            continue
        opens = check.parameters.is_ == "sentence" and _opens(broken.text, start)
        if shouted and len(word) > 1 and word.isupper():
            yield Edit(start, start + len(word), word.capitalize() if opens else word.lower())
        elif not shouted and not opens:
            yield Edit(start, start + len(word), word.lower())


CASE = Kind(
    "case", "form", CaseParameters, _find_case, lambda check: _SAYINGS[check.parameters.is_], _propose_case,
    fix=Fix(
        _fix_case, _lower_titles,
        "Safe: changes capital or small letters. Unsafe: changes to small letters where capitals may be names.",
    ),
    prose=True,
)  # fmt: skip
