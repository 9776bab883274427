"""Curating in parts, from files to a run: the counterpart of `read_pairs`, `curate` and `write_curated`."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ...core import Clock
from ...style import StyleSchema
from ..pipeline import some_train
from ..read.file_parts import MOST_BYTES, FilePart
from ..read.pairs import RawPairs
from ..settings import DataSettings
from ..split.given import HeldSplits
from ..steps import resolve
from ..summary import build_ledger, summarise
from ..write import curated_folder, split_part, write_part, write_summary
from .prepare import Asked, prepare_in_parts
from .read import ReadInParts, read_in_parts
from .tasks import Job, Result, Table, Task

__all__ = ["CuratedInParts", "bucket_count", "curate_in_parts", "fingerprint"]


@dataclass(frozen=True)
class CuratedInParts:
    """What curating in parts gives; the texts lie in the job's storage until `write` has put them into a run.

    raw: as read, without texts. ledger, summary: as of `Curated`.
    """

    raw: RawPairs
    ledger: pl.DataFrame
    summary: dict[str, Any]
    _job: Job = field(repr=False)
    _offsets: Sequence[int] = field(repr=False)
    _good: pl.DataFrame = field(repr=False)  # row, reference_ok of the pairs

    def write(self, run: Path) -> Path:
        """Write a file per part of each split, the set-aside pairs and the ledger, and the summary; the folder.

        The folder appears whole or not at all.

        Raises:
            RunBroken: the disk is full or refuses; the same command goes on where this one stopped.
        """
        started = time.perf_counter()
        parts = len(self._offsets)
        # A ledger of its own has a stage of its own: rows that were placed meanwhile may stand elsewhere.
        ledger = self.ledger.join(self._good, on="row", how="left", maintain_order="left")
        # What a person took out is written as it was read.
        ledger = ledger.with_columns(pl.col("reference_ok").fill_null(True))
        stage = f"write {hashlib.sha256(ledger.hash_rows(seed=0).to_numpy().tobytes()).hexdigest()[:8]}"
        self._job.run([self._written(stage, part, ledger) for part in range(parts)])
        with curated_folder(run) as folder:
            for part in range(parts):
                write_part(folder, part, dict(self._job.read([Table(stage, part, "files")]).iter_rows()))
            seconds = {**self.summary["seconds"], "write": round(time.perf_counter() - started, 4)}
            write_summary(folder, {**self.summary, "seconds": seconds}, parts=parts)
        return Path(run) / "curate"

    def _written(self, stage: str, part: int, ledger: pl.DataFrame) -> Task:
        """The task that makes a part's files, its rows of the ledger among what it is given."""
        rows = ledger["row"].to_numpy()
        bounds = [*self._offsets, np.iinfo(np.uint32).max]
        a, b = np.searchsorted(rows, bounds[part], side="right"), np.searchsorted(rows, bounds[part + 1], side="right")
        tables = {name: [Table("measure", part, name)] for name in ("pairs", "left")}
        return Task(stage, part, part_files, tables, parameters={"ledger": ledger[int(a) : int(b)]})


def part_files(pairs: pl.DataFrame, left: pl.DataFrame, *, ledger: pl.DataFrame) -> Result:
    """The files of one part of a run: name and content."""
    table = BytesIO()
    ledger.drop("reference_ok").write_parquet(table)
    files = {**split_part(pl.concat([pairs, left]), ledger), "ledger": table.getvalue()}
    return Result(
        {"files": pl.DataFrame({"name": list(files), "content": list(files.values())}, schema=_FILES, strict=True)}
    )


_FILES = {"name": pl.String, "content": pl.Binary}


def curate_in_parts(
    job: Job,
    path: Path,
    data: DataSettings,
    asked: Asked,
    *,
    held: HeldSplits,
    seed: int,
    buckets: int,
    parts: Sequence[FilePart] | None = None,
    most_bytes: int = MOST_BYTES,
) -> CuratedInParts:
    """Clean pairs, leak-proof splits and a ledger, as `curate` gives them with `method = "candidates"`, row for row.

    `buckets` are the parts that keys are exchanged in; neither they nor the workers of the job change anything in the
    result. `parts` are those that the job's fingerprint was taken of: a file that changed since is refused. Without them
    the files are cut here, into parts of `most_bytes`.

    Raises:
        ConfigError, DataError: as `read_pairs` and `curate`.
        RunBroken: the storage or the workers fail; the same job goes on where it stopped.
    """
    clock = Clock({})
    read = read_in_parts(job, path, data, parts=parts, most_bytes=most_bytes)
    clock.lap("read")
    ready = prepare_in_parts(job, read, asked, buckets=buckets, clock=clock)
    found = resolve(
        ready, settings=asked.settings, held=held, seed=seed, clock=clock,
        check=lambda kept, outcomes: some_train(kept, ready.raw, outcomes),
    )  # fmt: skip
    ledger = build_ledger(ready.raw, found.outcomes, found.table["split"], ready.corpus.content)
    summary = summarise(
        ready, found, ledger, asked.style, settings=asked.settings, identifiers=asked.identifiers,
        threshold_table=None, seconds=clock.seconds,
    )  # fmt: skip
    summary["cluster"] = _said(job, read, buckets)
    return CuratedInParts(ready.raw, ledger, summary, job, read.offsets, found.table.select("row", "reference_ok"))


def _said(job: Job, read: ReadInParts, buckets: int) -> dict[str, Any]:
    """How the work was divided, and where it was uneven."""
    return {
        "parts": len(read.tables),
        "buckets": buckets,
        "workers": job.executor.workers,
        "largest_part": max(read.sizes, default=0),
        "peak_bytes": job.memory(),
    }


def fingerprint(
    parts: Sequence[FilePart], data: DataSettings, asked: Asked, *, seed: int, partitions: int | None
) -> Mapping[str, Any]:
    """All that the stored parts of a job depend on: the files as they are, the settings, and the code itself.

    Where rows were placed before is not among it: a command that was killed after it had placed them goes on too.
    `partitions` as stated; where they follow from the workers, `bucket_count` holds them, so that a lost node is no
    reason to begin anew.
    """
    return {
        "files": [[str(p.path), p.stamp.size, p.stamp.mtime_ns] for p in parts],
        "data": asdict(data),
        "curate": asdict(asked.settings),
        "identifiers": sorted(asked.identifiers),
        "date": asked.date,
        "style": _style(asked.style),
        "tokens": repr(getattr(asked.count_tokens, "args", None)),  # the model whose tokens are counted
        "overrides": [asdict(override) for override in asked.overrides],
        "seed": seed,
        "partitions": partitions,
        "code": _code(),
    }


def bucket_count(job: Job, wanted: int) -> int:
    """The buckets of a job: as many as it began with, or `wanted` where it begins."""
    found = job.storage.read_json("buckets.json")
    if isinstance(found, int) and found > 0:
        return found
    job.storage.write_json("buckets.json", wanted)
    return wanted


def _style(style: StyleSchema | None) -> str | None:
    """A hash of a style, and of the code beside it where its checks call some."""
    if style is None:
        return None
    digest = hashlib.sha256(repr(style).encode())
    folders = {folder for check in style.checks if (folder := getattr(check.parameters, "folder", None)) is not None}
    for path in (path for folder in sorted(folders) for path in sorted(folder.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _code() -> str:
    """A hash of the code that makes the parts: those of another version are not taken for its own."""
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in _sources(folder, folder.with_name("style")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))
