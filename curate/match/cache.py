"""Distinct texts by number, their similar pairs, and what a corpus compared, so that nothing is compared twice.

A memory is for corpora with fewer of its rows or with other outputs. The numbers of texts never change: a corpus that lacks
a text has a gap there, and new outputs follow the known ones.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import polars as pl

from .candidates import Join, Method, MethodSetting, Skew, join_texts
from .join import SimilarPairs, similar_tiles, similar_tiles_between
from .join_between import similar_texts_between
from .ngrams import GramSets, gram_sets


class Texts(Protocol):
    """Distinct texts by number."""

    def of(self, numbers: np.ndarray) -> list[str]:
        """The texts of these numbers."""
        ...

    def join(self, threshold: float, setting: MethodSetting, ranks: np.ndarray) -> Join:
        """The join of all texts, of which those that rank first are to be kept."""
        ...

    def between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """Every similar pair of a text in `left` and one in `right` (numbers): exact, in parts."""
        ...

    def among(self, numbers: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """Every similar pair of these texts: exact, in parts."""
        ...


class TextsHere:
    """All texts in this process: the join is exact unless that would take too long."""

    def __init__(self, texts: pl.Series) -> None:
        self._texts = texts

    @property
    def all(self) -> pl.Series:
        """All texts, by number."""
        return self._texts

    def of(self, numbers: np.ndarray) -> list[str]:
        """See `Texts`."""
        return self._texts.gather(numbers).to_list()

    def join(self, threshold: float, setting: MethodSetting, ranks: np.ndarray) -> Join:
        """See `Texts`."""
        return join_texts(self._texts.to_list, lambda: self._grams, threshold, setting=setting, ranks=ranks)

    def between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """See `Texts`."""
        if "_grams" in vars(self):  # already numbered by the join
            yield from similar_tiles_between(self._grams, left, right, threshold)
            return
        for found in similar_texts_between(self._texts.gather(left), self._texts.gather(right), threshold):
            yield SimilarPairs(left[found.left], right[found.right], found.shared, found.union)

    def among(self, numbers: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """See `Texts`."""
        for found in similar_tiles(gram_sets(self.of(numbers)), threshold):
            left, right = np.sort((numbers[found.left], numbers[found.right]), axis=0)
            yield SimilarPairs(left, right, found.shared, found.union)

    @cached_property
    def _grams(self) -> GramSets:
        return gram_sets(self._texts.to_list())


@dataclass(frozen=True)
class DistinctTexts:
    """Distinct texts, and the key of each, by number."""

    keys: pl.Series
    texts: Texts

    @classmethod
    def of(cls, table: pl.DataFrame) -> "DistinctTexts":
        """Those of a table with the columns `key, text`, in order of occurrence."""
        once = table.unique("key", keep="first", maintain_order=True)
        return cls(once["key"], TextsHere(once["text"]))

    def numbers(self, keys: pl.Series) -> np.ndarray:
        """The numbers of the texts with these keys."""
        known = self.keys.to_frame("key").with_row_index("number")
        found = keys.to_frame("key").join(known, on="key", how="left", maintain_order="left")
        return found["number"].to_numpy().astype(np.int64)


class KnownTexts:
    """The similar pairs of texts. Those of one `threshold` only: that of the first question."""

    def __init__(self) -> None:
        self._join: tuple[Method, Skew, np.ndarray] | None = None
        self._exact: list[np.ndarray] = []
        self._upto = 0

    def join(
        self, texts: pl.Series, threshold: float, setting: MethodSetting, ranks: np.ndarray
    ) -> tuple[Method, Skew, np.ndarray]:
        """The method of the join of all these texts, its skew and its pairs, `(4, pairs)`."""
        if self._join is None:
            join = TextsHere(texts).join(threshold, setting, ranks)
            pairs = _packed(list(join.pairs()))
            self._join = join.method, join.skew(), pairs
        return self._join

    def exact(self, texts: pl.Series, threshold: float) -> np.ndarray:
        """All similar pairs of the texts, `(4, pairs)`; texts that follow the known ones are compared with all."""
        if len(texts) > self._upto:
            new = np.arange(self._upto, len(texts))
            parts = list(TextsHere(texts).among(new, threshold))
            if self._upto:
                between = similar_texts_between(texts[: self._upto], texts[self._upto :], threshold)
                parts += [SimilarPairs(f.left, f.right + self._upto, f.shared, f.union) for f in between]
            self._exact, self._upto = [np.concatenate([*self._exact, _packed(parts)], axis=1)], len(texts)
        return self._exact[0] if self._exact else _packed([])


def _packed(parts: list[SimilarPairs]) -> np.ndarray:
    """The pairs in half the memory: left, right, shared, union."""
    pairs = SimilarPairs.joined(parts)
    return np.stack((pairs.left, pairs.right, pairs.shared, pairs.union)).astype(np.int32)


def _unpacked(pairs: np.ndarray, which: np.ndarray) -> SimilarPairs:
    return SimilarPairs(*pairs[:, np.flatnonzero(which)].astype(np.int64))


class TextsAgain:
    """Texts of which only those `present` occur: their similar pairs are those known of all texts."""

    def __init__(self, known: KnownTexts, texts: pl.Series, present: np.ndarray) -> None:
        self._known = known
        self._texts = texts
        self._present = present

    def of(self, numbers: np.ndarray) -> list[str]:
        """See `Texts`."""
        return self._texts.gather(numbers).to_list()

    def join(self, threshold: float, setting: MethodSetting, ranks: np.ndarray) -> Join:
        """See `Texts`; the method is that of all texts."""
        ranks = np.pad(ranks, (0, len(self._texts) - len(ranks)))  # those that no row has at the end
        method, skew, pairs = self._known.join(self._texts, threshold, setting, ranks)
        here = self._present[pairs[0]] & self._present[pairs[1]]
        return Join(method, lambda: iter([_unpacked(pairs, here)]), lambda: skew)

    def between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> list[SimilarPairs]:
        """See `Texts`."""
        pairs = self._known.exact(self._texts, threshold)
        in_left, in_right = self._within(left), self._within(right)
        turned = _unpacked(pairs, in_right[pairs[0]] & in_left[pairs[1]]).turned()
        return [_unpacked(pairs, in_left[pairs[0]] & in_right[pairs[1]]), turned]

    def among(self, numbers: np.ndarray, threshold: float) -> list[SimilarPairs]:
        """See `Texts`."""
        pairs, here = self._known.exact(self._texts, threshold), self._within(numbers)
        return [_unpacked(pairs, here[pairs[0]] & here[pairs[1]])]

    def _within(self, numbers: np.ndarray) -> np.ndarray:
        within = np.zeros(len(self._texts), bool)
        within[numbers] = True
        return within


class FactNumbers:
    """Numbers for the facts of rows, equal if the facts are, by the place of a row; those of place -1 are not kept."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._known: dict[str, dict[str, int]] = {}
        self._of_place: dict[str, np.ndarray] = {}

    def of(self, what: str, places: np.ndarray) -> np.ndarray:
        """The numbers at these places; -1 where they are not known yet."""
        if what not in self._of_place:
            self._of_place[what] = np.full(self._places + 1, -1, np.int64)  # the last one stays -1
        return self._of_place[what][places]

    def learn(self, what: str, places: np.ndarray, facts: list[str], *, like: str) -> np.ndarray:
        """The numbers of facts that were looked up, in the numbering of `like`; they are kept."""
        known = self._known.setdefault(like, {})
        numbers = np.array([known.setdefault(key, len(known)) for key in facts], np.int64)
        here = np.flatnonzero(places >= 0)
        self._of_place[what][places[here]] = numbers[here]
        return numbers


class KnownPairs:
    """Something that is true or false of pairs of texts, whichever comes first."""

    def __init__(self, texts: int) -> None:
        self._texts = texts
        self._keys, self._true = np.zeros(0, np.int64), np.zeros(0, bool)

    def ask(
        self,
        left: np.ndarray,
        right: np.ndarray,
        find: Callable[[np.ndarray], np.ndarray],
        which: np.ndarray | None = None,
    ) -> np.ndarray:
        """Whether it is true of each pair. `find` says it of the pairs at some positions, whose answer is not known.

        Only the answers to those of `which` positions are kept, and used; None means all.
        """
        which = np.arange(len(left)) if which is None else which
        keys, found, known = self._key(left[which], right[which]), np.zeros(len(left), bool), np.zeros(len(left), bool)
        at = np.searchsorted(self._keys, keys)
        at[at == len(self._keys)] = 0
        if len(self._keys):
            known[which] = self._keys[at] == keys
            found[which] = known[which] & self._true[at]
        if len(new := np.flatnonzero(~known)):
            found[new] = find(new)
            self._learn(keys[~known[which]], found[which[~known[which]]])
        return found

    def _learn(self, keys: np.ndarray, true: np.ndarray) -> None:
        self._keys, first = np.unique(np.append(self._keys, keys), return_index=True)
        self._true = np.append(self._true, true)[first]

    def _key(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.minimum(left, right) * self._texts + np.maximum(left, right)


class KnownGrams:
    """The gram sets of some texts, by number."""

    def __init__(self) -> None:
        self._place = np.zeros(0, np.int64)
        self._sets = gram_sets([])

    def pairs(
        self, needed: np.ndarray, texts: Callable[[np.ndarray], list[str]]
    ) -> Callable[[np.ndarray, np.ndarray], Iterator[tuple[GramSets, np.ndarray, np.ndarray, np.ndarray]]]:
        """Divides pairs of the `needed` numbers: the sets that hold both ends, which pairs, and the places of their ends.

        The first texts needed are kept; a pair with another one gets sets of its own.
        """
        if not len(self._place):
            self._place = np.full(int(needed.max(initial=-1)) + 1, -1)
            self._place[needed] = np.arange(len(needed))
            self._sets = gram_sets(texts(needed))

        def divided(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[GramSets, np.ndarray, np.ndarray, np.ndarray]]:
            i, j = self._places(a), self._places(b)
            known = np.flatnonzero((i >= 0) & (j >= 0))
            yield self._sets, known, i[known], j[known]
            if len(known) < len(a):
                rest = np.flatnonzero((i < 0) | (j < 0))
                numbers, place = np.unique(np.concatenate((a[rest], b[rest])), return_inverse=True)
                yield gram_sets(texts(numbers)), rest, place[: len(rest)], place[len(rest) :]

        return divided

    def _places(self, numbers: np.ndarray) -> np.ndarray:
        inside = numbers < len(self._place)
        return np.where(inside, self._place[np.where(inside, numbers, 0)], -1)


@dataclass
class Memory:
    """What is known about some rows: `rows` are their numbers, ascending, `text` the numbers of their inputs.

    made: other values by name and key, for `Corpus.once`.
    """

    rows: np.ndarray
    text: np.ndarray
    facts: FactNumbers
    mirrored: KnownPairs
    grams: KnownGrams = field(default_factory=KnownGrams)
    inputs: KnownTexts = field(default_factory=KnownTexts)
    outputs: KnownTexts = field(default_factory=KnownTexts)
    made: dict[str, dict[Hashable, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: np.ndarray, text: np.ndarray) -> "Memory":
        """An empty memory of these rows."""
        texts = int(text.max(initial=-1)) + 1
        return cls(rows, text, FactNumbers(len(rows)), KnownPairs(texts))

    def recalled(self, rows: np.ndarray, edited: np.ndarray) -> "Recalled":
        """What of it holds for a corpus of these rows (numbers), of which those `edited` have another output."""
        places = np.searchsorted(self.rows, rows)
        places[np.isin(rows, edited)] = -1
        changed = np.ones(len(self.rows), bool)
        changed[places[places >= 0]] = False
        touched = np.zeros(int(self.text.max(initial=-1)) + 1, bool)
        touched[self.text[changed]] = True
        return Recalled(self, places, ~touched)


@dataclass(frozen=True)
class Recalled:
    """A memory as far as it holds for a corpus: the place of each row in it, -1 if its output is another one; for each
    text, whether all its rows are there as they were."""

    memory: Memory
    places: np.ndarray
    whole: np.ndarray
