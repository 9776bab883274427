"""Measures how the time of every text scan grows with the text, on texts that repeat one piece.

Run: python benchmarks/linear_scans.py [--pieces 3] [--seed 0] [--only WORDS]; it writes benchmarks/linear_scans.md. The scans,
the whole commands and the pieces are those of tests/linear, which counts calls where this counts seconds of the processor.
Each scan gets some pieces at random, each of them alone or before a new word each time, and the slowest is shown. Timed: one
scan of a text of 50,000, 100,000 and 200,000 characters (of a tenth for a command, whose file holds the text ten times),
after one of a few hundred. A scan that takes over `--limit` seconds is not tried on a longer text.
"""

import argparse
import datetime
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "linear"))

from commands import COMMANDS
from repeats import REPEATS, repeated, varied
from scans import SCANS, Scan

ALL = SCANS | {name: lambda text, run=run: run(text[: len(text) // 10]) for name, run in COMMANDS.items()}
SIZES = (50_000, 100_000, 200_000)
MOST_GROWTH = 2.5
SHORTEST = 0.05  # seconds: what takes less says nothing about growth
SHOWN = 30


class Timed(NamedTuple):
    """The seconds of one scan of texts of one piece, by size; None where it was not tried."""

    scan: str
    piece: str
    varied: bool
    seconds: tuple[float | None, ...]

    @property
    def last(self) -> float:
        """The seconds at the largest size that was tried."""
        return max(second for second in self.seconds if second is not None)

    @property
    def growth(self) -> float | None:
        """The time of the largest text over that of the one half as long; None if both are too short to tell."""
        tried = [second for second in self.seconds if second is not None]
        return tried[-1] / tried[-2] if len(tried) > 1 and tried[-2] >= SHORTEST else None


def timed(scan: Scan, piece: str, made: Callable[[str, int], str], limit: float) -> Iterator[float | None]:
    """The seconds of the processor for each size, the faster of two runs where one is short."""
    scan(made(piece, 300))
    last = 0.0
    for size in SIZES:
        if last > limit:
            yield None
            continue
        text, tries = made(piece, size), []
        while not tries or (len(tries) < 2 and tries[0] < 1):
            start = time.process_time()
            scan(text)
            tries.append(time.process_time() - start)
        last = min(tries)
        yield last


def measured(pieces: int, seed: int, only: str, limit: float) -> list[Timed]:
    """Every scan on some pieces each; of each scan the slowest one."""
    draw = random.Random(seed)
    rows = []
    for name, scan in ALL.items():
        chosen = [(piece, draw.choice((repeated, varied))) for piece in draw.sample(sorted(REPEATS), pieces)]
        if only in name:
            runs = [
                Timed(name, piece, made is varied, tuple(timed(scan, REPEATS[piece], made, limit)))
                for piece, made in chosen
            ]
            rows.append(max(runs, key=lambda run: run.last))
            print(*rows[-1], flush=True)
    return rows


def table(rows: list[Timed]) -> str:
    """The slowest scans as a Markdown table."""
    head = "| scan | repeated | " + " | ".join(f"{size:,}" for size in SIZES) + " | growth |"
    lines = [head, "|---|---|" + "---:|" * (len(SIZES) + 1)]
    for row in sorted(rows, key=lambda row: -row.last)[:SHOWN]:
        seconds = ["-" if second is None else f"{second:.2f} s" for second in row.seconds]
        growth = "-" if row.growth is None else f"{row.growth:.1f}"
        lines.append(
            f"| {row.scan} | `` {row.piece.replace('|', chr(92) + '|')} ``{' varied' if row.varied else ''} | "
            f"{' | '.join(seconds)} | {growth} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pieces", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--limit", type=float, default=10.0)
    args = parser.parse_args()
    rows = measured(args.pieces, args.seed, args.only, args.limit)
    fast = [row for row in rows if row.growth is not None and row.growth > MOST_GROWTH]
    worst = "; ".join(f"{row.scan} on `` {row.piece} `` ({row.growth:.1f})" for row in fast) or "none"
    print(table(rows), f"\nover {MOST_GROWTH}: {worst}")
    if not args.only:
        machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, polars {version('polars')}"
        Path(__file__).with_suffix(".md").write_text(
            "# Text scans: time by length\n\n"
            f"{datetime.date.today()}, {machine}. `python benchmarks/linear_scans.py --pieces {args.pieces} --seed {args.seed}`: "
            f"{len(rows)} scans on texts that repeat one of {len(REPEATS)} pieces, {args.pieces} for each scan, alone or "
            f"(varied) each time before a new word. Seconds of the "
            f"processor, all threads together; growth is that of the last doubling, shown where the shorter text takes "
            f"{SHORTEST} s. The {min(SHOWN, len(rows))} slowest are shown.\n\n"
            f"Growing by more than {MOST_GROWTH} for the last doubling: {worst}.\n\n{table(rows)}\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
