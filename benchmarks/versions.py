"""Two versions of Tuneworth on the same work: seconds, memory, and whether they give the same answers.

    python benchmarks/versions.py OTHER/.venv/bin/tuneworth [--rows 50000 200000 1000000] [--runs 3] [--only curate roi]

OTHER is a second checkout with its own environment (`git worktree add OTHER REV`, then `make setup` there). Only the
command line is used, so any two versions can be compared. Each piece of work is run in turn by the other version and by
this one; the ratio is the median over the pairs of this one's wall-clock seconds to the other's. What both write is
compared without seconds and dates. Writes benchmarks/versions.md.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from generated import Generated, write_generated

from evaluate import make as make_outputs

EXAMPLE = Path(__file__).parents[1] / "examples"
STEPS, TESTED = 20, 64  # of a fit, and outputs of each variant of a race
CHANGING = re.compile(r'"(seconds|created|versions|hardware|test_set_used|command|age|path|tokens_per_second)"')


@dataclass(frozen=True)
class Work:
    """A piece of work. command: its words, given the folder to write to. answers: what both versions must agree on."""

    name: str
    command: Callable[[Path], list[str]]
    answers: Callable[[Path], Any]
    prepare: Callable[[Path], None] = lambda folder: None


@dataclass(frozen=True)
class Took:
    """One run: wall-clock seconds, the peak memory of its largest process in bytes, and its answers."""

    seconds: float
    peak_bytes: int
    answers: Any


def works(folder: Path, rows: Sequence[int], outputs: int) -> Iterator[Work]:
    """Everything that is measured, its input already written under `folder`."""
    yield Work("`--help`", lambda out: ["--help"], lambda out: None)
    roi = ["roi", "--config", str(EXAMPLE / "article.toml"), "--json"]
    yield Work("`roi`", lambda out: roi, lambda out: _lasting(out / "stdout"))
    style = str(EXAMPLE / "components" / "style.yaml")
    pairs = str(EXAMPLE / "components" / "pairs.jsonl")
    yield Work("curate, the example", lambda out: ["curate", pairs, "--style", style, "--out", str(out)], curated)
    for count in rows:
        data = folder / f"products-{count}"
        write_generated(data, Generated(rows=count))
        yield Work(f"curate, {count:,} pairs", lambda out, data=data: ["curate", str(data), "--out", str(out)], curated)
    collected = folder / "collected"
    collected.mkdir()
    make_outputs(collected, outputs)
    words = ["evaluate", "--pairs", str(collected / "pairs.jsonl"), "--style", style]
    for name in ("prompted", "tuned"):
        words += ["--outputs", f"{name}={collected / name}.jsonl"]
    yield Work(f"evaluate, {outputs:,} collected outputs", lambda out: [*words, "--out", str(out)], judged)
    project = folder / "project"
    shutil.copytree(EXAMPLE / "components", project)
    text = (project / "tuneworth.toml").read_text(encoding="utf-8")
    text = text.replace('fix = "safe"', "", 1)  # a key that older versions do not have
    text = text.replace("[train]\n", f"[train]\nmax_steps = {STEPS}\nmax_pairs = 160\n", 1)
    text = text.replace("[evaluate]\n", f"[evaluate]\nmax_pairs = {TESTED}\nprobes = false\n", 1)
    (project / "tuneworth.toml").write_text(text, encoding="utf-8")

    def fresh(out: Path) -> None:
        shutil.copytree(project, out, dirs_exist_ok=True)

    yield Work(f"curate, train {STEPS} steps, write {3 * TESTED} outputs", lambda out: ["run", str(out)], raced, fresh)


def curated(out: Path) -> Any:
    """The ledger, the splits and the counts of a curated folder."""
    folder = out / "curate"
    ledger = pl.read_parquet(sorted(folder.glob("ledger*/*.parquet")) or folder / "ledger.parquet")
    files = [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.rglob("*.jsonl"))]
    return ledger.hash_rows(seed=0).to_list(), files, _lasting(folder / "summary.json")


def judged(out: Path) -> Any:
    """The results of an evaluation, numbers alone: sentences may be worded anew."""
    return _numbers(json.loads((out / "results.json").read_text(encoding="utf-8")))


def raced(out: Path) -> Any:
    """The outputs of every variant, in the order written, and the losses of the fit."""
    run = next((out / "runs").iterdir())
    outputs = [json.loads(line) for line in (run / "evaluate" / "outputs.jsonl").open(encoding="utf-8")]
    log = [json.loads(line) for line in (run / "train" / "log.jsonl").open(encoding="utf-8")]
    losses = [{k: v for k, v in line.items() if "loss" in k or k == "step"} for line in log]
    return [(o["id"], o["variant"], o["output"], o["acceptable"]) for o in outputs], losses


def _lasting(path: Path) -> Any:
    """A summary without what differs from run to run, and without its sentences."""
    return _numbers(json.loads(path.read_text(encoding="utf-8")))


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in sorted(value.items()) if not CHANGING.fullmatch(f'"{key}"')}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return None if isinstance(value, str) else value


def once(command: str, work: Work, folder: Path) -> Took:
    """Run the work in a process of its own."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    work.prepare(out)
    target = out if any(out.iterdir()) else folder / "fresh"
    shutil.rmtree(folder / "fresh", ignore_errors=True)
    words, stdout = work.command(target), folder / "stdout"
    began = time.perf_counter()
    with stdout.open("w") as said, (folder / "stderr").open("w") as errors:
        process = subprocess.Popen([command, *words], stdout=said, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(
            f"{command} {' '.join(words)} ended with {process.returncode}\n{(folder / 'stderr').read_text()}"
        )
    if target.is_dir():
        shutil.copy(stdout, target / "stdout")
    answers = work.answers(target if target.is_dir() else folder)
    return Took(seconds, used.ru_maxrss * 1024, json.loads(json.dumps(answers)))


def same(one: Any, other: Any) -> bool:
    """Whether two versions answer the same, as far as both write it: a newer one may write more keys."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(same(one[key], other[key]) for key in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def measure(work: Work, other: str, own: str, folder: Path, runs: int) -> str:
    """A row of the table: this version beside the other, run in turn."""
    pairs = [(once(other, work, folder), once(own, work, folder)) for _ in range(runs)]
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    ratio = statistics.median(b.seconds / a.seconds for a, b in pairs)
    first = pairs[0][0].answers
    agree = "yes" if all(same(first, took.answers) for pair in pairs for took in pair) else "**no**"
    cells = [f"{statistics.median(t.seconds for t in side):.2f}" for side in (before, after)]
    peaks = [f"{max(t.peak_bytes for t in side) / 1e9:.2f}" for side in (before, after)]
    row = f"| {work.name} | {cells[0]} | {cells[1]} | {ratio:.2f} | {peaks[0]} | {peaks[1]} | {agree} |"
    print(row, flush=True)
    return row


def head(runs: int) -> str:
    """What the table says, and where it was measured."""
    cores = len(os.sched_getaffinity(0))
    return (
        "# Two versions beside each other\n\n"
        f"{date.today()}, {cores} cores ({platform.machine()}), Python {platform.python_version()}; "
        f"{runs} runs of each, in turn, whole processes. Made by `benchmarks/versions.py`.\n\n"
        "Before and after are medians of wall-clock seconds; the ratio is the median over the pairs. "
        "*Same answers*: ledger, splits and counts; results without their sentences; outputs and losses, as far as both "
        "versions write them.\n\n"
        "| work | before, s | after, s | ratio | before, GB | after, GB | same answers |\n|---|---|---|---|---|---|---|\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", nargs="?", help="the command of the other version")
    parser.add_argument("--rows", type=int, nargs="*", default=[50_000, 200_000, 1_000_000])
    parser.add_argument("--outputs", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="work whose name holds one of these words; writes no table")
    options = parser.parse_args()
    if options.other is None:
        print("Nothing was compared: name the command of another version, such as OTHER/.venv/bin/tuneworth.")
        return
    own = str(Path(sys.executable).parent / "tuneworth")
    with TemporaryDirectory() as name:
        folder = Path(name)
        chosen = [
            work
            for work in works(folder, options.rows, options.outputs)
            if not options.only or any(word in work.name for word in options.only)
        ]
        rows = [measure(work, options.other, own, folder, options.runs) for work in chosen]
    if not options.only:
        page = head(options.runs) + "\n".join(rows) + "\n"
        Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
