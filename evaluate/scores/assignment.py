"""Which request each output answers: its own, or another one whose reference and request it fits clearly better.

Texts are compared by their words, the rare ones counting more: the cosine with the reference plus that with the request.
Requests up to three rows away are all compared; others only where they share the rarest words with an output.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import scipy.sparse as sparse

# Words; in scripts without spaces between them, single characters.
TOKEN = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}]|[\p{L}\p{M}\p{N}]+"
LONGEST = 1_500  # characters of a text that are compared
SHIFTS = (1, -1, 2, -2, 3, -3)
CHANCE = 16  # other requests, at random, that an output's own request is compared with
MOST_PRODUCTS = 4_000_000  # of shared words, for all outputs of one variant: a quarter of a second
FIT, POOR = 0.8, 0.5
HAIR = 1e-6


@dataclass(frozen=True)
class Assignment:
    """For each output the row whose request it answers, `(n,)`: its own row unless another one is clearly better.

    better, worse: for each of `SHIFTS`, how many outputs fit the row so many places on better, and worse, than their own.
    """

    row: np.ndarray
    better: np.ndarray
    worse: np.ndarray

    @property
    def elsewhere(self) -> np.ndarray:
        """Which outputs answer another request."""
        return self.row != np.arange(len(self.row))


class Requests:
    """The requests and references of a test set, `(n,)` each, which outputs are compared with."""

    def __init__(self, references: Sequence[str | None], inputs: Sequence[str | None]) -> None:
        self._sides = [_Side(texts) for texts in (references, inputs)]
        self._n = len(references)

    def assign(self, outputs: Sequence[str | None]) -> Assignment:
        """The request that each output answers. An empty output answers its own."""
        written = [side.weigh(outputs) for side in self._sides]
        said, here, rng = np.diff(written[0].indptr) > 0, np.arange(self._n), np.random.default_rng(0)

        def fit(rows: np.ndarray) -> np.ndarray:
            """`(2, n)`: how well each output fits the reference and the request of the row that is given for it."""
            sides = zip(written, self._sides, strict=True)
            return np.stack([np.where(said, _rowwise(ours, side.texts, rows), 0.0) for ours, side in sides])

        own = fit(here)
        by_chance = np.max([fit((here + rng.permutation(self._n)) % self._n).sum(axis=0) for _ in range(CHANCE)], axis=0)
        shifted = np.stack([fit((here + shift) % self._n) for shift in SHIFTS])
        gain = shifted.sum(axis=1) - own.sum(axis=0)
        nearby, furthest = gain.argmax(axis=0), self._nearest(written)
        sides = np.stack([shifted[nearby, :, here].T, fit(furthest)])
        near = sides[0].sum(axis=0) >= sides[1].sum(axis=0) - HAIR
        target = np.where(near, (here + np.array(SHIFTS)[nearby]) % self._n, furthest)
        there = np.where(near, sides[0], sides[1])
        mine, best = own.sum(axis=0), there.sum(axis=0)
        usual = np.median(np.maximum(mine, best)[said]) if said.any() else 0.0
        better = said & (own <= there + HAIR).all(axis=0) & (mine <= by_chance) & (mine <= POOR * best)
        better &= best >= FIT * usual
        by_fit = np.flatnonzero(better)[np.argsort(-best[better], kind="stable")]
        once = by_fit[np.unique(target[by_fit], return_index=True)[1]]  # a request has one answer
        row = here.copy()
        row[once] = target[once]
        return Assignment(row, (gain > HAIR).sum(axis=1), (gain < -HAIR).sum(axis=1))

    def _nearest(self, written: Sequence[sparse.csr_matrix]) -> np.ndarray:
        """For each output the other row that shares the most of its rarest words, as many of these as time allows."""
        ours, theirs = sparse.hstack(written, "csr"), sparse.hstack([side.texts for side in self._sides], "csr")
        counts = [np.bincount(some.indices, minlength=some.shape[1]).astype(np.int64) for some in (ours, theirs)]
        products = counts[0] * counts[1]
        rarest = np.argsort(products, kind="stable")
        few = np.zeros(len(products), np.float32)
        few[rarest[np.cumsum(products[rarest]) <= MOST_PRODUCTS]] = 1.0
        shared = (ours @ sparse.diags(few) @ theirs.T).tocsr()
        shared.setdiag(0)
        return np.asarray(shared.argmax(axis=1)).ravel()


class _Side:
    """One text of each row: `texts` are its weighed words `(n, words)`, each row at length 1."""

    def __init__(self, texts: Sequence[str | None]) -> None:
        words = _words(texts)
        self._known = words["word"].unique(maintain_order=True).sort()
        counts = words.join(self._numbers, on="word")["number"]
        frequency = np.bincount(counts, minlength=len(self._known))
        # A word that no text has counts as if one had it, so that it makes the fit of its output worse.
        self._weight = np.append(np.log((len(texts) + 1) / frequency), np.log(len(texts) + 1)).astype(np.float32)
        self.texts = self.weigh(texts)

    @cached_property
    def _numbers(self) -> pl.DataFrame:
        return self._known.to_frame("word").with_row_index("number")

    def weigh(self, texts: Sequence[str | None]) -> sparse.csr_matrix:
        """Texts by the words of this side, each row at length 1."""
        found = _words(texts).join(self._numbers, on="word", how="left").fill_null(len(self._known))
        rows, columns = found["row"].to_numpy().astype(np.int64), found["number"].to_numpy().astype(np.int64)
        weights = self._weight[columns]
        length = np.sqrt(np.bincount(rows, weights.astype(np.float64) ** 2, minlength=len(texts))).clip(HAIR)
        shape = (len(texts), len(self._known) + 1)
        table = sparse.csr_matrix((weights / length[rows].astype(np.float32), (rows, columns)), shape=shape)
        return table[:, :-1].tocsr()


def _words(texts: Sequence[str | None]) -> pl.DataFrame:
    """`row, word`: the different words of each text."""
    series = pl.Series("word", texts, dtype=pl.String).fill_null("").str.head(LONGEST).str.to_lowercase()
    words = pl.DataFrame(series.str.extract_all(TOKEN).list.unique()).with_row_index("row")
    return words.explode("word").drop_nulls()


def _rowwise(ours: sparse.csr_matrix, theirs: sparse.csr_matrix, rows: np.ndarray) -> np.ndarray:
    return np.asarray(ours.multiply(theirs[rows]).sum(axis=1)).ravel()
