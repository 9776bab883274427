"""Lets every step of every command fail, and kills it there; gives it too little memory; writes the counts to faults.md.

Run: python benchmarks/faults.py [-k EXPRESSION] [--steps N]. The whole takes hours of a core. `-k` chooses situations as
pytest does, and the other rows of the tables stay.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_suffix(".md")
KINDS = ("open", "read", "write", "fsync", "lock", "request", "process")
STEPS = ("situation", "steps", "faults tried", "problems", *KINDS, "others", "seconds of a core", "on")
PROCESSES = ("situation", "limits", "out of memory", "kills", "killed", "problems", "seconds of a core", "on")
Row = Mapping[str, str]  # by the table's columns


def main() -> None:
    """Run the chosen situations and write their rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-k", default="", help="only these situations")
    options.add_argument("--steps", default="all", help="how many steps, limits and kills of each")
    options.add_argument("--rows-of", type=Path, help="take the rows of this copy of the page, and run nothing")
    chosen = options.parse_args()
    old, new = rows_of(PAGE), []
    if chosen.rows_of:
        old |= rows_of(chosen.rows_of)
    else:
        new = [row_of(one) for one in tried(chosen.k, chosen.steps)]
    PAGE.write_text(page_of((old | {key_of(row): row for row in new}).values()), encoding="utf-8")


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


def row_of(found: Mapping[str, Any]) -> Row:
    """The row of a situation, in the table of steps or of processes."""
    numbers = {"problems": len(found["problems"]), "seconds of a core": round(found["seconds"])}
    if "steps" in found:
        steps = Counter(found["steps"])
        kinds = {kind: steps[kind] for kind in KINDS}
        others = steps.total() - sum(kinds.values())
        numbers |= {"steps": steps.total(), "faults tried": found["faults"], **kinds, "others": others}
    else:
        memory, kill = Counter(found["memory"]), Counter(found["kill"])
        numbers |= {"limits": memory.total(), "out of memory": memory["out of memory"]}
        numbers |= {"kills": kill.total(), "killed": kill["killed"]}
    shown = {column: f"{number:,}" for column, number in numbers.items()}
    return {"situation": found["name"], **shown, "on": datetime.now(UTC).date().isoformat()}


def key_of(row: Row) -> tuple[bool, str]:
    """A situation may have a row in both tables."""
    return "limits" in row, row["situation"]


def rows_of(page: Path) -> dict[tuple[bool, str], Row]:
    """The rows of both tables, by their key."""
    found: dict[tuple[bool, str], Row] = {}
    columns: list[str] = []
    for line in page.read_text(encoding="utf-8").splitlines() if page.exists() else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| situation"):
            columns = cells
        elif line.startswith("| ") and not line.startswith("| ---"):
            row = dict(zip(columns, cells, strict=True))
            found[key_of(row)] = row
    return found


def page_of(rows: Iterable[Row]) -> str:
    """The page with these rows and their sums."""
    rows = list(rows)
    steps, processes = ([row for row in rows if ("limits" in row) is other] for other in (False, True))
    return f"""# Every step of every command fails once

`python benchmarks/faults.py`, on {platform.machine()} with Python {platform.python_version()}. After each fault the same command
runs again. A problem is: another exit code than 0, 2 or 3; a traceback, an unexpected error, or not one message; a file
that is neither as before nor whole; a run that is a mixture; another result when run again; something left over.

## Steps

A step is one call of the system by which a command touches its folder, a lock, a server or another process. Each that is
tried fails once, half done where it can be, and once the process is killed there. Where fewer faults than twice the steps
were tried, they are a sample, or a run took fewer steps than the one in which they were counted.

{sums(steps, "steps", "faults tried", "problems")}

{table(STEPS, steps)}
## Too little memory, and kills at any moment

Each is a process of its own. Its limit of address space (`ulimit -v`) lies between what it takes once its libraries are
loaded and what the whole command takes; with *from its start*, the libraries are loaded within the limit, too. *out of
memory*: so many ended with that message, and exit code 3; the others were done. *killed*: so many kills, after a random
time, came before the end. A command that does not end is a problem, too.

{sums(processes, "limits", "kills", "problems")}

{table(PROCESSES, processes)}"""


def sums(rows: Sequence[Row], *columns: str) -> str:
    """A line with the number of rows, and the sum of each column."""
    found = [(sum(int(row[column].replace(",", "")) for row in rows), column) for column in columns]
    return f"**{len(rows)} situations, " + ", ".join(f"{number:,} {column}" for number, column in found) + "**"


def table(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """The rows as Markdown; columns that the table no longer has are left out."""
    lines = [columns, ["---"] * len(columns), *([row[column] for column in columns] for row in rows)]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


if __name__ == "__main__":
    main()
