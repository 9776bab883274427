"""Curates files in parts, on workers: the same steps as for pairs in memory, with stored tables between them."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from ...core import Clock, read_regular
from ...style import StyleSchema
from ..curated import CuratedParts, curate_parts
from ..match.cache import DistinctTexts
from ..match.corpus import Corpus, Query
from ..part import CheckedPart, CurateRequest
from ..read.pairs import read_parts
from ..read.parts import FilePart
from ..records import Cluster
from ..settings import DataSettings
from ..split.pinned import PinnedSplits
from .similar import StoredTexts
from .tasks import Job, Result, Stored, Table, Task


def curate_files(
    job: Job,
    path: Path,
    data: DataSettings,
    request: CurateRequest,
    *,
    pinned: PinnedSplits,
    seed: int,
    buckets: int,
    parts: Sequence[FilePart],
) -> CuratedParts:
    """Clean pairs, leak-proof splits and a ledger, as `curate` gives them with `method = "candidates"`, row for row.

    `buckets` is the number of partitions for exchanging keys; neither it nor the workers affect the result. `parts` are
    those in the job's fingerprint: a file that has changed since is an error.

    Raises:
        ConfigError, DataError: as `read_pairs` and `curate`.
        RunBroken: the storage or the workers fail; the same job resumes where it stopped.
    """
    clock = Clock({})
    read = read_parts(path, data, parts, each=job.each)
    clock.lap("read")
    done = curate_parts(
        read, request, pinned=pinned, seed=seed, clock=clock, each=job.each,
        corpus_of=partial(_stored_corpus, job, buckets), buckets=buckets,
    )  # fmt: skip
    cluster = Cluster(
        parts=len(read.tables),
        buckets=buckets,
        workers=job.executor.workers,
        largest_part=max(read.sizes, default=0),
        peak_bytes=job.memory(),
    )
    return replace(done, curation=msgspec.structs.replace(done.curation, cluster=cluster))


# --- the corpus of stored parts -----------------------------------------------------------------------------------


def _stored_corpus(job: Job, buckets: int, parts: Sequence[CheckedPart], *, identifiers: Collection[str]) -> Corpus:
    """The corpus whose texts are stored, each once, in one of the buckets."""
    starts = np.cumsum([0, *(len(part.numbers) for part in parts)])
    inputs = _distinct(job, buckets, "inputs", [_table(part.inputs) for part in parts])
    outputs = _distinct(job, buckets, "outputs", [_table(part.outputs) for part in parts])
    rows = _StoredRows(
        job, starts, [_table(part.texts.pairs) for part in parts], [_table(part.texts.repairs) for part in parts]
    )
    return Corpus.of(pl.concat([part.numbers for part in parts]), inputs, outputs, rows, identifiers=identifiers)


def _table(kept: Any) -> Table:
    if not isinstance(kept, Stored):
        raise TypeError(f"a corpus of stored parts needs stored tables, found {type(kept).__name__}")
    return kept.table


def _distinct(job: Job, buckets: int, name: str, found: Sequence[Table]) -> DistinctTexts:
    """The texts of all buckets in order."""
    stage = f"distinct {name}"
    job.run([Task(stage, bucket, distinct_texts, {"texts": found}, bucket=bucket) for bucket in range(buckets)])
    tables = [Table(stage, bucket, "texts") for bucket in range(buckets)]
    keys = [job.read([table], columns=["key"])["key"] for table in tables]
    offsets = np.cumsum([0, *map(len, keys)])
    return DistinctTexts(pl.concat(keys), StoredTexts(job, name, tables, offsets))


def distinct_texts(texts: pl.DataFrame) -> Result:
    """The distinct texts of a bucket, in order of occurrence."""
    once = texts.unique("key", keep="first", maintain_order=True)
    return Result({"texts": once.select("key", "text")}, len(once))


@dataclass(frozen=True)
class _StoredRows:
    """Tables of pairs and repairs in a job, by part; part `n` begins at row `starts[n]`. See `RowTables`."""

    job: Job
    starts: np.ndarray
    pairs: Sequence[Table]
    repairs: Sequence[Table]

    def answers(self, rows: np.ndarray, query: Query) -> pl.Series:
        """Each part is read once, where it is."""
        bounds = np.searchsorted(rows, self.starts).tolist()
        tables = self.repairs if query.of_repairs else self.pairs
        tasks = [
            Task(
                "look up", part, look_up, {"table": [tables[part]]},
                parameters={"rows": rows[a:b] - self.starts[part], "query": query}, columns=query.columns,
            )
            for part, (a, b) in enumerate(pairwise(bounds))
            if a < b
        ]  # fmt: skip
        return pl.concat([result.tables["found"]["found"] for result in self.job.ask(tasks)])


def look_up(table: pl.DataFrame, *, rows: np.ndarray, query: Query) -> Result:
    """The answers for the rows at these positions of a part."""
    return Result({"found": query.answer(table, rows).to_frame()})


# --- what the parts depend on -------------------------------------------------------------------------------------


def fingerprint(
    parts: Sequence[FilePart], data: DataSettings, request: CurateRequest, *, seed: int, partitions: int | None
) -> Mapping[str, Any]:
    """Everything that the stored parts of a job depend on: the files, the settings, and the code itself.

    Pinned splits are excluded, so a command that was killed after pinning rows can resume too.
    `partitions` is the stated value; if derived from the workers, `bucket_count` holds it, so that losing a node does
    not restart the job.
    """
    return {
        "files": [[str(p.path), p.stamp.size, p.stamp.mtime_ns] for p in parts],
        "data": asdict(data),
        "curate": asdict(request.settings),
        "identifiers": sorted(request.identifiers),
        "date": request.date,
        "style": _style(request.style),
        "tokens": repr(getattr(request.count_tokens, "args", None)),  # the model whose tokenizer counts tokens
        "overrides": [asdict(override) for override in request.overrides],
        "seed": seed,
        "partitions": partitions,
        "code": _code(),
    }


def bucket_count(job: Job, wanted: int) -> int:
    """The buckets of a job: as many as it started with, or `wanted` for a new one."""
    found = job.storage.read_json("buckets.json")
    if isinstance(found, int) and found > 0:
        return found
    job.storage.write_json("buckets.json", wanted)
    return wanted


def _style(style: StyleSchema | None) -> str | None:
    """A hash of a style, and of its code if its checks call any."""
    if style is None:
        return None
    digest = hashlib.sha256(repr(style).encode())
    folders = {folder for check in style.checks if (folder := getattr(check.parameters, "folder", None)) is not None}
    for path in (path for folder in sorted(folders) for path in sorted(folder.glob("*.py"))):
        digest.update(read_regular(path))
    return digest.hexdigest()


def _code() -> str:
    """A hash of the code that makes the parts: parts of another version are not reused."""
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in _sources(folder, folder.with_name("style"), folder.with_name("core")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))
