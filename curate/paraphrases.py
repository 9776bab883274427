"""Inputs that mean nearly the same in other words: static embeddings, and for each held-out row the nearest train rows.

Character grams, which decide about duplicates, see the same words; this sees synonyms, sorted words and added phrases as
well. It reports, and ties rows of one meaning if asked to; it never drops a row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from ..core import ConfigError, install_command, say
from .check import is_label, token_facts
from .match import Corpus, gram_sets
from .match.ngrams import shared_grams
from .records import ParaphrasePair, Paraphrases

_LETTERS = 4_000  # characters of a text that are embedded: what follows hardly moves the mean of its words
_CHUNK = 8_192  # texts embedded at once
_QUERIES, _BASES = 1_024, 65_536  # rows of one product, about 270 MB
# Seconds on one core, measured: to compare a pair, to put a row into the graph, to search it for one.
_PAIR, _ADD, _SEARCH = 2e-8, 1e-4, 5e-5
_SHORT = 5  # seconds up to which all pairs are compared in any case
_NEIGHBOURS = 8  # looked at for each row: the nearest may state other numbers
_SAMPLE = 2_000  # rows that the threshold is calibrated on
_PRECISION, _FEWEST = 0.8, 20  # share of pairs with the same output above the threshold; such pairs that it needs
_LOWEST = 0.7  # less similar pairs do not count as near
_LISTED = 20  # held-out rows in the table


@dataclass(frozen=True)
class Embedding:
    """A model of sentence embeddings: its name, and a function from n texts to unit vectors `(n, dimensions)`."""

    name: str
    embed: Callable[[Sequence[str]], np.ndarray]


def load_embedding(setting: Literal[True] | str) -> Embedding:
    """The embeddings that the package wordllama carries (`True`), or those of a local sentence-transformers folder.

    Nothing is downloaded.

    Raises:
        ConfigError: the package is not installed, or the folder holds no such model.
    """
    return _carried() if setting is True else _local(Path(setting))


def _carried() -> Embedding:
    try:
        import wordllama
    except ImportError:
        raise ConfigError(
            f"[curate] meaning = true needs wordllama; install it: {install_command('meaning')}"
        ) from None
    # The package looks for its own tokenizer in the wrong folder, and would download it.
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    return Embedding("wordllama l2_supercat 256", lambda texts: np.asarray(model.embed(list(texts), norm=True)))


def _local(folder: Path) -> Embedding:
    if not (folder / "modules.json").is_file():  # before the import, which takes long
        raise ConfigError(f"[curate] meaning: {folder} is no folder of a sentence-transformers model (no modules.json)")
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        message = f'[curate] meaning = "{folder}" needs sentence-transformers: pip install sentence-transformers'
        raise ConfigError(message) from None
    try:
        model = SentenceTransformer(str(folder), local_files_only=True, device="cpu")
    # Not every release looks at what modules.json lists before it uses it.
    except (OSError, ValueError, LookupError, RuntimeError, AttributeError, TypeError) as error:
        raise ConfigError(f"[curate] meaning: the model in {folder} cannot be loaded ({error})") from None
    return Embedding(
        folder.name, lambda texts: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    )


def nearest(queries: np.ndarray, bases: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The positions of the k nearest of `bases` `(m, d)` for each of `queries` `(n, d)`, nearest first; the cosines.

    All pairs are compared unless a graph (HNSW), which misses a few of the nearest, saves much. Both are deterministic.
    """
    k = min(k, len(bases))
    if not k or not len(queries):
        return np.zeros((len(queries), k), np.int64), np.zeros((len(queries), k), np.float32)
    full = _PAIR * len(queries) * len(bases)
    if full <= max(_SHORT, _ADD * len(bases) + _SEARCH * len(queries)):
        parts = [_by_products(queries[at : at + _QUERIES], bases, k) for at in range(0, len(queries), _QUERIES)]
        return np.concatenate([places for places, _ in parts]), np.concatenate([cosines for _, cosines in parts])
    return _by_graph(queries, bases, k)


def _by_products(queries: np.ndarray, bases: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    places = np.zeros((len(queries), 0), np.int64)
    cosines = np.zeros((len(queries), 0), np.float32)
    wide = queries.astype(np.float32)
    for start in range(0, len(bases), _BASES):
        found = wide @ bases[start : start + _BASES].astype(np.float32).T
        best = np.argpartition(-found, min(k, found.shape[1]) - 1, axis=1)[:, :k]
        places = np.concatenate((places, best + start), axis=1)
        cosines = np.concatenate((cosines, np.take_along_axis(found, best, axis=1)), axis=1)
        order = np.lexsort((places, -cosines), axis=1)[:, :k]
        places, cosines = (np.take_along_axis(both, order, axis=1) for both in (places, cosines))
    return places, cosines


def _by_graph(queries: np.ndarray, bases: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        from usearch.index import Index
    except ImportError:
        raise ConfigError(
            f"[curate] meaning needs usearch for so many rows; install it: {install_command('meaning')}"
        ) from None
    index = Index(ndim=bases.shape[1], metric="cos", dtype="f16")
    # One thread: with several, the graph depends on which is faster.
    index.add(np.arange(len(bases)), bases, threads=1)
    found = index.search(queries, k, threads=1)
    return found.keys.astype(np.int64).reshape(len(queries), k), 1 - found.distances.reshape(len(queries), k)


def meaning_sentence(found: Paraphrases) -> str:
    """What was found of requests in other words, as a sentence."""
    close = found.close
    if close is None:
        return (
            "Too few requests in other words have the same output to say from which similarity on two mean the same; "
            "the nearest are listed to be read."
        )
    have = "has" if close == 1 else "have"
    which = (
        f"{say.count(close)} of {say.count(found.held_out or 0)} held-out requests {have}"
        if close
        else "No held-out request has"
    )
    return (
        f"{which} a training example that says nearly the same in other words (cosine of {found.threshold:g} or more, "
        f"calibrated on {say.count(found.same_outputs or 0, 'pair')} with the same output)."
    )


def _best(left: np.ndarray, right: np.ndarray, cosine: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nearest pair of each left row, the nearest of all first."""
    order = np.lexsort((left, -cosine))
    _, first = np.unique(left[order], return_index=True)
    chosen = order[np.sort(first)]
    return left[chosen], right[chosen], cosine[chosen]


class Meaning:
    """The embedded inputs of some rows of a corpus, each text once, in the order of their content.

    threshold: the cosine from which two inputs mean nearly the same: the lowest one above which four in five pairs have the
    same output of over five words. None if there are not enough such pairs to tell; same_outputs: their number above it.
    """

    def __init__(self, corpus: Corpus, rows: np.ndarray, embedding: Embedding, *, similar: float) -> None:
        """`similar`: the similarity of characters from which the join finds two inputs, so that this need not."""
        by_content = rows[corpus.content.gather(rows).arg_sort().to_numpy()].astype(np.int64)
        _, first = np.unique(corpus.text[by_content], return_index=True)
        self._corpus = corpus
        self._name = embedding.name
        self._similar = similar
        self._rows = by_content[np.sort(first)]  # the first row of each text
        parts = [
            embedding.embed([text[:_LETTERS] for text in corpus.inputs(self._rows[at : at + _CHUNK])])
            for at in range(0, len(self._rows), _CHUNK)
        ]
        # Half precision: a million texts of 256 dimensions take half a gigabyte.
        self._vectors = np.concatenate(parts).astype(np.float16) if parts else np.zeros((0, 1), np.float16)
        self.threshold, self.same_outputs = self._calibrate()

    def ties(self, threshold: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Rows of texts at or above a threshold (the calibrated one) that state no different numbers: left, right."""
        at = self.threshold if threshold is None else threshold
        if at is None:
            return self._rows[:0], self._rows[:0]
        places, cosines = nearest(self._vectors, self._vectors, _NEIGHBOURS + 1)
        left, right, _ = self._close(np.arange(len(self._rows)), places, cosines, at)
        return self._rows[left], self._rows[right]

    def across(self, rows: np.ndarray, ids: pl.Series, split: pl.Series) -> Paraphrases:
        """The held-out rows near to train rows; `ids` and `split` are those of `rows`. What is tied is not known here."""
        of_text = np.full(int(self._corpus.text.max(initial=-1)) + 1, -1)
        by_id = ids.arg_sort(descending=True).to_numpy()
        of_text[self._corpus.text[rows[by_id]]] = by_id  # the last write, which is the smallest id, wins
        place = of_text[self._corpus.text[self._rows]]
        in_train = (split == "train").to_numpy()
        held = np.flatnonzero((place >= 0) & ~in_train[place])
        train = np.flatnonzero((place >= 0) & in_train[place])
        places, cosines = nearest(self._vectors[held], self._vectors[train], _NEIGHBOURS)
        left, right, cosine = _best(*self._close(held, train[places], cosines, _LOWEST))
        reached = np.zeros(len(of_text), bool)
        if self.threshold is not None:
            reached[self._corpus.text[self._rows[left[cosine >= self.threshold]]]] = True
        held_rows = rows[~in_train]
        output = self._corpus.output[rows]
        listed = zip(place[left].tolist(), place[right].tolist(), cosine.tolist(), strict=True)
        return Paraphrases(
            model=self._name,
            threshold=self.threshold,
            same_outputs=self.same_outputs,
            held_out=len(held_rows),
            close=None if self.threshold is None else int(reached[self._corpus.text[held_rows]].sum()),
            tied=None,
            rows=[
                ParaphrasePair(
                    id=ids[a], split=split[a], train_id=ids[b], similarity=round(similarity, 4),
                    same_output=bool(output[a] == output[b]),
                )
                for a, b, similarity in islice(listed, _LISTED)
            ],
        )  # fmt: skip

    def _calibrate(self) -> tuple[float | None, int]:
        sample = np.arange(min(_SAMPLE, len(self._rows)))  # in the order of a hash: as good as drawn
        places, cosines = nearest(self._vectors[sample], self._vectors, _NEIGHBOURS + 1)
        left, right, cosine = self._close(sample, places, cosines, _LOWEST)
        same = self._same_long_output(left, right)
        order = np.argsort(-cosine, kind="stable")
        found, cosine = np.cumsum(same[order]), cosine[order]
        reached = np.flatnonzero((found >= _PRECISION * np.arange(1, len(found) + 1)) & (found >= _FEWEST))
        if not len(reached):
            return None, 0
        return round(float(cosine[reached[-1]]), 4), int(found[reached[-1]])

    def _same_long_output(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        output = self._corpus.output
        same = output[self._rows[left]] == output[self._rows[right]]
        texts = self._corpus.outputs(self._rows[left[same]])
        same[same] = [not is_label(text) for text in texts]
        return same

    def _close(
        self, queries: np.ndarray, places: np.ndarray, cosines: np.ndarray, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the nearest `places` of each query those at or above the threshold with no different numbers; no text itself."""
        left = np.repeat(queries, places.shape[1])
        right, cosine = places.ravel(), cosines.ravel()
        chosen = np.flatnonzero((cosine >= threshold) & (left != right))
        left, right, cosine = left[chosen], right[chosen], cosine[chosen]
        fits = self._same_numbers(left, right) & ~self._same_letters(left, right)
        return left[fits], right[fits], cosine[fits]

    def _same_numbers(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Whether the inputs of each pair state no different numbers.

        In a text a number on one side alone may be a ticket or a date that was added; fields must have the same ones.
        """
        both = np.unique(np.concatenate((left, right)))
        rows = self._rows[both]
        facts = dict(zip(both.tolist(), map(token_facts, self._corpus.inputs(rows)), strict=True))
        fielded = {n for n, fields in zip(both.tolist(), self._corpus.fields(rows), strict=True) if fields is not None}
        fits = [
            facts[a] == facts[b] if a in fielded or b in fielded else facts[a] <= facts[b] or facts[b] <= facts[a]
            for a, b in zip(left.tolist(), right.tolist(), strict=True)
        ]
        return np.array(fits, bool)

    def _same_letters(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Whether the inputs of each pair are similar as texts, which the join has found already."""
        both, place = np.unique(np.concatenate((left, right)), return_inverse=True)
        grams = gram_sets(self._corpus.inputs(self._rows[both]))
        a, b = np.split(place, 2)
        shared = shared_grams(grams, a, b)
        return shared >= self._similar * (grams.sizes[a] + grams.sizes[b] - shared)
