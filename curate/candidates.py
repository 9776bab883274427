"""The join by candidates: pairs that MinHash bands propose, each verified exactly; some may be missed.

Texts with the same key of a band stand in one bucket, and texts of one bucket meet. In a bucket with very many texts,
as templated data make them, each text meets only the few with the smallest content keys: whatever the order of the rows
and wherever they stand, the same ones. Such pairs may have other bands in which they meet.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import polars as pl

from .across import verified_texts
from .grams import GramSets
from .join import AlikePairs, alike_tiles, as_fraction, estimated_work
from .minhash import band_keys, expected_recall
from .normalise import content_hash
from .signed import SignedSets, may_be_alike, signed_texts

__all__ = [
    "CAPS",
    "Caps",
    "Method",
    "Skew",
    "alike_by",
    "buckets_of",
    "candidate_tiles",
    "choose_method",
    "key_ranks",
    "meetings",
]

_EXACT_WORK = 30_000_000_000  # gram meetings: about 2 million ordinary lines
_PAIRS = 4_000_000  # candidates looked at together
_RANK_DIGITS = 8  # of the content key: 32 bits; texts of equal rank count as one, so no order but the keys' matters


@dataclass(frozen=True)
class Method:
    """How pairs are found. expected_recall: of pairs at the threshold, 1 where the join is exact."""

    name: Literal["exact", "candidates"]
    expected_recall: float
    because: str

    def said(self) -> dict[str, Any]:
        """As the summary says it."""
        return {"method": self.name, "expected_recall": round(self.expected_recall, 6), "because": self.because}


@dataclass(frozen=True)
class Caps:
    """The rule of a bucket: all pairs of up to `texts` texts; in a larger one each text with the `hubs` smallest keys.

    Ordinary texts never come near. Of 10,000 and 20,000 texts of one template ("product lines" of benchmarks/curate.py,
    350,000 and 1.4 million pairs at 0.8) these caps find 96 % and 71 %, for 800 meetings a text; 2,000 and 64 find
    99.9 % of the former for 3,700, and 256 and 16 find 71 % and 59 % for 420. At 0.9 they find 99.9 % and 99.5 %.
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
        """The skew of all buckets, given that of some and of the others."""
        parts = list(parts)
        return cls(max((part.largest for part in parts), default=0), sum(part.capped for part in parts))


@dataclass(frozen=True)
class Buckets:
    """Positions in the order of their keys; the one at place i meets the `partners[i]` that follow it.

    meets_all: for each position, whether it meets every text of its bucket.
    """

    order: np.ndarray
    partners: np.ndarray
    meets_all: np.ndarray
    skew: Skew


def choose_method(
    grams: Callable[[], GramSets], threshold: float, *, asked: Literal["auto", "exact", "candidates"]
) -> Method:
    """Exact unless asked otherwise or, with "auto", the meetings of grams in prefixes would be too many."""
    recall = expected_recall(threshold)
    if asked != "auto":
        return Method(asked, 1.0 if asked == "exact" else recall, "asked for")
    work = estimated_work(grams(), threshold)
    if work <= _EXACT_WORK:
        return Method("exact", 1.0, f"{work:,} meetings of grams, under {_EXACT_WORK:,}")
    return Method("candidates", recall, f"{work:,} meetings of grams, above {_EXACT_WORK:,}")


def alike_by(
    method: Method,
    texts: Sequence[str],
    grams: Callable[[], GramSets],
    threshold: float,
    *,
    report: Callable[[Skew], None] = lambda _: None,
) -> Iterator[AlikePairs]:
    """Pairs at or above the threshold, `left < right`, in parts, each pair once; candidates end with their skew."""
    if method.name == "exact":
        return alike_tiles(grams(), threshold)
    return candidate_tiles(texts, threshold, report=report)


def candidate_tiles(
    texts: Sequence[str],
    threshold: float,
    *,
    caps: Caps = CAPS,
    report: Callable[[Skew], None] = lambda _: None,
) -> Iterator[AlikePairs]:
    """The candidates among distinct texts that reach the threshold; `report` is told the skew at the end."""
    keys, t = band_keys(texts, threshold), as_fraction(threshold)
    series = pl.Series(texts, dtype=pl.String)
    signed = signed_texts(series, sketches_only=True)
    place = signed.places

    @functools.cache
    def ranks() -> np.ndarray:
        return key_ranks(pl.Series(map(content_hash, texts), dtype=pl.String))

    meets_all, skews = np.empty(keys.shape, bool), []
    near: list[tuple[np.ndarray, np.ndarray]] = []
    for band in range(keys.shape[1]):
        buckets = buckets_of(keys[:, band], ranks, caps=caps)
        meets_all[:, band] = buckets.meets_all
        skews.append(buckets.skew)
        for left, right in meetings(buckets):
            met = np.zeros(len(left), bool)
            for earlier in range(band):  # a pair that met in an earlier band was looked at there
                same = keys[left, earlier] == keys[right, earlier]
                met |= same & (meets_all[left, earlier] | meets_all[right, earlier])
            near.append(may_be_alike(signed, signed, place[left[~met]], place[right[~met]], t))
            if sum(len(i) for i, _ in near) > _PAIRS:
                yield from _verified(series, signed, near, t)
                near = []
    yield from _verified(series, signed, near, t)
    report(Skew.joined(skews))


def _verified(
    texts: pl.Series, signed: SignedSets, near: Sequence[tuple[np.ndarray, np.ndarray]], t: Fraction
) -> Iterator[AlikePairs]:
    if near:
        i, j = map(np.concatenate, zip(*near, strict=True))
        a, b = signed.order[i], signed.order[j]
        yield from verified_texts(texts, np.minimum(a, b), np.maximum(a, b), t)


def key_ranks(keys: pl.Series) -> np.ndarray:
    """What decides between texts of a bucket that is too large: 32 bits of each content key (hex digits), uint32."""
    return keys.str.head(_RANK_DIGITS).str.to_integer(base=16, dtype=pl.UInt32).to_numpy()


def buckets_of(keys: np.ndarray, ranks: Callable[[], np.ndarray], *, caps: Caps = CAPS) -> Buckets:
    """The buckets of one band, or of several whose keys differ; `ranks` are asked for only if a bucket is too large."""
    order = np.argsort(keys)  # which texts are in a bucket matters, not in what order
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
        own = sizes[large]
        starts = np.cumsum(own) - own
        last_hub = rank[starts + np.minimum(caps.hubs, own) - 1]
        hub = rank <= np.repeat(last_hub, own)
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
