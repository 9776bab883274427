"""Counts after decisions, without curating again: processor seconds and memory, beside those of curating.

Run: python benchmarks/recount.py [--rows 50000]; it writes benchmarks/recount.md. For each variety of `generated.py` a project
is curated, its run is opened, and the counts for random decisions are compared with those of curating with the same
decisions. A quarter of the decisions drop a row, the others keep it or put it into a split, half of them with another output.
One process per step, on one core.
"""

import argparse
import datetime
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from generated import VARIETIES, Generated, write_generated

TABLE = Path(__file__).with_suffix(".md")
DECISIONS = (0, 1, 100, 5_000)
CALLS = 5
PROJECT = """
[data]
path = "pairs"
input = "input"
output = "output"
id = "id"
"""
STYLE = """
name: generated lines
checks:
  - {kind: pattern, regex: '[.]$', min: 1, max: 1, id: stop}
  - {kind: length, unit: words, max: 30, id: short, level: should}
  - {kind: grounded, id: grounded, level: should}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps({"curate": curate, "recount": recount}[options.step[0]](Path(options.step[1]))))
        return
    lines = [*_head(options.rows)]
    for variety in VARIETIES:
        with tempfile.TemporaryDirectory() as folder:
            lines += _measured(Path(folder), variety, options.rows)
            print(lines[-1], flush=True)
    TABLE.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


def _measured(folder: Path, variety: Any, rows: int) -> list[str]:
    write_generated(folder / "pairs", Generated(rows, variety))
    (folder / "tuneworth.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")
    whole = _step("curate", folder)
    opened = _step("recount", folder)
    _decide(folder, DECISIONS[-1])
    after = _step("curate", folder)
    assert opened["counts"][-1] == after["counts"], "the counts are not those of curating"
    calls = [f"{spent:.2f} s" for spent in opened["calls"]]
    worst = max(opened["calls"])
    cells = [
        variety, f"{whole['seconds']:.1f} s", f"{opened['seconds']:.1f} s", *calls, f"1/{whole['seconds'] / worst:.0f}",
        f"{opened['held']:.0f} MB", f"{opened['peak']:.0f} MB",
    ]  # fmt: skip
    return [f"| {' | '.join(cells)} |"]


def _step(name: str, folder: Path) -> dict[str, Any]:
    """What a step prints, in a process of its own on one core."""
    one = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--step", name, str(folder)]
    done = subprocess.run(command, env={**os.environ, **one}, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def curate(folder: Path) -> dict[str, Any]:
    """Curate the project: processor seconds, counts."""
    from tuneworth import curate_project

    start = time.process_time()
    found = curate_project(folder).curation
    return {"seconds": time.process_time() - start, "counts": [found[name] for name in ("outcomes", "rules", "splits")]}


def recount(folder: Path) -> dict[str, Any]:
    """Open the newest run and count for some numbers of decisions; the median of the calls, each with other decisions."""
    from tuneworth import Run
    from tuneworth.project import open_recount

    run, before = Run(folder), _resident()
    start = time.process_time()
    opened = open_recount(run)
    built = time.process_time() - start
    calls, counts = [], []
    for n in DECISIONS:
        spent, found = [], None
        for seed in reversed(range(CALLS)):  # the last ones are those that curating is given
            made = _decisions(folder, n, seed)
            start = time.process_time()
            found = opened.counts(made)
            spent.append(time.process_time() - start)
        calls.append(sorted(spent)[CALLS // 2])
        assert found is not None
        counts.append([found.outcomes, found.rules, found.splits])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": built, "calls": calls, "counts": counts, "held": _resident() - before, "peak": peak}


def _resident() -> float:
    """The memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _decisions(folder: Path, n: int, seed: int) -> list[Any]:
    """As the workbench writes them, with the contents of the rows."""
    from tuneworth import Run
    from tuneworth.curate import Override

    chance, made = random.Random(seed), []
    for id, content in chance.sample(Run(folder).ledger.select("id", "content").rows(), n):
        decision = chance.choice(["drop", "keep", "train", "test"])
        edited = decision != "drop" and chance.random() < 0.5
        text = f"A line that a person wrote: {chance.randint(1, 99)} V." if edited else None
        made.append(Override(id=id, content=content, decision=decision, text=text, who="bench"))
    return made


def _decide(folder: Path, n: int) -> None:
    from tuneworth.curate import DecisionLog

    DecisionLog(folder / "overrides.jsonl").add(_decisions(folder, n, 0))


def _head(rows: int) -> list[str]:
    stated = ", ".join(f"{name} {version(name)}" for name in ("polars", "numpy", "scipy"))
    load = os.getloadavg()[0]
    calls = [f"{n:,} decisions" if n != 1 else "1 decision" for n in DECISIONS]
    columns = ["rows", "curate", "open", *calls, "slowest / curate", "held", "peak"]
    return [
        "# Counts after decisions",
        "",
        f"{datetime.date.today()}, {platform.machine()}, Python {platform.python_version()}, {stated}, load {load:.1f} before "
        "the start. Written by `benchmarks/recount.py`, which describes the decisions. Processor seconds of one core: to curate "
        f"the project of {rows:,} pairs, to open its run, and (median of {CALLS}) to count for so many decisions; the counts for "
        "the last ones are those of curating with them. Memory: what the opened run holds, and the peak of the process.",
        "",
        f"| {' | '.join(columns)} |",
        f"|---|{'---:|' * (len(columns) - 1)}",
    ]


if __name__ == "__main__":
    main()
