"""Measures curation of a sample: seconds and bytes of each stage, copies among its rows, memory of the driver."""

import json
import re
import shutil
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl

from ..jobs.curate import curate_files
from ..jobs.executors import Here
from ..jobs.storage import Done, Storage, open_storage
from ..jobs.tasks import Job, Result, Table, Task, carry_out
from ..match.join import as_fraction, estimated_work
from ..match.ngrams import gram_sets
from ..match.segments import expected_candidates
from ..match.signed import signed_texts
from ..prepare import CurateRequest
from ..settings import DataSettings
from ..split.given import PinnedSplits
from ..write import write_parts

__all__ = ["BUCKETS", "Measured", "Search", "measure_sample"]

BUCKETS = 4  # for exchanging a sample's keys
_MARK = re.compile(r"search (inputs|outputs) \w+-across-([\d.]+)")


@dataclass(frozen=True)
class Search:
    """One exact search between two sides in the sample, with their characters."""

    kind: str  # "inputs" or "outputs"
    held: int
    train: int


@dataclass(frozen=True)
class Measured:
    """Cost and contents of a sample of `rows` rows.

    seconds: core time of each stage, including reading and writing its tables, without the exact searches; these are
    in `searches`. driver_seconds: time outside tasks. stored: bytes of each stage. written: bytes of the run's
    curate folder. repeats, near: rows dropped as exact and as near copies. within, between: pairs of similar inputs
    whose rows are in one block and in two. work: gram meetings of the exact join (`estimated_work`) by kind of text;
    candidates: pairs with a common key in the search by segments, each text against each, by kind; characters: of
    all distinct texts by kind. driver_bytes: of the tables that the driver holds.
    """

    rows: int
    seconds: dict[str, float]
    searches: list[Search]
    driver_seconds: float
    stored: dict[str, int]
    written: int
    repeats: int
    near: int
    within: int
    between: int
    met: int
    repeats_within: int
    repeats_between: int
    largest_bucket: int
    capped: int
    work: dict[str, int]
    candidates: dict[str, float]
    characters: dict[str, int]
    distinct: int
    text_bytes: int
    input_characters: float
    output_characters: float
    driver_bytes: int


@dataclass
class _Timed(Here):
    """Tasks in this process, with the CPU seconds of each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    def carry_out(self, storage: Storage, tasks: Sequence[Task], *, store: bool) -> Iterator[tuple[int, Done | Result]]:
        """Run the tasks in order."""
        for at, task in enumerate(tasks):
            # CPU seconds of all threads, so that other load on the machine does not distort the rates.
            started = time.process_time()
            ended = carry_out(storage, task, store=store)
            self.seconds[task.stage] = self.seconds.get(task.stage, 0.0) + time.process_time() - started
            yield at, ended


def measure_sample(
    data: DataSettings, request: CurateRequest, blocks: Sequence[int], folder: Path, *, seed: int
) -> Measured:
    """Curate the files at `data.path` below a folder, which is deleted afterwards, and return the cost.

    `blocks` are the rows that were adjacent in the data.
    Raises: DataError, ConfigError: as `curate_files`.
    """
    executor = _Timed()
    try:
        with Job.open(open_storage(folder / "storage"), {"sample": folder.name}, executor=executor) as job:
            started = time.process_time()
            curated = curate_files(
                job, Path(data.path), replace(data, path=""), request, pinned=PinnedSplits(), seed=seed, buckets=BUCKETS
            )
            write_parts(job, curated, folder / "run")
            seconds = time.process_time() - started
            return _measured(job, executor, seconds, curated.summary, curated.ledger, blocks, request, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(
    job: Job, executor: _Timed, seconds: float, summary: dict[str, Any], ledger: pl.DataFrame, blocks: Sequence[int],
    request: CurateRequest, folder: Path,
) -> Measured:  # fmt: skip
    threshold = request.settings.near_duplicate
    done = _done(folder / "storage")
    count = range(summary["cluster"]["parts"])
    numbers = job.read([Table("measure", part, "numbers") for part in count])
    pairs = job.read([Table("measure", part, "pairs") for part in count])
    texts = {
        kind: pl.concat([job.read([Table(f"distinct {kind}", b, "texts")]) for b in range(BUCKETS)])
        for kind in ("inputs", "outputs")
    }
    repeats = _repeated(numbers, blocks)
    within, between = _similar_pairs(job, numbers, texts["inputs"]["key"], blocks, f"similar {threshold:g}-verify")
    rules = Counter(ledger.filter(pl.col("outcome") == "duplicate")["rule"].to_list())
    lengths = {kind: int(table["text"].str.len_chars().sum()) for kind, table in texts.items()}
    return Measured(
        rows=len(ledger),
        seconds={stage: spent for stage, spent in executor.seconds.items() if not _MARK.match(stage)},
        searches=_searches(done, threshold),
        driver_seconds=max(0.0, seconds - sum(executor.seconds.values())),
        stored={stage: sum(t["bytes"] for d in parts for t in d["tables"].values()) for stage, parts in done.items()},
        written=sum(path.stat().st_size for path in (folder / "run").rglob("*") if path.is_file()),
        repeats=rules["exact_duplicate"],
        near=rules["near_duplicate"],
        within=within,
        between=between,
        met=sum(d["tables"].get("pairs", {"rows": 0})["rows"] for d in done[f"similar {threshold:g}-attach"]),
        repeats_within=repeats[0],
        repeats_between=repeats[1],
        largest_bucket=summary["near_duplicate"]["largest_bucket"],
        capped=summary["near_duplicate"]["capped_buckets"],
        work={kind: estimated_work(gram_sets(table["text"].to_list()), threshold) for kind, table in texts.items()},
        candidates={kind: _candidates(table["text"], threshold) for kind, table in texts.items()},
        characters=lengths,
        distinct=len(texts["inputs"]),
        text_bytes=int(pairs.select("input", "fields", "output").estimated_size()),
        input_characters=float(pairs["input"].str.len_chars().mean() or 0),  # type: ignore[arg-type]
        output_characters=float(pairs["output"].str.len_chars().mean() or 0),  # type: ignore[arg-type]
        driver_bytes=int(numbers.estimated_size() + ledger.estimated_size()),
    )


def _done(storage: Path) -> dict[str, list[dict[str, Any]]]:
    """The results of the finished parts of each stage."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(storage.glob("jobs/*/*/*/done.json")):
        found.setdefault(path.parents[1].name, []).append(json.loads(path.read_text(encoding="utf-8")))
    return found


def _searches(done: dict[str, list[dict[str, Any]]], threshold: float) -> list[Search]:
    """The exact searches at the threshold; small data are also searched below it, for examples."""
    found = []
    for stage in done:
        if (named := _MARK.fullmatch(stage)) and float(named[2]) == threshold:
            sides = [part["note"] for part in done[f"{stage.rpartition('-across-')[0]}-sides"]]
            held, train = (sum(side[name] for side in sides) for name in ("held", "train"))
            found.append(Search(named[1], held, train))
    return found


def _candidates(texts: pl.Series, threshold: float) -> float:
    signed = signed_texts(texts)
    return expected_candidates(signed, signed, as_fraction(threshold))


def _similar_pairs(
    job: Job, numbers: pl.DataFrame, keys: pl.Series, blocks: Sequence[int], stage: str
) -> tuple[int, int]:
    """Pairs of similar inputs whose first rows are in one block of the sample, and in two."""
    first = numbers.select("input", "row").unique("input", keep="first", maintain_order=True)
    rows = keys.to_frame("input").join(first, on="input", how="left", maintain_order="left")["row"]
    of_block = _block_of(rows, blocks)
    within = between = 0
    for bucket in range(BUCKETS):
        found = job.read([Table(stage, bucket, "similar")])
        if found.height:
            same = int((of_block.gather(found["left"]) == of_block.gather(found["right"])).sum())
            within, between = within + same, between + found.height - same
    return within, between


def _repeated(numbers: pl.DataFrame, blocks: Sequence[int]) -> tuple[int, int]:
    """Pairs of rows with the same content that are in one block, and in two."""
    table = numbers.select("content", _block_of(numbers["row"], blocks).alias("block"))
    within, every = (
        int((count * (count - 1) // 2).sum())
        for count in (table.group_by(by).len()["len"].cast(pl.Int64) for by in (["content", "block"], ["content"]))
    )
    return within, every - within


def _block_of(rows: pl.Series, blocks: Sequence[int]) -> pl.Series:
    ends = list(accumulate(blocks))
    return pl.Series([bisect_right(ends, row - 1) for row in rows], dtype=pl.Int64)
