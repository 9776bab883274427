"""The join by candidates: pairs that MinHash bands propose (Broder 1997), each verified exactly; some may be missed.

A signature of 128 minima is cut into `b` bands of `r`. Two texts of similarity s agree in a band with probability
`s^r`, so they are proposed with `1 - (1 - s^r)^b`, which is lowest at the threshold. Precision is exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .grams import GramSets
from .join import AlikePairs, alike_tiles, as_fraction, estimated_work, verified_pairs

__all__ = ["Method", "alike_by", "candidate_tiles", "choose_method"]

_MINIMA = 128
_RECALL = 0.999  # of pairs at the threshold; more similar ones are found more surely
_SEED = 1
_EXACT_WORK = 30_000_000_000  # gram meetings: about 5 minutes on one core at 10 ns each
_ROWS = 1 << 16  # signatures taken out at once
_PAIRS = 4_000_000  # candidates looked at together


@dataclass(frozen=True)
class Method:
    """How pairs are found. expected_recall: of pairs at the threshold, 1 where the join is exact."""

    name: Literal["exact", "candidates"]
    expected_recall: float
    because: str

    def said(self) -> dict[str, Any]:
        """As the summary says it."""
        return {"method": self.name, "expected_recall": round(self.expected_recall, 6), "because": self.because}


def choose_method(grams: GramSets, threshold: float, *, asked: Literal["auto", "exact", "candidates"]) -> Method:
    """Exact unless asked otherwise or, with "auto", the meetings of grams in prefixes would take more than minutes."""
    recall = expected_recall(threshold)
    if asked != "auto":
        return Method(asked, 1.0 if asked == "exact" else recall, "asked for")
    work = estimated_work(grams, threshold)
    if work <= _EXACT_WORK:
        return Method("exact", 1.0, f"{work:,} meetings of grams, under {_EXACT_WORK:,}")
    return Method("candidates", recall, f"{work:,} meetings of grams, above {_EXACT_WORK:,}")


def expected_recall(threshold: float) -> float:
    """The share of pairs just at the threshold that the bands propose."""
    rows, bands = _bands(threshold)
    return 1 - (1 - threshold**rows) ** bands


def alike_by(method: Method, grams: GramSets, threshold: float) -> Iterator[AlikePairs]:
    """Pairs at or above the threshold, `left < right`, in parts, each pair once."""
    return alike_tiles(grams, threshold) if method.name == "exact" else candidate_tiles(grams, threshold)


def candidate_tiles(grams: GramSets, threshold: float) -> Iterator[AlikePairs]:
    """The candidates that reach the threshold."""
    if not len(grams.sizes):
        return
    rows, bands = _bands(threshold)
    keys = _signatures(grams)[:, : rows * bands].reshape(len(grams.sizes), bands, rows)
    t = as_fraction(threshold)
    for band in range(bands):
        for left, right in _meetings(_mixed(keys[:, band])):
            # A pair that met in an earlier band was looked at there.
            new = ~(keys[left, :band] == keys[right, :band]).all(axis=2).any(axis=1)
            yield verified_pairs(grams, left[new], right[new], t)


def _bands(threshold: float) -> tuple[int, int]:
    """Rows of a band and bands: as long a band as the recall allows, for few candidates."""
    for rows in range(8, 1, -1):
        if 1 - (1 - threshold**rows) ** (_MINIMA // rows) >= _RECALL:
            return rows, _MINIMA // rows
    return 1, _MINIMA


def _signatures(grams: GramSets) -> np.ndarray:
    """`(n, 128)` uint32; the same for the same texts on every machine."""
    from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] (a compiled module without types)

    order = np.argsort(grams.starts, kind="stable")
    bounds = np.append(grams.starts[order], len(grams.grams)).astype(np.uint64)
    found = np.empty((len(order), _MINIMA), np.uint32)
    for start in range(0, len(order), _ROWS):
        part = bounds[start : start + _ROWS + 1]
        hashes = grams.grams[int(part[0]) : int(part[-1])].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, part - part[0], _MINIMA, _SEED)
        found[order[start : start + _ROWS]] = np.array(matrix.to_rows(), np.uint32)
    return found


def _mixed(keys: np.ndarray) -> np.ndarray:
    """One number per row: rows of equal keys get equal numbers, and others seldom do; what they propose is verified."""
    mixed = np.zeros(len(keys), np.uint64)
    for column in keys.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _meetings(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pairs of positions with equal keys, the smaller first, in parts."""
    order = np.argsort(keys, kind="stable")
    ends = np.searchsorted(keys[order], keys[order], side="right")
    partners = ends - np.arange(len(order)) - 1
    work = np.cumsum(partners)
    start = 0
    while start < len(order) and work[-1]:
        stop = max(start + 1, int(np.searchsorted(work, (work[start - 1] if start else 0) + _PAIRS, side="right")))
        counts = partners[start:stop]
        first = np.repeat(np.arange(start, stop), counts)
        second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
        a, b = order[first], order[second]
        yield np.minimum(a, b), np.maximum(a, b)
        start = stop
