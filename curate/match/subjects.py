"""Subjects: rows with one normalised input and the same facts. Facts are extracted when an input first has a match.

Words are facts as well: two requests differ if a word, or an order of words, differs between them as between their outputs.
"Describe the red mug" and "Describe the blue mug" are two requests if the outputs say "red" and "blue"; "Describe the red
mug, please" asks for the same as the first. Only the data can tell, so words are compared for the pairs of subjects
that the join has found, in bulk.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
import scipy.sparse as sparse

from .corpus import Corpus, first_rows
from .join import SimilarPairs


def combinations(
    of: np.ndarray, left: np.ndarray, right: np.ndarray, groups: int, *, most: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Each pair of groups as all pairs of a member of one and a member of the other, at most so many at once.

    `of` is the group of each member. Gives the position of the pair of groups, and both members.
    """
    members = np.argsort(of, kind="stable")
    counts = np.bincount(of, minlength=groups)
    starts = np.cumsum(counts) - counts
    sizes = counts[left] * counts[right]
    ends = np.cumsum(sizes)
    total = int(sizes.sum())
    for start in range(0, max(total, 1), most):
        place = np.arange(start, min(start + most, total))
        origin = np.searchsorted(ends, place, side="right")
        first, second = np.divmod(place - (ends - sizes)[origin], counts[right][origin])
        yield origin, members[starts[left][origin] + first], members[starts[right][origin] + second]


def all_combinations(
    of: np.ndarray, left: np.ndarray, right: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same at once."""
    return next(combinations(of, left, right, groups, most=sys.maxsize))


def distinct_rows(*columns: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """A number per row, equal if all columns are; and the columns of each number."""
    order = np.lexsort(columns[::-1])
    new = np.ones(len(order), bool)
    new[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in columns], axis=0)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(new) - 1
    return numbers, tuple(column[order[new]] for column in columns)


class Subjects:
    """The subjects of some rows, given the number of each row's normalised input and a function that numbers its facts.

    `facts` returns a number for each given row, equal if the facts of their inputs are. The first
    facts of a text form the subject with the text's own number; its other facts are numbered after all texts.
    """

    def __init__(self, text: np.ndarray, texts: int, facts: Callable[[np.ndarray], np.ndarray]) -> None:
        self.of_row = text.copy()
        self._facts_of = facts
        self._text = text
        self._members = np.argsort(text, kind="stable")
        self._counts = np.bincount(text, minlength=texts)
        self._starts = np.cumsum(self._counts) - self._counts
        self._known = np.zeros(texts, bool)
        self._facts = np.full(texts, -1, np.int64)
        self._further: dict[tuple[int, int], int] = {}  # text and facts: the subject

    @property
    def count(self) -> int:
        """The number of subjects."""
        return len(self._facts)

    @property
    def texts(self) -> int:
        """The number of texts: a subject below it is the first one of the text with its number."""
        return len(self._known)

    def texts_of(self, subjects: np.ndarray) -> np.ndarray:
        """The number of the text of each subject."""
        further = np.array([text for text, _ in self._further], np.int64)
        return np.concatenate((np.arange(self.texts), further))[subjects]

    def rows_of(self, subjects: np.ndarray) -> np.ndarray:
        """All rows of these subjects, which have been in a pair."""
        first = np.array([text for text, _ in self._further], np.int64)
        own = subjects < len(self._known)
        texts = np.union1d(subjects[own], first[subjects[~own] - len(self._known)])
        rows = self._rows(texts)
        return rows[np.isin(self.of_row[rows], subjects)]

    def split(self, found: SimilarPairs) -> tuple[SimilarPairs, SimilarPairs]:
        """Pairs of similar texts as pairs of subjects, in the same direction: those of the same facts, and siblings."""
        self._learn(found)
        pairs = self._expanded(found)
        same = self._facts[pairs.left] == self._facts[pairs.right]
        if self._further:  # texts equal after normalisation have the same facts
            texts = np.concatenate((np.arange(len(self._known)), np.array([text for text, _ in self._further])))
            same |= texts[pairs.left] == texts[pairs.right]
        return pairs.take(np.flatnonzero(same)), pairs.take(np.flatnonzero(~same))

    def of_one_text(self) -> SimilarPairs:
        """Pairs of subjects of one text: equal after normalisation, so that they have the same facts."""
        members, texts = self._several()
        _, a, b = all_combinations(texts, np.unique(texts), np.unique(texts), len(self._known))
        once = members[a] < members[b]
        a, b = members[a[once]], members[b[once]]
        return SimilarPairs(a, b, np.ones(len(a), np.int64), np.ones(len(a), np.int64))

    def _several(self) -> tuple[np.ndarray, np.ndarray]:
        """The subjects of texts with several subjects, and their texts."""
        further = np.array([text for text, _ in self._further], np.int64)
        first = np.unique(further)
        return np.concatenate((first, np.fromiter(self._further.values(), np.int64))), np.concatenate((first, further))

    def _expanded(self, found: SimilarPairs) -> SimilarPairs:
        if not self._further:
            return found
        members, texts = self._several()
        several = np.zeros(len(self._known), bool)
        several[texts] = True
        more = several[found.left] | several[found.right]
        part = found.take(np.flatnonzero(more))
        single = np.setdiff1d(np.concatenate((part.left, part.right)), texts)
        members, texts = np.concatenate((members, single)), np.concatenate((texts, single))
        origin, a, b = all_combinations(texts, part.left, part.right, len(self._known))
        expanded = SimilarPairs(members[a], members[b], part.shared[origin], part.union[origin])
        return SimilarPairs.joined([found.take(np.flatnonzero(~more)), expanded])

    def _rows(self, texts: np.ndarray) -> np.ndarray:
        """The rows of each of these texts, one text after the other."""
        counts = self._counts[texts]
        bounds = np.cumsum(counts) - counts
        return self._members[np.arange(int(counts.sum())) + np.repeat(self._starts[texts] - bounds, counts)]

    def _learn(self, found: SimilarPairs) -> None:
        near = self._known.copy()
        near[found.left] = near[found.right] = True
        texts = np.flatnonzero(near & ~self._known)
        self._known = near
        counts = self._counts[texts]
        bounds, rows = np.cumsum(counts) - counts, self._rows(texts)
        facts = self._facts_of(rows)
        first = facts[bounds]
        self._facts[texts] = first
        other = np.flatnonzero(facts != np.repeat(first, counts))
        new = []
        for row, row_facts in zip(rows[other].tolist(), facts[other].tolist(), strict=True):
            key = (int(self._text[row]), row_facts)
            if key not in self._further:
                self._further[key] = len(self._facts) + len(new)
                new.append(row_facts)
            self.of_row[row] = self._further[key]
        self._facts = np.concatenate((self._facts, np.array(new, np.int64)))


_PAIRS = 250_000  # whose words are compared at once: at most half a million texts, some 300 MB

# A run of letters and digits; a single character where words are written without spaces between them.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORD = rf"[{_UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+"
_PLURAL = r"(\p{L}{3}[^s])s$"  # a request for "mugs" and an output about a "mug" name one thing
# Words that differ between two wordings of one request: never facts by themselves, and their place says nothing.
EMPTY = "a an are be did do does is please s that the this was were what which who"
# Words that join others. Their place says something: from A to B, from B to A.
JOINING = "and as at by for from had has have i in it its me of on or their there to with you"
_ODD = np.uint64(0x9E3779B97F4A7C15)


@cache
def _hashes(words: str) -> np.ndarray:
    """The hashes of these words; not computed on import, as polars then starts threads, which a fork would lose."""
    return pl.Series(words.split()).hash().to_numpy()


def by_facts(
    parts: Iterable[SimilarPairs], subjects: Subjects, corpus: Corpus
) -> Iterator[tuple[SimilarPairs, SimilarPairs, SimilarPairs]]:
    """Pairs of similar texts, and as pairs of subjects those with the same facts, and the siblings: all in parts.

    Mirrored words are facts. The pairs with the same other facts wait until there are many, so that few texts are read
    twice.
    """
    nothing, waiting, count = SimilarPairs.joined([]), [], 0
    for found in parts:
        same, siblings = subjects.split(found)
        yield found, nothing, siblings
        waiting, count = [*waiting, same], count + len(same.left)
        if count >= _PAIRS:
            yield from ((nothing, *divided) for divided in _divided(waiting, subjects, corpus))
            waiting, count = [], 0
    yield from ((nothing, *divided) for divided in _divided(waiting, subjects, corpus))


def _divided(
    waiting: list[SimilarPairs], subjects: Subjects, corpus: Corpus
) -> Iterator[tuple[SimilarPairs, SimilarPairs]]:
    """The pairs without and with a mirrored difference, in parts."""
    pairs = SimilarPairs.joined(waiting)
    for start in range(0, len(pairs.left), _PAIRS):
        part = pairs.take(np.arange(start, min(start + _PAIRS, len(pairs.left))))
        mirrored = _mirrored(part.left, part.right, subjects, corpus)
        yield part.take(~mirrored), part.take(mirrored)


def _mirrored(left: np.ndarray, right: np.ndarray, subjects: Subjects, corpus: Corpus) -> np.ndarray:
    """Whether each pair of subjects differs in a word, or an order of words, in the inputs as in the outputs."""
    if corpus.recalled is None:
        return _differ(left, right, subjects, corpus)
    # The first subject of a text has its number, and the same outputs as before if the text has all its rows.
    same, whole = np.flatnonzero((left < subjects.texts) & (right < subjects.texts)), corpus.recalled.whole
    same = same[whole[left[same]] & whole[right[same]]]
    known = corpus.recalled.memory.mirrored
    return known.ask(left, right, lambda new: _differ(left[new], right[new], subjects, corpus), same)


def _differ(left: np.ndarray, right: np.ndarray, subjects: Subjects, corpus: Corpus) -> np.ndarray:
    compared = np.unique(np.concatenate((left, right)))
    left, right = np.searchsorted(compared, left), np.searchsorted(compared, right)
    rows = subjects.rows_of(compared)
    subject = np.searchsorted(compared, subjects.of_row[rows])
    output = np.unique(corpus.output[rows], return_inverse=True)[1]
    requests = corpus.inputs(rows[first_rows(subject)])
    answers = pl.Series(corpus.outputs(rows[first_rows(output)]), dtype=pl.String)
    order = answers.arg_sort().to_numpy()  # so that the first output does not depend on the order of the rows
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    _, (subject, output) = distinct_rows(subject, place[output])
    return _Said.of(_Words.of(requests), _Words.of(answers.gather(order).to_list()), subject, output).differ(
        left, right
    )


@dataclass(frozen=True)
class _Words:
    """The words of some texts, in order: those of text `i` are `word[starts[i] : starts[i + 1]]`, as hashes."""

    word: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, texts: list[str]) -> "_Words":
        """The words of normalised texts, without the endings of plurals."""
        found = pl.Series(texts, dtype=pl.String).str.extract_all(WORD)
        starts = np.concatenate(([0], np.cumsum(found.list.len().to_numpy(), dtype=np.int64)))
        words = found.explode(empty_as_null=False).str.replace(_PLURAL, "$1")
        return cls(words.hash().to_numpy(), starts)

    def without(self, words: np.ndarray) -> "_Words":
        """The same without these words."""
        rest = ~np.isin(self.word, words)
        return _Words(self.word[rest], np.concatenate(([0], np.cumsum(rest)))[self.starts])

    def sets(self, vocabulary: np.ndarray) -> sparse.csr_matrix:
        """`(texts, vocabulary)`: whether each text has each word."""
        at = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        return _links(at, np.searchsorted(vocabulary, self.word), (len(self.starts) - 1, len(vocabulary)))

    def numbers(self) -> np.ndarray:
        """A number for each text, equal if it has the same words."""
        text = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        order = np.lexsort((self.word, text))
        word, text = self.word[order], text[order]
        again = np.concatenate((np.zeros(1, bool), (word[1:] == word[:-1]) & (text[1:] == text[:-1])))[: len(word)]
        return self._sums(np.where(again, np.uint64(0), _mixed(word)))

    def orders(self) -> np.ndarray:
        """A number for each text, equal if it has the same words in the same order."""
        powers = np.cumprod(np.full(int(np.diff(self.starts).max(initial=0)) + 1, _ODD), dtype=np.uint64)
        place = np.arange(len(self.word)) - np.repeat(self.starts[:-1], np.diff(self.starts))
        return self._sums(_mixed(self.word) * powers[place])

    def _sums(self, values: np.ndarray) -> np.ndarray:
        sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)))  # modulo 2^64
        return sums[self.starts[1:]] - sums[self.starts[:-1]]


@dataclass(frozen=True)
class _Said:
    """What the inputs and the outputs of some subjects say: an entry per subject.

    both, either: `(subjects, words)`, for words that may be mirrored, whether a word is in the input and an output; in
    the input or an output. words, orders: the numbers of the input's and of the first output's words and their order.
    """

    both: sparse.csr_matrix
    either: sparse.csr_matrix
    words: tuple[np.ndarray, np.ndarray]
    orders: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, requests: _Words, answers: _Words, subject: np.ndarray, output: np.ndarray) -> "_Said":
        """`requests`: a text per subject. `answers`: the outputs. `subject, output`: each output of each subject."""
        vocabulary = np.unique(np.concatenate((requests.word, answers.word)))
        requested, said = requests.sets(vocabulary), answers.sets(vocabulary)
        answered = _links(subject, output, (len(requests.starts) - 1, len(answers.starts) - 1)) @ said
        both, either = sparse.csr_matrix(requested.multiply(answered)), sparse.csr_matrix(requested + answered)
        # Most words of a template are in all texts: they cannot be lacking.
        common = np.bincount(np.asarray(either.indices), minlength=len(vocabulary)) == len(requests.starts) - 1
        mirrored = np.bincount(np.asarray(both.indices), minlength=len(vocabulary)) > 0
        telling = np.flatnonzero(mirrored & ~common & ~np.isin(vocabulary, _hashes(EMPTY)))
        both, either = sparse.csr_matrix(both[:, telling]), sparse.csr_matrix(either[:, telling])
        first = output[np.unique(subject, return_index=True)[1]]
        requests, answers = requests.without(_hashes(EMPTY)), answers.without(_hashes(EMPTY))
        words, orders = (requests.numbers(), answers.numbers()[first]), (requests.orders(), answers.orders()[first])
        return cls(both, either, words, orders)

    def differ(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Whether one subject has a word in its input and an output that the other has in neither, or both have the same
        words in another order in the inputs and in the outputs.
        """
        mirrored = _lacks(self.either, right, self.both, left) | _lacks(self.either, left, self.both, right)
        same_words = [words[left] == words[right] for words in self.words]
        same_order = [orders[left] == orders[right] for orders in self.orders]
        return mirrored | (same_words[0] & same_words[1] & ~same_order[0] & ~same_order[1])


def _mixed(hashes: np.ndarray) -> np.ndarray:
    mixed = hashes * _ODD
    return mixed ^ (mixed >> np.uint64(29))


def _links(row: np.ndarray, column: np.ndarray, size: tuple[int, int]) -> sparse.csr_matrix:
    """A matrix that is true in these places."""
    links = sparse.csr_matrix((np.ones(len(row), bool), (row, column)), shape=size)
    links.sum_duplicates()
    return links


def _lacks(sets: sparse.csr_matrix, rows: np.ndarray, others: sparse.csr_matrix, of: np.ndarray) -> np.ndarray:
    """For each pair of a row of `sets` and one of `others`, whether the first lacks a word of the second."""
    shared = np.asarray(sets[rows].multiply(others[of]).sum(axis=1, dtype=np.int64)).ravel()
    return shared < np.diff(others.indptr)[of]
