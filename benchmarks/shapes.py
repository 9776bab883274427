"""Time and memory of each step on data of extreme shapes, at n, 2n and 4n rows: how fast they grow.

Run: `python benchmarks/shapes.py [--only TEXT] [--most GB]` (half an hour), writes benchmarks/shapes.md. Every step runs in a
process of its own with a limit of address space.
"""

import argparse
import json
import math
import os
import platform
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_suffix(".md")
COMMAND = (sys.executable, "-m", "tuneworth.cli")
_SMALL = 40  # rows of the run whose seconds and memory are those of starting a step
_LIMIT = 600  # seconds
_SHOWN = 1.0  # seconds above the start from which growth can be told
QUEUE = """
import sys
from pathlib import Path
from tuneworth.project import Run
from tuneworth.review import Queue
queue = Queue(Run(Path(sys.argv[1])))
counts = queue.counts({})
queue.measure()
for kind in counts:
    queue.entries(kind.kind, {}, start=0, limit=50)
"""
STYLE = "name: lines\nchecks:\n  - {id: words, kind: length, unit: words, min: 1, max: 60}\n"

chance = random.Random(1)
WORDS = ["".join(chance.choice("bcdfglmnprst") + chance.choice("aeiou") for _ in range(3)) for _ in range(4000)]
CARD = "a friendly card for our good old colleague {} on the occasion of the birthday party in our garden"


@dataclass(frozen=True)
class Shape:
    """name: what the rows are. row: the row with a number. n: the smallest number."""

    name: str
    row: Callable[[int, random.Random], dict[str, Any]]
    n: int = 3000


def text(chance: random.Random, words: int) -> str:
    """A text of random words."""
    return " ".join(chance.choices(WORDS, k=words)).capitalize() + "."


def pair(chance: random.Random, **given: Any) -> dict[str, Any]:
    """A row of random words, but for what is given."""
    return {"input": text(chance, 12), "output": text(chance, 14), **given}


SHAPES = (
    Shape("one request", lambda n, c: pair(c, input="Write a short product description.")),
    Shape("one request, labels", lambda n, c: pair(c, input="Name the topic.", output=text(c, 2))),
    Shape("one output", lambda n, c: pair(c, output="Thank you, we will answer within two days.")),
    Shape("near duplicates: other numbers", lambda n, c: pair(c, input=f"Write {CARD.format(n)}.")),
    Shape(
        "near duplicates: other words",
        lambda n, c: pair(c, input=f"Write {CARD.format(text(c, 2))}", output=f"Here is {CARD.format(c.choice(WORDS))}."),
    ),
    Shape(
        "one request, near duplicates",
        lambda n, c: pair(c, input="Write a card.", output=f"Here is {CARD.format(c.choice(WORDS))} {c.choice(WORDS)}."),
    ),
    Shape("all distinct", lambda n, c: pair(c)),
    Shape("one word everywhere", lambda n, c: {"input": f"Part {text(c, 11)} part", "output": f"Part {text(c, 13)} part"}),
    Shape("texts of 1 MB", lambda n, c: {"input": text(c, 10), "output": text(c, 120_000)}, n=8),
    Shape("each row its own group", lambda n, c: pair(c, group=f"g{n}")),
    Shape("one group", lambda n, c: pair(c, group="g")),
)  # fmt: skip


def columns(folder: Path, n: int) -> Path:
    """A CSV file of 30 rows with so many columns."""
    file = folder / f"pairs-{n}.csv"
    with file.open("w") as out:
        out.write(",".join(["id", "input", "output", *(f"column {place}" for place in range(n))]) + "\n")
        for row in range(30):
            own = pair(random.Random(row))
            cells = [f"p{row}", own["input"], own["output"], *(f"v{(row + place) % 5}" for place in range(n))]
            out.write(",".join(cells) + "\n")
    return file


def written(shape: Shape, folder: Path, n: int) -> Path:
    """The rows in a file."""
    file, chance = folder / f"pairs-{n}.jsonl", random.Random(7)
    with file.open("w") as out:
        for number in range(n):
            out.write(json.dumps({"id": f"p{number}", **shape.row(number, chance)}) + "\n")
    return file


@dataclass(frozen=True)
class Taken:
    """Seconds of CPU and peak MB of a step; None where it did not end well, and then why."""

    seconds: float | None
    peak: float
    why: str = ""


def measured(words: list[str], most: float) -> Taken:
    """What a command takes in a process of its own that may have so many GB."""
    limits = (resource.RLIMIT_AS, int(most * 1e9)), (resource.RLIMIT_CPU, _LIMIT)

    def limit() -> None:
        for what, value in limits:
            resource.setrlimit(what, (value, value))

    with tempfile.TemporaryFile() as said:
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")  # each thread takes address space
        process = subprocess.Popen(
            words, stdout=said, stderr=said, preexec_fn=limit, env={**os.environ, **threads}, cwd=Path(words[-1]).parent
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        last = said.read().decode(errors="replace").strip().splitlines()[-1:] or [""]
    seconds, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3
    if process.returncode in (0, 1):
        return Taken(seconds, peak)
    return Taken(None, peak, f"exit {process.returncode}: {last[0][:150]}")


def steps(file: Path, folder: Path, most: float) -> Iterator[tuple[str, Taken, str]]:
    """Each step: its name, what it takes, and how curating joined."""
    run, judged, style = (folder / f"{name}-{file.stem}" for name in ("run", "judged", "style"))
    style.write_text(STYLE)
    yield "check", measured([*COMMAND, "check", str(file)], most), ""
    yield "infer", measured([*COMMAND, "style", "infer", str(file)], most), ""
    curated = measured([*COMMAND, "curate", str(file), "--conflicts", "report", "--out", str(run)], most)
    summary = run / "curate" / "summary.json"
    told = json.loads(summary.read_text()) if summary.is_file() else {}
    yield "curate", curated, (told.get("near_duplicate") or {}).get("method", "")
    certificate = (told.get("seconds") or {}).get("certificate")
    yield "certificate", Taken(certificate, curated.peak, curated.why), ""
    yield "review's queue", measured([sys.executable, "-c", QUEUE, str(run)], most), ""
    other = Path(shutil.copy(file, folder / f"other-{file.name}"))
    outputs = [f"--outputs=prompted={file}", f"--outputs=tuned={other}"]
    words = [*COMMAND, "evaluate", "--pairs", str(file), *outputs, "--style", str(style), "--out", str(judged)]
    yield "evaluate", measured(words, most), ""
    yield "report", measured([*COMMAND, "report", str(judged)], most), ""


def growth(values: list[float]) -> float:
    """The exponent of the fit through the values at n, 2n and 4n: over doublings, the least-squares slope."""
    return (math.log2(values[2]) - math.log2(values[0])) / 2


def rows(shape: Shape | None, most: float) -> Iterator[str]:
    """The rows of the table for a shape; None means a CSV file of many columns."""
    n = 10_000 if shape is None else shape.n
    sizes = [_SMALL if shape is None or n > _SMALL else 2, n, 2 * n, 4 * n]
    found: dict[str, list[Taken]] = {}
    methods: list[str] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            file = columns(folder, size) if shape is None else written(shape, folder, size)
            for step, taken, method in steps(file, folder, most):
                found.setdefault(step, []).append(taken)
                methods += [method] if method else []
    name = "columns of a CSV" if shape is None else shape.name
    for step, (start, *taken) in found.items():
        failed = next((one.why for one in taken if one.seconds is None), "")
        own = [max(0.01, (one.seconds or 0) - (start.seconds or 0)) for one in taken]
        grown = "" if failed else f"{growth(own):.2f}" if own[-1] >= _SHOWN else "flat"
        how = f", {' then '.join(dict.fromkeys(methods[1:]))}" if step == "curate" else ""
        cells = [f"{one.seconds:.1f} s, {one.peak:,.0f} MB" if one.seconds is not None else failed for one in taken]
        yield f"| {name} | {step}{how} | {n:,} | {' | '.join(cells)} | {grown} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default="", help="only the shapes whose name contains this text")
    options.add_argument("--most", type=float, default=6.0, help="GB of address space")
    asked = options.parse_args()
    table = []
    for shape in (*SHAPES, None):
        if asked.only in ("columns of a CSV" if shape is None else shape.name):
            for row in rows(shape, asked.most):
                table.append(row)
                print(row, flush=True)
    if not asked.only:
        PAGE.write_text(page(table), encoding="utf-8")


def page(table: list[str]) -> str:
    """The page with the table."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    head = "| shape | step | n | n: CPU, peak | 2n | 4n | growth |\n|---|---|---:|---:|---:|---:|---:|\n"
    return (
        "# How time and memory grow with extreme data\n\n"
        f"{date.today()}, {machine}; written by `benchmarks/shapes.py`. Each step runs in its own process; CPU seconds "
        "and the largest resident memory include the start of the command. *Growth* is the exponent of n that fits the "
        f"seconds above those of a run of {_SMALL} rows (2 texts of 1 MB); *flat* stands where they are under "
        f"{_SHOWN:g} s at 4n. The certificate is a part of `curate`: wall seconds, and the memory of the whole.\n\n"
        + head + "\n".join(table) + "\n"
    )  # fmt: skip


if __name__ == "__main__":
    main()
