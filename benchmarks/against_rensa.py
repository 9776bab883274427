"""Curating 50,000 WikiSQL pairs with a style, file to written run, beside rensa's unverified candidates for their inputs.

Run: python benchmarks/against_rensa.py SQL [--runs 5], where SQL is a checkout of jkkummerfeld/text2sql-data (not part of
this repository). Each run is a process of its own, timed without imports; the two take turns.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from duplicates import read_sql
from join import rensa_unverified

from tuneworth.curate import DataSettings, curate, read_pairs, write_curated
from tuneworth.style import parse_style

ROWS = 50_000
STYLE = """
name: SQL
checks:
  - {kind: length, unit: words, max: 400}
  - {kind: starts_with, any: [SELECT]}
  - {kind: clean, level: should}
"""


def run_one(way: str, source: Path) -> float:
    style, where = parse_style(STYLE), DataSettings(path="")
    if way == "curate":
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            write_curated(curate(read_pairs(source, where), style), Path(folder))
            return time.perf_counter() - start
    texts = list(dict.fromkeys(" ".join(text.lower().split()) for text in read_pairs(source, where).pairs["input"]))
    start = time.perf_counter()
    rensa_unverified(texts)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--one", choices=("curate", "rensa"), help=argparse.SUPPRESS)
    stated = parser.parse_args()
    if stated.one:
        print(run_one(stated.one, stated.source))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        read_sql(stated.source).pairs.head(ROWS).select("id", "input", "output").write_ndjson(rows)
        seconds: dict[str, list[float]] = {"curate": [], "rensa": []}
        for _ in range(stated.runs):
            for way, found in seconds.items():
                words = [sys.executable, __file__, str(rows), "--one", way]
                done = subprocess.run(words, capture_output=True, text=True, check=True)
                found.append(float(done.stdout))
    for way, found in seconds.items():
        print(f"{way}: {min(found):.2f} s (of {stated.runs} runs, at most {max(found):.2f})")
    print(f"ratio {min(seconds['curate']) / min(seconds['rensa']):.2f}")


if __name__ == "__main__":
    main()
