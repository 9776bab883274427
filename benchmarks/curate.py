"""How long `curate` takes, step by step, and how it grows; against comparing every pair with every other.

Run: python benchmarks/curate.py [--rows 10000 20000]; it writes benchmarks/curate.md beside itself.
"""

import argparse
import datetime
import os
import platform
import random
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tuneworth.curate import DataSettings, RawPairs, curate, read_pairs, write_curated
from tuneworth.curate.grams import gram_sets
from tuneworth.curate.join import alike_pairs
from tuneworth.curate.normalise import normalise
from tuneworth.examples import example_path
from tuneworth.style import StyleSchema, read_style

STEPS = ("read", "normalise", "check", "join", "duplicates", "split", "certificate", "write")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 20_000])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    folder = example_path("components")
    data = DataSettings(path="", group="family", identifiers=("part",))
    raw = read_pairs(folder / "pairs.jsonl", data)
    style = read_style(folder / "style.yaml")
    timings = [_timed(folder / "pairs.jsonl", data, style, options.repeats)]
    timings += [_timed(_grown(raw, n), data, style, 1) for n in options.rows]
    text = "\n".join([*_head(), *_table(timings), "", *_against(raw)]) + "\n"
    (Path(__file__).with_suffix(".md")).write_text(text)
    print(text)


def _timed(source: Path | pl.DataFrame, data: DataSettings, style: StyleSchema, repeats: int) -> dict[str, Any]:
    """The fastest of some runs, seconds per step and in all, from file or table to written run."""
    best: dict[str, Any] = {}
    for _ in range(repeats):
        started = time.perf_counter()
        raw = read_pairs(source, data) if isinstance(source, Path) else _as_raw(source)
        done = curate(raw, style, identifiers=data.identifiers)
        folder = write_curated(done, Path(os.environ.get("TMPDIR", "/tmp")) / f"tuneworth-bench-{os.getpid()}")
        total = time.perf_counter() - started
        if not best or total < best["in all"]:
            seconds = (pl.read_json(folder / "summary.json")["seconds"].struct.unnest()).row(0, named=True)
            best = {**seconds, "in all": total, "rows": raw.rows_read, "alike": done.summary["near_duplicate"]["pairs"]}
    return best


def _as_raw(table: pl.DataFrame) -> RawPairs:
    rejected = pl.DataFrame(schema={"row": pl.UInt32, "id": pl.String, "outcome": pl.String, "rule": pl.String})
    return RawPairs(table, rejected.with_columns(evidence=pl.lit(None, pl.String)), "grown", None, len(table))


def _grown(raw: RawPairs, n: int) -> pl.DataFrame:
    """n rows drawn from the real ones, three of four with words of their keywords and output exchanged."""
    chance = random.Random(n)
    words = sorted({word for text in raw.pairs["output"] for word in text.split() if word.isalpha()})
    rows = []
    for i, pick in enumerate(chance.choices(raw.pairs.rows(named=True), k=n)):
        row: dict[str, Any] = dict(
            pick, row=i + 1, id=f"{pick['id']}~{i}", group=f"{pick['group']}~{chance.randrange(n // 1000)}"
        )
        if chance.random() < 0.75:
            extra = " ".join(chance.choices(words, k=12))
            row["fields"] = row["fields"].replace('"keywords": "', f'"keywords": "{extra} ', 1)
            row["output"] = " ".join([*chance.choices(words, k=4), row["output"]])
        rows.append(row)
    return pl.DataFrame(rows, schema=raw.pairs.schema)


def _head() -> list[str]:
    cpu = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "?"
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in ("polars", "numpy", "scipy"))
    return [
        "# Curating: seconds",
        "",
        f"{datetime.date.today()}, {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}.",
        "Timed: from the file (or a table in memory) to the written run, without imports; style schema and identifiers of",
        "the components example. The larger tables are drawn from it with seed, three of four rows edited.",
        "",
    ]


def _table(timings: list[dict[str, Any]]) -> list[str]:
    lines = ["| rows | pairs of rows with alike inputs | " + " | ".join(STEPS) + " | in all | growth |"]
    lines.append("|" + "---:|" * (len(STEPS) + 4))
    for i, timing in enumerate(timings):
        growth = "" if i == 0 else _growth(timings[i - 1], timing)
        cells = " | ".join(f"{timing.get(step, 0):.2f}" for step in STEPS)
        lines.append(f"| {timing['rows']:,} | {timing['alike']:,} | {cells} | **{timing['in all']:.2f}** | {growth} |")
    return lines


def _growth(before: dict[str, Any], after: dict[str, Any]) -> str:
    return f"×{after['in all'] / before['in all']:.1f} for ×{after['rows'] / before['rows']:.1f} rows"


def _against(raw: RawPairs) -> list[str]:
    """The join beside comparing every pair of sets: one unfiltered product, and plain Python on a part."""
    texts = list(dict.fromkeys(normalise(text) for text in raw.pairs["input"]))
    started = time.perf_counter()
    grams = gram_sets(texts)
    found = alike_pairs(grams, 0.8)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    product = (grams.sets @ grams.sets.T).tocoo()
    upper = product.row < product.col
    i, j, shared = product.row[upper], product.col[upper], product.data[upper]
    every = int((5 * shared >= 4 * (grams.sizes[i] + grams.sizes[j] - shared)).sum())
    full = time.perf_counter() - started
    part = texts[:600]
    started = time.perf_counter()
    sets = [{text[k : k + 5] for k in range(len(text) - 4)} or {text} for text in part]
    hits = [
        (a, b) for a in range(len(sets)) for b in range(a) if 5 * len(sets[a] & sets[b]) >= 4 * len(sets[a] | sets[b])
    ]
    plain = (time.perf_counter() - started) * (len(texts) / len(part)) ** 2
    assert len(hits) == len(alike_pairs(gram_sets(part), 0.8).left)
    return [
        f"The exact join alone on {len(texts):,} distinct inputs (with their identifiers) at 0.8:",
        "",
        "| way | seconds | pairs found |",
        "|---|---:|---:|",
        f"| grams and prefix-filtered join | {ours:.2f} | {len(found.left):,} |",
        f"| one unfiltered sparse product (its grams not counted) | {full:.2f} | {every:,} |",
        f"| every pair in plain Python, extrapolated from {len(part)} texts | {plain:.0f} | as many on those |",
        "",
        f"Recall and precision against the unfiltered product: {np.float64(len(found.left) == every):.3f} (same count).",
    ]


if __name__ == "__main__":
    main()
