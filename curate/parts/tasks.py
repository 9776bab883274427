"""Tasks of a stage over parts, in a job that reuses the parts that are stored."""

import hashlib
import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar, get_type_hints

import msgspec
import polars as pl

from ...core import Progress, RunBroken, Say, TuneworthError, peak_bytes, reset_peak, say, silent
from ..each import Kept
from .storage import Done, Lease, Storage

T = TypeVar("T")
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

    @classmethod
    def of(cls, value: Any) -> "Result":
        """Any other result of a step: its tables by the names of their fields, and the rest as the note."""
        tables: dict[str, pl.DataFrame] = {}
        names = dict(_fields_of(value))

        def taken(found: Any) -> str:
            name = names[id(found)]
            tables[name] = found.read() if isinstance(found, Kept) else found
            return name

        note = msgspec.to_builtins(value, enc_hook=taken)
        return cls(tables, note)


def _fields_of(value: Any, name: str = "table") -> Iterator[tuple[int, str]]:
    """Names for a table, or for the tables in the fields of a record and of the records in it."""
    if isinstance(value, Kept | pl.DataFrame):
        yield id(value), name
    elif is_dataclass(value):
        within = "" if name == "table" else f"{name} "
        for one in fields(value):
            yield from _fields_of(getattr(value, one.name), f"{within}{one.name}")


@dataclass(frozen=True)
class Task:
    """One call of a stage function on one part.

    `function` is a top-level function that returns a `Result`, or what `Result.of` takes apart; it is called as
    `function(**frames, **parameters)`. `tables` gives each frame's
    argument name its stored tables, concatenated in that order; only `columns` are read, where given. With
    `bucket` only the rows of that value are read from tables that have a column `bucket`. A name that a part did not
    store counts as no rows; where no part stored it, the frame has no columns.
    """

    stage: str
    part: int
    function: Callable[..., Any]
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
        value = task.function(**frames, **task.parameters)
        result = value if isinstance(value, Result) else Result.of(value)
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


class Stored(Kept):
    """A table in the storage of a job."""

    def __init__(self, storage: Storage, table: Table) -> None:
        self._storage = storage
        self.table = table

    def read(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """See `Kept`."""
        return _frame(self._storage, [self.table], columns=columns)


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
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            done = list(threads.map(lambda task: self.storage.find(task.stage, task.part), tasks))
        missing = [at for at, found in enumerate(done) if found is None]
        progress = Progress(tasks[0].stage, len(tasks), self._say, skipped=len(tasks) - len(missing))
        for at, ended in self.executor.carry_out(self.storage, [tasks[at] for at in missing], store=True):
            assert isinstance(ended, Done)
            done[missing[at]] = ended
            progress.ended(ended.rows)
        if missing or tasks[0].stage not in self._reported:
            progress.finish()
        self._reported.add(tasks[0].stage)
        notes = []
        for task, found in zip(tasks, done, strict=True):
            assert found is not None
            if (found.peak_bytes or 0) > self._peaks.get(task.stage, (0, 0))[0]:
                self._peaks[task.stage] = (found.peak_bytes or 0, task.part)
            notes.append(found.note)
        return notes

    def each(
        self,
        step: str,
        function: Callable[..., T],
        parts: Sequence[Mapping[str, Any]],
        *,
        numbers: Sequence[int] | None = None,
    ) -> list[T]:
        """See `Each`: the parts that are not stored yet are worked on by the executor."""
        tasks, numbers = [], range(len(parts)) if numbers is None else numbers
        for part, arguments in zip(numbers, parts, strict=True):
            kept = {name: [value.table] for name, value in arguments.items() if isinstance(value, Stored)}
            rest = {name: value for name, value in arguments.items() if name not in kept}
            tasks.append(Task(step, part, function, kept, parameters=rest))
        kind = get_type_hints(function)["return"]
        return [
            msgspec.convert(note, kind, dec_hook=partial(self._restored, Table(step, part, "")))
            for part, note in zip(numbers, self.run(tasks), strict=True)
        ]

    def _restored(self, part: Table, kind: type, name: str) -> Any:
        """What stands for a table in the note of a part: the table, or where it is kept."""
        table = Stored(self.storage, replace(part, name=name))
        return table.read() if kind is pl.DataFrame else table

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
