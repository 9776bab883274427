"""How similar two texts are, from 0 to 1: chrF, the share of equal characters or words in order, and of equal words."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

ORDERS, BETA = 6, 2  # character n-grams of 1 to 6, recall weighted twice: chrF2, the usual metric
_AT_ONCE = 1 << 20  # characters whose n-grams are counted at once: about 100 MB


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


def edit_similarity(outputs: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """1 minus the Levenshtein distance of each pair over the length of its longer text."""
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cpdist

    return np.asarray(cpdist(outputs, references, scorer=Levenshtein.normalized_similarity, dtype=np.float64))


def rouge_l(outputs: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """ROUGE-L of each pair (Lin 2004, W04-1013): the F1 of the longest common subsequence of words, case ignored."""
    from rapidfuzz.distance import Indel

    words = ([text.casefold().split() for text in side] for side in (outputs, references))
    return np.array([Indel.normalized_similarity(one, other) for one, other in zip(*words, strict=True)])


def token_f1(outputs: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """The F1 of the words of each pair in any order, as in SQuAD (Rajpurkar et al. 2016, D16-1264), case ignored."""
    scores = []
    for output, reference in zip(outputs, references, strict=True):
        one, other = Counter(output.casefold().split()), Counter(reference.casefold().split())
        total = one.total() + other.total()
        scores.append(2 * (one & other).total() / total if total else 1.0)
    return np.array(scores)
