"""The classifier that label tasks are compared with: accuracy against scikit-learn's own logistic regression, time and memory.

python benchmarks/classifier.py FILE.csv ... [--rows 20000 200000]

Files with a text and a label column, four fifths of the rows to learn from. Then the first file's texts, each with six more
of its words drawn at random, repeated to many rows. One process per measurement, so that the memory is its own.
"""

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

Rows = list[tuple[str, str]]


def read(file: str) -> tuple[Rows, Rows]:
    """The rows to learn from, and the others."""
    with Path(file).open(encoding="utf-8", newline="") as lines:
        rows = [(row[0], row[1]) for row in list(csv.reader(lines))[1:]]
    random.Random(0).shuffle(rows)
    return rows[: len(rows) * 4 // 5], rows[len(rows) * 4 // 5 :]


def repeated(rows: Rows, count: int) -> Rows:
    chance = random.Random(1)
    words = [word for text, _ in rows for word in text.split()]
    drawn = (rows[n % len(rows)] for n in range(count))
    return [(f"{text} {' '.join(chance.choices(words, k=6))}", label) for text, label in drawn]


def ours(known: Rows, asked: Rows) -> list[str]:
    from tuneworth.evaluate.rivals.labels import _classified

    texts, others = (pl.Series([text for text, _ in rows]) for rows in (known, asked))
    return _classified(texts, [label for _, label in known], others)


def regression(known: Rows, asked: Rows) -> list[str]:
    """scikit-learn's `LogisticRegression` on the 20,000 most frequent words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=20_000)
    fitted = LogisticRegression(C=10.0, max_iter=300)
    fitted.fit(words.fit_transform([text for text, _ in known]), [label for _, label in known])
    return list(fitted.predict(words.transform([text for text, _ in asked])))


def measure(how: str, file: str, rows: int) -> dict[str, float]:
    known, asked = read(file)
    known = repeated(known, rows) if rows else known
    classify = {"ours": ours, "regression": regression}[how]
    started = time.process_time()
    found = classify(known, asked)
    return {
        "rows": len(known), "labels": len({label for _, label in known}),
        "right": float(np.mean([label == wanted for label, (_, wanted) in zip(found, asked, strict=True)])),
        "seconds": time.process_time() - started, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--rows", type=int, nargs="*", default=[20_000, 200_000])
    parser.add_argument("--measure", nargs=2, metavar=("HOW", "ROWS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], options.files[0], int(options.measure[1]))))
        return
    print("| file | rows | labels | classifier | right | processor | peak |\n|---|---:|---:|---|---:|---:|---:|")
    runs = [(how, file, 0) for file in options.files for how in ("ours", "regression")]
    for how, file, rows in [*runs, *(("ours", options.files[0], rows) for rows in options.rows)]:
        done = subprocess.run(
            [sys.executable, __file__, file, "--measure", how, str(rows)], check=True, capture_output=True, text=True
        )
        one = json.loads(done.stdout)
        print(
            f"| {file.rpartition('/')[2]} | {one['rows']:,} | {one['labels']} | {how} | {one['right']:.1%} "
            f"| {one['seconds']:.1f} s | {one['peak']:,.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
