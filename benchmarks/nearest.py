"""Nearest requests in meaning: processor seconds, memory and what is found, as the rows grow.

python benchmarks/nearest.py [--rows 10000 30000 100000 300000 1000000]

Requests of twelve words drawn by frequency; a fifth is held out, and every hundredth of those is a training request with
its words in another order. One process per size, so that the memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import polars as pl

WORDS = 20_000


def requests(rows: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The texts, which of them are held out, and for each the row that it repeats in another order, or -1."""
    chance = np.random.default_rng(7)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    syllables = np.array([a + b for a in "bdfgklmnprstvz" for b in "aeiou"])
    words = np.array(
        ["".join(chance.choice(syllables, chance.integers(1, 4))) + chance.choice(letters) for _ in range(WORDS)]
    )
    drawn = words[np.minimum(chance.zipf(1.3, (rows, 12)) - 1, WORDS - 1)]
    held = chance.random(rows) < 0.2
    of = np.full(rows, -1)
    copies = np.flatnonzero(held)[::100]
    of[copies] = chance.choice(np.flatnonzero(~held), len(copies), replace=False)
    for row in copies:
        drawn[row] = chance.permutation(drawn[of[row]])
    return [" ".join(line) for line in drawn], held, of


def measure(rows: int) -> dict[str, float]:
    """What one size takes."""
    from tuneworth.core import Clock
    from tuneworth.curate import CurateSettings, read_frame
    from tuneworth.curate.check_parts import check
    from tuneworth.curate.paraphrases import Meaning, load_embedding
    from tuneworth.curate.part import CurateRequest
    from tuneworth.curate.read import ReadParts

    texts, held, of = requests(rows)
    frame = pl.DataFrame(
        {"id": [f"{n:08}" for n in range(rows)], "input": texts, "output": [f"answer {n}" for n in range(rows)]}
    )
    raw = read_frame(frame)
    request = CurateRequest(None, CurateSettings(), count_tokens=lambda: None)
    corpus = check(ReadParts.of(raw), request, clock=Clock({})).corpus
    embedding, every = load_embedding(True), np.arange(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, wall = time.process_time(), time.perf_counter()
    meaning = Meaning(corpus, every, embedding, similar=0.8)
    embedded = time.process_time()
    split = pl.select(pl.when(pl.Series(held)).then(pl.lit("test")).otherwise(pl.lit("train"))).to_series()
    import tuneworth.curate.paraphrases as module

    module._LISTED = rows
    found = {row.id: row.train_id for row in meaning.across(every, corpus.pairs["id"], split).rows}
    planted = np.flatnonzero(of >= 0)
    hits = sum(found.get(f"{row:08}") == f"{of[row]:08}" for row in planted)
    return {
        "rows": rows, "embed and calibrate": embedded - start, "search": time.process_time() - embedded,
        "wall": time.perf_counter() - wall, "added memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20,
        "planted": len(planted), "found": hits,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 30_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--one", type=int)
    stated = parser.parse_args()
    if stated.one:
        print(json.dumps(measure(stated.one)))
        return
    print("| rows | embed and calibrate | search | per row | wall | added memory | planted | found |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for rows in stated.rows:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(rows)], capture_output=True, text=True, check=True
        )
        one = json.loads(done.stdout)
        per = (one["embed and calibrate"] + one["search"]) / rows * 1e6
        steps = f"{one['embed and calibrate']:.1f} s | {one['search']:.1f} s | {per:.0f} µs | {one['wall']:.1f} s"
        found = f"{one['added memory']:.2f} GB | {one['planted']:,} | {one['found']:,}"
        print(f"| {rows:,} | {steps} | {found} |", flush=True)


if __name__ == "__main__":
    main()
