"""Compares curating in parts with one machine: seconds, memory of all processes, and whether the ledgers are the same.

Run: `pip install '.[cluster,bench]'`, then `python benchmarks/cluster.py [--rows 200000 1000000] [--only
machine ray2] [--repeat 3]`; it writes benchmarks/cluster.md. A million rows take some 3 GB.

Every run is a complete `tuneworth curate` command in a separate process with an empty storage, on the same files of
50,000 pairs (`generated.py`); a Ray run also starts and stops Ray. The time includes imports, reading and writing.
The ledger digest is a hash of the ledger's rows in order. DuckDB, out of core, is the peer (`cluster_duckdb.py`).
The script exits with 1 if a run fails or the ledgers of one input differ.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from cluster_ceiling import ceiling
from cluster_duckdb import check_pairs
from generated import FORMATS, Generated, write_generated
from process_tree import Taken, run_measured

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}  # nothing is sent anywhere
_ROWS_PER_FILE = 50_000
_SLICE = 100_000  # rows of a ledger hashed at once
_STYLE = """
name: Any text
checks:
  - {kind: length, unit: words, max: 400}
  - {kind: clean, level: should}
"""


@dataclass(frozen=True)
class Way:
    """A setup. address: of `[cluster]`, None for one machine; over: the setup to compare with."""

    name: str
    address: str | None = None
    workers: int = 1
    over: str = "machine"


WAYS = {
    "machine": Way('one machine, `method = "candidates"`'),
    "processes1": Way("local processes, 1", "processes", 1),
    "processes2": Way("local processes, 2", "processes", 2, over="processes1"),
    "ray1": Way("Ray, 1 worker", "local", 1),
    "ray2": Way("Ray, 2 workers", "local", 2, over="ray1"),
}


@dataclass(frozen=True)
class Run:
    """One run of a setup. digest: of the ledger, None if the run failed; similar: pairs of rows with similar inputs."""

    taken: Taken
    digest: str | None
    rows: int = 0
    similar: int = 0


def curate_once(way: Way, data: Path, folder: Path, limit: float) -> Run:
    """Curate in a new project below `folder`, in which only the log remains."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        project = Path(temporary)
        (project / "style.yaml").write_text(_STYLE)
        (project / "tuneworth.toml").write_text(_project(way, data))
        command = [str(Path(sys.executable).with_name("tuneworth")), "curate", str(project), "--json"]
        command += ["--cluster"] if way.address else []
        taken = run_measured(command, log=project / "log", limit=limit, environment=_QUIET)
        curated = next(project.glob("runs/*/curate"), None)
        if taken.returncode != 0 or curated is None:
            return Run(taken, None)
        summary = json.loads((curated / "summary.json").read_text(encoding="utf-8"))
        digest, rows = ledger_digest(curated)
        return Run(taken, digest, rows, summary["near_duplicate"]["pairs"])


def _project(way: Way, data: Path) -> str:
    cluster = ""
    if way.address:
        cluster = f'\n[cluster]\naddress = "{way.address}"\nworkers = {way.workers}\nstorage = "storage"\n'
    return f'[data]\npath = "{data}"\n\n[style]\npath = "style.yaml"\n\n[curate]\nmethod = "candidates"\n{cluster}'


def ledger_digest(curated: Path) -> tuple[str, int]:
    """The hash of the ledger's rows in their order, and how many; the ledger is one file, or files in name order."""
    paths = sorted((curated / "ledger").glob("*.parquet")) or [curated / "ledger.parquet"]
    digest, rows = hashlib.blake2b(digest_size=8), 0
    for path in paths:
        table = pl.read_parquet(path)
        table = table.select(sorted(table.columns))
        for part in table.iter_slices(_SLICE):
            digest.update(part.write_ndjson().encode())
        rows += len(table)
    return digest.hexdigest(), rows


def peer_once(data: Path, folder: Path, limit: float, memory: str) -> tuple[Taken, dict[str, Any]]:
    """DuckDB on the same files, with its results and a comparison of its pairs with those of the exact join."""
    out = folder / "peer.parquet"
    script = Path(__file__).with_name("cluster_duckdb.py")
    command = [sys.executable, str(script), str(data), str(out), "--memory", memory, "--keep-candidates"]
    taken = run_measured(command, log=folder / "peer.log", limit=limit, environment=_QUIET)
    if taken.returncode != 0:
        return taken, {}
    return taken, json.loads(taken.output.splitlines()[-1]) | check_pairs(out)


def measure(name: str, data: Path, folder: Path, options: argparse.Namespace) -> dict[str, list[Run]]:
    """The runs of each setup, in turns, so that other load on the machine affects all of them."""
    runs: dict[str, list[Run]] = {way: [] for way in options.only}
    for _ in range(options.repeat):
        for way, own in runs.items():
            own.append(curate_once(WAYS[way], data, folder, options.limit))
            run = own[-1]
            print(name, way, f"{run.taken.seconds:.1f} s, {run.taken.peak:.2f} GB, {run.digest}", file=sys.stderr)
            if run.digest is None:
                print(run.taken.output[-2_000:], file=sys.stderr)
    return runs


def lines(name: str, runs: dict[str, list[Run]]) -> list[str]:
    """Rows of Markdown, one for each way; seconds are the median, the peak is the largest."""
    seconds = {way: _median(own, "seconds") for way, own in runs.items()}
    found = []
    for way, own in runs.items():
        if any(run.digest is None for run in own):
            late = any(run.taken.returncode is None for run in own)
            found.append(f"| {name} | {WAYS[way].name} | {'took too long' if late else 'FAILED'} | | | | | | | |")
            continue
        over = WAYS[way].over
        times = f"{seconds[way] / seconds['machine']:.2f}" if seconds.get("machine") else ""
        faster = f"{seconds[over] / seconds[way]:.2f}" if over != "machine" and seconds.get(over) else ""
        found.append(
            f"| {name} | {WAYS[way].name} | {own[0].rows:,} | {own[0].similar:,} | **{seconds[way]:.1f}** | {times} | {faster} "
            f"| {_median(own, 'cpu_seconds'):.1f} | {max(run.taken.peak for run in own):.2f} "
            f"| {', '.join(sorted({str(run.digest) for run in own}))} |"
        )
    return found


def _median(runs: Sequence[Run], what: str) -> float:
    return 0.0 if any(run.digest is None for run in runs) else statistics.median(getattr(r.taken, what) for r in runs)


def problems(name: str, runs: dict[str, list[Run]]) -> list[str]:
    """The problems of the runs of one input: failed runs and ledgers that differ."""
    digests = {way: sorted({str(run.digest) for run in own}) for way, own in runs.items()}
    failed = [way for way, found in digests.items() if "None" in found]
    found = [f"{name}: these runs failed: {', '.join(failed)}"] if failed else []
    if len({one for way, own in digests.items() if way not in failed for one in own}) > 1:
        found.append(f"{name}: THE LEDGERS DIFFER: {digests}")
    return found


def _compared(wrong: list[str], ways: int) -> str:
    if wrong:
        return f"**{'; '.join(wrong)}.**\n"
    if ways < 2:
        return "Only one setup ran, so there is no ledger to compare with.\n"
    return "All setups produce the same ledger for each input, row for row.\n"


def peer_line(name: str, taken: Taken, told: dict[str, Any]) -> str:
    if not told:
        print(taken.output[-2_000:], file=sys.stderr)
        return f"| {name} | {'took too long' if taken.returncode is None else 'FAILED'} | | | | | | | |"
    return (
        f"| {name} | {taken.seconds:.1f} | {taken.cpu_seconds:.1f} | {taken.peak:.2f} | {told['candidates_rows']:,} "
        f"| {told['verified_rows']:,} | {told['exact']:,} | {told['missed']:,} | {told['wrong']:,} of {told['checked']:,} |"
    )


def head() -> str:
    cpu = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "?"
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in ("polars", "numpy", "ray", "duckdb"))
    return (
        f"{datetime.date.today()}, {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}, "
        f"load {os.getloadavg()[0]:.1f} before the start (0: nothing else ran)."
    )


def aims(name: str, rows: int, runs: dict[str, list[Run]]) -> list[str]:
    """The targets for one input, each met or missed, as far as the setups that they need were run."""
    seconds = {way: time for way, own in runs.items() if (time := _median(own, "seconds"))}
    found = []

    def say(what: str, reached: float, met: bool) -> None:
        found.append(f"- {name}, {what}: {reached:.2f}, {'met' if met else 'MISSED'}")

    if {"ray1", "ray2"} <= seconds.keys():
        faster = seconds["ray1"] / seconds["ray2"]
        say("two Ray workers at least 1.7 times as fast as one", faster, faster >= 1.7)
    if {"machine", "processes1"} <= seconds.keys():
        times = seconds["processes1"] / seconds["machine"]
        say("one local process takes at most 1.2 times as long as one machine", times, times <= 1.2)
    if rows == 1_000_000 and "ray2" in seconds:
        peak = max(run.taken.peak for run in runs["ray2"])
        say("a million with two Ray workers in 120 s", seconds["ray2"], seconds["ray2"] <= 120)
        say("a million with two Ray workers in 3 GB", peak, peak <= 3)
    return found


def _most(ways: Sequence[str]) -> str:
    """The limit of the speed-up by a second worker on this machine, if a setup has two."""
    if not any(WAYS[way].workers > 1 for way in ways):
        return ""
    alone, both = ceiling()
    return (
        f"- limit of this machine (`benchmarks/cluster_ceiling.py`): the work of one stage takes {alone:.2f} s alone and "
        f"{both:.2f} s while a second copy runs, so two workers could at most be {2 * alone / both:.2f} times as fast as one"
    )


def page(started: str, rows: list[str], notes: list[str], peers: list[str], options: argparse.Namespace) -> str:
    """The text of cluster.md; `notes`: lines below the table."""
    peer = f"""
## DuckDB, out of core

The peer only finds the similar pairs: no checks, personal data or facts, no distinction of duplicates, conflicts and
siblings, no components, split, certificate, ledger or files of pairs, and it cannot resume
(`benchmarks/cluster_duckdb.py` describes its method). `memory_limit = {options.memory}`, 2 threads.

| pairs | seconds | CPU seconds | peak GB | candidates | pairs of distinct inputs | exact join | missed | wrongly verified |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
{chr(10).join(peers)}

"Wrongly verified" counts candidates for which its result differs from sets of characters in Python. Its hash functions
differ from the project's, so it may miss different pairs.
"""
    return f"""# Curating in parts: seconds, memory, and the same ledger

{started} Written by `benchmarks/cluster.py`, which describes what is timed; the pairs are described in
`benchmarks/generated.py`. The files are {options.format}. Seconds are the
median of {options.repeat}; the peak is that of all processes together.

| pairs | setup | rows | similar pairs | seconds | ratio to one machine | speed-up over one | CPU seconds | peak GB | ledger |
|---|---|---:|---:|---:|---:|---:|---:|---:|---|
{chr(10).join(rows)}

{chr(10).join(notes)}
{peer if peers else ""}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[200_000, 1_000_000], help="of the products")
    parser.add_argument("--templated", type=int, nargs="*", default=[200_000], help="rows of the templated data")
    parser.add_argument("--only", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--limit", type=float, default=1_200, help="seconds after which a run is stopped")
    parser.add_argument("--format", choices=FORMATS, default="jsonl")
    parser.add_argument("--memory", default="2GB", help="DuckDB's memory_limit")
    parser.add_argument("--no-peer", action="store_true", help="skip DuckDB")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    parser.add_argument("--folder", type=Path, help="the folder for the files (default: the temporary folder)")
    options = parser.parse_args()
    started, rows, peers, wrong, reached = head(), [], [], [], list(filter(None, [_most(options.only)]))
    inputs = [Generated(n, "products") for n in options.rows] + [Generated(n, "templated") for n in options.templated]
    for made in inputs:
        name = f"{made.variety} {made.rows:,}"
        with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
            folder = Path(temporary)
            write_generated(folder / "data", made, format=options.format, rows_per_file=_ROWS_PER_FILE)
            runs = measure(name, folder / "data", folder, options)
            rows += lines(name, runs)
            wrong += problems(name, runs)
            reached += aims(name, made.rows, runs)
            if not options.no_peer:
                peers.append(peer_line(name, *peer_once(folder / "data", folder, options.limit, options.memory)))
                print(peers[-1], file=sys.stderr)
    text = page(started, rows, [_compared(wrong, len(options.only)), *reached], peers, options)
    options.out.write_text(text)
    print(text)
    sys.exit("; ".join(wrong) or None)


if __name__ == "__main__":
    main()
