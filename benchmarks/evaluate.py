"""How long an evaluation of collected outputs takes, step by step, and how that grows.

    python benchmarks/evaluate.py [--most 100000]

Two variants on pairs made from the shipped example (its style file with its checks, its families as groups); a third of
one variant's outputs and a seventh of the other's have a sentence added. Each size runs in a process of its own, on one
thread; seconds are CPU seconds. Writes benchmarks/evaluate.md.
"""

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SIZES = (2_000, 20_000, 100_000)  # outputs of each variant
STEPS = {
    "read pairs and outputs": ("tuneworth.project.evaluation.collected", ("_pairs", "read_outputs")),
    "checks and shares": ("tuneworth.evaluate.evaluation", ("score_outputs", "_written")),
    "similarity": ("tuneworth.evaluate.evaluation", ("item_similarity",)),
    "intervals, lengths": ("tuneworth.evaluate.evaluation", ("quality_of",)),
    "two-sample test": ("tuneworth.evaluate.scores.quality", ("two_sample",)),
    "comparison": ("tuneworth.evaluate.compared", ("compare_variants",)),
    "money, risks, verdict": ("tuneworth.evaluate.evaluation", ("compute_money", "assess_risks", "decide")),
    "write": ("tuneworth.project.evaluation.collected", ("write_evaluated", "_write_pairs")),
    "report": ("tuneworth.project.evaluation.report", ("report_run",)),
}


def make(folder: Path, n: int) -> None:
    """Pairs and two files of outputs."""
    from tuneworth.examples import example_path

    source = [json.loads(line) for line in (example_path("components") / "pairs.jsonl").open(encoding="utf-8")]
    chance = random.Random(0)
    pairs = []
    for number in range(n):
        pair, round_ = source[number % len(source)], number // len(source)
        pairs.append({**pair, "id": f"p{number}", "family": f"{pair['family']}/{round_}"})
    write(folder / "pairs.jsonl", pairs)
    for name, share in (("prompted", 1 / 3), ("tuned", 1 / 7)):
        rows = []
        for pair in pairs:
            text = pair["output"]
            if chance.random() < share:
                text = f"The {pair['input']['part']} is a {text}. It runs from 2.7 V to 36 V."
            counts = {"input_tokens": chance.randint(100, 200), "output_tokens": len(text) // 3}
            rows.append({"id": pair["id"], "output": text, **counts, "seconds": chance.random()})
        write(folder / f"{name}.jsonl", rows)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def timed(folder: Path) -> dict[str, float]:
    """CPU seconds of each step of `tuneworth evaluate --pairs ... --outputs ...`, in this process."""
    import importlib

    from tuneworth.examples import example_path

    began, spent = time.process_time(), dict.fromkeys(STEPS, 0.0)
    from tuneworth.cli import main

    for step, (module, names) in STEPS.items():
        place = importlib.import_module(module)
        for name in names:
            setattr(place, name, _watched(getattr(place, name), spent, step))
    spent["start"] = time.process_time() - began
    words = ["evaluate", str(example_path("components")), "--pairs", str(folder / "pairs.jsonl")]
    for name in ("prompted", "tuned"):
        words += ["--outputs", f"{name}={folder / name}.jsonl"]
    try:
        main([*words, "--out", str(folder / "out"), "--quiet", "--json"])
    except SystemExit as left:
        if left.code:
            raise
    spent["total"] = time.process_time() - began
    spent["intervals, lengths"] -= spent["two-sample test"]
    spent["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return spent


def _watched(function: Any, spent: dict[str, float], step: str) -> Any:
    def call(*values: Any, **settings: Any) -> Any:
        began = time.process_time()
        try:
            return function(*values, **settings)
        finally:
            spent[step] += time.process_time() - began

    return call


def peers(folder: Path) -> dict[str, float]:
    """A plain loop that calls sacrebleu and rapidfuzz for each output of one variant: CPU seconds, next to Tuneworth's."""
    from rapidfuzz import fuzz
    from sacrebleu.metrics import CHRF  # type: ignore[import-untyped]

    from tuneworth.style import chrf, ratio

    def texts(name: str) -> list[str]:
        return [json.loads(line)["output"] for line in (folder / name).open(encoding="utf-8")]

    outputs, references, metric = texts("prompted.jsonl"), texts("pairs.jsonl"), CHRF()
    found = {}
    for name, work in (
        ("chrF, sacrebleu", lambda: [metric.sentence_score(a, [b]).score for a, b in zip(outputs, references, strict=True)]),
        ("chrF, Tuneworth", lambda: chrf(outputs, references)),
        ("ratio, rapidfuzz in a loop", lambda: [fuzz.ratio(a, b) for a, b in zip(outputs, references, strict=True)]),
        ("ratio, Tuneworth", lambda: ratio(outputs, references)),
    ):  # fmt: skip
        work()
        began = time.process_time()
        work()
        found[name] = time.process_time() - began
    return found


def measure(n: int) -> dict[str, Any]:
    """One size in a process of its own."""
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    with TemporaryDirectory() as place:
        make(Path(place), n)
        began = time.perf_counter()
        command = [sys.executable, __file__, "--timed", place]
        done = subprocess.run(command, env=os.environ | alone, capture_output=True, text=True, check=True)
        wall = time.perf_counter() - began
        found = json.loads(done.stderr.strip().splitlines()[-1])
        return {**found, "wall seconds": wall, **(peers(Path(place)) if n == SIZES[0] else {})}


def table(found: dict[int, dict[str, Any]]) -> str:
    """The result as Markdown."""
    rows = [*STEPS, "start", "total", "wall seconds", "peak MB"]
    lines = ["| step | " + " | ".join(f"{n:,} x 2" for n in found) + " |", "|---|" + "---:|" * len(found)]
    for row in rows:
        digits = 0 if row == "peak MB" else 2
        lines.append(f"| {row} | " + " | ".join(f"{found[n][row]:,.{digits}f}" for n in found) + " |")
    return "\n".join(lines)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    reader.add_argument("--most", type=int, default=SIZES[-1])
    reader.add_argument("--timed", type=Path)
    asked = reader.parse_args()
    if asked.timed:
        print(json.dumps(timed(asked.timed)), file=sys.stderr)
        return
    found = {n: measure(n) for n in SIZES if n <= asked.most}
    first = found[SIZES[0]]
    beside = "\n".join(f"| {name} | {first[name]:.3f} |" for name in first if name.startswith(("chrF", "ratio")))
    text = f"""# Evaluation of collected outputs: time

`tuneworth evaluate --pairs ... --outputs prompted=... --outputs tuned=...` with the components' style file, its project's
prices and a report. CPU seconds on one thread, by step; the pairs are the shipped example's, repeated with new families.

{table(found)}

"start" is the start of Python and the loading of packages; packages that only one step needs (scikit-learn for the
two-sample test, about 0.5 to 1 s; scipy for the statistics) count there. The two-sample test uses at most 500 items, so
it does not grow.

Similarity of {SIZES[0]:,} outputs to their references, one thread:

| score | CPU s |
|---|---:|
{beside}

{date.today()}, Python {platform.python_version()}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores, no GPU.
Made by `python benchmarks/evaluate.py`.
"""
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
