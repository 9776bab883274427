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
LONGEST = 1_000  # characters of a text that are compared
SHIFTS = (1, -1, 2, -2, 3, -3)
CHANCE = 8  # other requests, at random, that an output's own request is compared with
MOST = 4_000  # outputs, at random, that are compared with all requests; a share is then known to two points
MOST_PRODUCTS = 4_000_000  # of shared words, for these outputs of one variant: a quarter of a second
FIT, POOR = 0.8, 0.5
CLEAR = 1.5  # times as good a fit as the next best: a text that answers no request fits several about as well
SURE = 5.0  # standard deviations of a random walk, which no outputs reach by chance
FEWEST = 20
HAIR = 1e-6


@dataclass(frozen=True)
class Assignment:
    """The requests that outputs answer, as far as these are not their own; rows are positions in the test set.

    shift, shifted: the outputs in these rows are one run of outputs that fit the requests so many rows further on.
    looked: how many outputs were compared with all requests; elsewhere, target: those of them that fit another request
    clearly better than their own, and that request; clear: which of these fit no third request nearly as well.
    at_random: outputs fit their own requests no better than any others.
    """

    shift: int
    shifted: np.ndarray
    looked: int
    elsewhere: np.ndarray
    target: np.ndarray
    clear: np.ndarray
    at_random: bool


class Requests:
    """The requests and references of a test set, `(n,)` each, which outputs are compared with."""

    def __init__(self, references: Sequence[str | None], inputs: Sequence[str | None]) -> None:
        self._sides = [_Side(texts) for texts in (references, inputs)]
        self._n = len(references)

    def assign(self, outputs: Sequence[str | None]) -> Assignment:
        """The requests that the outputs answer. An empty output answers its own."""
        written = [side.weigh(outputs) for side in self._sides]
        said, here, rng = np.diff(written[0].indptr) > 0, np.arange(self._n), np.random.default_rng(0)

        def fit(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
            """`(2, m)`: how well these outputs fit the references and the requests of these rows."""
            sides = zip(written, self._sides, strict=True)
            return np.stack(
                [np.where(said[ours], _rowwise(mine[ours], side.texts[theirs]), 0.0) for mine, side in sides]
            )

        own = fit(here, here)
        others = fit(here, (here + 1 + rng.integers(max(1, self._n - 1), size=self._n)) % self._n)
        won, lost = (int((side.sum(axis=0) > HAIR).sum()) for side in (own - others, others - own))
        shifted = np.stack([fit(here, (here + shift) % self._n) for shift in SHIFTS])
        runs = [_run(there, own) for there in shifted]
        longest = max(range(len(SHIFTS)), key=lambda i: len(runs[i]))

        some = rng.permutation(self._n)[:MOST]
        chance = [
            fit(some, (some + rng.permutation(self._n)[: len(some)]) % self._n).sum(axis=0) for _ in range(CHANCE)
        ]
        targets = np.stack([*((some + shift) % self._n for shift in SHIFTS), *self._nearest(written, some).T])
        sides = np.stack([*shifted[:, :, some], *(fit(some, rows) for rows in targets[len(SHIFTS) :])])
        fits = np.where(targets == some, -1.0, sides.sum(axis=1))
        best, at = fits.argmax(axis=0), np.arange(len(some))
        mine, most, target = own[:, some].sum(axis=0), fits[best, at], targets[best, at]
        usual = np.median(np.maximum(mine, most)[said[some]]) if said.any() else 0.0
        better = said[some] & (sides[best, :, at] + HAIR >= own[:, some].T).all(axis=1)
        better &= (mine <= np.max(chance, axis=0)) & (mine <= POOR * most) & (most >= FIT * usual)
        next_best = np.where(targets == target, 0.0, fits).max(axis=0)
        by_fit = np.flatnonzero(better)[np.argsort(-most[better], kind="stable")]
        once = np.sort(by_fit[np.unique(target[by_fit], return_index=True)[1]])  # a request has one answer
        order = once[np.argsort(some[once])]
        return Assignment(
            SHIFTS[longest], runs[longest], len(some), some[order], target[order],
            most[order] >= CLEAR * next_best[order], won - lost <= SURE * np.sqrt(won + lost),
        )  # fmt: skip

    def _nearest(self, written: Sequence[sparse.csr_matrix], some: np.ndarray) -> np.ndarray:
        """`(m, 2)`: the two other rows that share the most of the rarest words of these outputs, as time allows."""
        ours = sparse.csr_matrix(sparse.hstack([texts[some] for texts in written]))
        theirs = self._both
        products = ours.getnnz(axis=0).astype(np.int64) * theirs.getnnz(axis=0)
        rarest = np.argsort(products, kind="stable")
        few = np.zeros(len(products), np.float32)
        few[rarest[np.cumsum(products[rarest]) <= MOST_PRODUCTS]] = 1.0
        shared = (ours @ sparse.diags(few) @ theirs.T).tocoo()
        shared.data[shared.col == some[shared.row]] = 0.0
        nearest = np.tile(some[:, None], 2)  # the own row where there is none
        for place in range(2):
            top = shared.tocsr()
            best = np.asarray(top.argmax(axis=1)).ravel()
            found = np.asarray(top.max(axis=1).todense()).ravel() > 0
            nearest[found, place] = best[found]
            shared.data[shared.col == nearest[shared.row, place]] = 0.0
        return nearest

    @cached_property
    def _both(self) -> sparse.csr_matrix:
        """The words of references and requests side by side."""
        return sparse.csr_matrix(sparse.hstack([side.texts for side in self._sides]))


def _run(there: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The rows in the run of rows that fit there better than on their own, if that is no accident.

    Each row counts 1 if neither its reference nor its request fits worse there, -1 if they fit worse together. The run with
    the highest sum is found in one pass (Bentley 1984, Communications of the ACM 27, 865); outputs that fit both about
    equally make a random walk, whose highest rise is within a few square roots of its steps.
    """
    gain = (there - own).sum(axis=0)
    better, worse = (gain > HAIR) & (own <= there + HAIR).all(axis=0), gain < -HAIR
    height = np.concatenate(([0], np.cumsum(better.astype(int) - worse)))
    rise = height - np.minimum.accumulate(height)
    end = int(rise.argmax())
    if rise[end] < max(FEWEST, SURE * np.sqrt((better | worse).sum())):
        return np.zeros(0, np.int64)
    start = int(np.flatnonzero(height[:end] == height[:end].min())[-1])
    return start + np.flatnonzero(better[start:end])


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


def _rowwise(ours: sparse.csr_matrix, theirs: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(ours.multiply(theirs).sum(axis=1)).ravel()
