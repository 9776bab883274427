"""Lets every step of every command fail, and be a kill, and writes what was tried into faults.md.

Run: python benchmarks/faults.py [-k EXPRESSION]. The whole takes hours of a core; with `-k`, which chooses as that of
pytest does, other rows of the table stay.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_suffix(".md")
FILES = ("open", "read", "write", "fsync", "lock", "request", "process", "memory", "kill")
HEAD = "| situation | steps | faults tried | problems | " + " | ".join(FILES) + " | others | seconds of a core | on |"


def main() -> None:
    """Run the chosen situations and write their rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-k", default="", help="only these situations")
    options.add_argument("--steps", default="all", help="how many steps of each")
    chosen = options.parse_args()
    found = tried(chosen.k, chosen.steps)
    rows = known_rows() | {one["name"]: row_of(one) for one in found}
    PAGE.write_text(page_of(rows), encoding="utf-8")


def tried(expression: str, steps: str) -> Sequence[Mapping[str, Any]]:
    """What the tests tried, one entry for each situation."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "faults.jsonl"
        words = ["-m", "pytest", "-q", "tests/faults", "-m", "", "--timeout", "0", "-k", expression]
        subprocess.run(
            [sys.executable, *words], cwd=ROOT, check=False, env=os.environ | {"STEPS": steps, "FAULTS": str(file)}
        )
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def row_of(found: Mapping[str, Any]) -> str:
    """The row of a situation."""
    kinds = Counter(found["steps"])
    named = [kinds.pop(kind, 0) for kind in FILES]
    total = sum(named) + sum(kinds.values())
    cells = [
        found["name"], f"{total:,}", f"{found['faults']:,}", len(found["problems"]), *named, sum(kinds.values()),
        f"{found['seconds']:.0f}", datetime.now(UTC).date().isoformat(),
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def known_rows() -> dict[str, str]:
    """The rows of the table by situation."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| situation")]
    return {line.split("|")[1].strip(): line for line in rows}


def page_of(rows: Mapping[str, str]) -> str:
    """The page with these rows and their sums."""
    numbers = [[int(cell.replace(",", "")) for cell in row.split("|")[2:5]] for row in rows.values()]
    steps, faults, problems = map(sum, zip(*numbers, strict=True)) if numbers else (0, 0, 0)
    return f"""# Every step of every command goes wrong

`python benchmarks/faults.py`, on {platform.machine()} with Python {platform.python_version()}. A step is one call of the
system by which a command touches its folder, a lock, a server or another process. Each that is tried fails once, half
done where it can be, and once the process is killed there; then the same command runs again. *memory*: processes of
their own with a limit between what Python needs to begin and what the command takes; *kill*: those that are killed after
a random time.

A problem is: another exit code than 0, 2 or 3; a traceback, an unexpected error, or not one message; a file that is
neither as before nor whole; another result when run again; something left over. Where fewer faults than twice the steps
were tried, they are a sample.

**{len(rows)} situations, {steps:,} steps, {faults:,} faults, {problems:,} problems.**

{HEAD}
|{"---|" * HEAD.count("| ")}
""" + "".join(f"{row}\n" for row in rows.values())


if __name__ == "__main__":
    main()
