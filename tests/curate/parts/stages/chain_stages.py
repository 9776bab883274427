"""Stage functions that worker processes import: a small chain whose result is known, and ones that go wrong."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tuneworth.core import DataError
from tuneworth.curate.each import InMemory, Kept
from tuneworth.curate.parts.tasks import Result, Table, Task

BUCKETS = 5
ROWS = 40


def ran(log: str, name: str) -> int:
    """Note one execution in a file; how many there are now."""
    with (Path(log) / name).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return len((Path(log) / name).read_text().splitlines())


def numbers(part: int, log: str, pause: float = 0.0) -> Result:
    ran(log, f"numbers-{part}")
    time.sleep(pause)
    frame = pl.DataFrame({"number": range(part * ROWS, (part + 1) * ROWS)})
    bucket = (pl.col("number") * 7 % BUCKETS).cast(pl.UInt32).alias("bucket")
    return Result({"numbers": frame.with_columns(bucket)}, {"first": part * ROWS})


def sums(numbers: pl.DataFrame, part: int, log: str, pause: float = 0.0) -> Result:
    ran(log, f"sums-{part}")
    time.sleep(pause)
    return Result({"sums": pl.DataFrame({"bucket_of": [part], "total": [numbers["number"].sum()]})}, numbers.height)


def total(sums: pl.DataFrame, part: int, log: str, pause: float = 0.0) -> Result:
    ran(log, f"total-{part}")
    time.sleep(pause)
    return Result({}, [part, int(sums["total"].sum())])


def nothing() -> Result:
    return Result()


def refuses(part: int, bad: int) -> Result:
    if part == bad:
        raise DataError("the file pairs-3.jsonl cannot be read")
    return Result({}, part)


def stumbles() -> Result:
    raise KeyError("colour")


def dies_once(part: int, log: str) -> Result:
    if ran(log, f"dies-{part}") == 1 and part == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return Result({"t": pl.DataFrame({"part": [part]})}, part)


def always_dies() -> Result:
    os.kill(os.getpid(), signal.SIGKILL)
    return Result()


def threads() -> Result:
    return Result({}, [pl.thread_pool_size(), os.environ.get("OMP_NUM_THREADS")])


def heavy(size: int) -> Result:
    return Result({}, len(b"x" * size))


def outer(rows: pl.DataFrame) -> Result:
    return Result({"rows": rows}, rows.columns)


@dataclass(frozen=True)
class Inner:
    words: dict[str, int]
    counts: pl.DataFrame


@dataclass(frozen=True)
class Measured:
    texts: Kept
    numbers: pl.DataFrame
    inner: Inner
    names: tuple[str, ...]
    rest: str | None = None


def measured(texts: pl.DataFrame, log: str) -> Measured:
    """A record as a step of curation gives it: tables that stay, tables that come back, and values."""
    ran(log, "measured")
    counts = texts.select(n=pl.col("text").str.len_chars())
    return Measured(InMemory(texts), texts.select(row="n"), Inner({"a": 1}, counts), ("x", "y"))


def chain(parts: int, log: str, pause: float = 0.0) -> list[list[Task]]:
    """Three stages: numbers in parts, sums per bucket over all parts, a total per part of all sums."""
    parameters = {"log": log, "pause": pause}
    first = [Task("numbers", part, numbers, parameters={"part": part, **parameters}) for part in range(parts)]
    stored = [Table("numbers", part, "numbers") for part in range(parts)]
    second = [
        Task("sums", part, sums, {"numbers": stored}, part % BUCKETS, {"part": part, **parameters})
        for part in range(parts)
    ]
    summed = [Table("sums", part, "sums") for part in range(parts)]
    third = [Task("total", part, total, {"sums": summed}, None, {"part": part, **parameters}) for part in range(parts)]
    return [first, second, third]


def expected(parts: int) -> list[list[object]]:
    """The notes of the chain, counted without it."""
    all_numbers = range(parts * ROWS)
    of_bucket = [[n for n in all_numbers if n * 7 % BUCKETS == part % BUCKETS] for part in range(parts)]
    grand = sum(sum(found) for found in of_bucket)
    return [
        [{"first": part * ROWS} for part in range(parts)],
        [len(found) for found in of_bucket],
        [[part, grand] for part in range(parts)],
    ]


def where(pause: float) -> Result:
    """The node that ran this, and its threads."""
    import ray

    time.sleep(pause)
    return Result({}, [ray.util.get_node_ip_address(), pl.thread_pool_size()])
