"""How large the house is, and how many files a small job walks through.

Run: `python benchmarks/house.py` (a minute), writes benchmarks/house.md: modules, lines and functions of the source, of the
tests and of the page's scripts; files above 400 lines; the files that curating 40 rows and judging 30 pairs enter.
"""

import ast
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

PAGE = Path(__file__).with_suffix(".md")
ROOT = PAGE.parents[1]
SOURCE = ("core", "style", "curate", "train", "evaluate", "reports", "project", "deploy", "review", "cli", "tuneworth")
LONGEST = 400
# Runs a command twice and prints how many files of ours the second run entered, when everything was imported, and how often
# a call went from one file to another.
_COUNTED = """
import sys
root, before, entered, changes = sys.argv[1], None, set(), 0
def count(frame, event, _):
    global before, changes
    name = frame.f_code.co_filename
    if event == "call" and name.startswith(root) and "site-packages" not in name:
        entered.add(name)
        changes += name != before
        before = name
from tuneworth.cli.main import main
command = sys.argv[2:]
for watch in (None, count):
    sys.argv = ["tuneworth", *command, f"out{watch is None}"]
    sys.setprofile(watch)
    try:
        main()
    except SystemExit:
        pass
sys.setprofile(None)
print("\\n", len(entered), changes)
"""


def python_files(*folders: str) -> list[Path]:
    """The modules in these folders of the repository."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def lines_of(files: Sequence[Path]) -> int:
    return sum(path.read_text(encoding="utf-8").count("\n") for path in files)


def function_lengths(files: Sequence[Path]) -> Iterator[int]:
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield (node.end_lineno or node.lineno) - node.lineno + 1


def walked(*command: str, folder: Path) -> tuple[int, int]:
    """The files of ours that a command enters, and how often a call leads from one to another."""
    done = subprocess.run(
        [sys.executable, "-c", _COUNTED, str(ROOT), *command],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files, changes = done.stdout.split()[-2:]
    return int(files), int(changes)


def table() -> str:
    """The page."""
    source, tests = python_files(*SOURCE), python_files("tests")
    lengths = sorted(function_lengths(source))
    pages = [path for kind in ("js", "css", "j2") for folder in SOURCE for path in (ROOT / folder).rglob(f"*.{kind}")]
    long = [f"`{path.relative_to(ROOT)}` ({lines_of([path])})" for path in source if lines_of([path]) > LONGEST]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        curated, judged = _small_jobs(folder)
    rows = [
        ("modules of the source", f"{len(source):,}"),
        ("lines of the source", f"{lines_of(source):,}"),
        ("functions: median and 90th percentile of their lines", f"{_at(lengths, 0.5)}, {_at(lengths, 0.9)}"),
        (f"files above {LONGEST} lines", ", ".join(long) or "none"),
        ("lines of tests", f"{lines_of(tests):,}"),
        ("lines of scripts, styles and templates", f"{lines_of(pages):,}"),
        ("curating 40 rows: files entered, changes of file", "{:,}, {:,}".format(*curated)),
        ("judging 30 pairs with its report: files entered, changes of file", "{:,}, {:,}".format(*judged)),
    ]
    head = f"# The size of the house\n\n{date.today()}, Python {platform.python_version()}, by `python benchmarks/house.py`.\n"
    return "\n".join([head, "| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows), ""])


def _small_jobs(folder: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """Curating 40 rows of the example, and judging 30 of its pairs by three files of outputs."""
    example = ROOT / "examples" / "components"
    rows = [json.loads(line) for line in (example / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    style = str(example / "style.yaml")
    _write(folder / "pairs.jsonl", rows[:40])
    curated = walked("curate", "pairs.jsonl", "--style", style, "--out", folder=folder)
    outputs = {
        name: [
            json.loads(line)
            for line in (example / "outputs" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        for name in ("prompted", "tuned")
    }
    known = {row["id"] for row in outputs["tuned"]}
    tested = [row for row in rows if row["id"] in known][:30]
    _write(folder / "test.jsonl", tested)
    for name, lines in outputs.items():
        _write(folder / f"{name}.jsonl", [line for line in lines if line["id"] in {row["id"] for row in tested}])
    options = [part for name in outputs for part in ("--outputs", f"{name}={name}.jsonl")]
    judged = walked(
        "evaluate", "--pairs", "test.jsonl", *options, "--style", style, "--out", folder=folder
    )  # fmt: skip
    return curated, judged


def _write(path: Path, rows: Sequence[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _at(values: Sequence[int], share: float) -> int:
    return values[int(share * (len(values) - 1))] if values else 0


if __name__ == "__main__":
    PAGE.write_text(table(), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
