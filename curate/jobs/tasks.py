"""Tasks of a stage over parts, and where they run: in a job that reuses stored parts, or in this process."""

import hashlib
import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

from ...core import Progress, RunBroken, Say, TuneworthError, peak_bytes, reset_peak, say, silent
from .storage import BUCKET, Done, Lease, Storage

__all__ = ["Executor", "InMemory", "Job", "Result", "Table", "Task", "Work", "carry_out"]

_AT_ONCE = 16  # requests to a storage behind a URL, where each takes some 20 ms


@dataclass(frozen=True)
class Table:
    """A stored table: one stage's output of one part under a name."""

    stage: str
    part: int
    name: str


@dataclass(frozen=True)
class Result:
    """The result of a stage function: its tables, and a small JSON-serialisable note."""

    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    note: Any = None


@dataclass(frozen=True)
class Task:
    """One call of a stage function on one part.

    `function` is a top-level function, called as `function(**frames, **parameters)`; `tables` gives each frame's
    argument name its stored tables, concatenated in that order; only `columns` are read, where given. With
    `bucket` only the rows of that value are read from tables that have a column `bucket`. A name that a part did not
    store counts as no rows; where no part stored it, the frame has no columns.
    """

    stage: str
    part: int
    function: Callable[..., Result]
    tables: Mapping[str, Sequence[Table]] = field(default_factory=dict)
    bucket: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    columns: Sequence[str] | None = None


def carry_out(storage: Storage, task: Task, *, store: bool = True) -> Done | Result:
    """Read a task's tables, call its function and store the result; every executor runs tasks this way.

    Returns: the stored part, or the result itself if nothing is to be stored.
    Raises: TuneworthError, with the stage and the part named.
    """
    reset_peak()
    started = time.perf_counter()
    try:
        frames = {
            name: _frame(storage, tables, columns=task.columns, bucket=task.bucket)
            for name, tables in task.tables.items()
        }
        rows = sum(frame.height for frame in frames.values())
        result = task.function(**frames, **task.parameters)
        note = json.loads(json.dumps(result.note, ensure_ascii=False))  # as it will be read back from the storage
        if not store:
            return Result(result.tables, note)
        return storage.store(
            task.stage,
            task.part,
            result.tables,
            note=note,
            seconds=time.perf_counter() - started,
            peak_bytes=peak_bytes(),
            rows_read=rows,
        )
    except TuneworthError as error:
        raise _named(error, task) from error
    except MemoryError as error:
        raise RunBroken(f"{_place(task)}: out of memory\nRaise [cluster] partitions, for smaller parts.") from error
    except Exception as error:
        last = "".join(traceback.format_exception(error)).strip().splitlines()[-3:]
        raise RunBroken(f"{_place(task)} failed\n" + "\n".join(line.strip()[:300] for line in last)) from error


class Executor(Protocol):
    """Runs tasks and yields each result as its task ends."""

    workers: int

    def prepare(self, storage: Storage) -> None:
        """Check that the workers reach the storage. Raises: ConfigError."""
        ...

    def carry_out(self, storage: Storage, tasks: Sequence[Task], *, store: bool) -> Iterator[tuple[int, Done | Result]]:
        """(position in `tasks`, result) in order of completion.

        Raises: the first task's TuneworthError; tasks not yet started are cancelled.
        """
        ...

    def close(self) -> None:
        """End the workers that it started."""
        ...


class Job:
    """One curation over parts: a storage folder, an executor, and progress lines.

    Open it with `Job.open`, as a context manager: the lease and the executor are released at the end.
    """

    def __init__(self, storage: Storage, executor: Executor, *, say: Say = silent, lease: Lease | None = None) -> None:
        self.storage = storage
        self.executor = executor
        self._say = say
        self._reported: set[str] = set()  # stages that this driver has reported as finished
        self._lease = lease
        self._peaks: dict[str, tuple[int, int]] = {}  # stage -> (peak bytes, part)

    @classmethod
    def open(cls, storage: Storage, fingerprint: Mapping[str, Any], *, executor: Executor, say: Say = silent) -> "Job":
        """The job of this fingerprint, new or resumed from a killed driver.

        `fingerprint` names everything that the result depends on, as JSON: another fingerprint is another job.
        Raises: RunBroken if another driver works on it, or the storage fails.
        """
        text = json.dumps(fingerprint, sort_keys=True, ensure_ascii=False)
        folder = storage.within(f"jobs/{hashlib.sha256(text.encode()).hexdigest()[:16]}")
        try:
            executor.prepare(storage)
            lease = Lease(folder)
            if folder.read_json("fingerprint.json") != json.loads(text):
                folder.write_json("fingerprint.json", json.loads(text))
        except BaseException:
            executor.close()
            raise
        return cls(folder, executor, say=say, lease=lease)

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, tasks: Sequence[Task]) -> list[Any]:
        """Run the tasks of a stage that are not stored yet; returns all notes, in the order of the tasks.

        Raises: the first TuneworthError of a task; tasks not yet started are cancelled.
        """
        if not tasks:
            return []
        if self._lease is not None:
            self._lease.check()
        done: list[Done | None] = self._stored(tasks)
        missing = [at for at, found in enumerate(done) if found is None]
        progress = Progress(tasks[0].stage, len(tasks), self._say, skipped=len(tasks) - len(missing))
        for at, ended in self.executor.carry_out(self.storage, [tasks[at] for at in missing], store=True):
            assert isinstance(ended, Done)
            done[missing[at]] = ended
            progress.ended(ended.rows)
        if missing or tasks[0].stage not in self._reported:
            progress.finish()
        self._reported.add(tasks[0].stage)
        for task, found in zip(tasks, done, strict=True):
            self._note_peak(task, found)
        return [found.note if found is not None else None for found in done]

    def ask(self, tasks: Sequence[Task]) -> list[Result]:
        """Run tasks whose results return to the driver, in the order of the tasks; nothing is stored."""
        results: dict[int, Result] = {}
        for at, ended in self.executor.carry_out(self.storage, tasks, store=False):
            assert isinstance(ended, Result)
            results[at] = ended
        return [results[at] for at in range(len(tasks))]

    def read(
        self, tables: Sequence[Table], columns: Sequence[str] | None = None, bucket: int | None = None
    ) -> pl.DataFrame:
        """Stored tables on the driver, concatenated in this order; no columns where no part stored them."""
        return _frame(self.storage, tables, columns=columns, bucket=bucket)

    def buckets(self, tables: Sequence[Table]) -> dict[int, int]:
        """The rows of each bucket over these tables, from metadata only; one task must hold the largest."""
        rows: dict[int, int] = {}
        for table in tables:
            done = self.storage.find(table.stage, table.part)
            stored = None if done is None else done.tables.get(table.name)
            for piece in stored.pieces if stored is not None else ():
                if piece.bucket is not None:
                    rows[piece.bucket] = rows.get(piece.bucket, 0) + piece.rows
        return dict(sorted(rows.items()))

    def forget(self, *stages: str) -> None:
        """Does nothing: a restarted job reuses its tables."""

    def memory(self) -> dict[str, int]:
        """The peak bytes of a task of each stage, for stages run or found stored."""
        return {stage: peak for stage, (peak, _) in self._peaks.items()}

    def memory_warnings(self, limit: int | None) -> list[str]:
        """One line with advice per stage that used more than `limit` bytes in a task."""
        return [
            f"{stage}, part {part} used {say.size(peak)}, more than memory_per_task ({say.size(limit or 0)}); "
            "raise partitions, for smaller parts"
            for stage, (peak, part) in self._peaks.items()
            if limit is not None and peak > limit
        ]

    def remove(self) -> None:
        """Delete the job's folder, once the result is written elsewhere."""
        self._release()
        self.storage.remove("")

    def close(self) -> None:
        """Release the lease and the executor; the stored parts are kept."""
        self._release()
        self.executor.close()

    def _release(self) -> None:
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def _stored(self, tasks: Sequence[Task]) -> list[Done | None]:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return list(threads.map(lambda task: self.storage.find(task.stage, task.part), tasks))

    def _note_peak(self, task: Task, done: Done | None) -> None:
        if done is not None and (done.peak_bytes or 0) > self._peaks.get(task.stage, (0, 0))[0]:
            self._peaks[task.stage] = (done.peak_bytes or 0, task.part)


class InMemory:
    """The counterpart of a job on one machine: runs tasks one by one in this process and keeps tables in memory.

    Errors of a stage function pass through unchanged.
    """

    def __init__(self) -> None:
        self._tables: dict[tuple[str, int], Mapping[str, pl.DataFrame]] = {}

    def run(self, tasks: Sequence[Task]) -> list[Any]:
        """Run the tasks of a stage; returns their notes, in the order of the tasks."""
        notes = []
        for task in tasks:
            result = self._carry_out(task)
            self.put(task.stage, task.part, result.tables)
            notes.append(result.note)
        return notes

    def ask(self, tasks: Sequence[Task]) -> list[Result]:
        """Run tasks whose tables are not kept, in the order of the tasks."""
        return [self._carry_out(task) for task in tasks]

    def read(
        self, tables: Sequence[Table], columns: Sequence[str] | None = None, bucket: int | None = None
    ) -> pl.DataFrame:
        """Tables concatenated in this order; no columns where no part has them."""
        found = [self._tables[table.stage, table.part].get(table.name) for table in tables]
        frames = [frame if frame is None or columns is None else frame.select(columns) for frame in found]
        if bucket is not None:
            frames = [_of_bucket(frame, bucket) for frame in frames]
        return _concatenated(frames)

    def put(self, stage: str, part: int, tables: Mapping[str, pl.DataFrame]) -> None:
        """Keep tables that the driver made."""
        self._tables[stage, part] = tables

    def forget(self, *stages: str) -> None:
        """Free the tables of stages that are no longer needed."""
        self._tables = {key: tables for key, tables in self._tables.items() if key[0] not in stages}

    def _carry_out(self, task: Task) -> Result:
        frames = {name: self.read(tables, task.columns, task.bucket) for name, tables in task.tables.items()}
        return task.function(**frames, **task.parameters)


Work = Job | InMemory  # where a driver submits its tasks


def _of_bucket(frame: pl.DataFrame | None, bucket: int) -> pl.DataFrame | None:
    if frame is None or BUCKET not in frame.columns:
        return frame
    inside = frame[BUCKET] == bucket
    return frame if inside.all() else frame.filter(inside)


def _frame(
    storage: Storage, tables: Sequence[Table], *, columns: Sequence[str] | None = None, bucket: int | None = None
) -> pl.DataFrame:
    def load(table: Table) -> pl.DataFrame | None:
        return storage.load(table.stage, table.part, table.name, columns=columns, bucket=bucket)

    with ThreadPoolExecutor(_AT_ONCE if storage.is_remote else 1) as threads:
        return _concatenated(list(threads.map(load, tables)))


def _concatenated(found: Sequence[pl.DataFrame | None]) -> pl.DataFrame:
    # An empty result may have been stored as a frame without columns.
    frames = [frame for frame in found if frame is not None and frame.width]
    # A column that is all null in one part has no type there: the other parts' type is used.
    return pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame()


def _place(task: Task) -> str:
    return f"{task.stage}, part {task.part}"


def _named(error: TuneworthError, task: Task) -> TuneworthError:
    """The same error with its stage and part in the message."""
    return type(error)(f"{error}\n(in {_place(task)})")
