"""Curates files to a run in a job with stored parts, which resumes after being killed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ...core import Clock, read_regular
from ...style import StyleSchema
from ..pipeline import CuratedParts, curate_parts
from ..prepare import CurateRequest
from ..read.pairs import read_parts
from ..read.parts import MOST_BYTES, FilePart
from ..settings import DataSettings
from ..split.given import PinnedSplits
from .tasks import Job

__all__ = ["bucket_count", "curate_files", "fingerprint"]


def curate_files(
    job: Job,
    path: Path,
    data: DataSettings,
    request: CurateRequest,
    *,
    pinned: PinnedSplits,
    seed: int,
    buckets: int,
    parts: Sequence[FilePart] | None = None,
    most_bytes: int = MOST_BYTES,
) -> CuratedParts:
    """Clean pairs, leak-proof splits and a ledger, as `curate` gives them with `method = "candidates"`, row for row.

    `buckets` is the number of partitions for exchanging keys; neither it nor the workers affect the result. `parts` are
    those in the job's fingerprint: a file that has changed since is an error. Without them, the files are cut into
    parts of `most_bytes`.

    Raises:
        ConfigError, DataError: as `read_pairs` and `curate`.
        RunBroken: the storage or the workers fail; the same job resumes where it stopped.
    """
    clock = Clock({})
    read = read_parts(job, path, data, parts=parts, most_bytes=most_bytes)
    clock.lap("read")
    done = curate_parts(job, read, request, pinned=pinned, seed=seed, buckets=buckets, clock=clock)
    divided = {  # how the work was divided, and where it was uneven
        "parts": len(read.tables),
        "buckets": buckets,
        "workers": job.executor.workers,
        "largest_part": max(read.sizes, default=0),
        "peak_bytes": job.memory(),
    }
    return replace(done, summary={**done.summary, "cluster": divided})


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
