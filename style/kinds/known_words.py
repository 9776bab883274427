"""The check `known_words`: no word or compound that neither the request nor the team's own texts hold."""

import re
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from ...core import ConfigError
from ..kind import Kind, Proposal
from ..schema import Check, Columns, Findings, faults, regex_places
from ..words import mostly_json, quoted

__all__ = ["KNOWN_WORDS"]

# Letters with inner hyphens, slashes and apostrophes. What touches a digit is a number or a code, which `grounded` reads.
_WORD = r"[\p{L}\p{M}]+(?:[-/'’][\p{L}\p{M}]+)*"
_TOKEN = r"[\p{L}\p{M}\p{N}_]+(?:[-/'’.+][\p{L}\p{M}\p{N}_]+)*"
_PARTS = re.compile(r"[-/]")
_LETTERS = re.compile(r"[^\W\d_]+")
_SUFFIXES = ("'s", "s", "es", "ed", "ing", "ly")
_MOST_PARTS = 6  # of a compound; a longer one is a run of words that nothing holds together
_SHORT, _LONG = 3, 40  # characters of a word for which the nearest known one is shown
_RECURS, _MOST_WORDS, _FEWEST_ROWS = 3, 300, 50


@dataclass(frozen=True)
class KnownWordsParameters:
    """The known `words`, or a file with one on each line (`path`), and what else may be written (`allow`).

    Case does not matter, and an ending (`s`, `ed`, `ing`) makes no other word. A compound is known if it is made of known
    words and compounds, none of them twice: `DC/DC` does not make `DC/DC/DC/DC` known. Numbers and codes are not words.
    """

    words: tuple[str, ...] = ()
    path: str | None = field(default=None, metadata={"file": True})
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.words) == (self.path is not None):
            raise ConfigError('needs either "words" or "path", a file with one word on each line')
        if not self.known:
            raise ConfigError("holds no word")

    @cached_property
    def known(self) -> frozenset[str]:
        """The known words and compounds in small letters."""
        listed = self.words if self.path is None else _read_words(Path(self.path))
        return frozenset(_folded(word) for text in (*listed, *self.allow) for word in text.split())


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the words in {path} cannot be read ({error})") from None


def _folded(word: str) -> str:
    return word.casefold().replace("’", "'")


def _find_known_words(check: Check, columns: Columns) -> Findings:
    p: KnownWordsParameters = check.parameters
    tokens = (
        pl.DataFrame({"token": columns.output.str.extract_all(_TOKEN)}).with_row_index().explode("token").drop_nulls()
    )
    distinct = tokens["token"].unique()
    words = distinct.filter(distinct.str.contains(rf"^{_WORD}$"))
    unknown = [word for word in words if not _is_known(_folded(word), p.known)]
    doubtful = tokens.filter(pl.col("token").is_in(unknown))["index"].unique().sort()
    expected = {word: _expected(word, p.known) for word in unknown}
    rows = []
    for place, word, start, end in regex_places(columns.output.gather(doubtful), _TOKEN):
        if word in expected:
            index = doubtful[place]
            given = _words_of(columns.input[index])
            if not _is_known(_folded(word), _Either(p.known, given)):
                rows.append((index, word, start, end, expected[word]))
    return Findings(faults(rows))


@lru_cache(maxsize=1_000)
def _words_of(request: str) -> frozenset[str]:
    """The words of a request, whole and in parts; `PicoBuck` also as two words."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", request)
    tokens = re.findall(r"[^\W\d_]+(?:[-/'’][^\W\d_]+)*", request)
    return frozenset(map(_folded, [*tokens, *_LETTERS.findall(request), *_LETTERS.findall(apart)]))


class _Either(NamedTuple):
    """The words of two sets, without the cost of joining them for each row."""

    known: Collection[str]
    given: Collection[str]

    def __contains__(self, word: object) -> bool:
        return word in self.known or word in self.given


def _is_known(word: str, known: Container[str]) -> bool:
    """Whether a folded word is known, or made of known ones, none of them twice."""
    if _has(word, known):
        return True
    parts = _PARTS.split(word)
    if not 1 < len(parts) <= _MOST_PARTS:
        return False
    return any(len(set(pieces)) == len(pieces) for pieces in _splits(parts, word, known))


def _splits(parts: Sequence[str], word: str, known: Container[str]) -> Iterator[list[str]]:
    """The ways to cut a compound into known words and compounds."""
    if not parts:
        yield []
    at = 0
    for count in range(1, len(parts) + 1):
        at += len(parts[count - 1]) + (count > 1)
        if _has(piece := word[:at], known):
            yield from ([piece, *rest] for rest in _splits(parts[count:], word[at + 1 :], known))


def _has(word: str, known: Container[str]) -> bool:
    if len(word) < 2 or word in known:
        return True
    stems = [word.removesuffix(suffix) for suffix in _SUFFIXES if word.endswith(suffix)]
    return any(form in known for stem in stems for form in (stem, f"{stem}e")) or any(
        word + s in known for s in ("s", "es")
    )


def _expected(word: str, known: frozenset[str]) -> str:
    from rapidfuzz import fuzz, process  # only for an unknown word

    near = None
    if _SHORT < len(word) <= _LONG:  # a shorter word is near to many, and a longer one is no slip
        near = process.extractOne(_folded(word), sorted(known), scorer=fuzz.ratio, score_cutoff=75)
    hint = f"; known is {quoted(near[0])}" if near else ""
    return f"a word of the request or one of the {len(known):,} known{hint}"


def _say_known_words(check: Check) -> str:
    return "Use no word that is neither in the request nor usual in texts of this kind; invent no compound."


def _explain_known_words(check: Check, found: str | None, expected: str) -> str:
    """`"BIG-POWER" is neither in the request nor one of the 640 known words`."""
    counted, _, near = expected.partition("; ")
    count = counted.removeprefix("a word of the request or ").removesuffix(" known")
    text = f"{check.id}: {quoted(found or '')} is neither in the request nor {count} known words"
    return f"{text}; {near}" if near else text


def _propose_known_words(columns: Columns) -> list[Proposal]:
    """The words of the outputs, where they are so few that a person can look them over."""
    if len(columns.output) < _FEWEST_ROWS or mostly_json(columns.output):
        return []
    words: dict[str, Any] = {"word": columns.output.str.extract_all(_TOKEN)}
    table = pl.DataFrame(words).with_row_index().explode("word").drop_nulls()
    table = (
        table.filter(pl.col("word").str.contains(rf"^{_WORD}$"))
        .with_columns(pl.col("word").str.to_lowercase())
        .unique()
    )
    counts = table.group_by("word").len().filter(pl.col("len") >= _RECURS)
    if not 0 < len(counts) <= _MOST_WORDS:
        return []
    note = f"{len(counts)} words that at least {_RECURS} outputs hold"
    return [Proposal({"words": sorted(map(_folded, counts["word"]))}, style=False, note=note)]


KNOWN_WORDS = Kind(
    "known_words", "wording", KnownWordsParameters, _find_known_words, _say_known_words, _propose_known_words,
    _explain_known_words,
)  # fmt: skip
