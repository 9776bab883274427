"""The workbench as a user meets it: seconds to the first row, milliseconds to the next, memory, keys for real conflicts.

Run: python benchmarks/review.py [--rows 50000 1000000]; it writes benchmarks/review.md. The pairs are those of
`generated.py`, of which a rule rejects about every eleventh; more than 50,000 rows are copies of the run of that many, with
other ids and row numbers. The server is the command in a process of its own, asked over HTTP as the page asks. Conflicts
are those of examples/components, each settled by the first answer, on the page and by `tuneworth why`.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import polars as pl
from generated import Generated, write_generated

from tuneworth.project import Run, explain_row

TABLE = Path(__file__).with_suffix(".md")
EXAMPLE = Path(__file__).parent.parent / "examples" / "components"
COMMAND = (sys.executable, "-m", "tuneworth.cli")
BASE = 50_000  # rows that are curated; runs of more are copies of that one
NEXT, DECISIONS = 100, 50  # rows that are looked at, and decided
PROJECT = '[data]\npath = "pairs"\ninput = "input"\noutput = "output"\nid = "id"\n'
STYLE = """
name: generated lines
checks:
  - {kind: pattern, regex: laboratories, min: 0, max: 0, id: no-laboratories}
  - {kind: length, unit: words, max: 30, id: short}
"""
TICKS = os.sysconf("SC_CLK_TCK")
# Seconds of the Keystroke-Level Model (Card, Moran and Newell 1980): a key of an average typist, and a moment of thought
# before each act; words that are read in a minute (Brysbaert 2019, silent reading of English).
KEY, THOUGHT, READ = 0.28, 1.35, 238


class Server:
    """The command in a process of its own."""

    def __init__(self, run: Path) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [*COMMAND, "review", "--no-open", "--json", str(run)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        address = json.loads("".join(lines))["address"]
        origin = address.rsplit("/", 2)[0]
        self.http = httpx2.Client(base_url=address, headers={"Origin": origin}, timeout=600, trust_env=False)

    def passed(self) -> tuple[float, float]:
        """Seconds since the start, and the processor seconds of the server."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return time.perf_counter() - self.started, (int(fields[11]) + int(fields[12])) / TICKS

    def peak(self) -> float:
        """Gigabytes at the most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1e6

    def get(self, name: str, **asked: Any) -> Any:
        return self.http.get(f"api/{name}", params=asked).raise_for_status().json()

    def decide(self, item: dict[str, Any], action: str) -> Any:
        asked = {"kind": item["kind"], "key": item["key"], "seen": item["seen"], "action": action, "seconds": 1}
        return self.http.post("api/decide", json={"who": "Ada", **asked}).raise_for_status().json()

    def settled(self) -> dict[str, Any]:
        """The state once nothing goes on beside the page."""
        while True:
            state = self.get("state")
            if all(kind["exact"] for kind in state["kinds"]) and state["counts"]["state"] != "counting":
                return state
            time.sleep(0.2)


@contextlib.contextmanager
def served(run: Path) -> Iterator[Server]:
    server = Server(run)
    try:
        yield server
    finally:
        server.http.close()
        server.process.kill()
        server.process.communicate()


# --- runs ---------------------------------------------------------------------------------------------------------


def base_run(folder: Path) -> Path:
    """A project of 50,000 generated pairs, curated: its run."""
    write_generated(folder / "pairs", Generated(BASE))
    (folder / "tuneworth.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")
    subprocess.run([*COMMAND, "curate", str(folder), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return next((folder / "runs").iterdir())


def copied(run: Path, folder: Path, times: int) -> Path:
    """A run of as many copies of the rows of `run`, in a project of its own."""
    shutil.copytree(run.parents[1], folder, ignore=shutil.ignore_patterns("runs", "pairs"))
    made = Path(shutil.copytree(run, folder / "runs" / run.name)) / "curate"
    ledger = pl.read_parquet(made / "ledger.parquet")
    parts = [
        ledger.with_columns(pl.col("row") + n * BASE, *(pl.col(name) + f"-{n}" for name in ("id", "other_id")))
        for n in range(times)
    ]
    pl.concat(parts).write_parquet(made / "ledger.parquet")
    for name in ("train", "validation", "test", "set_aside"):
        lines = pl.read_ndjson(made / f"{name}.jsonl", infer_schema_length=None)
        with (made / f"{name}.jsonl").open("wb") as file:
            for n in range(times):
                lines.with_columns(pl.col("row") + n * BASE, pl.col("id") + f"-{n}").write_ndjson(file)
    summary = json.loads((made / "summary.json").read_text())
    summary["rows_read"] *= times
    (made / "summary.json").write_text(json.dumps(summary))
    return made.parent


# --- measures -----------------------------------------------------------------------------------------------------


def measured(run: Path) -> dict[str, Any]:
    """One start of the workbench, from the command to fifty decisions."""
    with served(run) as server:
        server.http.get("").raise_for_status()
        page = server.passed()
        item = server.get("item", kind="rejected")
        first, memory = server.passed(), server.peak()
        server.settled()
        ready = server.passed()
        nexts, made = [], []
        for _ in range(NEXT):
            start = time.perf_counter()
            item = server.get("item", kind="rejected", key=item["next"])
            nexts.append(time.perf_counter() - start)
        for _ in range(DECISIONS):
            start = time.perf_counter()
            server.decide(item, "drop")
            made.append(time.perf_counter() - start)
            item = server.get("item", kind="rejected", key=item["next"])
        state = server.settled()
        return {
            "page": page, "first": first, "ready": ready, "next": nexts, "made": made, "memory": memory,
            "peak": server.peak(), "left": {kind["kind"]: kind["count"] for kind in state["kinds"]},
            "counts": state["counts"],
        }  # fmt: skip


def row(rows: int, found: dict[str, Any]) -> str:
    """A line of the table."""

    def seconds(pair: tuple[float, float]) -> str:
        return f"{pair[0]:.2f} ({pair[1]:.2f})"

    def milliseconds(values: list[float]) -> str:
        return f"{statistics.median(values) * 1e3:.0f} ({statistics.quantiles(values, n=20)[-1] * 1e3:.0f})"

    counted = found["counts"]["seconds"]
    counts = found["counts"]["state"] if counted is None else f"{counted:.2f}"
    return (
        f"| {rows:,} | {sum(found['left'].values()):,} | {seconds(found['page'])} | {seconds(found['first'])} | "
        f"{milliseconds(found['next'])} | {milliseconds(found['made'])} | {seconds(found['ready'])} | {counts} | "
        f"{found['memory']:.2f} | {found['peak']:.2f} |"
    )


# --- conflicts ----------------------------------------------------------------------------------------------------


def conflicts(folder: Path) -> list[str]:
    """Keys, words to read and minutes for the conflicts of the example, on the page and by commands."""
    project = Path(shutil.copytree(EXAMPLE, folder / "components", ignore=shutil.ignore_patterns("runs")))
    subprocess.run([*COMMAND, "curate", str(project), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    with served(project) as server:
        pairs = next(kind["count"] for kind in server.get("state")["kinds"] if kind["kind"] == "conflict")
        shown = []
        while (answer := server.http.get("api/item", params={"kind": "conflict"})).status_code == 200:
            shown.append(answer.json())
            server.decide(shown[-1], "left")
    words = sum(count_words(page_text(item)) for item in shown)
    typed, printed = by_commands(project, shown)
    opening = len("tuneworth review\n")
    return [
        f"{pairs} conflicts; once the first answer was taken {len(shown)} times, none is left.",
        "", "| | keys | acts | words to read | minutes |", "|---|---:|---:|---:|---:|",
        line("the page", opening + len(shown), 1 + len(shown), words),
        line("`tuneworth why`", sum(len(text) + 1 for text in typed), len(typed), printed),
    ]  # fmt: skip


def line(name: str, keys: int, acts: int, words: int) -> str:
    minutes = (keys * KEY + acts * THOUGHT) / 60 + words / READ
    return f"| {name} | {keys:,} | {acts:,} | {words:,} | {minutes:.0f} |"


def by_commands(project: Path, shown: list[dict[str, Any]]) -> tuple[list[str], int]:
    """The commands that decide the same, typed in the project's folder, and the words that they print to be read."""
    typed, run = ["tuneworth why . --csv"], Run(project)
    listed = subprocess.run([*COMMAND, "why", str(project), "--csv"], capture_output=True, text=True, check=True)
    printed = count_words(listed.stdout)
    for item in shown:
        left, right = (shlex.quote(side["id"]) for side in item["sides"])
        typed += [
            f"tuneworth why . {left}",
            f"tuneworth why . {left} --decide keep",
            f"tuneworth why . {right} --decide drop",
        ]
        printed += count_words(str(explain_row(run, item["sides"][0]["id"])))
    return typed, printed


def page_text(item: dict[str, Any]) -> str:
    """What the page shows to decide by: the reason, and both sides."""
    texts = [item["reason"]]
    for side in item["sides"]:
        texts += ["".join(text for text, _ in side[name]) for name in ("input", "output")]
    return " ".join(texts)


def count_words(text: str) -> int:
    return len(text.split())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", nargs="+", type=int, default=[50_000, 1_000_000])
    with tempfile.TemporaryDirectory() as home:
        base = base_run(Path(home) / "base")
        table = []
        for rows in options.parse_args().rows:
            times = max(1, rows // BASE)
            run = base if times == 1 else copied(base, Path(home) / str(rows), times)
            table.append(row(times * BASE, measured(run)))
            print(table[-1], flush=True)
        found = conflicts(Path(home))
    TABLE.write_text("\n".join(text(table, found)), encoding="utf-8")


def text(table: list[str], found: list[str]) -> list[str]:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("starlette", "uvicorn", "polars"))
    return [
        "# The workbench", "",
        f"{datetime.date.today()}, {libraries}, {platform.machine()} with {os.cpu_count()} cores "
        f"(load at the end: {os.getloadavg()[0]:.0f}; where it exceeds the cores, seconds are longer than on a quiet "
        "machine, and processor seconds are what counts). "
        "`python benchmarks/review.py`.", "",
        "## Quick with many rows", "",
        "Seconds since the command was started, in brackets the processor seconds of the server. Milliseconds are the median "
        f"of {NEXT} rows looked at and of {DECISIONS} decisions, each on the disk before it is answered, in brackets the 95th "
        "percentile. *Ready*: repairs tried, similar rows found and the counts of a new `curate` known; all before it goes on "
        "beside the page. Memory in GB: at the first row, and at the most.", "",
        "| rows | to decide | page, s | first row, s | next row, ms | decision, ms | ready, s | counts after a decision, s "
        "| memory | peak |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|", *table, "",
        "## Keys for real conflicts", "",
        f"The conflicts of `examples/components`. {found[0]} By commands, each is looked at with `tuneworth why . ROW`, one side "
        "is kept and the other dropped; everything is typed in full, which the history of a shell shortens. Minutes are an "
        f"estimate, no measurement of people: {KEY} s for a key and {THOUGHT} s of thought before each act (the Keystroke-Level "
        f"Model of Card, Moran and Newell 1980), and {READ} words read in a minute (Brysbaert 2019). The deciding "
        "itself, which is the same work in both, is not in it.", "",
        *found[2:], "",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
