"""Locates the tables of a curated run, and queries its ledger.

A run in one piece has `curate/train.jsonl` and `curate/ledger.parquet`; a run in parts has the folders `curate/train`
and `curate/ledger` with a file for each part. Concatenated in order, the parts are that single file.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from ..core import DataError, damage, need_regular, read_stored, read_stored_lines, say
from .split import SPLITS

OUTCOMES = ("kept", "duplicate", "conflict", "invalid", "leaked", "quarantined", "decided")
LEDGER_SCHEMA = {
    "row": pl.UInt32,
    "id": pl.String,
    "outcome": pl.String,
    "split": pl.String,
    "rule": pl.String,
    "evidence": pl.String,
    "other_id": pl.String,
    "similarity": pl.Float64,
    "content": pl.String,  # 128 bits of the normalised content, which identifies a row
    "placed": pl.String,  # the split, also of a row that a rule dropped from train or validation
    "fixed": pl.String,  # the rules by which the output was repaired, with ", " between them
}
_ADDED = ("content", "placed", "fixed")  # columns that ledgers of earlier versions lack
MISPAIRED = "quality:mispaired"  # the rule of kept rows whose output fits the request of another row better
STATED = "stated_split"  # the rule of rows stated for train that repeat one stated for validation or test
LEDGER, CURATED_SUMMARY = "curate/ledger.parquet", "curate/summary.json"
# Kinds of files, as the schemas name them.
PAIRS, SET_ASIDE, GIVEN = "curate/SPLIT.jsonl", "curate/set_aside.jsonl", "evaluate/pairs.jsonl"
_KINDS = {"ledger.parquet": LEDGER, "set_aside.jsonl": SET_ASIDE}
LINES = (*SPLITS, "set_aside")  # the tables kept as JSON lines
_FILES = (*(f"{name}.jsonl" for name in LINES), "ledger.parquet")
CURATED = (*_FILES, *(Path(name).stem for name in _FILES), "summary.json")  # all that curating may write


def split_files(run: Path, split: str) -> list[Path]:
    """The files of train, validation or test, in the order of rows; [] if the run has none.

    Raises:
        DataError: the run is in parts, and some are missing.
    """
    return _files_of(Path(run) / "curate", f"{split}.jsonl")


def set_aside_files(run: Path) -> list[Path]:
    """The files of the pairs that were not kept; as `split_files`."""
    return _files_of(Path(run) / "curate", "set_aside.jsonl")


def tested_files(run: Path) -> list[Path]:
    """The files of the pairs used for evaluation: those given for it, else the run's test split."""
    given = Path(run) / GIVEN
    return [given] if given.exists() or given.is_symlink() else split_files(run, "test")


def ledger_files(run: Path) -> list[Path]:
    """The files of the ledger, in the order of rows.

    Raises:
        DataError: the run has no ledger, or is in parts and some are missing.
    """
    folder = Path(run) / "curate"
    found = _files_of(folder, "ledger.parquet")
    if not found:
        raise DataError(f"{folder / 'ledger.parquet'}: there is no ledger; check that {run} is a curated run")
    return found


def table_name(run: Path, file: str) -> str | None:
    """The path in the run of a file such as `curate/train.jsonl`: the file, or the folder of its parts; else None."""
    whole = Path(run) / file
    if whole.exists():
        return file
    return file.removesuffix(whole.suffix) if whole.name in _FILES and whole.with_suffix("").is_dir() else None


def pair_lines(run: Path) -> Iterator[dict[str, Any]]:
    """All canonical pairs of a run: those of the splits, then those that were set aside.

    Raises: DataError if a line is damaged, or a file has other lines than curating wrote.
    """
    for table, files in [*((split, split_files(run, split)) for split in SPLITS), ("set_aside", set_aside_files(run))]:
        rows = []
        for path in files:
            for pair in read_stored_lines(path, pairs_kind(path)):
                rows.append(pair["row"])
                yield pair
        if files:
            check_rows(run, table, rows)


def check_rows(run: Path, table: str, rows: Collection[int]) -> None:
    """Raises: DataError if a split, or `set_aside`, lacks or has rows that curating wrote otherwise; `rows` are those read."""
    if table == "set_aside":
        files = set_aside_files(run)
        lost = len(_with_texts(run).difference(rows))
        what = f"{say.count(lost, 'row')} of the ledger {'is' if lost == 1 else 'are'} missing: it was cut or changed"
    else:
        files, counted = split_files(run, table), (read_summary(run).get("splits") or {}).get(table, len(rows))
        lost = counted - len(rows)
        what = f"{say.count(len(rows), 'pair')}, but curating wrote {counted:,}: it was cut or changed"
    if lost:
        raise damage(files[0], pairs_kind(files[0]), what)


def _with_texts(run: Path) -> set[int]:
    """The rows that were not kept and are surely set aside with their texts: those with a content in the ledger."""
    ledger = scan_ledger(run)
    if "content" not in ledger.collect_schema():  # of an earlier version
        return set()
    rows = pl.col("outcome").ne("kept") & pl.col("content").is_not_null()
    return set(_read(ledger, ledger_files(run)[0], ["row"], rows)["row"])


def part_name(part: int, suffix: str) -> str:
    """The name of a part's file, numbered from 0."""
    return f"part-{part:05d}{suffix}"


def pairs_kind(path: Path) -> str:
    """The kind of a file of pairs, as the schemas name it: of those that were kept, or of those that were not."""
    return SET_ASIDE if "set_aside" in (path.stem, path.parent.name) else PAIRS


def read_summary(run: Path) -> dict[str, Any]:
    """The numbers of curating the run; empty if there are none. Raises: DataError if the file is damaged."""
    return read_stored(Path(run) / CURATED_SUMMARY, CURATED_SUMMARY)


def scan_ledger(run: Path) -> pl.LazyFrame:
    """The ledger, one row per row read, as a lazy frame.

    Raises:
        DataError: as `ledger_files`, or it is damaged.
    """
    files = ledger_files(run)
    ledger, counted = _scanned(files), read_summary(run).get("rows_read")
    with _damage_reported(files[0]):
        found = ledger.select(pl.len()).collect().item()
    if counted not in (None, found):
        raise damage(files[0], LEDGER, f"{found:,} rows, but curating read {counted:,}: it was cut or changed")
    return ledger


def _scanned(files: Sequence[Path], **options: Any) -> pl.LazyFrame:
    """These files of a ledger. Raises: DataError if one is not a table with a ledger's columns."""
    for file in files:
        with _damage_reported(file):
            need_regular(file)
            columns = pl.read_parquet_schema(file)
        for name, kind in LEDGER_SCHEMA.items():
            if name not in columns and name not in _ADDED:
                raise damage(file, LEDGER, f'the column "{name}" is missing')
            if columns.get(name, kind) != kind:
                raise damage(file, LEDGER, f'the column "{name}" is of type {columns[name]}; expected {kind}')
    return pl.scan_parquet(list(files), **options)


def read_ledger(run: Path, columns: Sequence[str] | None = None, where: pl.Expr | None = None) -> pl.DataFrame:
    """The ledger of a run: one row per row read; optionally only some columns, and the rows for which `where` holds.

    Raises:
        DataError: the run has none, or it is damaged.
    """
    return _read(scan_ledger(run), ledger_files(run)[0], columns, where)


def read_ledger_file(file: Path, columns: Sequence[str], where: pl.Expr) -> pl.DataFrame:
    """As `read_ledger`, of one of the run's `ledger_files`."""
    return _read(_scanned([file]), file, columns, where)


def copied_in_train(run: Path) -> list[str]:
    """The ids of the held-out rows that rows stated for train repeat: a model trained on these knows their answers."""
    if not (read_summary(run).get("rules") or {}).get(STATED):
        return []
    rows = read_ledger(run, ["other_id"], pl.col("rule") == STATED)
    return rows["other_id"].drop_nulls().unique(maintain_order=True).to_list()


def _read(rows: pl.LazyFrame, file: Path, columns: Sequence[str] | None, where: pl.Expr | None) -> pl.DataFrame:
    rows = rows if where is None else rows.filter(where)
    with _damage_reported(file):
        return (rows if columns is None else rows.select(columns)).collect()


def ledger_rows(run: Path, where: pl.Expr) -> pl.DataFrame:
    """The rows of the ledger for which `where` holds, with the number of their `part` (0 in a run of one piece).

    Raises:
        DataError: as `read_ledger`.
    """
    files = ledger_files(run)
    numbers = {str(file): number for number, file in enumerate(files)}
    with _damage_reported(files[0]):
        rows = _scanned(files, include_file_paths="part").filter(where).collect()
    if (odd := rows.filter(pl.col("row").is_null() | ~pl.col("outcome").is_in(OUTCOMES))).height:
        raise damage(files[0], LEDGER, f'the row "{odd["id"][0]}" has no number, or no outcome that is known')
    return rows.with_columns(pl.col("part").replace_strict(numbers, return_dtype=pl.UInt32))


def parts_of_ids(run: Path, ids: Collection[str]) -> list[int]:
    """The numbers of the parts that contain rows with these ids, in order."""
    if len(ledger_files(run)) == 1:
        return [0]
    wanted = pl.Series(sorted(ids), dtype=pl.String)
    return sorted(set(ledger_rows(run, pl.col("id").is_in(wanted.implode()))["part"].to_list()))


def _files_of(folder: Path, name: str) -> list[Path]:
    whole = folder / name
    if whole.exists() or whole.is_symlink():
        return [whole]
    parts = whole.with_suffix("")
    if not parts.is_dir():
        if (folder / "summary.json").exists():  # written last, after all tables
            raise damage(whole, _KINDS.get(name, PAIRS), "the file is missing")
        return []
    expected = [parts / part_name(number, whole.suffix) for number in range(_parts(folder))]
    missing = [path for path in expected if not path.is_file()]
    if missing:
        raise DataError(
            f"{missing[0]} is missing, with {len(missing):,} of the {len(expected):,} parts in all\n"
            "Restore them, or curate again: tuneworth curate"
        )
    return expected


def _parts(folder: Path) -> int:
    """The number of parts of a folder, from the summary, which is written last."""
    parts = read_summary(folder.parent).get("parts")
    if isinstance(parts, int) and not isinstance(parts, bool) and parts > 0:
        return parts
    raise DataError(
        f"{folder} is incomplete: it is in parts, and there is no summary.json with their number\n"
        "Curate again: tuneworth curate"
    )


@contextmanager
def _damage_reported(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, DataError, pl.exceptions.PolarsError) as error:
        if isinstance(error, DataError) and "\n" in str(error):  # it says already what to do
            raise
        reason = str(error).strip().partition("\n")[0].removeprefix(f"{file} ")
        raise damage(file, LEDGER, f"not readable as a ledger ({reason[:200]})") from None
