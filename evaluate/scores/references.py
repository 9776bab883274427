"""Outputs compared with human references: character-level similarity, lengths, and whether the two can be told apart.

Whether they can is information, never a verdict: a classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545)
on character n-grams. It differs from the paper in three ways. It is paired: given an output and the reference for one
input, which is which? The classifier is ridge regression: its scores are linear in the labels, so it is refitted for every
permutation; with folds that share training items, permuting only the held-out labels gives p values that are too small.
And the lengths of both texts are regressors along with the n-grams, so that effects of length do not count as style.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ...core import say
from ...style import chrf, ratio
from ..results import (
    Lengths,
    SimilarityDifference,
    SimilarityDifferences,
    SimilarityScore,
    SimilarityScores,
    Spread,
    TwoSample,
)
from ..statistics.intervals import group_codes, mean_interval, wilson
from .score import item_means

LONGEST_COMPARED = 20_000  # of a text; the time of `ratio` grows with the product of both lengths

SIMILARITY = ("chrf", "ratio")


def similarities(outputs: Sequence[str | None], references: Sequence[str | None]) -> dict[str, np.ndarray]:
    """chrF and ratio of each output and its reference, `(n,)` each; NaN where either is None.

    Texts count up to their first 20,000 characters.
    """
    rows = [i for i, texts in enumerate(zip(outputs, references, strict=True)) if None not in texts]
    pairs = [((outputs[i] or "")[:LONGEST_COMPARED], (references[i] or "")[:LONGEST_COMPARED]) for i in rows]
    written, wanted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    scores = {}
    for name, score in zip(SIMILARITY, (chrf, ratio), strict=True):
        scores[name] = np.full(len(outputs), np.nan)
        scores[name][rows] = score(written, wanted)
    return scores


def similarity_of(scores: Mapping[str, np.ndarray], rows: np.ndarray, groups: np.ndarray | None) -> SimilarityScores:
    """The similarity of a variant from its item means, with the ends clipped to 0 and 1, the range of a score."""
    kept = None if groups is None else groups[rows]

    def score(name: str) -> SimilarityScore:
        mean, low, high, n = mean_interval(scores[name][rows], kept)
        low, high = None if low is None else max(low, 0.0), None if high is None else min(high, 1.0)
        return SimilarityScore(mean=mean, low=low, high=high, n=n)

    return SimilarityScores(chrf=score("chrf"), ratio=score("ratio"))


def similarity_difference(
    baseline: Mapping[str, np.ndarray], candidate: Mapping[str, np.ndarray], rows: np.ndarray, groups: np.ndarray | None
) -> SimilarityDifferences:
    """The paired difference of each score, candidate minus baseline, on the items that both have."""
    kept = None if groups is None else groups[rows]

    def difference(name: str) -> SimilarityDifference:
        mean, low, high, n = mean_interval((candidate[name] - baseline[name])[rows], kept)
        return SimilarityDifference(value=mean, low=low, high=high, n=n)

    return SimilarityDifferences(chrf=difference("chrf"), ratio=difference("ratio"))


def lengths_of(texts: pl.Series) -> Lengths:
    """Words (between white space) and characters of the texts that are not blank: mean, median and 95th percentile."""
    written = texts.filter(texts.str.strip_chars() != "")

    def spread(counts: pl.Series) -> Spread:
        mean, median, p95 = counts.mean(), counts.median(), counts.quantile(0.95, "linear")
        return Spread(mean=mean, median=median, p95=p95)  # type: ignore[arg-type]

    return Lengths(words=spread(written.str.count_matches(r"\S+")), characters=spread(written.str.len_chars()))


def item_similarity(table: pl.DataFrame, references: pl.Series, samples: int) -> dict[str, np.ndarray]:
    """The mean similarity of each item's samples to its reference; NaN where `references` is null.

    A blank output has a similarity of 0; an output that never arrived (an `error`) is unknown. If inputs have several good
    outputs, each pair is compared only with its own reference.
    """
    outputs = table.select(pl.when(pl.col("error").is_null()).then(pl.col("output").fill_null("")))["output"]
    wanted = [text for text in references for _ in range(samples)]
    scores = similarities(outputs.to_list(), wanted)
    return {name: item_means(pl.Series(values, nan_to_null=True), samples) for name, values in scores.items()}


# --- whether outputs can be told from references ---------------------------------------------------------------------

FEWEST_ITEMS = 100
MOST_ITEMS = 500  # a seeded sample above that; this many distinguish an accuracy of 0.56 from 0.5
MOST_CHARACTERS = 1_000  # of a text: style shows early, and the time grows with every character
FOLDS, PERMUTATIONS = 5, 200
LENGTH_TENTHS = 10
RIDGE = 1.0  # times the mean square of an item's residual: power hardly changed from 0.1 to 1
NGRAMS = (1, 3)  # characters; up to 4 took a third longer and were no better
TELLING = 8  # n-grams listed for each side; a line end also marks the beginning or the end of a text


def two_sample(
    outputs: pl.Series, references: pl.Series, groups: Sequence[Any] | np.ndarray | None = None, *, seed: int = 0
) -> TwoSample:
    """Whether outputs can be told from references; both are by item, null if missing.

    accuracy: the share of items in which the classifier, trained on others, picks the output; 0.5 if the texts cannot
    be distinguished, and for equal texts. `low, high`: Wilson's interval for the number of items that the spread of the
    permutations implies. p_value: from 200 permutations that swap output and reference, for whole groups if there are
    groups. length_accuracy: the same from the lengths only. accuracy_with_length: from n-grams regardless of lengths.
    telling, telling_references: the character n-grams that indicate an output or a reference most strongly. All are null
    except `n` and `reason` if fewer than 100 items have both, or there are fewer than five groups.
    """
    frame = pl.DataFrame({"output": outputs, "reference": references}).with_row_index("place")
    frame = frame.drop_nulls().filter(pl.col("output").str.strip_chars() != "")
    codes, _ = group_codes(groups, len(outputs))
    reason = _too_few(len(frame), len(np.unique(codes[frame["place"].to_numpy()])))
    if reason:
        return TwoSample(
            accuracy=None, low=None, high=None, p_value=None, length_accuracy=None, accuracy_with_length=None, telling=None,
            telling_references=None, n=len(frame), reason=reason,
        )  # fmt: skip
    rng = np.random.default_rng(seed)
    if len(frame) > MOST_ITEMS:
        frame = frame[np.sort(rng.choice(len(frame), MOST_ITEMS, replace=False))]
    blocks = np.unique(codes[frame["place"].to_numpy()], return_inverse=True)[1]
    texts = [[text[:MOST_CHARACTERS] for text in frame[name]] for name in ("output", "reference")]
    return _distinguish(texts[0], texts[1], blocks, rng)


def _too_few(items: int, groups: int) -> str | None:
    if items < FEWEST_ITEMS:
        return f"{say.count(items, 'output')} with a good reference; at least {FEWEST_ITEMS} are needed"
    return f"{groups} groups; at least {FOLDS} are needed" if groups < FOLDS else None


def _distinguish(
    outputs: Sequence[str], references: Sequence[str], blocks: np.ndarray, rng: np.random.Generator
) -> TwoSample:
    """The test itself; the items of a block are in the same fold and are swapped together."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=NGRAMS, lowercase=False, sublinear_tf=True, min_df=2)
    features = vectorizer.fit_transform([f"\n{text}\n" for text in (*outputs, *references)])
    differences = features[: len(outputs)] - features[len(outputs) :]
    kernel = (differences @ differences.T).toarray()
    length = _length_basis(outputs, references)
    swaps = rng.choice([-1.0, 1.0], (blocks.max() + 1, PERMUTATIONS))[blocks]
    sides = np.hstack([np.ones((len(blocks), 1)), swaps])
    folds = _folds(blocks, rng)
    correct, by_length = _predictions(kernel, length, sides, folds)
    with_length, _ = _predictions(kernel, np.zeros((len(blocks), 1)), sides[:, :1], folds)
    accuracies = correct.mean(axis=0)
    spread = float(accuracies[1:].var())
    effective = 0.25 / spread if spread > 0 else float(len(blocks))
    interval = wilson(accuracies[0] * effective, effective)
    # The contribution of an n-gram to the mean score of an output minus that of its reference.
    weights = _fit(kernel, length, sides[:, :1])[:, 0]
    contribution = (differences.T @ weights) * (gap := np.asarray(differences.mean(axis=0)).ravel())
    grams, order = vectorizer.get_feature_names_out(), np.argsort(-contribution)
    return TwoSample(
        accuracy=float(accuracies[0]),
        low=interval.low,
        high=interval.high,
        p_value=float((1 + np.sum(accuracies[1:] >= accuracies[0] - 1e-12)) / (1 + PERMUTATIONS)),
        length_accuracy=float(by_length[:, 0].mean()),
        accuracy_with_length=float(with_length.mean()),
        telling=_named(grams[order[gap[order] > 0]]),
        telling_references=_named(grams[order[gap[order] < 0]]),
        n=len(outputs),
        reason=None,
    )


def _length_basis(outputs: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """`(items, b)`: the output's length minus the reference's, in a basis of functions of the length that are linear
    between its deciles."""
    lengths = np.array([len(text) for text in (*outputs, *references)], dtype=float)
    knots = np.unique(np.quantile(lengths, np.linspace(0, 1, LENGTH_TENTHS + 1)))
    hats = np.stack([np.interp(lengths, knots, unit) for unit in np.eye(len(knots))], axis=1)
    return hats[: len(outputs)] - hats[len(outputs) :]


def _folds(blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The fold of each item: whole blocks, the largest first, each into the fold that is smallest so far."""
    sizes = np.bincount(blocks)
    order = rng.permutation(len(sizes))
    filled, fold_of = np.zeros(FOLDS), np.zeros(len(sizes), dtype=int)
    for block in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[block] = int(np.argmin(filled))
        filled[fold_of[block]] += sizes[block]
    return fold_of[blocks]


def _predictions(
    kernel: np.ndarray, length: np.ndarray, sides: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`(items, columns)` twice: 1 where the two texts of an item are identified by a model of the other folds, 0.5 for a
    tie; by their n-grams beyond their lengths, and by their lengths only."""
    scores, by_length = np.zeros_like(sides), np.zeros_like(sides)
    for fold in range(FOLDS):
        test, train = folds == fold, folds != fold
        fitted = _fit(kernel[np.ix_(train, train)], length[train], sides[train])
        explain = length[test] @ np.linalg.pinv(length[train])
        scores[test] = (kernel[np.ix_(test, train)] - explain @ kernel[np.ix_(train, train)]) @ fitted
        by_length[test] = explain @ sides[train]
    return _right(scores * sides), _right(by_length * sides)


def _right(margins: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.sign(np.where(np.abs(margins) < 1e-9, 0.0, margins))


def _fit(kernel: np.ndarray, length: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Ridge regression of the sides on the n-grams, with the lengths as unpenalised regressors (Frisch and Waugh 1933).

    Returns the weight of each item, so that the n-grams' weights are differences.T @ weights.
    """
    inverse = np.linalg.pinv(length)

    def beyond(values: np.ndarray) -> np.ndarray:
        return values - length @ (inverse @ values)

    inner = beyond(beyond(kernel).T)
    ridge = RIDGE * float(np.trace(inner)) / len(kernel) + 1e-12
    return beyond(np.linalg.solve(inner + ridge * np.eye(len(kernel)), beyond(sides)))


def _named(grams: np.ndarray) -> list[str]:
    """The first n-grams that are not part of one another."""
    chosen: list[str] = []
    for gram in grams[: 20 * TELLING]:
        if gram.strip() and not any(gram in other or other in gram for other in chosen):
            chosen.append(str(gram))
        if len(chosen) == TELLING:
            break
    return chosen
