"""A finished run read back from its folder, as plain data."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core import DataError
from ..curate import tested_files

__all__ = ["StoredRun", "read_run"]

SCHEMA = "tuneworth/results/1"
# What another version may have left out, as a page takes it: a part that is None was not made.
PARTS = ("style", "verdict", "comparison", "money", "risks", "data", "training", "provenance")
COUNTS = {"unscored": 0, "no_output": 0}  # of a variant's quality
DECIDING = ("verdict", "quality", "comparison", "money")


@dataclass(frozen=True)
class StoredRun:
    """What results.json says, the tested pairs by id, the first sample of each output by (id, variant), and run.json.

    `facts` is empty where the folder has no run.json.
    """

    path: Path
    results: dict[str, Any]
    pairs: dict[str, dict[str, Any]]
    outputs: dict[tuple[str, str], dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def variants(self) -> list[str]:
        """The scored variants in the order of results.json."""
        return list(self.results.get("quality") or {})

    @property
    def candidate(self) -> str | None:
        """The variant in question: the comparison's, else the last one."""
        comparison = self.results.get("comparison") or {}
        return comparison.get("candidate") or (self.variants[-1] if self.variants else None)

    @property
    def baseline(self) -> str | None:
        """What the candidate is held against: the comparison's, else the first other variant, if any."""
        comparison = self.results.get("comparison") or {}
        others = [name for name in self.variants if name != self.candidate]
        return comparison.get("baseline") or (others[0] if others else None)


def read_run(run: Path) -> StoredRun:
    """The stored run. Raises DataError where results.json is missing, broken or of another schema."""
    results = _read_results(run / "results.json")
    pairs = {str(pair["id"]): pair for file in tested_files(run) for pair in _read_lines(file, "id")}
    outputs: dict[tuple[str, str], dict[str, Any]] = {}
    for line in _read_lines(run / "evaluate" / "outputs.jsonl", "id", "variant"):
        key = (str(line["id"]), str(line["variant"]))
        if key not in outputs or (line.get("sample") or 0) < (outputs[key].get("sample") or 0):
            outputs[key] = line
    return StoredRun(path=run, results=results, pairs=pairs, outputs=outputs, facts=_read_facts(run / "run.json"))


def _read_results(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise DataError(f"{path}: not there, so there is nothing to report.\nRun `tuneworth evaluate` first.")
    results = _read_json(path, "Run `tuneworth evaluate` again.")
    found = results.get("schema") if isinstance(results, dict) else None
    if found != SCHEMA:
        shown = f"{found!r}"[:120]
        raise DataError(f"{path}: expected the schema {SCHEMA!r}, found {shown}.\nRun `tuneworth evaluate` again.")
    # Losses and risks may end in no number, and are then left out; a figure that decides must be one.
    odd = next((found for part in DECIDING if (found := _no_number(results.get(part), part))), None)
    if odd:
        raise DataError(f"{path}: {odd[:120]} is no number.\nRun `tuneworth evaluate` again.")
    scored = results.get("quality") or {}
    quality = {name: {**COUNTS, **found} for name, found in scored.items() if found}
    return {**dict.fromkeys(PARTS), **results, "quality": quality}


def _read_facts(path: Path) -> dict[str, Any]:
    facts = _read_json(path) if path.exists() else {}
    return facts if isinstance(facts, dict) else {}


def _read_json(path: Path, advice: str = "") -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}).\n{advice}".rstrip()) from error


def _no_number(value: Any, place: str) -> str | None:
    """Where a number is NaN or endless; None where none is. JSON has no such numbers, Python's reader takes them."""
    if isinstance(value, float):
        return None if math.isfinite(value) else place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, item in items if (found := _no_number(item, f"{place}.{key}"))), None)


def _read_lines(path: Path, *needed: str) -> list[dict[str, Any]]:
    """The objects of a JSON lines file; [] where it is not there. A last line torn by a kill is left out.

    Raises: DataError where a line is no object or lacks one of the needed keys.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == len(lines):
                break
            raise DataError(f"{path}, line {number}: not readable as JSON ({error}).") from error
        if not isinstance(row, dict) or any(key not in row for key in needed):
            raise DataError(f"{path}, line {number}: expected an object with {' and '.join(needed)}.")
        rows.append(row)
    return rows
