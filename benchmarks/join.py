"""Compares the exact join with its peers on the same texts: seconds, peak memory, pairs, recall and precision.

Run: `pip install '.[bench]'`, then `python benchmarks/join.py [--corpora code docstrings] [--rows 10000 50000]`;
it writes benchmarks/join.md.

Every way starts with the same list of distinct normalised inputs and ends with pairs of positions at Jaccard similarity
of character 5-grams at or above 0.8; each runs in a process of its own. The exact pairs are the reference, and they are
compared with exhaustive search on 1,500 of the texts. Timed is from texts to pairs; reading and imports are not.
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
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from corpora import CORPORA, corpus, peak_memory

THRESHOLD, MINIMA, SEED = 0.8, 128, 1
LIMIT = 300  # seconds per method


def exact(texts: list[str]) -> np.ndarray:
    from tuneworth.curate.match.join import similar_pairs
    from tuneworth.curate.match.ngrams import gram_sets

    found = similar_pairs(gram_sets(texts), THRESHOLD)
    return np.stack((found.left, found.right))


def candidates(texts: list[str]) -> np.ndarray:
    from tuneworth.curate.match.candidates import candidate_tiles
    from tuneworth.curate.match.join import SimilarPairs

    found = SimilarPairs.joined(list(candidate_tiles(texts, THRESHOLD)))
    return np.stack((found.left, found.right))


def rensa_unverified(texts: list[str]) -> np.ndarray:
    return _pairs(_rensa(_token_lists(texts), bands=16))


def rensa_verified(texts: list[str]) -> np.ndarray:
    tokens = _token_lists(texts)
    sets = [set(row) for row in tokens]
    return _pairs((a, b) for a, b in _rensa(tokens, bands=32) if _similar(sets[a], sets[b]))


def datasketch(texts: list[str]) -> np.ndarray:
    from datasketch import MinHash, MinHashLSH

    tokens = [[token.encode() for token in own] for own in _token_lists(texts)]
    hashes = MinHash.bulk(tokens, num_perm=MINIMA, seed=SEED)
    index = MinHashLSH(threshold=THRESHOLD, num_perm=MINIMA)
    with index.insertion_session() as session:
        for row, own in enumerate(hashes):
            session.insert(row, own)
    return _pairs((row, other) for row, own in enumerate(hashes) for other in index.query(own) if other > row)


WAYS: dict[str, tuple[str, Callable[[list[str]], np.ndarray]]] = {
    "exact": ("exact join", exact),
    "candidates": ('candidates, verified (`method = "candidates"`)', candidates),
    "rensa": ("rensa, 16 bands of 8, not verified", rensa_unverified),
    "rensa verified": ("rensa, 32 bands of 4, verified in Python", rensa_verified),
    "datasketch": ("datasketch, its own bands, not verified", datasketch),
}


def _token_lists(texts: list[str]) -> list[list[str]]:
    return [list({text[i : i + 5] for i in range(len(text) - 4)} or {text}) for text in texts]


def _rensa(tokens: list[list[str]], *, bands: int) -> Iterator[tuple[int, int]]:
    from rensa import RMinHash, RMinHashLSH

    hashes = RMinHash.from_token_sets(tokens, MINIMA, SEED)
    index = RMinHashLSH(THRESHOLD, MINIMA, bands)
    index.insert_many(hashes)
    return ((a, b) for a, found in enumerate(index.query_all(hashes)) for b in found if b > a)


def _similar(a: set[str], b: set[str]) -> bool:
    shared = len(a & b)
    return 5 * shared >= 4 * (len(a) + len(b) - shared)


def _pairs(found: Any) -> np.ndarray:
    return np.array(list(found), np.int64).reshape(-1, 2).T


def texts_of(name: str, rows: int) -> list[str]:
    from tuneworth.curate.read.normal_forms import normalise

    return list(dict.fromkeys(normalise(text) for text in corpus(name, rows)["input"].to_list()))


def run_one(way: str, source: Path, out: Path) -> None:
    """In a separate process: write the pairs to a file, seconds and peak memory to standard output."""
    texts = json.loads(source.read_text(encoding="utf-8"))
    WAYS[way][1](texts[:50])  # imports and first calls
    started = time.perf_counter()
    pairs = WAYS[way][1](texts)
    seconds = time.perf_counter() - started
    np.save(out, pairs)
    print(json.dumps({"seconds": seconds, "peak": peak_memory()}))


def measure(way: str, texts: list[str], folder: Path) -> dict[str, Any]:
    """Seconds, peak memory in GB, and the pairs.

    Raises:
        subprocess.TimeoutExpired: the way takes longer than the limit.
    """
    source, out = folder / "texts.json", folder / "pairs.npy"
    source.write_text(json.dumps(texts), encoding="utf-8")
    command = [sys.executable, __file__, "--one", way, "--texts", str(source), "--out", str(out)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT).stdout
    return {**json.loads(told), "pairs": np.load(out)}


def table(name: str, rows: int, folder: Path) -> list[str]:
    texts = texts_of(name, rows)
    lines, reference, seconds = [], np.zeros(0), 1.0
    for way, (said, _) in WAYS.items():
        try:
            told = measure(way, texts, folder)
        except subprocess.TimeoutExpired:
            lines.append(f"| {name} {rows:,} | {said} | over {LIMIT} | over {LIMIT / seconds:.0f} | | | | |")
            continue
        keys = np.unique(told["pairs"][0] * len(texts) + told["pairs"][1])
        if way == "exact":
            reference, seconds = keys, told["seconds"]
        hits = len(np.intersect1d(keys, reference, assume_unique=True))
        lines.append(
            f"| {name} {rows:,} | {said} | {told['seconds']:.2f} | {told['seconds'] / seconds:.1f} | {told['peak']:.2f} "
            f"| {len(keys):,} | {hits / max(1, len(reference)):.3f} | {hits / max(1, len(keys)):.3f} |"
        )
        print(lines[-1], file=sys.stderr)
    return lines


def exhaustive_check(name: str) -> str:
    """Check the exact join on texts, many of them edited copies, against a comparison of all pairs."""
    chance = random.Random(SEED)
    texts = texts_of(name, 1000)[:750]
    for text in texts[:750]:
        place = chance.randrange(max(1, len(text)))
        texts.append(text[:place] + "#" * chance.randint(1, 6) + text[place + chance.randint(0, 4) :])
    texts = list(dict.fromkeys(texts))
    sets = [set(own) for own in _token_lists(texts)]
    every = {(b, a) for a in range(len(sets)) for b in range(a) if _similar(sets[a], sets[b])}
    found = set(zip(*exact(texts).tolist(), strict=True))
    recall, precision = len(found & every) / len(every), len(found & every) / len(found)
    return f"{name}: {len(texts):,} texts, {len(every):,} pairs, recall {recall:.3f}, precision {precision:.3f}"


def growth(name: str, sizes: list[int], folder: Path) -> list[str]:
    lines, before = [], None
    for rows in sizes:
        texts = texts_of(name, rows)
        told = measure("exact", texts, folder)
        grown = "" if before is None else f"×{told['seconds'] / before:.1f}"
        lines.append(
            f"| {name} | {len(texts):,} | {told['seconds']:.2f} | {grown} | {told['peak']:.2f} | {told['pairs'].shape[1]:,} |"
        )
        print(lines[-1], file=sys.stderr)
        before = told["seconds"]
    return lines


def head() -> str:
    cpu = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "?"
    )
    libraries = ", ".join(f"{n} {version(n)}" for n in ("numpy", "scipy", "rensa", "datasketch"))
    return (
        f"{datetime.date.today()}, {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}, "
        f"load {os.getloadavg()[0]:.1f} before the start (0: nothing else ran)."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", nargs="*", default=["docstrings", "packages", "code"], choices=sorted(CORPORA))
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 50_000])
    parser.add_argument("--growth", type=int, nargs="*", default=[10_000, 50_000, 200_000])
    parser.add_argument("--one", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(options.one, options.texts, options.out)
        return
    started = head()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = [line for name in options.corpora for n in options.rows for line in table(name, n, folder)]
        grown = growth("code", options.growth, folder)
    checks = [exhaustive_check(name) for name in options.corpora]
    text = f"""# The join and its peers

{started} Written by `benchmarks/join.py`, which describes what is timed.

| texts | method | seconds | ratio to the exact join | peak GB | pairs | recall | precision |
|---|---|---:|---:|---:|---:|---:|---:|
{chr(10).join(rows)}

Recall and precision are relative to the exact pairs. The exact pairs were checked against exhaustive search, on texts
half of which are edited copies of the others:

{chr(10).join(f"- {line}" for line in checks)}

Growth of the exact join:

| corpus | distinct texts | seconds | growth | peak GB | pairs |
|---|---:|---:|---:|---:|---:|
{chr(10).join(grown)}

semhash is not in the table: it compares embeddings, not characters, and needs to download a model.
"""
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
