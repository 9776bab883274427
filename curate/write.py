"""Writes and reads a curated run: canonical pairs, ledger, summary; writes are atomic."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import islice, pairwise
from json.encoder import encode_basestring
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import polars as pl

from ..core import DataError, as_json, disk_refusals, read_stored_lines, whole_folder, write_whole
from .curated import Curated, CuratedParts, with_decisions
from .each import Each, InMemory, Kept, in_turn
from .read import PAIR_SCHEMA, REJECTED_SCHEMA, RawPairs
from .records import Curation
from .run_files import (
    CURATED,
    GIVEN,
    PAIRS,
    SET_ASIDE,
    check_rows,
    part_name,
    read_ledger,
    set_aside_files,
    split_files,
    tested_files,
)  # fmt: skip
from .split import SPLITS

_ORDER = (
    "id", "input", "fields", "output", "written", "system", "group", "component", "row", "split", "reference_ok", "meta",
)  # fmt: skip
_OBJECTS = ("fields", "meta")  # JSON text in the table, objects in the lines
_CHUNK = 20_000  # lines made or read at once
_FILES = {"name": pl.String, "content": pl.Binary}


def write_curated(curated: Curated, run: Path) -> Path:
    """Write RUN/curate: a file per split, set_aside.jsonl, ledger.parquet and summary.json.

    The folder is replaced atomically: until the last file is written, the previous content is unchanged.

    Raises:
        RunBroken: the disk is full or fails; no partial output remains.
    """
    started = time.perf_counter()
    with curated_folder(run) as folder:
        for name, table in _tables(curated.kept, curated.dropped).items():
            with (folder / f"{name}.jsonl").open("wb") as file:
                _write_lines(file, table)
        with (folder / "ledger.parquet").open("wb") as file:
            curated.ledger.write_parquet(file)
        _write_summary(folder, curated.curation, started)
    return Path(run) / "curate"


def write_parts(curated: CuratedParts, run: Path, *, each: Each = in_turn) -> Path:
    """Write a file per part of each split, the set-aside pairs and the ledger, and the summary; returns the folder.

    The folder appears atomically.

    Raises:
        RunBroken: the disk is full or fails; the same command resumes where this one stopped.
    """
    started = time.perf_counter()
    # A different ledger gets a separate stage: rows that were pinned meanwhile may be in another split.
    hashes = curated.ledger.with_columns(curated.decisions["component"]).hash_rows(seed=0).to_numpy()
    step = f"write {hashlib.sha256(hashes.tobytes()).hexdigest()[:8]}"
    bounds = [*curated.offsets, np.iinfo(np.uint32).max]
    places = np.searchsorted(curated.ledger["row"].to_numpy(), bounds, side="right").tolist()
    files = each(
        step, part_files,
        [
            {**vars(texts), "ledger": curated.ledger[a:b], "decisions": curated.decisions[a:b]}
            for texts, (a, b) in zip(curated.texts, pairwise(places), strict=True)
        ],
    )  # fmt: skip
    with curated_folder(run) as folder:
        for part, written in enumerate(files):
            write_part(folder, part, dict(written.read().iter_rows()))
        _write_summary(folder, msgspec.structs.replace(curated.curation, parts=len(files)), started)
    return Path(run) / "curate"


def part_files(
    pairs: pl.DataFrame, dropped: pl.DataFrame, repairs: pl.DataFrame, *, ledger: pl.DataFrame, decisions: pl.DataFrame
) -> Kept:
    """The files of one part of a run, by name: the lines of each split and of the set-aside pairs, and the ledger."""
    files: dict[str, bytes] = {}
    for name, table in _tables(*with_decisions(pairs, dropped, repairs, decisions)).items():
        lines = BytesIO()
        _write_lines(lines, table)
        files[name] = lines.getvalue()
    table = BytesIO()
    ledger.write_parquet(table)
    files["ledger"] = table.getvalue()
    return InMemory(pl.DataFrame({"name": list(files), "content": list(files.values())}, schema=_FILES))


def _tables(kept: pl.DataFrame, dropped: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The contents of each JSON lines file."""
    return {split: kept.filter(pl.col("split") == split) for split in SPLITS} | {"set_aside": dropped}


@contextmanager
def curated_folder(run: Path) -> Iterator[Path]:
    """A folder to write into, which becomes RUN/curate when the block ends; the previous one is deleted.

    Raises:
        RunBroken: the disk is full or fails; no partial output remains.
    """
    place = Path(run) / "curate"
    with disk_refusals(place), whole_folder(place, CURATED) as folder:
        yield folder


def write_part(folder: Path, part: int, files: Mapping[str, bytes]) -> None:
    """Write one part of a run in parts: a file in each of train, validation, test, set_aside and ledger.

    `files` are those of `part_files`. Each is written atomically, even if empty, so that the parts can be
    counted.
    """
    for name, content in files.items():
        write_whole(folder / name / part_name(part, ".parquet" if name == "ledger" else ".jsonl"), content)


def _write_summary(folder: Path, curation: Curation, started: float) -> None:
    """Write summary.json, the last file of a curated folder, with the seconds of writing since `started`."""
    seconds = {**curation.seconds, "write": round(time.perf_counter() - started, 4)}
    content = as_json(msgspec.structs.replace(curation, seconds=seconds))
    write_whole(folder / "summary.json", json.dumps(content, ensure_ascii=False, indent=2) + "\n")


# --- reading ------------------------------------------------------------------------------------------------------


def read_split(run: Path, split: str) -> pl.DataFrame:
    """The pair table of a run's split: train, validation or test.

    Raises:
        DataError: the run has no such file, or one of its lines is damaged.
    """
    files = split_files(run, split) or [Path(run) / "curate" / f"{split}.jsonl"]
    return _read_split(run, split, files, PAIR_SCHEMA)


def _read_split(run: Path, split: str, files: Sequence[Path], schema: dict[str, Any]) -> pl.DataFrame:
    """The pairs of a split. Raises: DataError if a line is damaged, or lines were cut off or added since curating."""
    pairs = _read(files, schema)
    check_rows(run, split, pairs["row"])
    return pairs


def _read_splits(run: Path) -> pl.DataFrame:
    """The pairs of all splits, with `written`."""
    schema = {**PAIR_SCHEMA, "written": pl.String}
    found = {split: split_files(run, split) for split in SPLITS}
    return pl.concat([_read_split(run, split, files, schema) for split, files in found.items() if files])


def read_kept(run: Path) -> pl.DataFrame:
    """The pairs of all splits in the order of their rows, with `written`, the output before it was changed, or null.

    Raises:
        DataError: the run was not curated, or one of its lines is damaged.
    """
    if not split_files(run, SPLITS[0]):
        raise DataError(f"there is no file at {Path(run) / 'curate' / 'train.jsonl'}; run `tuneworth curate` first")
    return _read_splits(run).sort("row")


def read_tested(run: Path) -> pl.DataFrame:
    """The pair table that a run is evaluated on: the pairs given for it, else its test split.

    Raises: as `read_split`.
    """
    given = Path(run) / GIVEN
    return _read([given], PAIR_SCHEMA, GIVEN) if given in tested_files(run) else read_split(run, "test")


def read_set_aside(run: Path) -> pl.DataFrame:
    """The pairs that were not kept: a pair table with outcome and rule."""
    files = set_aside_files(run) or [Path(run) / "curate" / "set_aside.jsonl"]
    pairs = _read(files, {**PAIR_SCHEMA, "outcome": pl.String, "rule": pl.String}, SET_ASIDE)
    check_rows(run, "set_aside", pairs["row"])
    return pairs


def read_original(run: Path, guide: str | None = None) -> RawPairs:
    """The rows of a run as they were read (and masked): kept or not, with their outputs before repairs and edits.

    `guide` is the system message that curating removed. What split the data stated for a row is not known any more.

    Raises:
        DataError: the run was not curated, or a file is damaged.
    """
    schema = {**PAIR_SCHEMA, "written": pl.String}
    set_aside = _read(set_aside_files(run), schema, SET_ASIDE)
    check_rows(run, "set_aside", set_aside["row"])
    found = pl.concat([_read_splits(run), set_aside]).sort("row")
    no_name = pl.lit(None, pl.String)
    pairs = found.select(*PAIR_SCHEMA).with_columns(
        output=pl.coalesce(found["written"], found["output"]),
        component=no_name,
        split=no_name,
        reference_ok=pl.lit(True),
    )
    ledger = read_ledger(run, list(REJECTED_SCHEMA))
    rejected = ledger.join(pairs, on="row", how="anti", maintain_order="left")
    return RawPairs(pairs, rejected, "", guide, len(ledger))


# --- lines --------------------------------------------------------------------------------------------------------


def _write_lines(file: IO[bytes], table: pl.DataFrame) -> None:
    for part in table.iter_slices(_CHUNK):
        file.write("".join(_lines(part)).encode())


def _lines(table: pl.DataFrame) -> Iterator[str]:
    """The canonical lines, assembled from columns, which is several times as fast as a dictionary for each row."""
    names = [*_ORDER, *(name for name in table.columns if name not in _ORDER)]
    columns = [_json_values(table[name]) for name in names]
    line = "{" + ", ".join(f"{json.dumps(name)}: %s" for name in names) + "}\n"
    return (line % row for row in zip(*columns, strict=True))


def _json_values(column: pl.Series) -> list[str]:
    """Each value as JSON."""
    values = column.to_list()
    if column.name in _OBJECTS:
        return ["null" if text is None else text.replace("\n", " ") for text in values]
    if column.dtype == pl.String:
        return ["null" if text is None else encode_basestring(text) for text in values]
    return column.cast(pl.String).fill_null("null").to_list()  # numbers, true and false


def _read(files: Sequence[Path], schema: dict[str, Any], kind: str = PAIRS) -> pl.DataFrame:
    """The lines of these files of a kind as a table. Raises: DataError if a file is missing, or a line is damaged."""
    tables = [table for path in files for table in _chunks(path, schema, kind)]
    return pl.concat([pl.DataFrame(schema=schema), *tables], rechunk=True)


def _chunks(path: Path, schema: dict[str, Any], kind: str) -> Iterator[pl.DataFrame]:
    """The rows of a file in chunks: as columns they take a fraction of the memory."""
    if not path.exists():
        raise DataError(f"there is no file at {path}; run `tuneworth curate` first")
    rows = (_row(value, schema) for value in read_stored_lines(path, kind))
    while some := list(islice(rows, _CHUNK)):
        yield pl.DataFrame(some, schema=schema, orient="row")


def _row(value: dict[str, Any], schema: dict[str, Any]) -> list[Any]:
    objects = {k: json.dumps(value[k], ensure_ascii=False) for k in ("fields", "meta") if value[k] is not None}
    return [objects.get(name, value.get(name)) for name in schema]
