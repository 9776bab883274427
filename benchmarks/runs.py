"""The list of runs: processor seconds for many runs, with nothing known, with everything known, and after a change.

Run: python benchmarks/runs.py [--runs 100 1000]; it writes benchmarks/runs.md. About a minute.

Made up: every run is the collected outputs of examples/records judged once, with six variants; each copy has its own
time, shares and hashes, and as many files as a run with a trained adapter (31). The files are linked except those that
the list reads, so the folder is small. One process for each line, so that nothing is known in memory.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

OUTPUTS = {
    "prompted": "prompted", "nearest": "nearest", "nearest + retry": "nearest-retry",
    "nearest + constrained": "nearest-constrained", "template": "template", "tuned": "tuned",
}  # fmt: skip
OTHERS = 28  # files of a run beside the three that the list reads
LIMIT = 1.0  # second for 1,000 runs
STEPS = {
    "nothing known (the first time)": "first",
    "everything known": "list",
    "everything known, 10 runs changed": "changed",
    "the table as text": "text",
    "the page": "page",
    "what `prune --keep 10` would do": "prune",
}


# --- data ---------------------------------------------------------------------------------------------------------


def judged(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """run.json and results.json of the shipped outputs."""
    from tuneworth.examples import example_path
    from tuneworth.project import judge_outputs

    home = example_path("records")
    outputs = {name: home / "outputs" / f"{file}.jsonl" for name, file in OUTPUTS.items()}
    judge_outputs(home / "test.jsonl", outputs, project=home, out=folder)
    return tuple(json.loads((folder / name).read_text(encoding="utf-8")) for name in ("run.json", "results.json"))  # type: ignore[return-value]


def make(project: Path, count: int, facts: dict[str, Any], results: dict[str, Any]) -> int:
    """A project with that many runs; the bytes of one results.json."""
    chance, start, size = random.Random(0), datetime(2025, 1, 1, tzinfo=UTC), 0
    (project / "runs").mkdir(parents=True)
    (project / "tuneworth.toml").write_text('[data]\npath = "pairs.jsonl"\n', encoding="utf-8")
    (project / "one").write_bytes(b"x" * 4096)
    for number in range(count):
        at = start + timedelta(hours=7 * number)
        run = project / "runs" / f"{at:%Y%m%d-%H%M%S}-{number % 65536:04x}"
        for name in ("curate", "train/adapter", "evaluate"):
            (run / name).mkdir(parents=True)
        own = facts | {"created": at.isoformat(), "test_set": f"{number // 50:016x}", "test_set_used": 1 + number % 50}
        own["inputs"] = [dict(entry, sha256=f"{number // 20:064x}") for entry in facts["inputs"]]
        (run / "run.json").write_text(json.dumps(own, indent=2), encoding="utf-8")
        found = json.loads(json.dumps(results))
        found["quality"]["tuned"]["acceptable"]["share"] = chance.random()
        text = json.dumps(found, indent=2)
        size = len(text)
        (run / "results.json").write_text(text, encoding="utf-8")
        (run / "curate" / "summary.json").write_text('{"splits": {"train": 300, "test": 120}}', encoding="utf-8")
        for other in range(OTHERS):
            os.link(project / "one", run / ("curate", "train/adapter", "evaluate", ".")[other % 4] / f"file-{other}")
    return size


# --- measuring ----------------------------------------------------------------------------------------------------


def measure(project: Path, step: str) -> float:
    """Processor seconds of one step in this process, its imports not counted."""
    from tuneworth.project import list_runs, plan_prune
    from tuneworth.reports import runs_text, write_runs_page

    runs = project / "runs"
    if step == "first":
        (runs / ".index.json").unlink(missing_ok=True)
    if step == "changed":
        for run in sorted(runs.glob("2*"))[:10]:
            os.utime(run / "results.json")
    listed = list_runs(project).entries if step in ("text", "page") else ()
    runs_text(listed[:2])  # what is loaded at its first use
    start = time.process_time()
    if step == "text":
        runs_text(listed)
    elif step == "page":
        write_runs_page(listed, project / "runs.html", project="p", runs=runs)
    elif step == "prune":
        plan_prune(project, keep=10)
    else:
        list_runs(project)
    return time.process_time() - start


def seconds(project: Path, step: str) -> float:
    """The least of three processes."""
    command = [sys.executable, __file__, "--measure", str(project), step]
    return min(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3))


def table(counts: list[int]) -> str:
    """The page of this benchmark."""
    with TemporaryDirectory() as folder:
        facts, results = judged(Path(folder) / "judged")
        rows, size = {name: [] for name in STEPS}, 0
        for count in counts:
            project = Path(folder) / str(count)
            size = make(project, count, facts, results)
            for name, step in STEPS.items():
                rows[name].append(seconds(project, step))
                print(count, name, rows[name][-1], file=sys.stderr)
    listed = (rows["everything known"][-1] + rows["the table as text"][-1]) * 1000 / counts[-1]
    assert listed < LIMIT, f"1,000 runs take {listed:.2f} s"
    lines = [f"| {name} | {' | '.join(f'{value:.2f}' for value in found)} |" for name, found in rows.items()]
    return "\n".join([
        "# The list of runs", "",
        f"{date.today()}, Python {platform.python_version()}, {platform.machine()} with {os.cpu_count()} cores shared with "
        f"other work. `python benchmarks/runs.py`, which describes the runs: {OTHERS + 3} files each, results.json of "
        f"{round(size / 1000)} kB. Processor seconds of one process, the least of three, imports not counted.", "",
        f"| step | {' | '.join(f'{count:,} runs' for count in counts)} |",
        f"|---|{'---:|' * len(counts)}", *lines, "",
        "The first listing reads every results.json; what it finds is kept in `runs/.index.json` (docs/runs.md). After that, "
        "time goes into looking at each file's size, for the space on the disk.", "",
    ])  # fmt: skip


def main() -> None:
    """Measure and write the page, or measure one step as a process of its own."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, nargs="+", default=[100, 1000])
    options.add_argument("--measure", nargs=2)
    given = options.parse_args()
    if given.measure:
        print(measure(Path(given.measure[0]), given.measure[1]))
        return
    Path(__file__).with_suffix(".md").write_text(table(given.runs), encoding="utf-8")


if __name__ == "__main__":
    main()
