"""Predicts the cost of curation at a given size from a sample: rows, pairs, memory, storage, hours.

Blocks of rows are sampled, so a pair within one block is drawn with the sample's share of the rows, one
between two blocks with its square (Horvitz and Thompson 1952); each pair is weighted by the inverse. Most stages take
time in proportion to the rows. The exact searches of the certificate do not: beyond one task every block of held-out
texts meets every block of train texts, so they grow with the square.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

from .measure import BUCKETS, Measured, Search

__all__ = ["EXACT_WORK", "Plan", "Range", "Room", "drawn_pairs", "plan"]

EXACT_WORK = 30_000_000_000  # gram meetings up to which `method = "auto"` joins exactly (curate/match/candidates.py)
_MEETING = 27e-9  # seconds of one meeting in prefixes (curate/match/join.py)
_NUMBERED = 120e-9  # of one character whose grams are numbered for them
_BLOCK = 24_000_000  # characters whose grams are numbered at once (curate/match/across.py)
# The search by segments (curate/match/segments.py): 1,000,000 products took 39 s by these rates, and 39 s measured.
_TRAIN = 60e-9  # seconds of a character of train, for each block of held-out texts
_HELD = 200e-9  # of a held-out one, for each block of train: it is looked up among some five groups of sizes
_HELD_AGAIN = 80e-9  # for each further task of a block, which has one or two of the groups
_CANDIDATE = 90e-9  # of a pair with a key in common
_SIDES = {"held": 64_000_000, "train": 192_000_000}  # characters in one task (curate/jobs/similar.py)
_SIDE_BYTES = 9.0  # of each of them that a task holds: 144 million took 1.4 GB
_PART = 64 << 20  # bytes of text in a part of the files (curate/read/formats/file_parts.py)
_MET = 800  # most pairs verified per text, if buckets are full (curate/match/candidates.py, Caps)
_PIECE = 1_200  # bytes of an empty table: each part writes one for each bucket and exchange
_EXCHANGES = 6  # tables in buckets: inputs, outputs, bands, met, pairs, lefts
_PROCESS = 200e6  # bytes of a Python process with polars and numpy
_TASK = 6.0  # times its texts' bytes that a task holds
_SEARCH = 1.5e9  # bytes of two full blocks whose grams are numbered and compared
_BANDS = 3_000  # bytes for each text of a bucket while its bands are made and met
_DRIVER = (
    6.5  # times its tables (176 bytes a row) that the driver holds at its peak: measured at 50,000 to 200,000 rows
)
_ONE_MACHINE = 9.0  # times the texts' bytes that curating on one machine holds: 1,000,000 rows of 330 bytes took 3 GB
_PAIR_BYTES = 500  # of a pair while it is verified, a million at a time
_TARGET = 1e9  # bytes per task that partitions aim for
_MOST_COPIES = 0.95  # of the rows, in a guess
_UNEVEN = ("-meet", "-attach", "-verify")
_BY_TEXTS_SENT = ("-attach", "-verify")
_PAIR = 0.6e-6  # seconds per candidate pair, with meetings in several bands: 10,000,000 took 6 s
_MARK = re.compile(r" [0-9a-f]{8}(?=-|$)")  # identifies the texts in a stage's name
_GIVE = 1.5  # the factor between the seconds of different machines and samples


@dataclass(frozen=True)
class Range:
    """A number with its likely bounds."""

    low: float
    middle: float
    high: float

    def times(self, by: float) -> "Range":
        """All three multiplied by a number."""
        return Range(self.low * by, self.middle * by, self.high * by)

    def plus(self, other: "Range") -> "Range":
        """The sums of the lows, the middles and the highs."""
        return Range(self.low + other.low, self.middle + other.middle, self.high + other.high)


@dataclass(frozen=True)
class Room:
    """The resources: cores in total, and bytes of memory of each machine, including the driver's."""

    cores: int
    memory: float


@dataclass(frozen=True)
class Plan:
    """The prediction; bytes, and seconds.

    growth: the exponent of the similar pairs from a quarter of the sample to all of it, None if too few were seen.
    method: the choice of `auto` on one machine. stage_seconds: on one core, by group of stages, the middle. task_seconds
    divide among the cores, driver_seconds do not.
    """

    rows: int
    alike_pairs: Range
    growth: float | None
    repeat_share: Range
    near_share: Range
    capped: bool
    work: Range
    method: Literal["exact", "candidates"]
    stage_seconds: dict[str, float]
    task_seconds: Range
    driver_seconds: Range
    seconds: Range
    storage: float
    driver_memory: float
    task_memory: float
    one_machine_memory: float
    partitions: int
    advice: Literal["one machine", "processes", "ray"]
    nodes: int


def plan(quarter: Measured, whole: Measured, rows: int, room: Room, *, partitions: int | None = None) -> Plan:
    """The plan for `rows` rows, from the cost of a sample (`whole`) and of a quarter of it.

    If the sample is all of the data, its measurements are returned.
    """
    times = max(1.0, rows / whole.rows)
    pairs = drawn_pairs(whole.within, whole.between, times=times)
    repeats = drawn_pairs(whole.repeats_within, whole.repeats_between, times=times)
    growth = _growth(quarter.within + quarter.between, whole.within + whole.between, quarter.rows, whole.rows, least=20)
    work = _work(quarter, whole, times, "inputs")
    cut = partitions or _partitions(whole, times, room)
    met = _met(whole, pairs, times)
    stages = _stage_seconds(whole, times, met, cut)
    certificate = _sum([_search(quarter, whole, search, times, cut) for search in whole.searches])
    linear = sum(stages.values())
    tasks = Range(linear / _GIVE, linear, linear * _GIVE).plus(certificate)
    driver = whole.driver_seconds * times
    driver_seconds = Range(driver / _GIVE, driver, driver * _GIVE)
    task_memory = _task_memory(whole, times, met, cut)
    driver_memory = _PROCESS + _DRIVER * whole.driver_bytes * times
    one_machine = _PROCESS + _ONE_MACHINE * whole.text_bytes * times
    method = "exact" if work.middle <= EXACT_WORK else "candidates"
    one_core = tasks.plus(driver_seconds)
    advice, nodes = _advice(one_machine, one_core, task_memory, driver_memory, room)
    return Plan(
        rows=rows,
        alike_pairs=pairs,
        growth=growth,
        repeat_share=_share(quarter.repeats, whole.repeats, quarter.rows, whole.rows, times, repeats),
        near_share=_share(quarter.near, whole.near, quarter.rows, whole.rows, times, pairs),
        capped=whole.largest_bucket * times > 512,
        work=work,
        method=method,
        stage_seconds={**stages, "exact searches": certificate.middle},
        task_seconds=tasks,
        driver_seconds=driver_seconds,
        seconds=tasks.times(1 / room.cores).plus(driver_seconds),
        storage=_storage(whole, times, met, cut),
        driver_memory=driver_memory,
        task_memory=task_memory,
        one_machine_memory=one_machine,
        partitions=cut,
        advice=advice,
        nodes=nodes,
    )


def drawn_pairs(within: int, between: int, *, times: float) -> Range:
    """Pairs in `times` as many rows, each pair of the sample weighted by the inverse of its sampling probability.

    The range is two standard errors as if pairs were drawn independently; if none was seen, the upper end is three
    (the rule of three).
    """
    parts = []
    for count, weight in ((within, times), (between, times * times)):
        give = 2 * math.sqrt(count) if times > 1 else 0.0
        high = count + give if count or times <= 1 else 3.0
        parts.append(Range(max(0.0, count - give) * weight, count * weight, high * weight))
    return _sum(parts)


def _sum(ranges: list[Range]) -> Range:
    total = Range(0.0, 0.0, 0.0)
    for some in ranges:
        total = total.plus(some)
    return total


def _growth(small: float, large: float, few: int, many: int, *, least: int) -> float | None:
    """The exponent e of large / small = (many / few)^e, from 1 to 2; None if too few were seen."""
    if small < least or few >= many:
        return None
    return min(2.0, max(1.0, math.log(large / small) / math.log(many / few)))


def _share(small: int, large: int, few: int, many: int, times: float, pairs: Range) -> Range:
    """The share of the rows dropped as copies, from the shares in a quarter and in all of the sample.

    At least that of the sample: more rows find more partners. At most one row for each pair of all rows.
    """
    share = large / many
    if times <= 1:
        return Range(share, share, share)
    rows, growth = many * times, _growth(small, large, few, many, least=5) or 2.0
    guess = max(share, min(_MOST_COPIES, share * times ** (growth - 1), pairs.middle / rows))
    return Range(share, guess, max(guess, min(_MOST_COPIES, pairs.high / rows)))


def _work(quarter: Measured, whole: Measured, times: float, kind: str) -> Range:
    """Gram meetings of an exact join of all texts: extrapolated from the sample, at most quadratic."""
    now = whole.work[kind]
    growth = _growth(quarter.work[kind], now, quarter.rows, whole.rows, least=1) or 2.0
    return Range(now * times, now * times**growth, now * times**2)


def _met(whole: Measured, pairs: Range, times: float) -> float:
    """Pairs verified: they grow as the similar pairs do, until the caps of the buckets apply."""
    seen = whole.within + whole.between
    grown = whole.met * (pairs.middle / seen if seen else times)
    return max(whole.met * times, min(grown, _MET * whole.distinct * times))


def _sent(met: float, distinct: float, buckets: int) -> float:
    """Texts sent to the bucket of a partner: a text goes to each bucket at most once, however many partners it has."""
    return distinct * buckets * -math.expm1(-met / max(1.0, distinct * buckets))


def _sent_times(whole: Measured, times: float, met: float, partitions: int) -> float:
    before = _sent(max(1, whole.met), whole.distinct, BUCKETS)
    return max(times, _sent(met, whole.distinct * times, partitions) / before)


def _stage_seconds(whole: Measured, times: float, met: float, partitions: int) -> dict[str, float]:
    """Seconds on one core by group: most in proportion to the rows, verification to the texts sent and the pairs."""
    found: dict[str, float] = {}
    sent = _sent_times(whole, times, met, partitions)
    for stage, seconds in whole.seconds.items():
        group = _group(stage)
        found[group] = found.get(group, 0.0) + seconds * (sent if stage.endswith(_BY_TEXTS_SENT) else times)
    found["near duplicates"] = found.get("near duplicates", 0.0) + _PAIR * (met - whole.met)
    return found


def _group(stage: str) -> str:
    if stage.startswith(("similar", "distinct")):
        return "near duplicates"
    if stage.startswith("search"):
        return "exact searches, texts divided"
    stage = _MARK.sub("", stage)
    return {"read again": "read", "count lines": "read", "system messages": "read", "look up": "texts asked for"}.get(
        stage, stage
    )


def _search(quarter: Measured, whole: Measured, search: Search, times: float, partitions: int) -> Range:
    """Seconds of one exact search over all rows, by the faster filter: segments, or prefixes of numbered grams."""
    held, train = search.held * times, search.train * times
    total = max(1, whole.characters[search.kind])
    share = search.held * search.train / total / total
    blocks = {"held": math.ceil(held / _SIDES["held"]), "train": math.ceil(train / _SIDES["train"])}
    # At least one task per worker.
    first = max(1, blocks["train"])
    looked_up = first * _HELD + max(0, partitions // 4 - first) * _HELD_AGAIN
    candidates = whole.candidates[search.kind] * share * times * times * _CANDIDATE
    segments = train * max(1, blocks["held"]) * _TRAIN + held * looked_up + candidates
    numbered = held * max(1, math.ceil(train / _BLOCK)) + train * max(1, math.ceil(held / _BLOCK))
    meetings = _work(quarter, whole, times, search.kind).times(2 * share * _MEETING)
    prefixes = meetings.plus(Range(*(numbered * _NUMBERED * by for by in (1 / _GIVE, 1, _GIVE))))
    by_segments = Range(segments / _GIVE, segments, segments * _GIVE)
    return min(by_segments, prefixes, key=lambda way: way.middle)


def _storage(whole: Measured, times: float, met: float, partitions: int) -> float:
    """Bytes of the tables of all stages, none of which is deleted before the end, and of the run's folder."""
    stored = {end: sum(size for stage, size in whole.stored.items() if stage.endswith(end)) for end in _UNEVEN}
    tables = (sum(whole.stored.values()) - sum(stored.values())) * times
    by_pairs = (stored["-meet"] + stored["-verify"]) * met / max(1, whole.met)
    sent = stored["-attach"] * _sent_times(whole, times, met, partitions)
    return tables + by_pairs + sent + whole.written * times + _EXCHANGES * partitions**2 * _PIECE


def _task_memory(whole: Measured, times: float, met: float, partitions: int) -> float:
    """Bytes of the largest task: a part of the files, a bucket of texts, its pairs, or a search between two blocks."""
    text, distinct = whole.text_bytes * times, whole.distinct * times
    part = min(text, float(_PART)) * _TASK
    bucket = (text * _TASK / 2 + distinct * _BANDS) / partitions
    mean = whole.characters["inputs"] / max(1, whole.distinct)
    compared = min(2.0 * _BLOCK, mean * (distinct + _sent(met, distinct, partitions)) / partitions)
    verify = _SEARCH * compared / (2 * _BLOCK) + _PAIR_BYTES * min(1e6, met / partitions)
    sides = max(
        (min(_SIDES["held"], s.held * times) + min(_SIDES["train"], s.train * times) for s in whole.searches), default=0
    )
    return _PROCESS + max(part, bucket, verify, _SIDE_BYTES * sides)


def _partitions(whole: Measured, times: float, room: Room) -> int:
    """Four for each core, or as many as keep a bucket at a gigabyte."""
    text = whole.text_bytes * times
    bucket = text * _TASK / 2 + whole.distinct * times * _BANDS
    return max(4 * room.cores, math.ceil(bucket / _TARGET))


_PATIENCE = 3600.0  # seconds on one machine up to which nothing else pays off
_ONE_NODE = 6 * 3600.0


def _advice(
    one_machine: float, one_core: Range, task: float, driver: float, room: Room
) -> tuple[Literal["one machine", "processes", "ray"], int]:
    """The smallest sufficient setup, and the number of machines."""
    fits = room.memory * 0.8
    if one_machine <= fits and one_core.middle <= _PATIENCE:
        return "one machine", 1
    at_once = max(1, min(room.cores, int((fits - driver) / task))) if fits > driver else 0
    if at_once and one_core.middle / at_once <= _ONE_NODE:
        return "processes", 1
    return "ray", max(2, math.ceil(room.cores * task / fits), math.ceil(room.cores / 16))
