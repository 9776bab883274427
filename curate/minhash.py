"""MinHash signatures (Broder 1997) of texts, and the keys of their bands: functions of a text's content alone.

A signature of 128 minima is cut into `b` bands of `r`. Two texts of similarity s agree in a band with probability
`s^r`, and so in one band at least with `1 - (1 - s^r)^b`.
"""

from array import array
from collections.abc import Iterator, Sequence

import numpy as np

from .grams import GRAM, code_points

__all__ = ["band_count", "band_keys", "bands_of", "expected_recall", "signatures"]

_MINIMA = 128
_RECALL = 0.999  # of pairs at the threshold; more similar ones are found more surely
_SEED = 1
_CHARACTERS = 1 << 20  # hashed at once, about 40 MB; a longer text alone
_TEXTS = 1 << 14  # signatures taken out at once, as Python's numbers: about 80 MB
_ODD = np.uint64(0x9E3779B97F4A7C15)
# Multilinear hashing (Carter and Wegman 1979) with fixed odd factors, one for each character of a gram.
_FACTORS = np.array(
    [0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3, 0x1D8E4E27C47D124F], np.uint64
)


def expected_recall(threshold: float) -> float:
    """The share of pairs just at the threshold that the bands propose."""
    rows, bands = bands_of(threshold)
    return 1 - (1 - threshold**rows) ** bands


def bands_of(threshold: float) -> tuple[int, int]:
    """Rows of a band and bands: as long a band as the recall allows, for few candidates."""
    for rows in range(8, 1, -1):
        if 1 - (1 - threshold**rows) ** (_MINIMA // rows) >= _RECALL:
            return rows, _MINIMA // rows
    return 1, _MINIMA


def band_count(threshold: float) -> int:
    """How many bands a signature has at the threshold."""
    return bands_of(threshold)[1]


def band_keys(texts: Sequence[str], threshold: float) -> np.ndarray:
    """`(n, bands)` uint64: texts that agree in a band have the same number there.

    Others seldom have, whatever their bands; what such a number proposes is verified.
    """
    rows, bands = bands_of(threshold)
    found, start = np.empty((len(texts), bands), np.uint64), 0
    for part in _signature_parts(texts):
        found[start : start + len(part)] = _mixed(part[:, : rows * bands].reshape(len(part), bands, rows))
        start += len(part)
    return found


def signatures(texts: Sequence[str]) -> np.ndarray:
    """`(n, 128)` uint32: each row from its text alone, the same on every machine and beside any other texts."""
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
        # Repeated grams do no harm to minima. A shorter signature is no beginning of a longer one, so all are taken.
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, bounds, _MINIMA, _SEED)
        # Rows as bytes are four times as fast as numpy's own reading of nested lists.
        packed = b"".join([array("I", row).tobytes() for row in matrix.to_rows()])
        yield np.frombuffer(packed, np.uint32).reshape(-1, _MINIMA)
        start = stop


def _gram_hashes(texts: Sequence[str], lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """64 bits for each gram of each text, end to end, and where each text begins and the last one ends."""
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
    """`(n, bands, rows)` minima as one number for each band, its place mixed in."""
    mixed = np.arange(1, bands.shape[1] + 1, dtype=np.uint64) * _ODD + np.zeros((len(bands), 1), np.uint64)
    for row in range(bands.shape[2]):
        mixed = (mixed ^ bands[:, :, row]) * _ODD
        mixed ^= mixed >> np.uint64(29)
    return mixed
