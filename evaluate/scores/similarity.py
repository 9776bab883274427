"""Character-level similarity of an output and its reference, and the lengths of both."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from ..statistics.intervals import mean_interval
from .score import item_means

__all__ = ["chrf", "item_similarity", "lengths_of", "ratio", "similarities", "similarity_difference", "similarity_of"]

ORDERS, BETA = 6, 2  # character n-grams of 1 to 6, recall weighted twice: chrF2, the usual metric
MOST_CHARACTERS = 20_000  # of a text; the time of `ratio` grows with the product of both lengths
_AT_ONCE = 1 << 20  # characters whose n-grams are counted at once: about 100 MB

SIMILARITY = ("chrf", "ratio")


def similarities(outputs: Sequence[str | None], references: Sequence[str | None]) -> dict[str, np.ndarray]:
    """chrF and ratio of each output and its reference, `(n,)` each; NaN where either is None.

    Texts count up to their first 20,000 characters.
    """
    rows = [i for i, texts in enumerate(zip(outputs, references, strict=True)) if None not in texts]
    pairs = [((outputs[i] or "")[:MOST_CHARACTERS], (references[i] or "")[:MOST_CHARACTERS]) for i in rows]
    written, wanted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    scores = {}
    for name, score in zip(SIMILARITY, (chrf, ratio), strict=True):
        scores[name] = np.full(len(outputs), np.nan)
        scores[name][rows] = score(written, wanted)
    return scores


def ratio(outputs: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """rapidfuzz's `fuzz.ratio` of each pair as 0 to 1: twice the longest common subsequence over both lengths.

    Among rapidfuzz's scores this one is symmetric and uses the text unchanged: no sorted words, no omissions.
    """
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cpdist

    return np.asarray(cpdist(outputs, references, scorer=Indel.normalized_similarity, dtype=np.float64))


def chrf(outputs: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """chrF2 of each output against its reference, 0 to 1 (Popović 2015, W15-3049, equation 1).

    Like sacrebleu's sentence score: white space removed, case kept, precision and recall averaged over the orders for
    which both texts are long enough; 0 if there are none.
    """
    texts = [["".join(text.split()) for text in side] for side in (outputs, references)]
    sizes = np.cumsum([len(a) + len(b) for a, b in zip(*texts, strict=True)]) // _AT_ONCE
    bounds = [0, *(np.flatnonzero(np.diff(sizes)) + 1), len(outputs)]
    parts = [_chrf(texts[0][start:end], texts[1][start:end]) for start, end in pairwise(bounds)]
    return np.concatenate(parts)


def _chrf(outputs: Sequence[str], references: Sequence[str]) -> np.ndarray:
    lengths = np.array([[len(text) for text in side] for side in (outputs, references)], dtype=np.int64)
    counts = np.maximum(lengths[:, :, None] - np.arange(ORDERS), 0)  # (side, pair, order): the n-grams of each text
    common = _common(outputs, references, lengths.ravel())
    used = (counts > 0).all(axis=0)
    shares = np.where(used, common / np.maximum(counts, 1), 0.0).sum(axis=2) / np.maximum(used.sum(axis=1), 1)
    precision, recall = shares
    below = BETA**2 * precision + recall
    return np.divide((1 + BETA**2) * precision * recall, below, out=np.zeros(len(below)), where=below > 0)


def _common(outputs: Sequence[str], references: Sequence[str], lengths: np.ndarray) -> np.ndarray:
    """`(pair, order)`: the number of n-grams that each output shares with its reference, with their multiplicity in both.

    Every position in the texts becomes one integer made of its pair, its n-gram and its side; sorting puts equal n-grams
    of a pair next to each other. The n-gram is a hash of 43 bits; 20,000 of one pair collide once in 40,000 pairs.
    """
    pairs = len(outputs)
    text = "".join((*outputs, *references)) + "\0" * ORDERS  # padding to read past the last text
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    place = np.repeat(np.arange(2 * pairs), lengths)
    remaining = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(place))  # characters to the end of the text
    head = (place % pairs).astype(np.uint64) << np.uint64(44) | (place >= pairs).astype(np.uint64)
    rolling, common = np.zeros(len(place), np.uint64), np.zeros((pairs, ORDERS))
    for order in range(ORDERS):
        rolling *= np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads well
        rolling += characters[order : order + len(place)]
        whole = remaining > order
        hashed = rolling[whole] * np.uint64(0xD6E8FEB86659FD93) >> np.uint64(21)  # another odd number, its top bits
        keys = np.sort(head[whole] | hashed << np.uint64(1))
        grams = keys >> np.uint64(1)
        starts = np.flatnonzero(np.diff(grams, prepend=~grams[:1]))
        sizes = np.diff(starts, append=len(keys))
        wanted = np.add.reduceat((keys & np.uint64(1)).astype(np.int64), starts) if len(starts) else sizes
        owners = (grams[starts] >> np.uint64(43)).astype(np.int64)
        common[:, order] = np.bincount(owners, np.minimum(wanted, sizes - wanted), minlength=pairs)
    return common


def similarity_of(
    scores: Mapping[str, np.ndarray], rows: np.ndarray, groups: np.ndarray | None
) -> dict[str, dict[str, Any]]:
    """`similarity` of a variant in results.json from its item means: `mean, low, high, n` of each score."""
    kept = None if groups is None else groups[rows]
    return {name: _within(mean_interval(values[rows], kept)) for name, values in scores.items()}


def similarity_difference(
    baseline: Mapping[str, np.ndarray], candidate: Mapping[str, np.ndarray], rows: np.ndarray, groups: np.ndarray | None
) -> dict[str, dict[str, Any]]:
    """The paired difference of each score, candidate minus baseline, on the items that both have."""
    kept = None if groups is None else groups[rows]
    intervals = {name: mean_interval((candidate[name] - baseline[name])[rows], kept) for name in baseline}
    return {name: {"value": part.pop("mean"), **part} for name, part in intervals.items()}


def _within(interval: dict[str, Any]) -> dict[str, Any]:
    """The ends clipped to 0 and 1, the range of a score."""
    low, high = interval["low"], interval["high"]
    return interval if low is None else {**interval, "low": max(low, 0.0), "high": min(high, 1.0)}


def lengths_of(texts: pl.Series) -> dict[str, dict[str, float | None]]:
    """Words (between white space) and characters of the texts that are not blank: mean, median and 95th percentile."""
    written = texts.filter(texts.str.strip_chars() != "")
    counted = {"words": written.str.count_matches(r"\S+"), "characters": written.str.len_chars()}
    return {
        unit: {"mean": counts.mean(), "median": counts.median(), "p95": counts.quantile(0.95, "linear")}  # type: ignore[dict-item]
        for unit, counts in counted.items()
    }


def item_similarity(table: pl.DataFrame, references: pl.Series, samples: int) -> dict[str, np.ndarray]:
    """The mean similarity of each item's samples to its reference; NaN where `references` is null.

    A blank output has a similarity of 0; an output that never arrived (an `error`) is unknown. If inputs have several good
    outputs, each pair is compared only with its own reference.
    """
    outputs = table.select(pl.when(pl.col("error").is_null()).then(pl.col("output").fill_null("")))["output"]
    wanted = [text for text in references for _ in range(samples)]
    scores = similarities(outputs.to_list(), wanted)
    return {name: item_means(pl.Series(values, nan_to_null=True), samples) for name, values in scores.items()}
