"""`splits.jsonl`: where each row was placed, so that a test set stays a test set when the data grow."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ..style.errors import DataError, RunBroken
from ..style.files import write_whole
from .split import SPLITS

__all__ = ["HeldSplits", "hold_splits", "read_splits", "write_splits"]

_SCHEMA = {"content": pl.String, "id": pl.String, "split": pl.String}
_CHUNK = 50_000  # lines at once: of millions the texts would take some gigabytes


@dataclass(frozen=True)
class HeldSplits:
    """The lines of a file: content (the hash in the ledger), id, split. None where nothing was placed yet."""

    lines: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SCHEMA))

    def sides(self, content: Sequence[str] | pl.Series, ids: Sequence[str] | pl.Series) -> np.ndarray:
        """The position in `SPLITS` of each row that was placed before, -1 for the others.

        A row is known by its content; one with a known id and another content is the same row in other words, if the
        content that bore the id is gone. (Ids that count lines shift when a line comes in between: then it is not.)
        """
        rows = pl.DataFrame({"content": content, "id": ids}, schema={"content": pl.String, "id": pl.String})
        side = pl.col("split").replace_strict(list(SPLITS), range(len(SPLITS)), return_dtype=pl.Int64)
        lines = self.lines.with_columns(side=side)
        # Of one content on two sides the one held out further counts.
        known = lines.group_by("content").agg(pl.col("side").max())
        gone = lines.join(rows, on="content", how="anti")
        named = gone.group_by("id").agg(by_id=pl.col("side").max())
        found = rows.join(known, on="content", how="left", maintain_order="left").join(
            named, on="id", how="left", maintain_order="left"
        )
        return found.select(pl.coalesce("side", "by_id").fill_null(-1)).to_series().to_numpy()

    def named(self, ids: Sequence[str] | pl.Series) -> np.ndarray:
        """Whether each row's id is that of a line."""
        return pl.Series("id", ids, dtype=pl.String).is_in(self.lines["id"].implode()).to_numpy()

    def grown(self, ledger: pl.DataFrame) -> "HeldSplits":
        """The lines with those of a new ledger: rows that it keeps stand where it says, all others stay as they are.

        A line is replaced where its content, or its id in other words, was placed again. New lines follow, by id.
        """
        placed = ledger.filter(pl.col("outcome") == "kept").select("content", "id", "split").unique("content")
        seen = ledger.select("content").drop_nulls()
        reworded = self.lines.join(seen, on="content", how="anti").join(placed, on="id", how="semi")
        stay = self.lines.join(reworded, on="content", how="anti", maintain_order="left")
        fresh = placed.join(stay, on="content", how="anti").sort("id", "content")
        newer = placed.select("content", newer_id="id", newer="split")
        stay = stay.join(newer, on="content", how="left", maintain_order="left").select(
            "content", id=pl.coalesce("newer_id", "id"), split=pl.coalesce("newer", "split")
        )
        return HeldSplits(pl.concat([stay, fresh]))


def read_splits(path: Path) -> HeldSplits:
    """The placed rows of a file; none where there is no such file.

    Raises:
        DataError: naming the lines that say no split.
    """
    tables, problems = [pl.DataFrame(schema=_SCHEMA)], []
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            lines = enumerate(file, start=1)
            while some := list(islice(lines, _CHUNK)):
                rows = [(number, _row(line)) for number, line in some if line.strip()]
                problems += [number for number, row in rows if row is None]
                tables.append(pl.DataFrame([row for _, row in rows if row], schema=_SCHEMA, orient="row"))
    except FileNotFoundError:
        return HeldSplits()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error})\n{_MEND}") from None
    if problems:
        said = [f'line {number}: expected {{"content": ..., "id": ..., "split": "train"}}' for number in problems[:3]]
        more = [f"and {len(problems) - 3:,} lines more"] if len(problems) > 3 else []
        raise DataError(f"{DataError.of([*said, *more], where=str(path))}\n{_MEND}")
    return HeldSplits(pl.concat(tables, rechunk=True))


_MEND = "The file keeps test rows out of train: bring back the version before. Without it every row is placed anew."


def write_splits(path: Path, held: HeldSplits) -> None:
    """Write the file whole: one line for each placed row."""
    write_whole(path, map(_lines, held.lines.iter_slices(_CHUNK)))


def _lines(rows: pl.DataFrame) -> bytes:
    columns = [list(map(encode_basestring, rows[name].to_list())) for name in _SCHEMA]
    line = '{"content": %s, "id": %s, "split": %s}\n'
    return "".join(line % row for row in zip(*columns, strict=True)).encode()


def hold_splits(path: Path, before: HeldSplits, ledger: pl.DataFrame) -> None:
    """Add what a ledger places to the file, of which `before` was read; lines that came in meanwhile stay.

    Raises:
        RunBroken: another run placed some of these rows on another side meanwhile.
    """
    now = read_splits(path)
    if not now.lines.equals(before.lines):
        kept = ledger.filter(pl.col("outcome") == "kept")
        there = now.sides(kept["content"], kept["id"])
        here = kept["split"].replace_strict(list(SPLITS), range(len(SPLITS)), return_dtype=pl.Int64).to_numpy()
        if apart := int(((there >= 0) & (there != here)).sum()):
            raise RunBroken(
                f"{path} changed meanwhile: another run placed {apart:,} of these rows on another side of the split\n"
                "Nothing was written; the same command, started again, takes them as they stand there."
            )
    write_splits(path, now.grown(ledger))


def _row(line: str) -> tuple[str, str, str] | None:
    try:
        value: Any = json.loads(line)
        row = (value["content"], value["id"], value["split"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return row if all(isinstance(part, str) for part in row) and row[2] in SPLITS else None
