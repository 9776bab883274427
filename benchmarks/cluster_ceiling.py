"""Measures the limit of the speed-up by a second worker: the same work by one process alone, and by two at once.

Run: `python benchmarks/cluster_ceiling.py [--rows 50000] [--times 5]`. The work is that of a stage without its storage:
hashes of all grams and bands of generated texts, on one thread, with the environment of the workers. Cores share caches,
memory and their host, so two copies at once take longer than one alone: without any other delay, two workers would be
2 / (that ratio) times as fast as one.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
from generated import Generated, generated_rows

from tuneworth.curate.match.candidates import band_keys
from tuneworth.curate.match.sketches import signed_texts
from tuneworth.curate.parts.executors import ONE_THREAD

__all__ = ["ceiling"]

_THRESHOLD = 0.8


def ceiling(rows: int = 50_000, times: int = 5) -> tuple[float, float]:
    """Seconds of one process alone, and of two at once (the slower one): medians over `times` turns."""
    alone, both = [], []
    for _ in range(times):
        alone.append(_at_once(1, rows))
        both.append(_at_once(2, rows))
    return statistics.median(alone), statistics.median(both)


def _at_once(count: int, rows: int) -> float:
    command = [sys.executable, str(Path(__file__)), "--rows", str(rows), "--work"]
    workers = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **ONE_THREAD}
        )
        for _ in range(count)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()  # its texts are there
    # Whatever is written lets it begin; all begin before the first is waited for.
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    return max(float(worker.communicate()[0]) for worker in workers)


def _work(rows: int) -> None:
    texts: list[str] = generated_rows(Generated(rows, "products", 1), 0, rows)["input"].to_list()
    series = pl.Series(texts)
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.perf_counter()
    for _ in range(3):
        signed_texts(series)
        band_keys(texts, _THRESHOLD)
    print(time.perf_counter() - started, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        _work(options.rows)
        return
    alone, both = ceiling(options.rows, options.times)
    print(f"alone {alone:.2f} s, two at once {both:.2f} s: two workers can be {2 * alone / both:.2f} times as fast")


if __name__ == "__main__":
    main()
