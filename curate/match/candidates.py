"""The join by candidates: MinHash bands propose pairs, each is verified exactly; some pairs may be missed.

Texts with the same key of a band share a bucket, and texts of one bucket meet. In a very large bucket, as templated
data produce, each text meets only the few texts that rank first, which does not depend on the order of the rows. Such
pairs may also meet in other bands.
"""

import functools
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import polars as pl

from ..read.normal_forms import content_hash
from .join import SimilarPairs, as_fraction, estimated_pairs, estimated_work, similar_tiles
from .join_between import verified_texts
from .ngrams import GRAM, GramSets, code_points
from .sketches import SignedSets, may_be_similar, signed_texts

# MinHash signatures (Broder 1997) of texts, and the keys of their bands: functions of a text's content alone.
#
# A signature of 128 minima is cut into `b` bands of `r`. Two texts of similarity s agree in a band with probability
# `s^r`, and so in at least one band with `1 - (1 - s^r)^b`.

_MINIMA = 128
_RECALL = 0.999  # of pairs at the threshold; higher for more similar pairs
_SEED = 1
_CHARACTERS = 1 << 20  # hashed at once, about 40 MB; a longer text on its own
_TEXTS = 1 << 14  # signatures converted to Python's integers at once: about 80 MB
_ODD = np.uint64(0x9E3779B97F4A7C15)
# Multilinear hashing (Carter and Wegman 1979) with fixed odd factors, one for each character of a gram.
_FACTORS = np.array(
    [0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3, 0x1D8E4E27C47D124F], np.uint64
)


def expected_recall(threshold: float) -> float:
    """The share of pairs exactly at the threshold that the bands propose."""
    rows, bands = bands_of(threshold)
    return 1 - (1 - threshold**rows) ** bands


def bands_of(threshold: float) -> tuple[int, int]:
    """Rows per band and number of bands: the longest band that the recall allows, to get few candidates."""
    for rows in range(8, 1, -1):
        if 1 - (1 - threshold**rows) ** (_MINIMA // rows) >= _RECALL:
            return rows, _MINIMA // rows
    return 1, _MINIMA


def band_count(threshold: float) -> int:
    """The number of bands of a signature at the threshold."""
    return bands_of(threshold)[1]


def band_keys(texts: Sequence[str], threshold: float) -> np.ndarray:
    """`(n, bands)` uint64: texts that agree in a band have the same number there.

    Collisions are rare; every pair with an equal number is verified.
    """
    rows, bands = bands_of(threshold)
    found, start = np.empty((len(texts), bands), np.uint64), 0
    for part in _signature_parts(texts):
        found[start : start + len(part)] = _mixed(part[:, : rows * bands].reshape(len(part), bands, rows))
        start += len(part)
    return found


def signatures(texts: Sequence[str]) -> np.ndarray:
    """`(n, 128)` uint32: each row depends on its text alone, and is the same on every machine."""
    return np.concatenate([np.empty((0, _MINIMA), np.uint32), *_signature_parts(texts)])


def _signature_parts(texts: Sequence[str]) -> Iterator[np.ndarray]:
    from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] (a compiled module without types)

    lengths = np.maximum(np.fromiter(map(len, texts), np.int64, len(texts)), GRAM)
    ends, start = np.cumsum(lengths), 0
    while start < len(texts):
        spent = int(ends[start - 1]) if start else 0
        stop = min(int(np.searchsorted(ends, spent + _CHARACTERS, side="right")), start + _TEXTS)
        stop = max(start + 1, stop)
        hashes, bounds = _gram_hashes(texts[start:stop], lengths[start:stop])
        # Repeated grams do not affect minima. A shorter signature is not a prefix of a longer one, so all are computed.
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, bounds, _MINIMA, _SEED)
        # Rows as bytes are four times as fast as numpy's own reading of nested lists.
        packed = b"".join([array("I", row).tobytes() for row in matrix.to_rows()])
        yield np.frombuffer(packed, np.uint32).reshape(-1, _MINIMA)
        start = stop


def _gram_hashes(texts: Sequence[str], lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """64 bits for each gram of each text, concatenated, with the start of each text and the end of the last."""
    characters = code_points(texts).astype(np.uint64)
    windows = len(characters) - GRAM + 1
    hashes = characters[:windows] * _FACTORS[0]
    for place in range(1, GRAM):
        hashes += characters[place : windows + place] * _FACTORS[place]
    hashes ^= hashes >> np.uint64(32)
    hashes *= _ODD
    hashes ^= hashes >> np.uint64(29)
    begins = np.ones(len(characters), bool)
    ends = np.cumsum(lengths)
    for place in range(1, GRAM):
        begins[ends - place] = False  # no gram begins in the last four places of a text
    bounds = np.concatenate(([0], np.cumsum(lengths - GRAM + 1))).astype(np.uint64)
    return hashes[begins[:windows]], bounds


def _mixed(bands: np.ndarray) -> np.ndarray:
    """`(n, bands, rows)` minima as one number for each band, with the band's index mixed in."""
    mixed = np.arange(1, bands.shape[1] + 1, dtype=np.uint64) * _ODD + np.zeros((len(bands), 1), np.uint64)
    for row in range(bands.shape[2]):
        mixed = (mixed ^ bands[:, :, row]) * _ODD
        mixed ^= mixed >> np.uint64(29)
    return mixed


_EXACT_WORK = 30_000_000_000  # gram meetings: about 2 million ordinary lines
# Similar pairs that an exact join may find unless it is asked for: about 1 GB with all their data; 4,500 texts of one
# template. Their number grows with the square of the texts, the number of candidates with the texts.
MOST_PAIRS = 10_000_000
_SURELY = 4  # an estimate of so many times the most pairs leaves no doubt
_PAIRS = 4_000_000  # candidates processed at once
MethodSetting = Literal["auto", "exact", "candidates"]
_RANK_DIGITS = 8  # of the content key: 32 bits; texts of equal rank count as one, so only the order of the keys matters


@dataclass(frozen=True)
class Method:
    """The method of the join. expected_recall: for pairs at the threshold, 1 if the join is exact."""

    name: Literal["exact", "candidates"]
    expected_recall: float
    because: str

    def summary(self) -> dict[str, Any]:
        """The entry in the summary."""
        return {"method": self.name, "expected_recall": round(self.expected_recall, 6), "because": self.because}


@dataclass(frozen=True)
class Caps:
    """The limit per bucket: all pairs of up to `texts` texts; beyond that, each text with the `hubs` smallest keys.

    Ordinary texts never reach it. Of 10,000 and 20,000 texts of one template ("product lines" of benchmarks/curate.py,
    350,000 and 1.4 million pairs at 0.8) these caps find 96% and 71% with 800 meetings a text; 2,000 and 64 find
    99.9% of the former with 3,700, and 256 and 16 find 71% and 59% with 420. At 0.9 they find 99.9% and 99.5%.
    """

    texts: int = 512
    hubs: int = 32


CAPS = Caps()


@dataclass(frozen=True)
class Skew:
    """largest: texts in the largest bucket of any band. capped: buckets in which not all texts met each other."""

    largest: int = 0
    capped: int = 0

    @classmethod
    def joined(cls, parts: "Iterable[Skew]") -> "Skew":
        """The combined skew of several sets of buckets."""
        parts = list(parts)
        return cls(max((part.largest for part in parts), default=0), sum(part.capped for part in parts))


@dataclass(frozen=True)
class Buckets:
    """Positions in the order of their keys; position i meets the `partners[i]` that follow it.

    meets_all: for each position, whether it meets every text of its bucket.
    """

    order: np.ndarray
    partners: np.ndarray
    meets_all: np.ndarray
    skew: Skew


def choose_method(grams: Callable[[], GramSets], threshold: float, *, setting: MethodSetting) -> Method:
    """Exact, unless set otherwise or, with "auto", too many grams would meet in prefixes."""
    recall = expected_recall(threshold)
    if setting != "auto":
        return Method(setting, 1.0 if setting == "exact" else recall, "asked for")
    work = estimated_work(grams(), threshold)
    if work <= _EXACT_WORK:
        return Method("exact", 1.0, f"{work:,} meetings of grams, under {_EXACT_WORK:,}")
    return Method("candidates", recall, f"{work:,} meetings of grams, above {_EXACT_WORK:,}")


@dataclass(frozen=True)
class Join:
    """The pairs of similar texts: the method, and the pairs, left before right, each once, in parts.

    skew: the skew of the candidates' buckets, known once the pairs have been consumed.
    """

    method: Method
    pairs: Callable[[], Iterator[SimilarPairs]]
    skew: Callable[[], Skew]


def join_texts(
    texts: Callable[[], Sequence[str]],
    grams: Callable[[], GramSets],
    threshold: float,
    *,
    setting: MethodSetting,
    ranks: np.ndarray | None = None,
) -> Join:
    """The join of distinct texts; with "auto", candidates take over above 10 million similar pairs.

    `ranks` as in `candidate_tiles`.
    """
    method = choose_method(grams, threshold, setting=setting)
    if method.name == "exact" and setting == "auto":
        held = _at_most(grams(), threshold, MOST_PAIRS)
        if held is not None:
            return Join(method, lambda: iter(held), Skew)
        method = Method("candidates", expected_recall(threshold), f"more than {MOST_PAIRS:,} similar pairs")
    if method.name == "exact":
        return Join(method, lambda: similar_tiles(grams(), threshold), Skew)
    found = [Skew()]
    return Join(
        method,
        lambda: candidate_tiles(texts(), threshold, caps=CAPS, ranks=ranks, report=found.append),
        lambda: found[-1],
    )


def _at_most(grams: GramSets, threshold: float, most: int) -> list[SimilarPairs] | None:
    """All similar pairs, in parts; None if there are more than `most`. Only their number decides, not their order."""
    possible = len(grams.sizes) ** 2 // 2
    if possible > most and estimated_pairs(grams, threshold) > _SURELY * most:
        return None
    held, count = [], 0
    for found in similar_tiles(grams, threshold):
        held.append(found)
        count += len(found.left)
        if count > most:
            return None
    return held


def candidate_tiles(
    texts: Sequence[str],
    threshold: float,
    *,
    caps: Caps = CAPS,
    ranks: np.ndarray | None = None,
    report: Callable[[Skew], None] = lambda _: None,
) -> Iterator[SimilarPairs]:
    """The candidates among distinct texts that reach the threshold; `report` receives the skew at the end.

    `ranks`: of the texts (uint32), those of content keys if None. In a bucket that is too large, every text meets those
    that rank first: where these are the ones to keep, all that repeat them are found.
    """
    keys, t = band_keys(texts, threshold), as_fraction(threshold)
    series = pl.Series(texts, dtype=pl.String)
    signed = signed_texts(series, sketches_only=True)
    place = signed.places

    @functools.cache
    def rank() -> np.ndarray:
        return key_ranks(pl.Series(map(content_hash, texts), dtype=pl.String)) if ranks is None else ranks

    meets_all, skews = np.empty(keys.shape, bool), []
    near: list[tuple[np.ndarray, np.ndarray]] = []
    for band in range(keys.shape[1]):
        buckets = buckets_of(keys[:, band], rank, caps=caps)
        meets_all[:, band] = buckets.meets_all
        skews.append(buckets.skew)
        for left, right in meetings(buckets):
            met = np.zeros(len(left), bool)
            for earlier in range(band):  # a pair that met in an earlier band is already verified
                same = keys[left, earlier] == keys[right, earlier]
                met |= same & (meets_all[left, earlier] | meets_all[right, earlier])
            near.append(may_be_similar(signed, signed, place[left[~met]], place[right[~met]], t))
            if sum(len(i) for i, _ in near) > _PAIRS:
                yield from _verified(series, signed, near, t)
                near = []
    yield from _verified(series, signed, near, t)
    report(Skew.joined(skews))


def _verified(
    texts: pl.Series, signed: SignedSets, near: Sequence[tuple[np.ndarray, np.ndarray]], t: Fraction
) -> Iterator[SimilarPairs]:
    if near:
        i, j = map(np.concatenate, zip(*near, strict=True))
        a, b = signed.order[i], signed.order[j]
        yield from verified_texts(texts, np.minimum(a, b), np.maximum(a, b), t)


def key_ranks(keys: pl.Series) -> np.ndarray:
    """The rank of texts in a bucket that is too large: 32 bits of each content key (hex digits), uint32."""
    return keys.str.head(_RANK_DIGITS).str.to_integer(base=16, dtype=pl.UInt32).to_numpy()


def buckets_of(keys: np.ndarray, ranks: Callable[[], np.ndarray], *, caps: Caps = CAPS) -> Buckets:
    """The buckets of one band, or of several with distinct keys; `ranks` is called only if a bucket is too large."""
    order = np.argsort(keys)  # the order within a bucket does not matter
    sorted_keys = keys[order]
    first = np.flatnonzero(np.append(True, sorted_keys[1:] != sorted_keys[:-1])) if len(keys) else np.zeros(0, np.int64)
    sizes = np.diff(np.append(first, len(keys)))
    partners = np.repeat(first + sizes, sizes) - np.arange(len(keys)) - 1
    meets_all = np.ones(len(keys), bool)
    large = sizes > caps.texts
    if large.any():
        places = np.flatnonzero(np.repeat(large, sizes))
        rank = ranks()[order[places]]
        again = np.lexsort((rank, sorted_keys[places]))
        order[places], rank = order[places][again], rank[again]
        large_sizes = sizes[large]
        starts = np.cumsum(large_sizes) - large_sizes
        last_hub = rank[starts + np.minimum(caps.hubs, large_sizes) - 1]
        hub = rank <= np.repeat(last_hub, large_sizes)
        partners[places] *= hub
        meets_all[order[places]] = hub
    return Buckets(order, partners, meets_all, Skew(int(sizes.max(initial=0)), int(large.sum())))


def meetings(buckets: Buckets, *, most: int = _PAIRS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs of positions that meet, the smaller first, in parts of about `most`."""
    order, partners = buckets.order, buckets.partners
    busy = np.flatnonzero(partners)  # most texts meet none
    work = np.cumsum(partners[busy])
    start = 0
    while start < len(busy):
        stop = max(start + 1, int(np.searchsorted(work, (work[start - 1] if start else 0) + most, side="right")))
        counts = partners[busy[start:stop]]
        first = np.repeat(busy[start:stop], counts)
        second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
        a, b = order[first], order[second]
        yield np.minimum(a, b), np.maximum(a, b)
        start = stop
