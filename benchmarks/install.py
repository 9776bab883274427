"""What an install downloads and leaves on the disk: each package of the base install, in a new environment.

Run: `python benchmarks/install.py` (a minute; from the package index, a download of about 150 MB), writes
benchmarks/install.md.
"""

import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_suffix(".md")
LISTED = 12  # the largest packages; the others are one row
# What each package left: the files of its RECORD, those of bytecode apart.
SIZES = """
import json, pathlib
from importlib import metadata

def sizes(distribution):
    files = [pathlib.Path(file.locate()) for file in distribution.files or []]
    code = sum(file.stat().st_size for file in files if file.suffix == ".pyc" and file.exists())
    return sum(file.stat().st_size for file in files if file.exists()) - code, code

print(json.dumps({one.metadata["Name"].lower().replace("_", "-").replace(".", "-"): sizes(one)
                  for one in metadata.distributions()}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        python = folder / "venv" / "bin" / "python"
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        before = sizes(python)
        # A copy: pip builds where the sources are, and would leave its files there.
        aside = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
        shutil.copytree(ROOT, folder / "source", ignore=aside)
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder / "own", folder / "source"], check=True)
        (own,) = (folder / "own").glob("*.whl")
        started = time.perf_counter()
        subprocess.run([*pip, "download", "--no-cache-dir", "--dest", folder / "wheels", own], check=True)
        fetched = time.perf_counter() - started
        started = time.perf_counter()
        subprocess.run([*pip, "install", "--no-index", "--find-links", folder / "wheels", own], check=True)
        laid = time.perf_counter() - started
        downloads = {key(wheel.name): wheel.stat().st_size for wheel in (folder / "wheels").glob("*.whl")}
        found = {name: size for name, size in sizes(python).items() if name not in before}
    rows = {name: (downloads[name], *found[name]) for name in found}
    PAGE.write_text(page(rows, fetched, laid), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


def sizes(python: Path) -> dict[str, list[int]]:
    """Bytes of each installed package: its files without bytecode, and its bytecode."""
    done = subprocess.run([python, "-I", "-c", SIZES], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def key(wheel: str) -> str:
    return wheel.partition("-")[0].lower().replace("_", "-").replace(".", "-")


def page(rows: dict[str, tuple[int, int, int]], fetched: float, laid: float) -> str:
    """The table, the largest packages first."""
    ordered = sorted(rows, key=lambda name: -rows[name][1])
    total, others = columns(rows.values()), columns(rows[name] for name in ordered[LISTED:])
    own = rows["tuneworth"]
    lines = [f"| {name} | {numbers(rows[name])} |" for name in ordered[:LISTED]]
    if "tuneworth" not in ordered[:LISTED]:
        lines.append(f"| tuneworth | {numbers(own)} |")
        others = tuple(other - mine for other, mine in zip(others, own, strict=True))
    lines.append(f"| {len(rows) - len(lines)} others | {numbers(others)} |")
    lines.append(f"| **all {len(rows)}** | {numbers(total)} |")
    examples = [file for file in (ROOT / "examples").rglob("*") if file.is_file() and file.suffix != ".pyc"]
    shipped, unpacked = sum(file.stat().st_size for file in examples) / 1e6, own[1] / 1e6
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return f"""\
# The base install: what is downloaded and what stays on the disk

`pip install .` into a new environment, {date.today()}, {machine}; millions of bytes.
*Downloaded* is the wheel, *unpacked* its files, *bytecode* what pip compiles from them (`--no-compile` leaves
it out). pip itself is not counted, nor is torch, which the base install does not need.

| package | downloaded | unpacked | bytecode |
|---|---|---|---|
{chr(10).join(lines)}

Fetching took {fetched:.0f} s from the index at hand, unpacking and compiling {laid:.0f} s. Of Tuneworth's own
{unpacked:.1f} MB, {shipped:.1f} MB are the examples, which the demo and the docs use. [Each package](../docs/dependencies.md).
"""


def columns(rows: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip(*rows, strict=True))


def numbers(row: tuple[int, ...]) -> str:
    return " | ".join(f"{size / 1e6:.1f}" for size in row)


if __name__ == "__main__":
    main()
