"""Times `curate` from a file to the written run, step by step, and its growth.

Run: `python benchmarks/curate.py [--corpora code docstrings] [--rows 10000 50000 200000]` (1000000 works too: about two
minutes and 4 GB); it writes benchmarks/curate.md. Each run is a separate process, timed without imports.
"""

import argparse
import datetime
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from corpora import CORPORA, corpus, peak_memory

from tuneworth.curate import CurateSettings, DataSettings, curate, read_pairs, write_curated
from tuneworth.examples import example_path
from tuneworth.style import parse_style, read_style

STYLE = """
name: Any text
checks:
  - {kind: length, unit: words, max: 400}
  - {kind: clean, level: should}
"""
TEMPLATES = {"identical inputs": 3_000, "product lines": 20_000}


def run_one(source: Path, folder: Path, method: str) -> None:
    """In a separate process: write seconds per step and in total, peak memory, and the results to standard output."""
    example = example_path("components")
    components = source == example / "pairs.jsonl"
    data = DataSettings(path="", group="family", identifiers=("part",)) if components else DataSettings(path="")
    style = read_style(example / "style.yaml") if components else parse_style(STYLE)
    started = time.perf_counter()
    raw = read_pairs(source, data)
    done = curate(raw, style, identifiers=data.identifiers, settings=CurateSettings(method=method))  # type: ignore[arg-type]
    curated = time.perf_counter()
    write_curated(done, folder)
    ended = time.perf_counter()
    told = {
        "rows": raw.rows_read,
        "similar": done.summary["near_duplicate"]["pairs"],
        "method": done.summary["near_duplicate"]["method"],
        "steps": {**done.summary["seconds"], "write": ended - curated},
        "seconds": ended - started,
        "peak": peak_memory(),
    }
    print(json.dumps(told))


def measure(source: Path, folder: Path, method: str) -> dict[str, Any]:
    out = folder / f"run-{time.monotonic_ns()}"
    command = [sys.executable, __file__, "--one", str(source), "--out", str(out), "--method", method]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def lines(name: str, timings: list[dict[str, Any]]) -> list[str]:
    """Rows of Markdown, one for each size."""
    found = []
    for i, told in enumerate(timings):
        grown = "" if i == 0 else f"×{told['seconds'] / timings[i - 1]['seconds']:.1f}"
        cells = " | ".join(f"{told['steps'].get(step, 0):.2f}" for step in steps(timings))
        size = f"{told['rows']:,} | {told['similar']:,}"
        found.append(f"| {name} | {size} | {cells} | **{told['seconds']:.1f}** | {grown} | {told['peak']:.2f} |")
    return found


def steps(timings: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(step for told in timings for step in told["steps"]))


def templated(name: str, rows: int) -> list[dict[str, str]]:
    """Rows of one template, whose pairs grow with the square of the rows."""
    colours = [
        "red",
        "blue",
        "green",
        "black",
        "white",
        "silver",
        "golden",
        "wooden",
        "plastic",
        "soft",
        "hard",
        "light",
    ]
    if name == "identical inputs":
        chance = random.Random(1)
        outputs = [" ".join(chance.choices(colours, k=9)) + f" and {i}" for i in range(rows)]
        return [{"input": "Write one line about our shop", "output": output} for output in outputs]
    return [
        {
            "input": f"product: office chair with armrests, model {i * 7919 % 10007}, colour {colours[i % 12]}, "
            f"frame {colours[i // 12 % 12]}, {40 + i % 160} kg, delivered in a recyclable box within three working days",
            "output": f"An office chair in {colours[i % 12]} for up to {40 + i % 160} kg that comes with a warranty",
        }
        for i in range(rows)
    ]


def head() -> str:
    cpu = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "?"
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in ("polars", "numpy", "scipy"))
    return (
        f"{datetime.date.today()}, {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}, "
        f"load {os.getloadavg()[0]:.1f} before the start (0: nothing else ran)."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", nargs="*", default=["code", "docstrings", "packages"], choices=sorted(CORPORA))
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 50_000, 200_000])
    parser.add_argument("--method", default="auto")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(options.one, options.out, options.method)
        return
    started, told = head(), {}
    with tempfile.TemporaryDirectory() as temporary:
        folder, source = Path(temporary), Path(temporary) / "pairs.jsonl"
        told["components"] = [measure(example_path("components") / "pairs.jsonl", folder, options.method)]
        for name in options.corpora:
            told[name] = []
            for rows in options.rows:
                table = corpus(name, rows)
                if len(table) >= rows:
                    table.write_ndjson(source)
                    told[name].append(measure(source, folder, options.method))
                    print(name, rows, told[name][-1], file=sys.stderr)
        for name, rows in TEMPLATES.items():
            source.write_text("".join(json.dumps(row) + "\n" for row in templated(name, rows)))
            told[name] = [measure(source, folder, options.method)]
    every = [one for timings in told.values() for one in timings]
    text = f"""# Curating: seconds from file to written run

{started} Written by `benchmarks/curate.py`, which describes what is timed; the corpora are described in
`benchmarks/corpora.py`. "identical inputs" and "product lines" are templates: their pairs grow with the square of the rows.

| corpus | rows | pairs of rows with similar inputs | {" | ".join(steps(every))} | total | growth | peak GB |
|---|{"---:|" * (len(steps(every)) + 5)}
{chr(10).join(line for name, timings in told.items() for line in lines(name, timings))}

Method: {", ".join(sorted({one["method"] for one in every}))}.
"""
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
