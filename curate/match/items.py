"""Compares the items of similar subjects by their outputs: duplicates, conflicts and alternatives.

All pairs of items are compared where they are few. In a *crowd*, as one request with many outputs, they are many, and few
of them are similar: there the join finds the similar outputs, and labels, of which any two contradict each other, are
compared with those that rank first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components

from ...core import DataError
from ..check.facts import LABEL_WORDS, is_label
from .cache import KnownGrams
from .candidates import MOST_PAIRS, Join, join_texts
from .corpus import best_ranks
from .join import SimilarPairs, as_fraction
from .ngrams import GramSets, gram_sets, may_share, shared_grams
from .subjects import combinations, distinct_rows
from .wording import Synonyms, differences, named

_CHUNK = 500_000  # pairs of items processed together: about 100 MB
_EACH = 256  # pairs of each item up to which comparing all of them is no slower than a join of their outputs
_HUBS = 8  # labels of each subject that all others are compared with, where there are too many pairs
MOST = 60_000_000  # most pairs in memory: 130 bytes each with all their data, measured, so 8 GB

_SEVERAL = 0.5  # of the answers are to a request with several: its wording varies
_LABELS = 0.9  # of the answers are to several requests: the short ones are labels
_MANY = 0.005  # of the answers are the same short one: it is a label anywhere

TextsOf = Callable[[np.ndarray], list[str]]  # of these numbers
Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]  # the position of a pair of subjects, and an item of each


@dataclass(frozen=True)
class Edges:
    """Pairs of items with the similarity of their inputs and of their outputs."""

    left: np.ndarray
    right: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray

    @property
    def similarity(self) -> np.ndarray:
        """The smaller of the two similarities."""
        return np.minimum(self.inputs, self.outputs)

    def take(self, which: np.ndarray) -> "Edges":
        """The edges at these positions, or where this mask is true."""
        return Edges(self.left[which], self.right[which], self.inputs[which], self.outputs[which])


@dataclass(frozen=True)
class Items:
    """An entry per item: the number of its subject, of its input, of its output, and of the facts of its output; the
    best rank of its rows."""

    subject: np.ndarray
    request: np.ndarray
    output: np.ndarray
    facts: np.ndarray
    rank: np.ndarray


@dataclass(frozen=True)
class Compared:
    """Pairs of items. alternatives: the number of the others with one request. complete: whether all duplicates and
    conflicts are listed; otherwise all three are lower bounds."""

    duplicates: Edges
    conflicts: Edges
    alternatives: int
    complete: bool


def compare_outputs(
    same: SimilarPairs,
    items: Items,
    texts: TextsOf,
    requests: TextsOf,
    *,
    threshold: float,
    label_words: int,
    synonyms: Synonyms = frozenset(),
    known: KnownGrams | None = None,
) -> Compared:
    """Duplicates, conflicts and the number of alternatives among items whose subjects are the same.

    `texts` gives the normalised outputs of numbers, `requests` the inputs.
    """
    subject, output, facts = items.subject, items.output, items.facts
    subjects = int(max(subject.max(initial=-1), same.right.max(initial=-1))) + 1
    counts = np.bincount(subject, minlength=subjects)
    several = np.flatnonzero(counts > 1)
    left, right = np.concatenate((same.left, several)), np.concatenate((same.right, several))
    inputs = np.concatenate((same.similarity, np.ones(len(several))))
    related = np.zeros(subjects, bool)
    related[left] = related[right] = True
    needed = np.unique(output[related[subject]])
    varied = _varied(items)
    short, label = _labels(items, needed, texts(needed), label_words)
    if label_words < LABEL_WORDS:
        label &= ~varied
    divided = (known or KnownGrams()).pairs(needed, texts)
    proposals = _Proposals(items, left, right, counts, label, texts, threshold)
    duplicates, conflicts, found = [], [], 0
    for origin, a, b in proposals:
        differ = output[a] != output[b]
        labels = label[a] & label[b] & differ & (facts[a] != facts[b])
        similar, similarity = np.zeros(len(a), bool), np.zeros(len(a))
        for grams, which, i, j in divided(output[a], output[b]):
            similar[which], similarity[which] = _similar(grams, i, j, labels[which], threshold)
        conflict = labels | (similar & (facts[a] != facts[b]) & differ)
        duplicate = similar & ~conflict
        for kind, which in ((duplicates, duplicate), (conflicts, conflict)):
            chosen = np.flatnonzero(which)
            kind.append(Edges(a[chosen], b[chosen], inputs[origin[chosen]], similarity[chosen]))
            found += len(chosen)
        refuse_too_many(found, "outputs that repeat or contradict each other", threshold)
    alternatives = int(_pairs(left, right, counts).sum()) - proposals.unlisted - found
    compared = Compared(_joined(duplicates), _joined(conflicts), alternatives, proposals.complete)
    return _by_wording(compared, items, short, label, varied, texts, requests, synonyms)


def _varied(items: Items) -> np.ndarray:
    """Whether the answers to the request of each item vary in their wording: most requests have several, or it has three."""
    request = distinct_rows(items.request, items.output)[1][0]
    several = np.bincount(request)[request] > 1
    if len(several) and several.mean() >= _SEVERAL:
        return np.ones(len(items.request), bool)
    return np.bincount(distinct_rows(items.request, items.output, items.facts)[1][0])[items.request] > 2


def _labels(items: Items, needed: np.ndarray, texts: list[str], label_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether the output of each item is short, and whether it is a label, of which two different ones contradict each other.

    A short one is a label if it answers many requests or has a digit, or where nearly all outputs answer several. Others
    are terms and phrases, of which several may be right.
    """
    size = int(items.output.max(initial=-1)) + 1
    answers = distinct_rows(items.request, items.output)[1][1]
    answered = np.bincount(answers, minlength=size)
    classes = len(answers) > 0 and (answered[answers] > 1).mean() >= _LABELS
    many = answered >= (0 if classes else max(2, _MANY * len(answers)))
    short, label = np.zeros(size, bool), np.zeros(size, bool)
    short[needed] = [is_label(text, label_words) for text in texts]
    label[needed] = short[needed] & (many[needed] | np.array([any(map(str.isdigit, text)) for text in texts], bool))
    return short[items.output], label[items.output]


def _by_wording(
    compared: Compared, items: Items, short: np.ndarray, label: np.ndarray, varied: np.ndarray, texts: TextsOf,
    requests: TextsOf, synonyms: Synonyms,
) -> Compared:  # fmt: skip
    """The same for edges of one request, by the words of the inputs. Duplicates whose outputs differ in a word that says
    something are alternatives, or contradict each other if it is a word of the request or an opposite, and wordings do not
    vary."""
    edges, repeated = _joined([compared.duplicates, compared.conflicts]), len(compared.duplicates.left)
    a, b = edges.left, edges.right
    same = np.flatnonzero(items.output[a] == items.output[b])
    outputs, of = np.unique(items.output[a[same]], return_inverse=True)
    agree = np.zeros(len(a), bool)
    # A label is the answer to any request of its kind, so that it does not show which words say nothing.
    agree[same] = np.array([not is_label(text) for text in texts(outputs)], bool)[of]
    inputs = differences(items.request[a], items.request[b], requests, synonyms, agree=agree)
    one = ~inputs.other
    # A word that says nothing while outputs agree may be what tells two apart that do not.
    duplicate, conflict = one & (np.arange(len(a)) < repeated), one & ~inputs.moved & (inputs.exchange == 0)
    at = np.flatnonzero(duplicate)
    said = differences(items.output[a[at]], items.output[b[at]], texts, synonyms)
    duplicate[at[said.other]] = False
    conflict[at] &= said.other & ~varied[a[at]] & ~varied[b[at]]
    unsure = at[conflict[at] & ~said.opposite]
    request, output = items.request[a[unsure]], items.output
    conflict[unsure] = named(request, output[a[unsure]], output[b[unsure]], requests, texts)
    labels = label[a] & label[b]
    conflict &= labels | ~(short[a] & short[b])
    conflict[repeated:] &= (inputs.exact | ~labels)[repeated:]  # any word of the input may stand for another label
    alternatives = compared.alternatives + int((one & ~duplicate & ~conflict).sum())
    return Compared(edges.take(duplicate), edges.take(conflict), alternatives, compared.complete)


def _pairs(left: np.ndarray, right: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The number of pairs of items of each pair of subjects."""
    return np.where(left == right, counts[left] * (counts[left] - 1) // 2, counts[left] * counts[right])


class _Proposals:
    """The pairs of items that may be duplicates or conflicts, in parts, each once.

    unlisted: pairs that were not proposed and are not known to be alternatives. complete: whether all others were.
    """

    def __init__(
        self, items: Items, left: np.ndarray, right: np.ndarray, counts: np.ndarray, label: np.ndarray,
        texts: TextsOf, threshold: float,
    ) -> None:  # fmt: skip
        self._items, self._left, self._right, self._counts = items, left, right, counts
        self._label, self._texts, self._threshold = label, texts, threshold
        self.unlisted, self.complete = 0, True

    def __iter__(self) -> Iterator[Pairs]:
        left, counts = self._left, self._counts
        work, ends = counts[left] * counts[self._right], (left, self._right)
        links = sparse.coo_matrix((np.ones(len(left), np.int8), ends), shape=(len(counts), len(counts)))
        part = connected_components(links, directed=False)[1] if len(left) else np.zeros(0, np.int64)
        most = np.maximum(_CHUNK, _EACH * np.bincount(part, weights=counts))
        crowd = np.bincount(part[left], weights=work, minlength=len(most)) > most
        crowd[part[left[work > _CHUNK]]] = True
        yield from self._all(np.flatnonzero(~crowd[part[left]]), np.arange(len(self._label)))
        for number in np.flatnonzero(crowd).tolist():
            which = np.flatnonzero(part[left] == number)
            yield from self._crowd(which, np.flatnonzero(part[self._items.subject] == number))

    def _all(self, which: np.ndarray, among: np.ndarray) -> Iterator[Pairs]:
        """All pairs of these items that belong to some pairs of subjects."""
        left, right = self._left[which], self._right[which]
        for origin, a, b in combinations(self._items.subject[among], left, right, len(self._counts), most=_CHUNK):
            once = np.flatnonzero((left != right)[origin] | (a < b))
            yield which[origin[once]], among[a[once]], among[b[once]]

    def _crowd(self, which: np.ndarray, members: np.ndarray) -> Iterator[Pairs]:
        """The pairs of members with similar outputs, and those of labels."""
        outputs, of = np.unique(self._items.output[members], return_inverse=True)
        sizes = np.bincount(of)
        if (sizes**2).sum() > (self._counts[self._left[which]] * self._counts[self._right[which]]).sum():
            yield from self._all(which, members)  # fewer are related than have the same output
            return
        join = self._join(outputs, best_ranks(of, self._items.rank[members]))
        labels, listed = members[self._label[members]], self._label
        labels_of = np.bincount(self._items.subject[labels], minlength=len(self._counts))
        rest = int(_pairs(self._left[which], self._right[which], labels_of).sum())
        few = rest <= MOST_PAIRS
        if not few:
            listed = _hubs(self._items, labels)
        if join.method.name == "candidates":
            rest = int(_pairs(self._left[which], self._right[which], self._counts).sum())
        self.complete &= few and join.method.name == "exact"
        for origin, a, b in self._all(which, labels) if few else self._with_hubs(which, labels, listed):
            rest -= len(a)
            yield origin, a, b
        related, same = _Related(self._left, self._right, which), np.arange(len(outputs))
        for one, other in chain([(same, same)], ((found.left, found.right) for found in join.pairs())):
            for at, i, j in combinations(of, one, other, len(outputs), most=_CHUNK):
                a, b = members[i], members[j]
                new = ~(self._label[a] & self._label[b] & (listed[a] | listed[b]))
                new &= (one != other)[at] | (a < b)
                found, a, b = related.find(self._items.subject, a[new], b[new])
                both = self._label[a] & self._label[b] if join.method.name == "exact" else np.ones(len(a), bool)
                rest -= int(both.sum())
                yield found, a, b
        self.unlisted += rest

    def _join(self, outputs: np.ndarray, ranks: np.ndarray) -> Join:
        """The join of these outputs."""

        @cache
        def texts() -> list[str]:
            return self._texts(outputs)

        return join_texts(texts, cache(lambda: gram_sets(texts())), self._threshold, setting="auto", ranks=ranks)

    def _with_hubs(self, which: np.ndarray, labels: np.ndarray, hub: np.ndarray) -> Iterator[Pairs]:
        """The pairs of labels of which one is a hub."""
        subject, many, hubs = self._items.subject, len(self._counts), labels[hub[labels]]
        both, groups = np.concatenate((labels, hubs)), np.concatenate((subject[labels], subject[hubs] + many))
        left, right = self._left[which], self._right[which]
        left, right = np.concatenate((left, left + many)), np.concatenate((right + many, right))
        for origin, i, j in combinations(groups, left, right, 2 * many, most=_CHUNK):
            a, b = both[i], both[j]
            # Two hubs meet in both halves, two labels of one subject in both orders.
            once = (origin < len(which)) | ~(hub[a] & hub[b])
            once &= (left[origin] % many != right[origin] % many) | np.where(
                hub[a] & hub[b], a < b, origin < len(which)
            )
            yield which[origin[once] % len(which)], a[once], b[once]


def _hubs(items: Items, labels: np.ndarray) -> np.ndarray:
    """Whether each item is a hub: of the labels of its subject one that ranks first, or the first one with other facts
    than the first."""
    order = labels[np.lexsort((items.rank[labels], items.subject[labels]))]
    new = np.append(True, items.subject[order[1:]] != items.subject[order[:-1]])
    start = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    other = np.flatnonzero(items.facts[order] != items.facts[order[start]])
    other = other[np.unique(start[other], return_index=True)[1]]
    hub = np.zeros(len(items.subject), bool)
    hub[order[np.arange(len(order)) - start < _HUBS]] = hub[order[other]] = True
    return hub


class _Related:
    """Finds the pairs of subjects to which pairs of items belong."""

    def __init__(self, left: np.ndarray, right: np.ndarray, which: np.ndarray) -> None:
        self._width = int(max(left.max(), right.max())) + 1
        keys = self._key(left[which], right[which])
        order = np.argsort(keys)
        self._keys, self._which = keys[order], which[order]

    def find(self, subject: np.ndarray, a: np.ndarray, b: np.ndarray) -> Pairs:
        """Those of the pairs of items that belong to one."""
        keys = self._key(subject[a], subject[b])
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        found = np.flatnonzero(self._keys[at] == keys)
        return self._which[at[found]], a[found], b[found]

    def _key(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.minimum(one, other) * self._width + np.maximum(one, other)


def refuse_too_many(pairs: int, what: str, threshold: float) -> None:
    """Raise an error with advice before memory runs out.

    Raises:
        DataError: more pairs than fit in memory.
    """
    if pairs > MOST:
        raise DataError(
            f"more than {MOST:,} pairs of {what}: the rows follow a template whose slots are words\n"
            "Provide the inputs as fields, so that different values are different facts, "
            f"or raise [curate] near_duplicate from {threshold:g}."
        )


def _similar(
    grams: GramSets, a: np.ndarray, b: np.ndarray, counted: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each pair of outputs is similar, and its similarity: 0 if it cannot be and need not be `counted`."""
    t = as_fraction(threshold)
    p, q = t.numerator, t.denominator
    size_a, size_b = grams.sizes[a], grams.sizes[b]
    differ = a != b
    possible = differ & (counted | (np.minimum(size_a, size_b) * q >= p * np.maximum(size_a, size_b)))
    chosen = np.flatnonzero(possible)
    needed = -(-p * (size_a[chosen] + size_b[chosen]) // (p + q))
    chosen = chosen[counted[chosen] | may_share(grams, a[chosen], b[chosen], needed)]
    shared = shared_grams(grams, a[chosen], b[chosen])
    union = size_a[chosen] + size_b[chosen] - shared
    similarity = np.where(differ, 0.0, 1.0)
    similarity[chosen] = shared / union
    similar = ~differ
    similar[chosen] = shared * q >= p * union
    return similar, similarity


def _joined(parts: Sequence[Edges]) -> Edges:
    none, no = np.zeros(0, np.int64), np.zeros(0)
    columns = zip(*((e.left, e.right, e.inputs, e.outputs) for e in [Edges(none, none, no, no), *parts]), strict=True)
    return Edges(*map(np.concatenate, columns))
