"""The live demo from start to report: seconds, sizes, and how long its log was silent, on processors of several kinds.

Run: `python benchmarks/demo.py CASE ...` (eight minutes a case on two cores; needs `pip install -e .[train,dev]` and the
demo's model), which puts the case's row into `benchmarks/demo.md`; without a CASE, all of them, one after another:

- `processor`: this processor as it is, nothing else running
- `avx512`, `avx2`: oneDNN limited to AVX-512 without bf16 products, and to AVX2, on which torch takes float32
- `load`: as it is, beside another process that keeps one core busy from start to end

What is timed: the whole command on two threads, Python's start included, in a new folder and with an empty cache, so that
the model is converted as at the first use. A silence is the longest time between two lines of the log.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from tuneworth.core import say

PAGE = Path(__file__).with_suffix(".md")
COMMAND = Path(sys.executable).with_name("tuneworth")
THREADS = "2"
LIMIT = 8 * 60  # seconds that a demo may take
SILENCE = 30  # seconds between two lines of a log at most
BUSY = "while True: pass"


@dataclass(frozen=True)
class Case:
    """A kind of machine: what its row says, oneDNN's limit, and how many cores another process keeps busy."""

    words: str
    instructions: str | None = None
    busy: int = 0


CASES = {
    "processor": Case("as it is"),
    "avx512": Case("AVX-512 without bf16 products", "AVX512_CORE"),
    "avx2": Case("AVX2", "AVX2"),
    "load": Case("as it is, one core busy with another process", busy=1),
}
COLUMNS = (
    "processor", "measured on", "train tokens/s", "pairs", "requests", "rivals' share", "forecast", "whole demo",
    "longest silence", "acceptable: prompted", "tuned", "rivals measured",
)  # fmt: skip
HEAD = """\
# The demo within eight minutes

Written by `benchmarks/demo.py`, which says what is timed. {machine}.
Sizes are what the demo chose by its own measurement, at most 300 pairs and 80 requests; the forecast is what it printed
then, without the seconds up to that line.

{columns}
{line}
"""


def main() -> None:
    """Measure the cases and write their rows; fails if one took too long or was silent for too long."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    cases = parser.parse_args().cases or list(CASES)
    if unknown := set(cases) - set(CASES):
        parser.error(f"no case {', '.join(sorted(unknown))}; expected {', '.join(CASES)}")
    late = []
    for name in cases:
        row, seconds, silence = measured(CASES[name])
        write_row(name, row)
        print(f"{name}: {seconds:.0f} s, silent for {silence:.0f} s at most; {row}", flush=True)
        if seconds > LIMIT or silence > SILENCE:
            late.append(name)
    if late:
        sys.exit(f"longer than {LIMIT} s, or silent for more than {SILENCE} s: {', '.join(late)}")


def measured(case: Case) -> tuple[list[str], float, float]:
    """The cells of the case's row, the seconds of the demo, and its longest silence."""
    with tempfile.TemporaryDirectory() as home, busy(case.busy):
        folder = Path(home) / "demo"
        started = time.perf_counter()
        answer, log, silence = run_demo(folder, case, cache=Path(home) / "cache")
        seconds = time.perf_counter() - started
        settings = tomllib.loads((folder / "tuneworth.toml").read_text(encoding="utf-8"))
        results = json.loads((Path(answer["run"]) / "results.json").read_text(encoding="utf-8"))
    rate, forecast = found(r"trains (?:only )?([\d,]+) tokens", log), found(r"about (\d+ minutes?)", log)
    rivals = [row["name"] for row in results["rivals"] if row["measured"] and row["name"] in OPTIONAL]
    cells = [
        case.words, f"{datetime.now(UTC):%Y-%m-%d}", rate, str(settings["train"]["max_pairs"]),
        str(settings["evaluate"]["max_pairs"]), say.percent(settings["evaluate"]["rivals_time"]), forecast,
        say.duration(seconds), say.duration(silence), share(answer, "prompted"), share(answer, "tuned"),
        ", ".join(rivals) or "none",
    ]  # fmt: skip
    return cells, seconds, silence


OPTIONAL = ("nearest", "prompted + retry", "tuned + short guide")  # rivals that are left out where there is no time


def run_demo(folder: Path, case: Case, *, cache: Path) -> tuple[dict[str, Any], str, float]:
    """The demo's answer, its log, and the longest time between two lines of the log."""
    environment = {**os.environ, "OMP_NUM_THREADS": THREADS, "TUNEWORTH_CACHE": str(cache)}
    if case.instructions:
        environment["ONEDNN_MAX_CPU_ISA"] = case.instructions
    command = [str(COMMAND), "demo", "--out", str(folder), "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, bufsize=1
    )
    lines: list[str] = []
    times = [time.perf_counter()]

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            times.append(time.perf_counter())
            lines.append(line)
            print(f"{times[-1] - times[0]:7.1f}  {line}", end="", file=sys.stderr, flush=True)

    listener = threading.Thread(target=listen)
    listener.start()
    assert process.stdout is not None
    said = process.stdout.read()
    listener.join()
    if process.wait():
        sys.exit(f"the demo ended with code {process.returncode}")
    times.append(time.perf_counter())
    return json.loads(said), "".join(lines), max(later - earlier for earlier, later in pairwise(times))


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Other processes that keep this many cores busy while the block lasts."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def found(pattern: str, log: str) -> str:
    """What the pattern's group has in the line that states the sizes."""
    line = next(line for line in log.splitlines() if line.startswith("demo: this machine"))
    match = re.search(pattern, line)
    return match[1] if match else "?"


def share(answer: Mapping[str, Any], variant: str) -> str:
    """The variant's share of acceptable outputs."""
    return say.percent(answer["quality"][variant]["acceptable"]["share"])


def write_row(name: str, cells: list[str]) -> None:
    """Put the case's row into the page, in place of its earlier one."""
    kept = {}
    if PAGE.is_file():
        for line in PAGE.read_text(encoding="utf-8").splitlines():
            first = line.strip("| ").partition(" | ")[0]
            kept |= {key: line for key, case in CASES.items() if line.startswith("| ") and case.words == first}
    kept[name] = table_row(cells)
    machine = f"{processor()}, {THREADS} threads, torch {version('torch')}, Python {platform.python_version()}"
    rows = [kept[key] for key in CASES if key in kept]
    head = HEAD.format(machine=machine, columns=table_row(COLUMNS), line="|---" * len(COLUMNS) + "|")
    PAGE.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


def table_row(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def processor() -> str:
    """The processor's name and how it multiplies matrices."""
    file = Path("/proc/cpuinfo")
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    name = re.search(r"model name\s*: (.+)", text)
    kinds = [kind for kind in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if re.search(rf"\b{kind}\b", text)]
    return f"{name[1] if name else platform.processor()} ({kinds[0] if kinds else 'unknown instructions'})"


if __name__ == "__main__":
    main()
