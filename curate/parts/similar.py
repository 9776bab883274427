"""Finds pairs of similar texts over parts: by candidates (`curate/match/candidates.py`), or exactly between two sides.

Texts are stored in buckets, one table each with the columns `key` (their content hash as hex digits) and `text`. A
text's number is its bucket's offset plus its position there. Band keys go to the bucket given by their hash; the pairs
that meet there go to the bucket of their left text, and on with that text to the bucket of the right one, which
verifies each pair once, whatever the buckets.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import polars as pl

from ...core import DataError
from ..match.candidates import (
    CAPS,
    Caps,
    Join,
    Method,
    MethodSetting,
    Skew,
    band_count,
    band_keys,
    buckets_of,
    expected_recall,
    key_ranks,
    meetings,
)
from ..match.join import SimilarPairs, as_fraction
from ..match.join_between import similar_texts_between, verified_texts
from ..match.ngrams import sorted_once
from ..match.sketches import near_texts
from .tasks import Job, Result, Table, Task

_MOST = 2**32  # texts: a number has 32 bits
_TEXTS = 1 << 16  # processed together when bands are made
_PAIRS = 1_000_000  # processed together: about 100 MB
_CHARACTERS = 64_000_000  # of held-out texts in one task, with three times as many of train
_READ = 4_000_000  # similar pairs read together: 128 MB; each read looks up texts in every part
_FEW_CHARACTERS = 1_000_000  # fewer are not worth a task of their own
_BUCKETS_PER_WORKER = 4  # the default (`ClusterSettings.parts`)
_BITS = np.uint64(32)
_LOW = np.uint64(_MOST - 1)


@dataclass(frozen=True)
class StoredPairs:
    """Pairs in the storage. skew: that of the buckets in which they met."""

    skew: Skew
    job: Job
    tables: tuple[Table, ...]

    def pairs(self) -> Iterator[SimilarPairs]:
        """The pairs, `left < right` by number, each once, in batches of some millions; can be iterated repeatedly."""
        return _read_pairs(self.job, self.tables)


def stored_candidates(
    job: Job,
    stage: str,
    texts: Sequence[Table],
    offsets: np.ndarray,
    threshold: float,
    *,
    caps: Caps = CAPS,
    ranks: np.ndarray | None = None,
) -> StoredPairs:
    """The candidates that reach the threshold, as `candidate_tiles` gives them, by the numbers of the texts.

    `stage` is the prefix of the stored stages: one for each set of texts and threshold. `texts` are the buckets,
    `offsets` the number of each bucket's first text, followed by the total.

    Raises:
        DataError: more texts than 32 bits can number.
    """
    offsets = _checked(texts, offsets)
    buckets = range(len(texts))
    names = {step: f"{stage}-{step}" for step in ("bands", "meet", "attach", "verify")}
    job.run(
        [
            Task(names["bands"], b, _bands, {"texts": [texts[b]]},
                 parameters={"offset": int(offsets[b]), "threshold": threshold, "buckets": len(texts),
                             "ranks": None if ranks is None else ranks[offsets[b] : offsets[b + 1]]})
            for b in buckets
        ]
    )  # fmt: skip
    notes = job.run(
        [
            Task(names["meet"], b, _meet, {"bands": [Table(names["bands"], p, "bands") for p in buckets]}, b,
                 {"offsets": offsets, "caps": caps})
            for b in buckets
        ]
    )  # fmt: skip
    met = [Table(names["meet"], p, "met") for p in buckets]
    job.run(
        [
            Task(names["attach"], b, _attach, {"met": met, "texts": [texts[b]]}, b,
                 {"bucket": b, "offsets": offsets})
            for b in buckets
        ]
    )  # fmt: skip
    sent = {name: [Table(names["attach"], p, name) for p in buckets] for name in ("pairs", "lefts")}
    job.run(
        [
            Task(names["verify"], b, _verify, {**sent, "texts": [texts[b]]}, b,
                 {"offset": int(offsets[b]), "threshold": threshold})
            for b in buckets
        ]
    )  # fmt: skip
    skew = Skew.joined(Skew(**note) for note in notes)
    return StoredPairs(skew, job, tuple(Table(names["verify"], b, "similar") for b in buckets))


def stored_between(
    job: Job,
    stage: str,
    texts: Sequence[Table],
    offsets: np.ndarray,
    held: np.ndarray,
    train: np.ndarray,
    threshold: float,
    *,
    most: int = _CHARACTERS,
) -> Iterator[SimilarPairs]:
    """Every pair of a text in `held` (left) and one in `train` (right) at or above the threshold: exact, in parts.

    `held` and `train` are masks over the numbers. `stage` names one division into both: a call with another
    threshold reuses the division. A task compares held-out texts of about `most` characters with three times
    as many of train.
    """
    offsets = _checked(texts, offsets)
    notes = job.run(
        [
            Task(f"{stage}-sides", b, _sides, {"texts": [table]},
                 parameters={"offset": int(low), "held": held[low:high], "train": train[low:high]})
            for b, (table, (low, high)) in enumerate(zip(texts, pairwise(offsets.tolist()), strict=True))
        ]
    )  # fmt: skip
    sizes = {side: [note[side] for note in notes] for side in ("held", "train")}
    blocks = {
        side: [[Table(f"{stage}-sides", b, side) for b in block] for block in _blocks(sizes[side], largest)]
        for side, largest in (("held", most), ("train", 3 * most))
    }
    # A task for each worker: train texts of similar length, as they are looked up by their sizes.
    wanted = 1 if sum(sizes["train"]) < _FEW_CHARACTERS else max(1, len(texts) // _BUCKETS_PER_WORKER)
    pieces = -(-wanted // max(1, len(blocks["train"])))
    name = f"{stage}-across-{threshold:g}"
    compared = product(blocks["train"], blocks["held"], range(pieces))
    tasks = [
        Task(name, part, _across, {"held": left, "train": right}, None,
             {"threshold": threshold, "piece": piece, "pieces": pieces})
        for part, (right, left, piece) in enumerate(compared)
    ]  # fmt: skip
    job.run(tasks)
    return _read_pairs(job, [Table(name, part, "similar") for part in range(len(tasks))])


def _checked(texts: Sequence[Table], offsets: np.ndarray) -> np.ndarray:
    if len(offsets) != len(texts) + 1:
        raise ValueError(f"{len(texts)} buckets need {len(texts) + 1} offsets, got {len(offsets)}")
    if int(offsets[-1]) > _MOST:
        raise DataError(
            f"{int(offsets[-1]):,} distinct texts are more than the limit of {_MOST:,}\nSplit the data and curate each part."
        )
    return np.asarray(offsets, np.int64)


def _bands(texts: pl.DataFrame, *, offset: int, threshold: float, buckets: int, ranks: np.ndarray | None) -> Result:
    """Table `bands`: key, number and rank of each band of each text, by the bucket of the key."""
    if not texts.height:
        return Result({})
    bands, first = band_count(threshold), offset
    ranks = key_ranks(texts["key"]) if ranks is None else ranks
    parts = []
    for piece in texts.iter_slices(_TEXTS):
        keys = band_keys(piece["text"].to_list(), threshold).ravel()
        numbers = np.arange(offset, offset + piece.height, dtype=np.uint32)
        columns = {
            "key": keys,
            "number": np.repeat(numbers, bands),
            "rank": np.repeat(ranks[offset - first : offset - first + piece.height], bands),
            "bucket": (keys % np.uint64(buckets)).astype(np.uint32),
        }
        parts.append(pl.DataFrame(columns))
        offset += piece.height
    return Result({"bands": pl.concat(parts)})


def _meet(bands: pl.DataFrame, *, offsets: np.ndarray, caps: Caps) -> Result:
    """Table `met`: left and right of pairs that meet in these bands, by the bucket of the left one; and the skew."""
    if not bands.height:
        return Result({}, _skew_note(Skew()))
    numbers = bands["number"].to_numpy()
    found = buckets_of(bands["key"].to_numpy(), lambda: bands["rank"].to_numpy(), caps=caps)
    parts = []
    for a, b in meetings(found, most=_PAIRS):
        left, right = numbers[a], numbers[b]
        # Most pairs that meet in several bands are deduplicated here; the rest at the left text.
        pairs = sorted_once(_as_one(np.minimum(left, right), np.maximum(left, right)))
        low, high = _apart(pairs)
        parts.append(pl.DataFrame({"left": low, "right": high, "bucket": _bucket_of(low, offsets)}))
    return Result({"met": pl.concat(parts)} if parts else {}, _skew_note(found.skew))


def _attach(met: pl.DataFrame, texts: pl.DataFrame, *, bucket: int, offsets: np.ndarray) -> Result:
    """Tables `pairs`, each once, and `lefts`, the texts needed in another bucket, by the bucket of the right text."""
    if not met.height:
        return Result({})
    left, right = _apart(sorted_once(_as_one(met["left"].to_numpy(), met["right"].to_numpy())))
    pairs = pl.DataFrame({"left": left, "right": right, "bucket": _bucket_of(right, offsets)})
    needed = pairs.filter(pl.col("bucket") != bucket).select(pl.col("left").alias("number"), "bucket")
    needed = needed.unique(maintain_order=True)
    places = needed["number"].cast(pl.Int64) - int(offsets[bucket])
    return Result({"pairs": pairs, "lefts": needed.with_columns(text=texts["text"].gather(places))})


def _verify(pairs: pl.DataFrame, lefts: pl.DataFrame, texts: pl.DataFrame, *, offset: int, threshold: float) -> Result:
    """Table `similar`: the pairs that reach the threshold, with whole-number counts."""
    if not pairs.height:
        return Result({})
    own = texts.height
    every = texts["text"].append(lefts["text"]) if lefts.height else texts["text"]
    left, right = (pairs[side].to_numpy().astype(np.int64) for side in ("left", "right"))
    sent = lefts["number"].to_numpy().astype(np.int64) if lefts.height else np.zeros(0, np.int64)
    order = np.argsort(sent, kind="stable")
    here = (left >= offset) & (left < offset + own)
    a, b = left - offset, right - offset
    a[~here] = own + order[np.searchsorted(sent, left[~here], sorter=order)]
    t = as_fraction(threshold)
    found = list(verified_texts(every, *near_texts(every, a, b, t), t))
    # Back to numbers: a position in this bucket, or of a text that was sent.
    number = np.concatenate((np.arange(offset, offset + own), sent))
    similar = SimilarPairs.joined(found)
    return Result(
        {"similar": _as_frame(SimilarPairs(number[similar.left], number[similar.right], similar.shared, similar.union))}
    )


def _sides(texts: pl.DataFrame, *, offset: int, held: np.ndarray, train: np.ndarray) -> Result:
    """Tables `held` and `train`: number and text of each; and how many characters they have."""
    if not texts.height:
        return Result({}, {"held": 0, "train": 0})
    numbered = texts.select(pl.int_range(pl.len(), dtype=pl.Int64).alias("number") + offset, "text")
    tables = {side: numbered.filter(pl.Series(mask)) for side, mask in (("held", held), ("train", train))}
    return Result(tables, {side: int(table["text"].str.len_chars().sum()) for side, table in tables.items()})


def _across(held: pl.DataFrame, train: pl.DataFrame, *, threshold: float, piece: int, pieces: int) -> Result:
    """Table `similar`: left in `held`, right in `train`; the texts are divided by length into this many pieces."""
    if pieces > 1 and train.height:
        train = _piece(train, piece, pieces)
    left, right = held["number"].to_numpy(), train["number"].to_numpy()
    found = SimilarPairs.joined(list(similar_texts_between(held["text"], train["text"], threshold)))
    return Result({"similar": _as_frame(SimilarPairs(left[found.left], right[found.right], found.shared, found.union))})


def _piece(texts: pl.DataFrame, piece: int, pieces: int) -> pl.DataFrame:
    """One of several pieces of the texts, in order of length, with equal numbers of characters."""
    costs = texts["text"].str.len_chars().cast(pl.Int64) + 1  # so that an empty text counts too
    order = costs.arg_sort()
    spent = costs.gather(order).cum_sum().to_numpy()
    a, b = np.searchsorted(spent, [int(spent[-1]) * place // pieces for place in (piece, piece + 1)], side="right")
    return texts[order[int(a) : int(b)]]


def _blocks(characters: Sequence[int], most: int) -> list[list[int]]:
    """Non-empty buckets in contiguous blocks of nearly equal size, at most this large unless one bucket is larger."""
    filled = [bucket for bucket, count in enumerate(characters) if count]
    reached = np.cumsum([characters[bucket] for bucket in filled], dtype=np.int64)
    if not filled:
        return []
    number = min(len(filled), -(-int(reached[-1]) // most))
    # Each bucket goes to the block in which its middle falls.
    middle = reached - np.array([characters[bucket] for bucket in filled]) / 2
    block = np.minimum((middle * number / reached[-1]).astype(np.int64), number - 1)
    return [[b for b, own in zip(filled, block, strict=True) if own == n] for n in np.unique(block)]


def _as_one(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return left.astype(np.uint64) << _BITS | right


def _apart(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (pairs >> _BITS).astype(np.uint32), (pairs & _LOW).astype(np.uint32)


def _bucket_of(numbers: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return (np.searchsorted(offsets, numbers, side="right") - 1).astype(np.uint32)


def _skew_note(skew: Skew) -> dict[str, int]:
    return {"largest": skew.largest, "capped": skew.capped}


def _as_frame(pairs: SimilarPairs) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "left": pairs.left, "right": pairs.right, "shared": pairs.shared, "union": pairs.union
    }  # fmt: skip
    return pl.DataFrame(columns).cast(pl.UInt32)


def _read_pairs(job: Job, tables: Sequence[Table]) -> Iterator[SimilarPairs]:
    held: list[pl.DataFrame] = []
    for table in tables:
        held.append(job.read([table]))
        if sum(found.height for found in held) >= _READ:
            yield _joined(held)
            held = []
    if any(found.height for found in held):
        yield _joined(held)


def _joined(tables: Sequence[pl.DataFrame]) -> SimilarPairs:
    found = pl.concat([table for table in tables if table.height])
    return SimilarPairs(*(found[name].to_numpy().astype(np.int64) for name in found.columns))


class StoredTexts:
    """Texts in stored tables with a column `text`, one per bucket; `offsets`: the first number of each, then the total.

    The join always uses candidates, whatever the settings say.
    """

    def __init__(self, job: Job, name: str, tables: Sequence[Table], offsets: np.ndarray) -> None:
        self._job = job
        self._name = name
        self._tables = tables
        self._offsets = offsets

    def of(self, numbers: np.ndarray) -> list[str]:
        """See `Texts`; each bucket is read once."""
        once, place = np.unique(numbers, return_inverse=True)
        bounds = np.searchsorted(once, self._offsets)
        tasks = [
            Task("look up", b, texts_at, {"texts": [self._tables[b]]}, None, {"places": once[start:stop] - self._offsets[b]},
                 columns=("text",))
            for b, (start, stop) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
            if start < stop
        ]  # fmt: skip
        found = [result.tables["found"]["text"] for result in self._job.ask(tasks)]
        return pl.concat(found).gather(place).to_list() if found else []

    def join(self, threshold: float, setting: MethodSetting, ranks: np.ndarray) -> Join:
        """See `Texts`."""
        method = Method(
            "candidates", expected_recall(threshold), "asked for" if setting == "candidates" else "in parts"
        )
        stage = f"similar {threshold:g}"
        found = stored_candidates(self._job, stage, self._tables, self._offsets, threshold, ranks=ranks)
        return Join(method, found.pairs, lambda: found.skew)

    def between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """See `Texts`."""
        sides = []
        for numbers in (left, right):
            side = np.zeros(int(self._offsets[-1]), bool)
            side[numbers] = True
            sides.append(side)
        # The same search has the same name in every run of one job.
        mark = hashlib.sha256(np.packbits(np.concatenate(sides)).tobytes()).hexdigest()[:8]
        stage = f"search {self._name} {mark}"
        return stored_between(self._job, stage, self._tables, self._offsets, sides[0], sides[1], threshold)

    def among(self, numbers: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """See `Texts`."""
        for found in self.between(numbers, numbers, threshold):
            yield found.take(np.flatnonzero(found.left < found.right))


def texts_at(texts: pl.DataFrame, *, places: np.ndarray) -> Result:
    """The texts at these places."""
    return Result({"found": texts[places]})
