"""A curated run read back from its folder: summary, ledger, and the texts of the rows that a report shows."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ..style.errors import DataError

__all__ = ["StoredCuration", "find_curation", "read_curation", "read_texts", "read_train_pairs"]

_FILES = ("train.jsonl", "validation.jsonl", "test.jsonl", "set_aside.jsonl")
_NAMES = ("row", "id", "outcome", "split", "rule", "evidence", "other_id", "similarity")


@dataclass(frozen=True)
class StoredCuration:
    """What curate/summary.json says, the ledger, and the facts of run.json (empty where there is none)."""

    path: Path
    summary: dict[str, Any]
    ledger: pl.DataFrame
    facts: dict[str, Any]


def find_curation(run: Path) -> bool:
    """Whether the run was curated to its end: the summary is written last."""
    return (run / "curate" / "summary.json").is_file()


def read_curation(run: Path) -> StoredCuration:
    """The curated run in a folder.

    Raises:
        DataError: a part is missing or damaged.
    """
    ledger = run / "curate" / "ledger.parquet"
    try:
        table = pl.read_parquet(ledger)
        missing = [name for name in _NAMES if name not in table.columns]
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{ledger}: cannot be read ({_first_line(error)})\nRun `tuneworth curate` again.") from None
    if missing:
        raise DataError(f"{ledger}: has no column {', '.join(missing)}\nRun `tuneworth curate` again.")
    facts = _read_object(run / "run.json") if (run / "run.json").is_file() else {}
    return StoredCuration(run, _read_object(run / "curate" / "summary.json"), table, facts)


def read_texts(run: Path, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Input and output of the rows with these ids; ids that stand nowhere are left out."""
    pairs = _read_pairs([run / "curate" / name for name in _FILES], ids)
    return {id_: (pair["input"], pair["output"]) for id_, pair in pairs.items()}


def read_train_pairs(run: Path, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The train pairs with these ids, as curate/train.jsonl holds them; ids that it does not hold are left out."""
    return _read_pairs([run / "curate" / "train.jsonl"], ids)


def _read_pairs(files: Iterable[Path], ids: Collection[str]) -> dict[str, dict[str, Any]]:
    wanted = {json.dumps(name, ensure_ascii=False) for name in ids}
    found: dict[str, dict[str, Any]] = {}
    for path in files:
        if len(found) == len(wanted) or not path.is_file():
            continue
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                # A line begins {"id": "...", "input": ; only the lines asked for are parsed.
                if line[7 : line.find(', "input": ')] in wanted:
                    pair = _pair(line, f"{path}, line {number}")
                    found[pair["id"]] = pair
    return found


def _pair(line: str, where: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DataError(
            f"{where}: not readable as JSON ({_first_line(error)})\nRun `tuneworth curate` again."
        ) from None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as JSON ({_first_line(error)})\nRun `tuneworth curate` again."
        ) from None
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected an object\nRun `tuneworth curate` again.")
    return value


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
