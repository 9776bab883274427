"""The rates that sizing a cluster needs, as JSON: what each stage takes per row and core, from the parts it leaves behind.

Run: `python benchmarks/cluster_rates.py [--rows 200000] [--variety products] [--format jsonl]`. It curates generated
pairs (`generated.py`) in this machine's processes, one by default so that a second is a second of one core, and reads
the `done.json` that each part of each stage leaves. Seconds of a task are those of reading its tables and of the work;
what writing its tables takes is counted to "not in tasks", with the decisions on the driver.
"""

import argparse
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generated import FORMATS, VARIETIES, Generated, write_generated

from tuneworth.curate import (
    Asked,
    CurateSettings,
    DataSettings,
    HeldSplits,
    Job,
    Processes,
    curate_in_parts,
    open_storage,
)
from tuneworth.style import parse_style

__all__ = ["stage_rates"]

_CONTENT = re.compile(r" [0-9a-f]{8}(?=-|$)")  # what a stage's name says of the texts that it is about
_STYLE = """
name: Any text
checks:
  - {kind: length, unit: words, max: 400}
  - {kind: clean, level: should}
"""


def stage_rates(job: Path, rows: int) -> dict[str, dict[str, float]]:
    """For each stage of a job's folder what its tasks took and left.

    rows: of the whole input. seconds_per_million_rows: seconds of one core for a million rows of the input, whatever the
    stage's own rows are (bands have 25 for each text). stored_bytes_per_row: what it writes, of the input's rows.
    """
    found: dict[str, dict[str, float]] = {}
    for stage, done in _done(job):
        own = found.setdefault(stage, dict.fromkeys(("tasks", "seconds", "rows", "stored_bytes", "peak_bytes"), 0))
        tables = done["tables"].values()
        own["tasks"] += 1
        own["seconds"] += done["seconds"]
        own["rows"] += done["rows_read"] or max((table["rows"] for table in tables), default=0)
        own["stored_bytes"] += sum(table["bytes"] for table in tables)
        own["peak_bytes"] = max(own["peak_bytes"], done["peak_bytes"] or 0)
    for own in found.values():
        own["seconds"] = round(own["seconds"], 3)
        own["rows_per_second"] = round(own["rows"] / own["seconds"]) if own["seconds"] else 0
        own["seconds_per_million_rows"] = round(own["seconds"] / rows * 1e6, 2)
        own["stored_bytes_per_row"] = round(own["stored_bytes"] / rows, 1)
    return found


def _done(job: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(stage, what it left) of each part that is finished."""
    for path in sorted(job.glob("**/done.json")):
        yield _CONTENT.sub("", path.parents[1].name), json.loads(path.read_text(encoding="utf-8"))


def measure(folder: Path, made: Generated, *, format: Any, workers: int, buckets: int) -> dict[str, Any]:
    """Curate generated pairs below a folder and say what the stages took."""
    files = write_generated(folder / "data", made, format=format)
    asked = Asked(parse_style(_STYLE), CurateSettings(method="candidates"))
    started = time.perf_counter()
    with Job.open(open_storage(folder / "storage"), {"made": str(made)}, executor=Processes(workers)) as job:
        curated = curate_in_parts(
            job, folder / "data", DataSettings(path=""), asked, held=HeldSplits(), seed=0, buckets=buckets
        )
        curated.write(folder / "run")
    seconds = time.perf_counter() - started
    stages = stage_rates(folder / "storage" / "jobs", made.rows)
    return {
        "rows": made.rows,
        "bytes": sum(path.stat().st_size for path in files),
        "written_bytes": sum(path.stat().st_size for path in (folder / "run").rglob("*") if path.is_file()),
        "variety": made.variety,
        "format": format,
        "workers": workers,
        "buckets": buckets,
        "seconds": round(seconds, 2),
        "seconds_not_in_tasks": round(seconds - sum(own["seconds"] for own in stages.values()) / workers, 2),
        "alike_pairs": curated.summary["near_duplicate"]["pairs"],
        "driver_steps": curated.summary["seconds"],
        "stages": stages,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--variety", choices=VARIETIES, default="products")
    parser.add_argument("--format", choices=FORMATS, default="jsonl")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--buckets", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        made = Generated(options.rows, options.variety)
        told = measure(Path(temporary), made, format=options.format, workers=options.workers, buckets=options.buckets)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
