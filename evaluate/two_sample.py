"""Whether a variant's outputs can be told from what people wrote for the same inputs: information, never a verdict.

A classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545) on character n-grams. Two things differ from
the paper. The classifier is the ridge one: its scores are linear in the labels, so that it can be fitted anew for every
permutation; with folds that share training items, permuting held-out labels alone gives p values that are too small.
And what the length of a text explains is taken out of its features first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from .intervals import group_codes, share_interval

__all__ = ["two_sample"]

FEWEST_ITEMS = 100
MOST_ITEMS = 500  # a seeded sample beyond; 500 items tell an accuracy of 0.56 from 0.5
MOST_CHARACTERS = 1_000  # of a text: style shows early, and the time grows with every character
FOLDS, PERMUTATIONS = 5, 200
LENGTH_BINS = 10
RIDGE = 1.0  # scikit-learn's default for features of unit length
TELLING = 8  # n-grams named for each side


def two_sample(
    outputs: pl.Series, references: pl.Series, groups: Sequence[Any] | np.ndarray | None = None, *, seed: int = 0
) -> dict[str, Any]:
    """`two_sample` of a variant in results.json; `outputs` and `references` are item by item, null where there is none.

    accuracy: how often a text that the classifier has not seen is taken for what it is, 0.5 where nobody can tell, with
    the interval `low, high`. p_value: of 200 permutations that swap output and reference, by group where there are
    groups. length_accuracy: the same from the length alone. telling, telling_references: the character n-grams that
    speak most for an output and for a reference. All null but `n` and `reason` where there are fewer than 100 items with
    both, or fewer than five groups.
    """
    frame = pl.DataFrame({"output": outputs, "reference": references}).with_row_index("place")
    frame = frame.drop_nulls().filter(pl.col("output").str.strip_chars() != "")
    codes, _ = group_codes(groups, len(outputs))
    reason = _too_few(len(frame), len(np.unique(codes[frame["place"].to_numpy()])))
    if reason:
        keys = ("accuracy", "low", "high", "p_value", "length_accuracy", "telling", "telling_references")
        return {**dict.fromkeys(keys), "n": len(frame), "reason": reason}
    rng = np.random.default_rng(seed)
    if len(frame) > MOST_ITEMS:
        frame = frame[np.sort(rng.choice(len(frame), MOST_ITEMS, replace=False))]
    blocks = np.unique(codes[frame["place"].to_numpy()], return_inverse=True)[1]
    texts = [text[:MOST_CHARACTERS] for name in ("output", "reference") for text in frame[name]]
    return {**_told_apart(texts, blocks, None if groups is None else blocks, rng), "n": len(frame), "reason": None}


def _too_few(items: int, groups: int) -> str | None:
    if items < FEWEST_ITEMS:
        return f"{items} outputs with a good reference beside them; {FEWEST_ITEMS} are needed"
    return f"{groups} groups; {FOLDS} are needed" if groups < FOLDS else None


def _told_apart(
    texts: Sequence[str], blocks: np.ndarray, groups: np.ndarray | None, rng: np.random.Generator
) -> dict[str, Any]:
    """The test itself: `texts` are all outputs, then all references; `blocks` says what stays on one side of a fold."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False, sublinear_tf=True, min_df=2)
    features = vectorizer.fit_transform(texts)
    length = _length_basis(np.array([len(text) for text in texts]))
    kernel = _beyond(length, _beyond(length, (features @ features.T).toarray()).T)
    items = len(blocks)
    sides = np.repeat([1.0, -1.0], items)
    flips = rng.choice([-1.0, 1.0], (blocks.max() + 1, PERMUTATIONS))
    labels = sides[:, None] * np.hstack([np.ones((2 * items, 1)), np.tile(flips[blocks], (2, 1))])
    folds = np.tile(_folds(blocks, rng), 2)
    correct = _held_out(kernel, labels, folds)
    accuracies = correct.mean(axis=0)
    interval = share_interval(correct[:, 0].reshape(2, items).mean(axis=0), groups)
    weights = features.T @ _beyond(length, np.linalg.solve(kernel + RIDGE * np.eye(len(texts)), sides))
    # What an n-gram adds to the difference between the mean score of an output and that of a reference.
    gap = np.asarray(features[:items].mean(axis=0) - features[items:].mean(axis=0)).ravel()
    speaks = weights * gap
    grams, order = vectorizer.get_feature_names_out(), np.argsort(-speaks)
    return {
        "accuracy": float(accuracies[0]),
        "low": interval.low,
        "high": interval.high,
        "p_value": float((1 + np.sum(accuracies[1:] >= accuracies[0] - 1e-12)) / (1 + PERMUTATIONS)),
        "length_accuracy": float(_held_out(length @ length.T * len(texts), labels[:, :1], folds).mean()),
        "telling": _named(grams[order[gap[order] > 0]]),
        "telling_references": _named(grams[order[gap[order] < 0]]),
    }


def _length_basis(lengths: np.ndarray) -> np.ndarray:
    """Orthonormal columns `(n, b)` that span every function of the length that is constant within a tenth of the texts."""
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, LENGTH_BINS + 1)[1:-1]))
    bins = np.unique(np.searchsorted(edges, lengths), return_inverse=True)[1]
    chosen = np.eye(bins.max() + 1)[bins]
    return chosen / np.sqrt(chosen.sum(axis=0))


def _beyond(length: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What the length of the texts does not explain of `values`, text by text."""
    return values - length @ (length.T @ values)


def _folds(blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The fold of each item: whole blocks, the largest first, each into the fold that is smallest so far."""
    sizes = np.bincount(blocks)
    order = rng.permutation(len(sizes))
    filled, fold_of = np.zeros(FOLDS), np.zeros(len(sizes), dtype=int)
    for block in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[block] = int(np.argmin(filled))
        filled[fold_of[block]] += sizes[block]
    return fold_of[blocks]


def _held_out(kernel: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """`(texts, columns)`: 1 where a text of a fold is taken for what it is by what the other folds taught, 0.5 for a tie."""
    scores = np.zeros_like(labels)
    for fold in range(FOLDS):
        held, taught = folds == fold, folds != fold
        system = kernel[np.ix_(taught, taught)] + RIDGE * np.eye(int(taught.sum()))
        scores[held] = kernel[np.ix_(held, taught)] @ np.linalg.solve(system, labels[taught])
    scores[np.abs(scores) < 1e-9] = 0.0
    return 0.5 + 0.5 * np.sign(scores * labels)


def _named(grams: np.ndarray) -> list[str]:
    """The first n-grams of which none is part of another."""
    chosen: list[str] = []
    for gram in grams[: 20 * TELLING]:
        if gram.strip() and not any(gram in other or other in gram for other in chosen):
            chosen.append(str(gram))
        if len(chosen) == TELLING:
            break
    return chosen
