"""Whether two texts that are nearly the same say the same: by the words, and the order of words, in which they differ.

Two texts say the same unless they differ in a word that says something. Words that say nothing are articles and the like,
and what the data show: words between rows that are equal but for them, with one output. Forms of one word, slips of the
pen and listed synonyms are one word. Numbers, codes and units are left to the facts.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, permutations

import numpy as np
import polars as pl
import scipy.sparse as sparse

from ...style import StyleSchema, american, stated_numbers
from ..check.facts import is_unit
from ..read.normal_forms import comparable
from .subjects import EMPTY, JOINING, WORD, distinct_rows

Synonyms = frozenset[tuple[str, str]]  # pairs of words that mean one thing, each in both orders

# Words of courtesy and of speech, which a request has or lacks.
_POLITE = (
    "also am been being can could d hello hey hi just kindly ll m now ok okay pls re so t thank thanks ve will would"
)
_FREE = frozenset(f"{EMPTY} {_POLITE}".split())
# Words that say nothing where one text lacks them. One in the place of another says something: to it, by it; my, your.
_LACKED = frozenset(f"{JOINING} my our your".split()) - {"from"}
# Words that say what the next ones are in a sentence: of two that change places, each takes the part of the other.
_PARTS = frozenset(
    f"{JOINING} from after before between into over than under until via without von nach zu bis aus".split()
)
# Endings of one word; others are learned from the words of the data.
_ENDINGS = frozenset(
    ["|s", "|es", "|ed", "|d", "|ing", "e|ing", "ied|y", "ies|y", "d|s", "ed|ing", "ed|s", "ing|s", "es|ing"]
)
_STEM, _ENDING = 4, 3  # letters before an ending, and of it
_STEMS, _SHARE = 3, 0.02  # words that show an ending: at least so many, and this share of those of the commonest
_END = 5  # letters with which two words end whose beginnings make them opposites
_SLIP = 6  # letters of a word in which one wrong letter is a slip
_SHOWN, _AGREE = 3, 0.9  # pairs of texts that show that a word says nothing, and the share of them with one output
_CELLS = 4_000_000  # words of both sides that are compared at once
_TEXTS = 50_000  # whose words are found at once
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Differences:
    """How the texts of each pair differ. other: in a word that says something, or in who does what. moved: in the order
    of the same words. exact: in nothing but marks. exchange: a number for the words that only one of the two has, of which
    each says something, equal if they are, whichever has them; 0 for none. opposite: in the beginning of a word, or in who
    does what.
    """

    other: np.ndarray
    moved: np.ndarray
    exact: np.ndarray
    exchange: np.ndarray
    opposite: np.ndarray


def differences(
    one: np.ndarray, two: np.ndarray, texts: Callable[[np.ndarray], list[str]], synonyms: Synonyms,
    *, agree: np.ndarray | None = None,
) -> Differences:  # fmt: skip
    """How each pair of texts (numbers) differs. `agree`: which pairs show that a difference between them says nothing."""
    apart = np.flatnonzero(one != two)
    of, (left, right) = distinct_rows(*np.sort((one[apart], two[apart]), axis=0))
    numbers, place = np.unique(np.concatenate((left, right)), return_inverse=True)
    found = _Wording(texts(numbers), synonyms).compare(place[: len(left)], place[len(left) :])
    if agree is not None:
        same = np.zeros(len(left), bool)
        same[of[agree[apart]]] = True
        found = replace(found, other=found.other & ~np.isin(found.exchange, _empty(found.exchange, same)))
    none = np.zeros(len(one), bool)
    every = Differences(none, none.copy(), one == two, np.zeros(len(one), np.uint64), none.copy())
    for name in Differences.__annotations__:
        getattr(every, name)[apart] = getattr(found, name)[of]
    return every


def named(
    request: np.ndarray, one: np.ndarray, two: np.ndarray, requests: Callable[[np.ndarray], list[str]],
    outputs: Callable[[np.ndarray], list[str]],
) -> np.ndarray:  # fmt: skip
    """Whether one alone of each two outputs (numbers) has some word of their request that says something."""
    asked, of = np.unique(request, return_inverse=True)
    answers, place = np.unique(np.concatenate((one, two)), return_inverse=True)
    words = _Wording([*requests(asked), *outputs(answers)], frozenset())
    left, right = np.split(place + len(asked), 2)
    return words.shared(of, left, right)


def listed_synonyms(style: StyleSchema | None) -> Synonyms:
    """The words that a style lists as ways to say one thing: of two wordings that differ in one word, these two."""
    checks = [] if style is None else [check.parameters for check in style.checks if check.kind == "vocabulary"]
    lists: list[Mapping[str, Sequence[str]]] = [check.preferred for check in checks]
    lists += [] if style is None else style.wordings.values()
    found = set()
    for texts in ((text, *others) for group in lists for text, others in group.items()):
        words = pl.Series([comparable(text) for text in texts], dtype=pl.String).str.extract_all(WORD).to_list()
        for one, two in permutations(map(set, words), 2):
            if len(one - two) == len(two - one) == 1:
                found.add((*(one - two), *(two - one)))
    return frozenset(found)


def _empty(exchange: np.ndarray, agreeing: np.ndarray) -> np.ndarray:
    """The exchanges that say nothing: of the pairs of texts that differ in one of them, nearly all agree."""
    numbers, of = np.unique(exchange, return_inverse=True)
    agree, every = np.bincount(of, weights=agreeing), np.bincount(of)
    return numbers[(numbers != 0) & (agree >= _SHOWN) & (agree >= _AGREE * every)]


class _Wording:
    """The words of some normalised texts."""

    def __init__(self, texts: list[str], synonyms: Synonyms) -> None:
        self._synonyms = synonyms
        parts = [_occurrences(texts[start : start + _TEXTS], start) for start in range(0, len(texts), _TEXTS)]
        found = pl.concat(parts) if parts else _occurrences([], 0)
        words = found["word"].unique()
        self._words = pl.DataFrame({"word": words, "hash": words.hash()}).sort("hash")
        word = np.searchsorted(self._words["hash"].to_numpy(), found["word"].hash().to_numpy())
        self._found = found.select("text", word=pl.Series(word))
        self._letters = pl.Series(texts, dtype=pl.String).str.replace_all(r"[^\p{L}\p{M}\p{N}]", "").hash().to_numpy()
        at = found["text"].to_numpy(), word
        self._counts = sparse.csr_matrix((np.ones(len(word), np.int32), at), (len(texts), len(words)))
        self._sets = sparse.csr_matrix(self._counts > 0, dtype=np.int8)
        spelled = self._words["word"]
        self._free = spelled.is_in(_FREE).to_numpy()
        self._lacked = spelled.is_in(_LACKED).to_numpy()
        # Facts say what they are, as long as they are in both texts.
        self._stated = (
            spelled.str.contains(r"\p{N}") | pl.Series([_is_number(word) for word in spelled], dtype=pl.Boolean)
        ).to_numpy()

    def compare(self, left: np.ndarray, right: np.ndarray) -> Differences:
        """How the texts of each pair (positions) differ."""
        sizes = np.diff(self._sets.indptr)
        ends = np.cumsum(sizes[left] + sizes[right]) // _CELLS
        bounds = [0, *(np.flatnonzero(np.diff(ends)) + 1).tolist(), len(left)]
        parts = [self._compare(left[a:b], right[a:b]) for a, b in pairwise(bounds)]
        return Differences(*(np.concatenate([getattr(p, name) for p in parts]) for name in Differences.__annotations__))

    def _compare(self, left: np.ndarray, right: np.ndarray) -> Differences:
        apart = (self._sets[left] - self._sets[right]).tocoo()
        table = pl.DataFrame({"pair": apart.row, "word": apart.col, "side": apart.data}).filter(pl.col("side") != 0)
        n, spaced = len(left), self._letters[left] != self._letters[right]
        exact = np.ones(n, bool)
        exact[table["pair"].to_numpy()] = False
        telling = table.filter(~pl.Series((self._free | self._stated)[table["word"].to_numpy()]))
        telling = telling.filter(pl.Series(spaced[telling["pair"].to_numpy()]))
        lacked = pl.Series(self._lacked[telling["word"].to_numpy()])
        exchanged = telling.filter(lacked).group_by("pair").agg(pl.col("side").n_unique()).filter(pl.col("side") > 1)
        rest = self._unmatched(telling.filter(~lacked))
        other = np.zeros(n, bool)
        other[exchanged["pair"].to_numpy()] = other[rest["pair"].to_numpy()] = True
        opposite = np.zeros(n, bool)
        opposite[self._other_beginning(rest)] = opposite[self._repeated(left, right, other | ~spaced)] = True
        other |= opposite
        moved, swapped = self._moved(left, right, other | ~spaced)
        exchange, hashes = np.zeros(n, np.uint64), self._words["hash"].to_numpy() * _ODD
        np.bitwise_xor.at(exchange, rest["pair"].to_numpy(), hashes[rest["word"].to_numpy()])
        exchange[exchanged["pair"].to_numpy()] = 0
        return Differences(other | swapped, moved, exact & ~moved, exchange, opposite | swapped)

    def _other_beginning(self, rest: pl.DataFrame) -> np.ndarray:
        """The pairs of texts with two words that differ in their beginning alone: unidirectional, bidirectional."""
        ends = rest.with_columns(end=self._words["word"].gather(rest["word"]).str.tail(_END)).filter(
            pl.col("end").str.len_chars() == _END
        )
        return ends.filter((pl.col("side").n_unique() > 1).over("pair", "end"))["pair"].to_numpy()

    def shared(self, of: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Whether one alone of each two texts has some word of a third that says something."""
        telling = np.flatnonzero(~(self._free | self._lacked | self._stated))
        apart = abs(self._sets[left] - self._sets[right]).multiply(self._sets[of]).tocsr()[:, telling]
        return np.asarray(apart.sum(axis=1)).ravel() > 0

    def _repeated(self, left: np.ndarray, right: np.ndarray, skip: np.ndarray) -> np.ndarray:
        """The pairs whose texts repeat two of their words, one of them more often on either side: A of A and B, B of A and B."""
        pairs = np.flatnonzero(~skip & (self._numbers[left] != self._numbers[right]))
        ends = left[pairs], right[pairs]
        again = (self._counts[ends[0]] - self._counts[ends[1]]).tocsr()
        again = again - again.multiply(abs(self._sets[ends[0]] - self._sets[ends[1]]))
        table = again.tocoo()
        telling = (table.data != 0) & ~(self._free | self._lacked)[table.col]
        signs = [np.bincount(table.row[telling & (table.data * sign > 0)], minlength=len(pairs)) for sign in (1, -1)]
        return pairs[(signs[0] > 0) & (signs[1] > 0)]

    @cached_property
    def _numbers(self) -> np.ndarray:
        """A number per text, equal if it has the same words as often."""
        return self._counts @ (self._words["hash"].to_numpy() * _ODD).view(np.int64)

    # --- one word in two spellings ------------------------------------------------------------------------------------

    def _unmatched(self, telling: pl.DataFrame) -> pl.DataFrame:
        """The words of each pair that are no form of a word which only the other side has."""
        spelled = telling.with_columns(spelled=self._words["word"].gather(telling["word"]))
        one, two = spelled.filter(pl.col("side") > 0), spelled.filter(pl.col("side") < 0)
        both = one.join(two, on="pair", suffix="_two").select("pair", "word", "word_two", "spelled", "spelled_two")
        words = both.unique(["word", "word_two"]).filter(self._may_be_one())
        chosen = [
            self._one_word(*row) for row in words.select("word", "word_two", "spelled", "spelled_two").iter_rows()
        ]
        forms = both.join(words.filter(pl.Series(chosen, dtype=pl.Boolean)), on=["word", "word_two"], how="semi")
        matched = pl.concat([forms.select("pair", "word"), forms.select("pair", word="word_two")])
        return telling.join(matched, on=["pair", "word"], how="anti")

    def _may_be_one(self) -> pl.Expr:
        """Leaves the few that are spelled nearly the same, and those listed."""
        one, two = pl.col("spelled"), pl.col("spelled_two")
        apart = (one.str.len_chars().cast(pl.Int32) - two.str.len_chars().cast(pl.Int32)).abs()
        listed = [word for pair in self._synonyms for word in pair]
        return ((one.str.head(1) == two.str.head(1)) & (apart <= _ENDING)) | (one.is_in(listed) & two.is_in(listed))

    def _one_word(self, one: int, two: int, spelled: str, spelled_two: str) -> bool:
        if (spelled, spelled_two) in self._synonyms or american(spelled) == american(spelled_two):
            return True
        a, b = (unicodedata.normalize("NFD", word) for word in (spelled, spelled_two))
        ending = _ending(a, b)
        if ending is not None and (ending in _ENDINGS or ending in self._learned):
            return True
        rare = min(self._texts_with[one], self._texts_with[two]) == 1  # an established word is no slip
        return rare and min(len(a), len(b)) >= _SLIP and _one_letter_apart(a, b)

    @cached_property
    def _texts_with(self) -> np.ndarray:
        return np.bincount(self._sets.indices, minlength=len(self._words))

    @cached_property
    def _learned(self) -> frozenset[str]:
        """Pairs of endings that many words of the texts have: forms of one word, in whatever language."""
        words = [unicodedata.normalize("NFD", word) for word in self._words["word"] if word.isalpha()]
        table = pl.DataFrame({"word": words}, schema={"word": pl.String}).filter(
            pl.col("word").str.len_chars() >= _STEM
        )
        cut = pl.concat(
            table.filter(pl.col("word").str.len_chars() >= _STEM + n).select(
                stem=pl.col("word").str.head(pl.col("word").str.len_chars() - n), ending=pl.col("word").str.tail(n)
            )
            for n in range(_ENDING + 1)
        )  # fmt: skip
        pairs = cut.join(cut, on="stem").filter(
            (pl.col("ending") < pl.col("ending_right"))
            & (pl.col("ending").str.head(1) != pl.col("ending_right").str.head(1))
        )
        counts = pairs.group_by(pl.concat_str("ending", "ending_right", separator="|").alias("both")).len()
        least = max(_STEMS, _SHARE * float(counts["len"].max() or 0))  # pyright: ignore[reportArgumentType]
        return frozenset(counts.filter(pl.col("len") >= least)["both"])

    # --- the same words in another order ------------------------------------------------------------------------------

    def _moved(self, left: np.ndarray, right: np.ndarray, skip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which pairs have the same words in another order, and in which of them two words have changed parts.

        Two words that changed places alone have, and two of which each follows the preposition that the other one did.
        """
        moved, swapped = np.zeros(len(left), bool), np.zeros(len(left), bool)
        pairs = np.flatnonzero(~skip & (self._orders[left] != self._orders[right]))
        moved[pairs] = True
        if not len(pairs):
            return moved, swapped
        ordered = self._ordered.filter(pl.col("text").is_in(np.union1d(left[pairs], right[pairs])))
        ends = pl.DataFrame({"pair": pairs, "left": left[pairs], "right": right[pairs]})
        one = ends.join(ordered, left_on="left", right_on="text")
        two = ends.join(ordered, left_on="right", right_on="text")
        aligned = one.join(two, on=["pair", "place"], how="full", coalesce=True)
        apart = aligned.filter(pl.col("word").ne_missing(pl.col("word_right")))
        of_two = apart.filter(
            (pl.len().over("pair") == 2) & ~pl.any_horizontal("joining", "joining_right").any().over("pair")
        )
        once = [some.filter(~pl.col("joining")).unique(["pair", "word"], keep="none") for some in (one, two)]
        taken = once[0].join(once[1], on=["pair", "word"]).filter(pl.col("part") != pl.col("part_right"))
        given = taken.select("pair", part="part_right", part_right="part")
        for found in (of_two, taken.join(given, on=["pair", "part", "part_right"], how="semi")):
            swapped[found["pair"].to_numpy()] = True
        return moved, swapped

    @cached_property
    def _ordered(self) -> pl.DataFrame:
        """The words of each text in order, without the free ones, each with the preposition before it."""
        word = self._found["word"].to_numpy()
        spelled = self._words["word"]
        free = self._free & (spelled.str.len_chars() > 1).to_numpy()  # "a to b" is "b to a" turned round
        part = spelled.is_in(_PARTS).to_numpy()
        joining = self._lacked | part
        table = self._found.with_columns(
            joining=pl.Series(joining[word]), part=pl.Series(np.where(part[word], word, -1)).replace(-1, None)
        )
        return table.filter(~pl.Series(free[word])).with_columns(
            place=pl.int_range(pl.len()).over("text"), part=pl.col("part").forward_fill().over("text").fill_null(-1)
        )

    @cached_property
    def _orders(self) -> np.ndarray:
        """A number per text, equal if the words are, in order."""
        mixed = self._words["hash"].to_numpy()[self._ordered["word"].to_numpy()] * _ODD
        place = self._ordered["place"].to_numpy()
        powers = np.cumprod(np.full(int(place.max(initial=0)) + 1, _ODD), dtype=np.uint64)
        values = (mixed ^ (mixed >> np.uint64(29))) * powers[place]
        sums = np.zeros(len(self._letters), np.uint64)
        np.add.at(sums, self._ordered["text"].to_numpy(), values)
        return sums


def _occurrences(texts: list[str], start: int) -> pl.DataFrame:
    """The words of texts in order, `text, word`, without the units of numbers; texts count from `start`."""
    found = pl.Series(texts, dtype=pl.String).str.extract_all(WORD).rename("word")
    table = pl.DataFrame({"text": np.arange(start, start + len(texts)), "word": found}).explode(
        "word", empty_as_null=False
    )
    unique = table["word"].unique().to_list()
    units, numbers = ([word for word in unique if of(word)] for of in (is_unit, _is_number))
    before = pl.col("word").shift(1).over("text")
    after = before.str.contains(r"\p{N}$") | before.is_in(numbers)
    return table.filter(~(after.fill_null(False) & pl.col("word").is_in(units)))


def _is_number(word: str) -> bool:
    """Whether a word states a number: its digits are a fact."""
    return any(stated_numbers(word))


def _ending(one: str, two: str) -> str | None:
    """How two words end that begin with the same four letters or more, in order; None if they do not, or end in more than
    three other letters."""
    shared = next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    endings = sorted((one[shared:], two[shared:]))
    return "|".join(endings) if shared >= _STEM and max(map(len, endings)) <= _ENDING else None


def _one_letter_apart(one: str, two: str) -> bool:
    """Whether one letter more, less or other, or two in the other order, after the first, makes one word the other."""
    if one[0] != two[0]:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    a, b = one[start:], two[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[2:] == b[2:] and a[:2] == b[1::-1])
