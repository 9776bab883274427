"""A curated run read back from its folder: summary, ledger, and the texts of the rows that a report shows."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ..core import DataError
from ..curate import SPLITS, ledger_files, parts_of_ids, set_aside_files, split_files, table_name

__all__ = ["StoredCuration", "find_curation", "ledger_place", "read_curation", "read_texts", "read_train_pairs"]

EXAMPLES = 3  # of each rule
_NAMES = ("row", "id", "outcome", "split", "rule", "evidence", "other_id", "similarity")


@dataclass(frozen=True)
class StoredCuration:
    """What curate/summary.json says, rows that left, and the facts of run.json (empty where there is none).

    left: the first rows of the ledger that each rule took, `n` beside its columns: how many it took.
    """

    path: Path
    summary: dict[str, Any]
    left: pl.DataFrame
    facts: dict[str, Any]


def find_curation(run: Path) -> bool:
    """Whether the run was curated to its end: the summary is written last."""
    return (run / "curate" / "summary.json").is_file()


def read_curation(run: Path) -> StoredCuration:
    """The curated run in a folder.

    Raises:
        DataError: a part is missing or damaged.
    """
    files = ledger_files(run)
    left = _left_of(files)
    facts = _read_object(run / "run.json") if (run / "run.json").is_file() else {}
    return StoredCuration(run, _read_object(run / "curate" / "summary.json"), left, facts)


def _left_of(files: Sequence[Path]) -> pl.DataFrame:
    """The first rows that each rule took and how many it took; one file at a time, for a ledger may be large."""
    by = ["outcome", "rule"]
    first, counts = [], []
    for file in files:
        gone = _gone(file)
        counts.append(gone.group_by(by).agg(n=pl.len()))
        first.append(gone.group_by(by, maintain_order=True).head(EXAMPLES))
    count = pl.concat(counts).group_by(by).agg(pl.col("n").sum())
    rows = pl.concat(first).group_by(by, maintain_order=True).head(EXAMPLES)
    return rows.join(count, on=by, nulls_equal=True, maintain_order="left")


def _gone(file: Path) -> pl.DataFrame:
    """The rows of a file of the ledger that were not kept, in order."""
    try:
        ledger = pl.scan_parquet(file)
        missing = [name for name in _NAMES if name not in ledger.collect_schema()]
        if not missing:
            return ledger.filter(pl.col("outcome") != "kept").select(_NAMES).sort("row").collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file}: cannot be read ({_first_line(error)})\nRun `tuneworth curate` again.") from None
    raise DataError(f"{file}: has no column {', '.join(missing)}\nRun `tuneworth curate` again.")


def ledger_place(run: Path) -> str:
    """The name of the ledger in the run: a file, or the folder of its parts."""
    return table_name(run, "curate/ledger.parquet") or "curate/ledger.parquet"


def read_texts(run: Path, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Input and output of the rows with these ids; ids that stand nowhere are left out."""
    tables = [*(split_files(run, split) for split in SPLITS), set_aside_files(run)]
    parts = parts_of_ids(run, ids)
    pairs = _read_pairs([files[part] for files in tables if files for part in parts], ids)
    return {id_: (pair["input"], pair["output"]) for id_, pair in pairs.items()}


def read_train_pairs(run: Path, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The train pairs with these ids, as they stand in train; ids that do not are left out."""
    files = split_files(run, "train")
    parts = parts_of_ids(run, ids) if len(files) > 1 else range(len(files))
    return _read_pairs([files[part] for part in parts], ids)


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
