"""Times `tuneworth check` as a command, in processor seconds with its start, and its growth; beside it `curate --dry-run`.

Run: `python benchmarks/checkup.py [--rows 2000 20000 200000]`; it prints the table of benchmarks/checkup.md. The rows are
those of a shop: products in sizes, with a description for each, some of them with weights that no column holds.
"""

import argparse
import csv
import random
import subprocess
import sys
import tempfile
from pathlib import Path

KINDS = ("lamp", "shelf", "stool", "bench", "kettle", "frame", "basket", "mirror")
_STARTS = ("am", "bas", "ced", "del", "em", "fj", "gro", "haz", "in", "jet")
WORDS = [start + end for start in _STARTS for end in ("ber", "in", "ar", "ta", "ord", "ve")]
COLUMNS = ("handle", "title", "kind", "size", "colour", "width", "vendor", "country", "tags", "price", "description")


def product(n: int) -> dict[str, str]:
    """The row of a size of a product: three sizes of each."""
    draw = random.Random(n // 3)
    title, kind = " ".join(draw.sample(WORDS, 3)), draw.choice(KINDS)
    width, colour = f"{draw.randint(20, 90)} cm", draw.choice(WORDS)
    text = [f"The {title} {kind} is {width} wide and comes in {colour}."]
    text += [
        f"It goes well with {' and '.join(draw.sample(WORDS, 2))} in any {draw.choice(WORDS)} room." for _ in range(3)
    ]
    text += [f"It weighs {draw.randint(1, 9)}.{draw.randint(1, 9)} kg."] if draw.random() < 0.3 else []
    values = (
        f"{title.replace(' ', '-')}-{n // 3}", title, kind, "SML"[n % 3], colour, width, "Amber & Sons", "Portugal",
        ", ".join(draw.sample(WORDS, 4)), f"{draw.randint(9, 200)}.90", f"<p>{' '.join(text)}</p>",
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def measured(words: list[str]) -> tuple[float, float]:
    """Processor seconds and peak gigabytes of a command."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    seconds, kilobytes = map(float, done.stdout.split())
    return seconds, kilobytes / 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", nargs="+", type=int, default=[2_000, 20_000, 200_000])
    command = str(Path(sys.executable).parent / "tuneworth")
    print("| rows | `check`, s | peak, GB | `curate --dry-run`, s | ratio |\n|---:|---:|---:|---:|---:|")
    for rows in options.parse_args().rows:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "products.csv"
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(product(n) for n in range(rows))
            seconds, peak = measured([command, "check", str(path), "--json"])
            columns = ["--input", "*", "--output", "description", "--group", "handle"]
            curated, _ = measured([command, "curate", str(path), "--dry-run", *columns])
        print(f"| {rows:,} | {seconds:.1f} | {peak:.2f} | {curated:.1f} | {seconds / curated:.1f} |", flush=True)


if __name__ == "__main__":
    main()
