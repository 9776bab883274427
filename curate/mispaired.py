"""Finds mispaired rows, whose output fits the requests of other rows better, learned from the pairs alone.

A few thousand pairs show which outputs go with which requests: by the words and characters that both share, and by a
linear map from the words of one to those of the other. A classifier then tells own outputs from shuffled ones. All of
it is fitted on five folds, so that no row is judged by what was learned from it or from a copy of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components
from threadpoolctl import threadpool_limits

from ..core import say
from .match import Corpus, Relations

_LEARNED = 4_000  # pairs
_FEWEST = 400  # different pairs; from fewer, what seldom occurs looks mispaired
_MOST = 100_000  # rows that are judged, in seconds
_FIRST = 8_192  # of them are judged first: enough to see whether any stand out
_FOLDS = 5
_ALARMS = 0.01  # of the clean rows may be listed
_REST = 0.85  # of the shuffled pairs, on which the estimate of their share in the rows rests
_APART = 0.97  # of the shuffled pairs lie below all but a few rows where the two hardly overlap
_CLEAR = 2  # times as dense as the rows are the shuffled pairs where a row is listed then
_SIGNAL = 0.5  # of the shuffled pairs must be found, or outputs say too little about their requests
_MOST_SHUFFLED = 0.25  # of the rows; if more seem to be, outputs that fit any request are usual
_CHUNK = 4_096  # rows encoded at once: their number takes 12 bits, that of a token 20
_CHARACTERS = 1_500  # of each text are compared
_GRAM = 4  # characters
_TOKENS = 1 << 20  # numbers of tokens; two rare ones that share a number change nothing that shows
_DIMENSIONS = 128
_OTHERS = 48  # rows that each row is compared with
_RIDGE = 0.1  # of the mean variance
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio
_BASE = np.uint64(0xD6E8FEB86659FD93)  # of the polynomial hash; odd, so that it has an inverse
_INVERSE = np.uint64(pow(int(_BASE), -1, 1 << 64))

Pairs = tuple[Sequence[str], Sequence[str]]  # requests, and the output of each


@dataclass(frozen=True)
class Mispaired:
    """The rows whose output fits the requests of other rows better.

    rows: their positions, the least fitting first; better: for each the row whose request fits its output best, -1 if no
    other fits better; probability: that the output belongs to its request, if every second pair were a shuffled one.
    judged: rows that were looked at. learned: pairs that were learned
    from, 0 if there are too few. recall: the share of outputs swapped
    at random that would be listed (0 to 1), estimated on shuffled pairs. by_chance: how many clean rows are listed, about.
    """

    rows: np.ndarray
    better: np.ndarray
    probability: np.ndarray
    judged: int
    learned: int
    recall: float
    by_chance: int

    def among(self, rows: np.ndarray) -> "Mispaired":
        """The listed rows that a mask of all rows has."""
        here = rows[self.rows]
        return replace(self, rows=self.rows[here], better=self.better[here], probability=self.probability[here])

    @property
    def weak(self) -> bool:
        """Whether outputs say too little about their requests to tell which belong together."""
        return self.recall < _SIGNAL

    def sentence(self, pairs: int) -> str:
        """How many of so many pairs are listed, how many of them by chance, and how sensitive the search is."""
        n = len(self.rows)
        verb = "has an output that fits" if n == 1 else "have an output that fits"
        return (
            f"{say.count(n, 'row')} ({say.percent(n / pairs)}) {verb} the request of another row better, about "
            f"{say.count(self.by_chance)} of them by chance; {self.would_find}."
        )

    @property
    def would_find(self) -> str:
        """How sensitive the search is, as a clause."""
        return f"{'only ' * self.weak}{say.percent(self.recall)} of outputs swapped at random would be found"


def find_mispaired(corpus: Corpus, relations: Relations, rows: np.ndarray) -> Mispaired:
    """The mispaired rows among these (positions); nothing depends on their order.

    None is listed if there are fewer than 400 different pairs, if outputs say too little about their requests, or if no
    more rows would be listed than chance explains. If that holds for the first 8,192, by a hash, the others are not judged.
    """
    order = corpus.in_order[np.isin(corpus.in_order, rows)][:_MOST]
    sample = order[corpus.content.gather(order).is_first_distinct().to_numpy()][:_LEARNED]
    none = np.zeros(0, np.int64)
    result = Mispaired(none, none, np.zeros(0), 0, 0, 0.0, 0)
    if len(sample) < _FEWEST:
        return result

    def texts(some: np.ndarray) -> Pairs:
        return corpus.requests(some), corpus.written(some)

    fold, odds, worst = _folds(corpus.content, relations), np.zeros(0), none
    with threadpool_limits(1):  # threads that wait for small products would take more time than they save
        learned = _Learned(texts(sample), fold[sample])
        if not len(learned.shuffled):  # all outputs are the same
            return replace(result, learned=len(sample))
        for judged in sorted({min(_FIRST, len(order)), len(order)}):
            chunks = [order[start : min(start + _CHUNK, judged)] for start in range(len(odds), judged, _CHUNK)]
            found = [learned.log_odds(learned.encode(texts(some)), fold[some]) for some in chunks]
            odds = np.concatenate([odds, *found])
            threshold, recall, by_chance = _threshold(np.sort(odds), learned.shuffled)
            worst = np.argsort(odds, kind="stable")
            worst = worst[odds[worst] <= threshold]
            result = replace(result, judged=judged, learned=len(sample), recall=recall, by_chance=by_chance)
            if result.weak or len(worst) <= 2 * by_chance:
                return result
        listed = order[worst]
        parts = [listed[start : start + _CHUNK // 4] for start in range(0, len(listed), _CHUNK // 4)]
        better = np.concatenate(
            [_better(learned, learned.encode(texts(some)), some, fold[some], sample) for some in parts]
        )
        # What nothing was learned of fits no request, its own as little as others.
        there = (texts(np.where(better < 0, listed, better))[0], texts(listed)[1])
        known = (better >= 0) & (learned.log_odds(learned.encode(there), fold[listed]) > 0)
    return replace(result, rows=listed[known], better=better[known], probability=1 / (1 + np.exp(-odds[worst[known]])))


def _folds(content: pl.Series, relations: Relations) -> np.ndarray:
    """The fold of each row, the same for rows that nearly repeat each other: by the smallest hash among them."""
    edges, size = relations.duplicates, int(relations.item.max()) + 1
    links = sparse.coo_matrix((np.ones(len(edges.left), np.int8), (edges.left, edges.right)), shape=(size, size))
    copies = connected_components(links, directed=False)[1][relations.item]
    smallest = pl.DataFrame({"content": content, "copies": copies}).select(pl.col("content").min().over("copies"))
    return smallest["content"].str.head(8).str.to_integer(base=16).to_numpy() % _FOLDS


def _threshold(own: np.ndarray, shuffled: np.ndarray) -> tuple[float, float, int]:
    """The log odds up to which a row is listed, the share of shuffled pairs there, and how many clean rows there may be.

    Rows are a mixture of clean and shuffled pairs. The share of the latter is at most the smallest ratio of the two
    distributions (Blanchard, Lee and Scott 2010), taken where it rests on most of the shuffled pairs.
    """
    n, at = len(own), np.unique(np.concatenate((own, shuffled)))
    below, caught = (np.searchsorted(some, at, side="right") / len(some) for some in (own, shuffled))
    many = caught >= _REST
    mixed = float((below[many] / caught[many]).min())
    mixed = 0.0 if mixed > _MOST_SHUFFLED else mixed
    allowed = below - mixed * caught <= _ALARMS * (1 - mixed)
    chosen = int(np.argmax(np.where(allowed, caught - below, -np.inf)))
    # Between rows that hardly overlap with shuffled pairs and those that do is a gap, which needs no estimate.
    gap = int(np.argmax(caught - _CLEAR * below))
    chosen = max(chosen, gap) if caught[gap] >= _APART else chosen
    # Clean rows look shuffled about as often as shuffled ones look clean; twice that is careful.
    by_chance = n * min(_ALARMS, 2 * (1 - caught[chosen]))
    return float(at[chosen]), float(caught[chosen]), int(np.ceil(by_chance))


def _better(
    learned: "_Learned", texts: "Sequence[_Encoded]", rows: np.ndarray, fold: np.ndarray, sample: np.ndarray
) -> np.ndarray:
    """The row whose request fits each output best, among those learned from and these rows themselves; -1 for its own."""
    fits = np.concatenate([learned.fit(texts[1], fold, some) for some in (texts[0], learned.texts[0])], axis=1)
    own = fits[np.arange(len(rows)), np.arange(len(rows))]
    return np.where(fits.max(axis=1) > own, np.concatenate((rows, sample))[fits.argmax(axis=1)], -1)


# --- texts as numbers -------------------------------------------------------------------------------------------------


def _token_sets(texts: Sequence[str]) -> sparse.csr_matrix:
    """`(texts, 2^20)`, 1 where a text has a token: a word, or four adjacent characters, in lower case."""
    short = [f"{text[:_CHARACTERS].lower()}\n" for text in texts]
    points = np.frombuffer("".join(short).encode("utf-32-le", "surrogatepass"), np.uint32)
    row = np.repeat(np.arange(len(short), dtype=np.uint32), np.fromiter(map(len, short), np.int64, len(short)))
    present = np.flatnonzero(np.bincount(points))
    in_word = np.zeros(int(present.max()) + 1, bool)
    in_word[present] = [chr(point).isalnum() for point in present.tolist()]
    inside = np.concatenate(([False], in_word[points]))  # the last character ends a text
    first, last = (
        np.flatnonzero(here & ~there) for here, there in ((inside[1:], inside[:-1]), (inside[:-1], inside[1:]))
    )
    start = np.flatnonzero(row[_GRAM - 1 :] == row[: 1 - _GRAM])
    # A polynomial hash of any stretch of text is a difference of two sums, shifted back to its start.
    power, back = (np.multiply.accumulate(np.append(np.uint64(1), np.full(len(row), by))) for by in (_BASE, _INVERSE))
    sums = np.append(np.uint64(0), np.cumsum((points + np.uint64(1)) * power[:-1]))
    words, grams = (sums[last] - sums[first]) * back[first], (sums[start + _GRAM] - sums[start]) * back[start]
    hashed = np.concatenate((words, grams + np.uint64(_GRAM))) * _ODD >> np.uint64(44)  # the top 20 bits
    keys = np.concatenate((row[first], row[start])) << np.uint32(20) | hashed.astype(np.uint32)
    keys.sort()
    keys = keys[np.append(True, keys[1:] != keys[:-1])]
    bounds = np.searchsorted(keys, np.arange(len(texts) + 1) << 20)
    columns = (keys % np.uint32(_TOKENS)).astype(np.int32)
    return sparse.csr_matrix((np.ones(len(columns), np.float32), columns, bounds), shape=(len(texts), _TOKENS))


def _lengths(texts: Sequence[str]) -> np.ndarray:
    return np.log1p(np.fromiter(map(len, texts), np.float64, len(texts)))


def _scaled(table: sparse.csr_matrix) -> tuple[sparse.csr_matrix, np.ndarray]:
    """The rows at length 1, and their lengths before."""
    sizes = np.diff(table.indptr)
    length = np.sqrt(np.add.reduceat(np.append(table.data**2, 0), table.indptr[:-1]) * (sizes > 0)).clip(1e-6)
    scaled = table.data / np.repeat(length, sizes)
    return sparse.csr_matrix((scaled.astype(np.float32), table.indices, table.indptr), shape=table.shape), length


def _unit(table: np.ndarray) -> np.ndarray:
    return table / np.linalg.norm(table, axis=1, keepdims=True).clip(1e-6)


class _Encoded(NamedTuple):
    """Texts by row: the weights of their tokens at length 1, the length before, and their coordinates in a `_Space`."""

    tokens: sparse.csr_matrix
    length: np.ndarray
    place: np.ndarray

    def take(self, rows: np.ndarray) -> "_Encoded":
        return _Encoded(self.tokens[rows], self.length[rows], self.place[rows])


class _Space:
    """The directions in which some texts vary the most."""

    def __init__(self, sets: sparse.csr_matrix, lengths: np.ndarray, weight: np.ndarray) -> None:
        counts = np.bincount(sets.indices, minlength=_TOKENS)
        known = np.flatnonzero((counts > 1) & (counts <= len(lengths) / 2))
        self._weight, self._rarity = weight, np.log(len(lengths) / counts.clip(1)).astype(np.float32)
        self._column = np.full(_TOKENS, -1, np.int32)
        self._column[known] = np.arange(len(known), dtype=np.int32)
        self._width = max(1, len(known))
        table = self._table(sets)
        self._directions = _directions(table)
        self._centre, self._length = (table @ self._directions).mean(axis=0), lengths.mean()

    def encode(self, sets: sparse.csr_matrix, lengths: np.ndarray) -> _Encoded:
        weights = sparse.csr_matrix((self._weight[sets.indices], sets.indices, sets.indptr), shape=sets.shape)
        place = self._table(sets) @ self._directions - self._centre
        longer = 0.1 * (lengths - self._length)[:, None]
        return _Encoded(*_scaled(weights), np.concatenate((place, longer), axis=1).astype(np.float32))

    def _table(self, sets: sparse.csr_matrix) -> sparse.csr_matrix:
        column = self._column[sets.indices]
        known = np.flatnonzero(column >= 0)
        bounds, rarity = np.searchsorted(known, sets.indptr), self._rarity[sets.indices[known]]
        return _scaled(sparse.csr_matrix((rarity, column[known], bounds), shape=(len(bounds) - 1, self._width)))[0]


def _directions(table: sparse.csr_matrix) -> np.ndarray:
    """The first right singular vectors, by subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4)."""
    turned, n = table.T.tocsr(), len(table.indptr) - 1
    found = np.random.default_rng(0).standard_normal((n, min(_DIMENSIONS + 16, n, len(turned.indptr) - 1)))
    found = found.astype(np.float32)
    for _ in range(2):
        found = _orthonormal(table @ (turned @ found))
    return _orthonormal(turned @ found)[:, :_DIMENSIONS]


def _orthonormal(table: np.ndarray) -> np.ndarray:
    """The left singular vectors, the largest first, without those of tiny values: by way of the small Gram matrix."""
    values, vectors = np.linalg.eigh((table.T @ table).astype(np.float64))
    first = np.argsort(-values)
    first = first[values[first] > 1e-6 * values.max(initial=0)]
    return table @ (vectors[:, first] / np.sqrt(values[first])).astype(np.float32)


# --- learning -----------------------------------------------------------------------------------------------------------


class _Learned:
    """What a sample of pairs shows: the rarity of tokens, a space for each side, and by fold the maps between these and a
    classifier. The sample is in the order of a hash, so that its first rows, or the next one, are any other rows.

    texts: the sample, encoded. shuffled: the log odds of shuffled pairs, ascending.
    """

    def __init__(self, pairs: Pairs, fold: np.ndarray) -> None:
        sets, lengths = [_token_sets(texts) for texts in pairs], [_lengths(texts) for texts in pairs]
        counts = np.bincount(np.concatenate([some.indices for some in sets]), minlength=_TOKENS)
        self._weight = np.log((2 * len(fold) + 1) / (counts + 1)).astype(np.float32)
        sides = [*zip(sets, lengths, strict=True)]
        self._spaces = [_Space(*side, self._weight) for side in sides]
        self.texts = [space.encode(*side) for space, side in zip(self._spaces, sides, strict=True)]
        self._others = [texts.take(np.arange(min(_OTHERS, len(fold)))) for texts in self.texts]
        self._columns = [texts.tokens.T.tocsr() for texts in self._others]
        places = [texts.place for texts in self.texts]
        self._maps = [
            [_ridge(given[fold != number], wanted[fold != number]) for number in range(_FOLDS)]
            for given, wanted in (places, places[::-1])
        ]
        own, parts = self._features(self.texts, fold), []
        for step in (1, 2):
            other = np.arange(len(fold))
            for number in range(_FOLDS):
                other[fold == number] = np.roll(other[fold == number], step)
            differ = np.array([pairs[1][row] != pairs[1][at] for row, at in enumerate(other.tolist())])
            x, y = self.texts
            parts.append((self._features([x.take(differ), y.take(other[differ])], fold[differ]), fold[differ]))
        shuffled, of_fold = (np.concatenate(part) for part in zip(*parts, strict=True))
        self._classifiers = [_Classifier(own[fold != i], shuffled[of_fold != i]) for i in range(_FOLDS)]
        self.shuffled = np.sort(self._classified(shuffled, of_fold))

    def encode(self, pairs: Pairs) -> list[_Encoded]:
        return [s.encode(_token_sets(texts), _lengths(texts)) for s, texts in zip(self._spaces, pairs, strict=True)]

    def log_odds(self, texts: Sequence[_Encoded], fold: np.ndarray) -> np.ndarray:
        """The log odds that the output of each pair belongs to its request, where half of all pairs are shuffled."""
        return self._classified(self._features(texts, fold), fold)

    def fit(self, outputs: _Encoded, fold: np.ndarray, requests: _Encoded) -> np.ndarray:
        """`(outputs, requests)`: how well they fit, at most 2."""
        fit = (outputs.tokens @ requests.tokens.T.tocsr()).toarray()
        for number, linear in enumerate(self._maps[1]):
            fit[fold == number] += _unit(outputs.place[fold == number] @ linear) @ _unit(requests.place).T
        return fit

    def _features(self, texts: Sequence[_Encoded], fold: np.ndarray) -> np.ndarray:
        """`(pairs, features)`: how well request and output fit each other, and how well either fits those of other rows."""
        x, y = texts
        shared = _shared(x.tokens, y.tokens, self._weight)
        found = [shared / (x.length * y.length), shared / x.length**2, shared / y.length**2]
        for side in (0, 1):
            found += _beside(found[0], (texts[side].tokens @ self._columns[1 - side]).toarray())
        for side in (0, 1):
            wanted, other, others = _unit(texts[1 - side].place), self._others[side], self._others[1 - side]
            fit, along, across = np.empty(len(fold)), *np.empty((2, len(fold), len(others.place)), np.float32)
            for number, linear in enumerate(self._maps[side]):
                rows = np.flatnonzero(fold == number)
                predicted = _unit(texts[side].place[rows] @ linear)
                fit[rows] = (predicted * wanted[rows]).sum(axis=1)
                along[rows] = predicted @ _unit(others.place).T
                across[rows] = wanted[rows] @ _unit(other.place @ linear).T
            found += [fit, *_beside(fit, along), *_beside(fit, across)]
        return np.stack(found, axis=1)

    def _classified(self, features: np.ndarray, fold: np.ndarray) -> np.ndarray:
        found = np.empty(len(fold))
        for number, classifier in enumerate(self._classifiers):
            found[fold == number] = classifier.log_odds(features[fold == number])
        return found.round(4)  # how many rows are encoded together changes how sums are rounded


def _ridge(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    size = given.shape[1]
    # Texts that are all the same have no weight at all.
    penalty = (_RIDGE * (given**2).sum() / size + 1e-6) * np.eye(size, dtype=np.float32)
    return np.linalg.solve(given.T @ given + penalty, given.T @ wanted)


def _shared(x: sparse.csr_matrix, y: sparse.csr_matrix, weight: np.ndarray) -> np.ndarray:
    """The sum of the squared weights of the tokens that both texts of a pair have."""
    rows = np.arange(len(x.indptr) - 1, dtype=np.uint32) << np.uint32(20)
    keys = np.concatenate([np.repeat(rows, np.diff(sets.indptr)) | sets.indices.view(np.uint32) for sets in (x, y)])
    keys.sort(kind="stable")  # merges the two sides, each of which is sorted
    both = keys[1:][keys[1:] == keys[:-1]]
    return np.bincount(both >> np.uint32(20), weight[both % np.uint32(_TOKENS)] ** 2, minlength=len(rows))


def _beside(own: np.ndarray, others: np.ndarray) -> list[np.ndarray]:
    """How far a fit is above those with other rows, in standard deviations, and the share of these that fit as well."""
    above = (own - others.mean(axis=1)) / (others.std(axis=1) + 0.01)
    return [np.clip(above, -10, 30), (others >= own[:, None]).mean(axis=1)]


class _Classifier:
    """Logistic regression on features and their squares, where own and shuffled pairs count the same."""

    def __init__(self, own: np.ndarray, shuffled: np.ndarray) -> None:
        features = np.concatenate((own, shuffled))
        self._centre, self._scale = features.mean(axis=0), features.std(axis=0) + 1e-6
        table, is_own = self._table(features), np.arange(len(features)) < len(own)
        weight = len(features) * np.where(is_own, 0.5 / max(1, len(own)), 0.5 / max(1, len(shuffled)))
        self._slope = np.zeros(table.shape[1])
        for _ in range(8):  # Newton steps, with a ridge of 1; fewer suffice
            probability = 1 / (1 + np.exp(-np.clip(table @ self._slope, -30, 30)))
            gradient = table.T @ (weight * (is_own - probability)) - self._slope
            curvature = (table * (weight * probability * (1 - probability))[:, None]).T @ table
            self._slope = self._slope + np.linalg.solve(curvature + np.eye(len(gradient)), gradient)

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        return self._table(features) @ self._slope

    def _table(self, features: np.ndarray) -> np.ndarray:
        scaled = np.clip((features - self._centre) / self._scale, -5, 5)
        return np.concatenate((np.ones((len(scaled), 1)), scaled, scaled**2), axis=1)
