"""Opens tables of columns; run as a program, tries to read them where that may take too much memory or time.

The readers of polars allocate what the pages of a file state: one of 60 kB may ask for gigabytes, and an allocation that
fails ends the process. The program imports nothing of Tuneworth, so that it starts at once.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

ROWS_AT_ONCE = 20_000
_ARROW_FILE = b"ARROW1"  # a file of Arrow begins with it; a stream of Arrow, as `datasets` writes it, does not
_STATUS = Path("/proc/self/status")


def open_table(path: Path) -> pl.LazyFrame:
    """The rows of a Parquet or Arrow file, not read yet; a stream of Arrow is read at once.

    Raises: OSError, PolarsError: the file is missing or damaged.
    """
    # A name may hold brackets and equals signs: it is a single file, not a pattern or a partition.
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    with path.open("rb") as file:
        if file.read(len(_ARROW_FILE)) == _ARROW_FILE:
            return pl.scan_ipc(path, glob=False, hive_partitioning=False)
    return pl.read_ipc_stream(path).lazy()


def _counts(path: Path) -> Iterator[int | None]:
    """The rows that a file states, and those that could be read; None where it is damaged."""
    try:
        table = open_table(path)
        yield table.select(pl.len()).collect().item()
        yield sum(len(some) for some in table.collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True))
    except (pl.exceptions.PolarsError, OSError):
        yield None


def _limit(memory: int, seconds: float) -> None:
    """Let this process take so much more memory and processor time, where the system can limit it."""
    with suppress(ImportError, OSError):
        import resource

        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        taken = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
        for kind, most in (
            (resource.RLIMIT_DATA, taken + memory),
            (resource.RLIMIT_CPU, time.process_time() + seconds),
        ):
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (int(most) if hard == resource.RLIM_INFINITY else min(int(most), hard), hard))


def _serve() -> None:
    """For each line with a path, the bytes and the seconds that it may take: its counts, each in a line as it is known."""
    for line in sys.stdin:
        path, memory, seconds = json.loads(line)
        _limit(memory, seconds)
        for count in _counts(Path(path)):
            print(json.dumps([path, count]), flush=True)


if __name__ == "__main__":
    _serve()
