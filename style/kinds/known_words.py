"""The check `known_words`: no word or compound that neither the request nor the team's own texts hold."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from ...core import ConfigError, read_written
from ..columns import Columns
from ..facts.names import KnownForms
from ..schema import Check, Findings, Kind, Proposal, faults
from ..words import mostly_json, quoted

# Letters with inner hyphens, slashes and apostrophes. What touches a digit is a number or a code, which `grounded` reads.
_WORD = r"[\p{L}\p{M}]+(?:[-/'’][\p{L}\p{M}]+)*"
_TOKEN = r"[\p{L}\p{M}\p{N}_]+(?:[-/'’.+][\p{L}\p{M}\p{N}_]+)*"
_PARTS = re.compile(r"[-/]")
_LETTERS = re.compile(r"[^\W\d_]+")
_REQUEST_WORD = re.compile(r"(?<![^\W\d_])[^\W\d_]++(?:[-/'][^\W\d_]++)+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MOST_PARTS = 6  # of a compound; a longer one is a run of words that nothing holds together
_SHORT, _LONG = 3, 40  # characters of a word for which the nearest known one is shown
_RECURS, _MOST_WORDS, _FEWEST_ROWS = 3, 300, 50
_OWN_SHARE = 0.05  # of the outputs with a word of their own, up to which one output is enough for a word to be known
_SLIP_TIMES = 10
_BEGINNING = pl.col("word").str.slice(0, 4)
_BATCH = 5_000  # rows whose words are held as Python lists at once


@dataclass(frozen=True)
class KnownWordsParameters:
    """The known `words`, or a file with one on each line (`path`), and what else may be written (`allow`).

    Case does not matter, nor do endings and prefixes: `regulator` makes `regulated` known; words such as `the` or `two`
    always are. A compound is known if it is made of known words and compounds, none of them twice: `DC/DC` does not make
    `DC/DC/DC/DC` known. Numbers and codes are not words.
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
        listed = self.words
        if self.path is not None:
            listed = read_written(Path(self.path), what="list of words", most=_MOST_BYTES).splitlines()
        return frozenset(_folded(word) for text in (*listed, *self.allow) for word in text.split())

    @cached_property
    def forms(self) -> KnownForms:
        """The known words, to compare other forms of them with."""
        return KnownForms(self.known)


_MOST_BYTES = 20_000_000  # a list of all English words, with those that hardly anyone uses, has 5 million


def _folded(word: str) -> str:
    return word.casefold().replace("’", "'")


class _Unknown(NamedTuple):
    """A word that is not in the list. `single`, `pairs`: the words of all requests that would make it known."""

    folded: str
    expected: str
    single: frozenset[str] = frozenset()
    pairs: Sequence[tuple[str, str]] = ()
    compound: bool = False  # one that the words of all requests together would make known, with the list


def _find_known_words(check: Check, columns: Columns) -> Findings:
    p: KnownWordsParameters = check.parameters
    tokens = pl.DataFrame({"token": columns.output.str.extract_all(_TOKEN)}).with_row_index()
    each = tokens.explode("token").drop_nulls()
    distinct = each["token"].unique()
    words = distinct.filter(distinct.str.contains(rf"^{_WORD}$"))
    unlisted = [word for word in words if not _is_known(_folded(word), (p.forms,))]
    doubtful = each.filter(pl.col("token").is_in(unlisted))["index"].unique().sort()
    table = tokens[doubtful].with_columns(text=columns.output.gather(doubtful), request=columns.input.gather(doubtful))
    unknown = _Unlisted(unlisted, table["request"].unique(), p)
    rows = []
    for batch in table.iter_slices(_BATCH):
        for index, of_text, text, request in zip(*(batch[name].to_list() for name in batch.columns), strict=True):
            rows += [(index, *fault) for fault in unknown.faults(text, of_text, request)]
    return Findings(faults(rows))


class _Unlisted:
    """The words of some outputs that are not in the list, with what their requests may make known."""

    def __init__(self, words: Sequence[str], requests: Iterable[str], p: KnownWordsParameters) -> None:
        self.listed = p.forms
        pieces = {piece for request in requests for piece in request.split()}
        together = KnownForms(chain.from_iterable(map(_words_in, pieces)), common=False)
        self.words = {word: self._read(word, expected, together) for word, expected in _expected(words, p.known)}
        telling = frozenset(chain.from_iterable(chain(one.single, *one.pairs) for one in self.words.values()))
        self.telling = {piece: telling.intersection(_words_in(piece)) for piece in pieces}

    def _read(self, word: str, expected: str, together: KnownForms) -> _Unknown:
        folded = _folded(word)
        if _PARTS.search(folded):
            return _Unknown(folded, expected, compound=_is_known(folded, (self.listed, together)))
        return _Unknown(folded, expected, *together.makers(folded))

    def faults(self, text: str, tokens: Sequence[str], request: str) -> Iterator[tuple[str, int, int, str]]:
        """The words of a text that its request does not make known."""
        position, given = 0, None
        for token in tokens:
            start = text.index(token, position)  # the first occurrence after the token before, as in the match
            position = start + len(token)
            if (one := self.words.get(token)) is None:
                continue
            if one.compound and _is_known(one.folded, (self.listed, _words_of(request))):
                continue
            if one.single or one.pairs:
                if given is None:
                    given = frozenset(chain.from_iterable(map(self.telling.__getitem__, request.split())))
                if not one.single.isdisjoint(given) or (
                    one.pairs and any(a in given and b in given for a, b in one.pairs)
                ):
                    continue
            yield token, start, position, one.expected


@lru_cache(maxsize=1_000)
def _words_of(request: str) -> KnownForms:
    """The words of a request, whole and in parts."""
    return KnownForms(chain.from_iterable(map(_words_in, request.split())), common=False)


@lru_cache(maxsize=65_536)
def _words_in(piece: str) -> Sequence[str]:
    """The words in a piece of a request without spaces; `PicoBuck` also as two words. Requests share most pieces."""
    text, apart = _folded(piece), _HUMP.sub(" ", piece)
    words = [*_REQUEST_WORD.findall(text), *_LETTERS.findall(text)]
    return words if apart == piece else [*words, *_LETTERS.findall(_folded(apart))]


def _is_known(word: str, known: Sequence[KnownForms]) -> bool:
    """Whether a folded word is known, or made of known ones, none of them twice."""
    if _has(word, known):
        return True
    parts = _PARTS.split(word)
    if len(parts) == 1:
        return any(forms.derives(word) for forms in known)
    if len(parts) > _MOST_PARTS:
        return False
    return any(len(set(pieces)) == len(pieces) for pieces in _splits(parts, word, known))


def _splits(parts: Sequence[str], word: str, known: Sequence[KnownForms]) -> Iterator[list[str]]:
    """The ways to cut a compound into known words and compounds."""
    if not parts:
        yield []
    at = 0
    for count in range(1, len(parts) + 1):
        at += len(parts[count - 1]) + (count > 1)
        piece = word[:at]
        if _has(piece, known) or (count == 1 and any(forms.derives(piece) for forms in known)):
            yield from ([piece, *rest] for rest in _splits(parts[count:], word[at + 1 :], known))


def _has(word: str, known: Sequence[KnownForms]) -> bool:
    for forms in known:  # noqa: SIM110  (asked of each word of each output: a generator takes twice the time)
        if forms.holds(word):
            return True
    return False


def _expected(words: Iterable[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each unknown word with what was expected in its place: the nearest known one is shown."""
    from rapidfuzz import fuzz, process  # only for an unknown word

    listed, plain = sorted(known), f"a word of the request or one of the {len(known):,} known"
    for word in words:
        near = None
        if _SHORT < len(word) <= _LONG:  # a shorter word is near to many, and a longer one is no slip
            near = process.extractOne(_folded(word), listed, scorer=fuzz.ratio, score_cutoff=75)
        yield word, f"{plain}; known is {quoted(near[0])}" if near else plain


def _say_known_words(check: Check) -> str:
    return "Use no word that is neither in the request nor usual in texts of this kind; invent no compound."


def _explain_known_words(check: Check, found: str | None, expected: str) -> str:
    """`"BIG-POWER" is neither in the request nor one of the 640 known words`."""
    counted, _, near = expected.partition("; ")
    count = counted.removeprefix("a word of the request or ").removesuffix(" known")
    text = f"{quoted(found or '')} is neither in the request nor {count} known words"
    return f"{text}; {near}" if near else text


def _propose_known_words(columns: Columns) -> list[Proposal]:
    """The words of the outputs, where they are so few that a person can look them over.

    All of them, without likely slips, if hardly an output has a word of its own; else those that recur, as advice.
    """
    if len(columns.output) < _FEWEST_ROWS or mostly_json(columns.output):
        return []
    marked = columns.protected.marked(pl.Series(range(len(columns.output)), dtype=pl.UInt32))
    prose = columns.output.clone().scatter(marked, [columns.protected.prose(row) for row in marked])
    table = _words_of_each(prose, rf"^{_WORD}$")
    # A word that outputs only take from their requests, in whatever form, is known by those.
    requested = _words_of_each(columns.input, r"\p{L}").select("index", beginning=_BEGINNING).unique()
    unrequested = table.with_columns(beginning=_BEGINNING).join(requested, on=["index", "beginning"], how="anti")
    uses = dict(table.group_by("word").len().iter_rows())
    counts = {
        word: uses[word]
        for word, count in unrequested.group_by("word").len().sort("word").iter_rows()
        if count >= min(_RECURS, uses[word]) or count >= _OWN_SHARE * uses[word]
    }
    table = table.filter(pl.col("word").is_in([*counts]))
    recurring = [word for word, count in counts.items() if count >= _RECURS]
    if not 0 < len(recurring) <= _MOST_WORDS:
        return []
    listed = established_words(counts)
    if len(listed) > _MOST_WORDS or _with_own_words(table, counts) > _OWN_SHARE * len(columns.output):
        note = f"{len(recurring)} words that at least {_RECURS} outputs hold"
        # The list lacks the rarer words by design, so it may advise but not reject.
        return [Proposal({"words": sorted(recurring)}, style=False, note=note, most="should")]
    return [Proposal({"words": sorted(listed)}, style=False, note=f"the {len(listed)} words of the outputs")]


def _words_of_each(texts: pl.Series, wanted: str) -> pl.DataFrame:
    """The different words of each text that match a pattern, folded: index, word."""
    words: dict[str, Any] = {"word": texts.str.extract_all(_TOKEN)}
    table = pl.DataFrame(words).with_row_index().explode("word").drop_nulls()
    each = table["word"].unique()
    each = each.filter(each.str.contains(wanted))
    folded = pl.DataFrame(
        {"word": each, "folded": [_folded(word) for word in each]}, schema={"word": pl.String, "folded": pl.String}
    )
    return table.join(folded, on="word").select("index", word="folded").unique()


def _with_own_words(table: pl.DataFrame, counts: Mapping[str, int]) -> int:
    """The number of outputs with a word that no other output holds in any form."""
    others = KnownForms(word for word, count in counts.items() if count > 1)
    alone = [word for word, count in counts.items() if count == 1 and not _is_known(word, (others,))]
    return table.filter(pl.col("word").is_in(alone))["index"].n_unique()


def established_words(counts: Mapping[str, int]) -> list[str]:
    """The words (folded, with the number of texts that hold each) without the likely slips among the rare ones.

    A slip is one letter away from a word that is at least ten times as frequent, and no form of it.
    """
    from rapidfuzz import process  # only to propose words
    from rapidfuzz.distance import OSA

    frequent = [word for word, n in counts.items() if n >= _SLIP_TIMES and len(word) > _SHORT]
    kept = []
    for word, count in counts.items():
        near = ()
        if count < _RECURS and len(word) > _SHORT:
            near = process.extract(word, frequent, scorer=OSA.distance, score_cutoff=1)
        if not any(_is_slip(word, other, count, counts[other]) for other, _, _ in near):
            kept.append(word)
    return kept


def _is_slip(word: str, other: str, count: int, other_count: int) -> bool:
    return other_count >= _SLIP_TIMES * count and word[0] == other[0] and not KnownForms([other]).holds(word)


KNOWN_WORDS = Kind(
    "known_words", "wording", KnownWordsParameters, _find_known_words, _say_known_words, _propose_known_words,
    _explain_known_words, loosens=frozenset({"words", "allow"}), prose=True,
)  # fmt: skip
