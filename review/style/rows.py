"""The outputs of a run on which the style desk tries rules: those of all pairs, or of a sample where they are many."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ...core import DataError, open_stored, stored_line
from ...curate import SPLITS, pairs_kind, set_aside_files, split_files, tested_files
from ...style import Columns

MOST_ROWS = 50_000  # a share of these is known to half a point; more would take more than a second for each rule
_SEED = 0  # of the order: the same each time


@dataclass(frozen=True)
class StyleRows:
    """Outputs with their inputs as rules read them; position i of each is the same row, in an order drawn by chance.

    So the first rows are a sample of all. output is the one that a new curation would check: as written, or as a person
    gave it; repairs come after the check. splits: train, validation, test, or the outcome of a row that was set aside.
    numbers: the place of each in the run. total: the rows of the run, of which these are a sample if they are fewer.
    """

    columns: Columns
    ids: pl.Series
    splits: pl.Series
    numbers: np.ndarray
    total: int


def read_style_rows(run: Path, *, given: Mapping[str, str], most: int = MOST_ROWS) -> StyleRows:
    """The rows of a run that are pairs, at most `most`, drawn by a fixed seed; `given` are the outputs that people gave, by id.

    Raises: DataError if a line is damaged, or the run has no pairs.
    """
    files = [file for name in SPLITS for file in split_files(run, name)] + set_aside_files(run) or tested_files(run)
    if not files:
        raise DataError(f"{run} has no pairs; run `tuneworth curate` first")
    counts = [_lines(file) for file in files]
    chance = np.random.default_rng(_SEED)
    drawn = chance.permutation(sum(counts))[:most]
    order = np.argsort(drawn)  # the lines are read in their order
    rows = [_texts(pair, given) for pair in _drawn(files, counts, drawn[order])]
    table = pl.DataFrame(rows, schema=_SCHEMA, orient="row")[np.argsort(order)]
    columns = Columns(table["output"], table["input"], table["fields"])
    _ = columns.fields  # parsed once for all rules
    return StyleRows(columns, table["id"], table["split"], drawn, sum(counts))


_SCHEMA: dict[str, Any] = dict.fromkeys(("id", "split", "input", "fields", "output"), pl.String)


def _texts(pair: Mapping[str, Any], given: Mapping[str, str]) -> tuple[str | None, ...]:
    id_, fields = pair["id"], pair["fields"]
    written = pair.get("written")
    output = given.get(id_) or (pair["output"] if written is None else written)
    split = pair.get("split") or pair.get("outcome") or ""
    return id_, split, pair["input"], None if fields is None else json.dumps(fields, ensure_ascii=False), output or ""


def _lines(file: Path) -> int:
    with open_stored(file, pairs_kind(file)) as lines:
        return sum(1 for _ in lines)


def _drawn(files: Sequence[Path], counts: Sequence[int], drawn: np.ndarray) -> Iterator[dict[str, Any]]:
    """The pairs in the lines with these numbers, counted over all files; only they are parsed."""
    first = 0
    for file, count in zip(files, counts, strict=True):
        wanted = iter((drawn[(drawn >= first) & (drawn < first + count)] - first).tolist())
        first += count
        at = next(wanted, None)
        with open_stored(file, pairs_kind(file)) as lines:
            for number, line in enumerate(lines):
                if number != at:
                    continue
                yield stored_line(line, pairs_kind(file), path=file, number=number + 1)
                if (at := next(wanted, None)) is None:
                    break
