"""Repairs the outputs of pairs by the rules of a style."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ...core import ConfigError, Console, disk_refusals, notebook_page, say, write_whole
from ...curate import answered_lines
from ...style import KINDS, Repaired, StyleSchema, missing_fields, pair_columns, read_style, repair_columns
from ..run import QUIET
from .style import MOST_RULES, reading_settings, take_pairs


@dataclass(frozen=True)
class FixedOutputs:
    """Pairs whose outputs were repaired by a style.

    pairs: as read. repaired: the texts, the changes, and what is still broken. unread: the number of rows that are not
    pairs. written: the file, if one was written.
    """

    pairs: pl.DataFrame
    repaired: Repaired
    unread: int
    written: Path | None = None

    @property
    def outputs(self) -> pl.Series:
        """The outputs after repair, one per pair."""
        return self.repaired.texts

    @property
    def acceptable(self) -> tuple[int, int]:
        """How many outputs followed every must rule before, and how many do now."""
        before, after = (
            int(results.shares()["acceptable"].fill_null(False).sum())
            for results in (self.repaired.before, self.repaired.results)
        )
        return before, after

    @property
    def broken(self) -> int:
        """The number of outputs that still break a must rule."""
        return int((~self.repaired.results.shares()["acceptable"].fill_null(True)).sum())

    @property
    def table(self) -> pl.DataFrame:
        """A row for each rule.

        Columns: `check, level, repairs` (what its kind can do), the outputs that were `broken`, are `still_broken` or were
        `changed`, and the number of `changes`.
        """
        changes = self.repaired.changes
        made = Counter(changes["rule"])
        outputs = Counter(changes.unique(["index", "rule"])["rule"])
        rows = [
            {
                "check": check.id,
                "level": check.level,
                "repairs": check.fix or ", ".join(KINDS[check.kind].fix.possible) or "no",
                "broken": int((self.repaired.before.status[check.id] == "fail").sum()),
                "still_broken": int((self.repaired.results.status[check.id] == "fail").sum()),
                "changed": outputs[check.id],
                "changes": made[check.id],
            }
            for check in self.repaired.before.style.checks
        ]
        return pl.DataFrame(rows)

    @property
    def headline(self) -> str:
        """A sentence that says how many outputs were changed, and how many are acceptable now."""
        before, after = self.acceptable
        return (
            f"{say.count(self.repaired.changed)} of {say.count(len(self.pairs))} outputs changed; "
            f"{say.count(after)} follow every must rule ({say.count(before)} before)"
        )

    def __repr__(self) -> str:
        return f"{self.headline}\n{self.table}"

    def _repr_html_(self) -> str:
        return notebook_page(self.headline, table=self.table, rows=MOST_RULES)


def fix_outputs(
    pairs: Any,
    style: str | Path | StyleSchema,
    *,
    unsafe: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
    allow_code: bool = False,
    talk: Console = QUIET,
    **columns: Any,
) -> FixedOutputs:
    """The outputs of `pairs` repaired by the rules of a style; `pairs` and `columns` are as for `infer_style`.

    A safe repair changes no number, code or field value and breaks no other must rule. With `unsafe`, content that cannot be
    repaired safely may be removed: a fact that the request does not state, a repetition, text beyond the maximum length.
    `out` is a JSON Lines file for all records with every key; it is replaced only with `overwrite`.

    Raises: ConfigError for an invalid style or a file that exists; DataError if there is no pair; RunBroken for disk errors.
    """
    pairs = list(pairs) if isinstance(pairs, Iterator) else pairs  # read twice
    place = _place(out, overwrite=overwrite)
    schema = style if isinstance(style, StyleSchema) else read_style(Path(style), allow_code=allow_code)
    raw, settings = take_pairs(pairs, talk=talk, **columns), reading_settings(pairs, **columns)
    given = pair_columns(raw.pairs)
    for line in missing_fields(schema, given):
        talk.note(f"warning: {line}")
    repaired = repair_columns(given, schema, unsafe=unsafe)
    if place is not None:
        rows = raw.pairs["row"].gather(changed := repaired.changes["index"].unique().sort())
        outputs = dict(zip(rows, repaired.texts.gather(changed), strict=True))
        with disk_refusals(place):
            write_whole(place, answered_lines(pairs, settings, raw, outputs))
    return FixedOutputs(raw.pairs, repaired, raw.rows_read - len(raw.pairs), place)


def _place(out: str | Path | None, *, overwrite: bool) -> Path | None:
    """The file to write. Raises: ConfigError if it exists and may not be overwritten, or is not named as JSON Lines."""
    if out is None:
        return None
    place = Path(out)
    if place.suffix not in (".jsonl", ".ndjson"):
        raise ConfigError(f"--out writes JSON Lines; {place} must end with .jsonl")
    if place.exists() and (not overwrite or place.is_dir()):
        raise ConfigError(
            f"{place} already exists and was not changed\nName another file with --out, or replace it with --overwrite."
        )
    return place
