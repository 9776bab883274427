"""What each rule finds in the outputs of a run, kept by rule, so that an edit of one applies that one alone again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import RLock

import numpy as np
import polars as pl

from ..style import Check, Columns, StyleSchema, check_columns, explain, with_row_values

__all__ = ["BREAKS", "DISCOURAGED", "KEEPS", "UNSCORED", "Applied", "StyleResultsByRule", "broken_places", "states"]

# What a row is by the whole style, before any repair: it breaks a must rule; none, but one could not score it; only rules
# that it should follow; no rule.
BREAKS, UNSCORED, DISCOURAGED, KEEPS = "breaks", "unscored", "discouraged", "keeps"
_KEPT = 8  # results of one rule with other numbers, so that moving a bound back and forth costs nothing


@dataclass(frozen=True)
class Applied:
    """A rule applied to all rows: whether each `failed`, could not be `scored`, and the places (columns of violations)."""

    check: Check
    files: tuple[tuple[Path, int, int], ...]
    failed: np.ndarray  # (rows,) of bool
    unscored: np.ndarray  # (rows,) of bool
    violations: pl.DataFrame

    @cached_property
    def fails(self) -> int:
        """The number of outputs that break it."""
        return int(self.failed.sum())


class StyleResultsByRule:
    """The results of rules on the same rows; each rule is applied once. Safe to use from several threads."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known: dict[str, list[Applied]] = {}
        self._lock = RLock()  # the columns keep what they found, too

    def of(self, style: StyleSchema) -> dict[str, Applied]:
        """The results of each check of a style, by id, in its order."""
        with self._lock:
            return {check.id: self._of(check) for check in with_row_values(style, self._columns).checks}

    def _of(self, check: Check) -> Applied:
        known, files = self._known.setdefault(check.id, []), _files(check)
        found = next((one for one in known if (one.check, one.files) == (_rule(check), files)), None)
        if found is None:
            found = _applied(_rule(check), files, self._columns)
        self._known[check.id] = [found, *(one for one in known if one is not found)][:_KEPT]
        return found


def _rule(check: Check) -> Check:
    """What decides the results: neither the level, nor the words of the guide, nor repairs."""
    return replace(check, level="must", about="form", say=None, fix=None)


def _files(check: Check) -> tuple[tuple[Path, int, int], ...]:
    """The files that a rule reads, with what changes when they do."""
    paths = [path for _, path in StyleSchema("", (check,)).sources if path.is_file()]
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path in paths if (stat := path.stat()))


def _applied(check: Check, files: tuple[tuple[Path, int, int], ...], columns: Columns) -> Applied:
    found = check_columns(columns, StyleSchema("", (check,)))
    status = found.status[check.id]
    failed, unscored = ((status == word).to_numpy() for word in ("fail", "unscored"))
    return Applied(check, files, failed, unscored, found.violations)


def states(style: StyleSchema, results: Mapping[str, Applied], rows: int) -> np.ndarray:
    """What each row is by the whole style, as (rows,) of words."""
    must = [results[check.id] for check in style.checks if check.level == "must"]
    should = [results[check.id] for check in style.checks if check.level == "should"]
    conditions = [_any([one.failed for one in must], rows), _any([one.unscored for one in must], rows)]
    return np.select([*conditions, _any([one.failed for one in should], rows)], [BREAKS, UNSCORED, DISCOURAGED], KEEPS)


def _any(masks: Sequence[np.ndarray], rows: int) -> np.ndarray:
    return np.logical_or.reduce(masks) if masks else np.zeros(rows, bool)


def broken_places(
    results: Sequence[Applied], rows: Sequence[int]
) -> dict[int, tuple[list[tuple[int, int]], list[str]]]:
    """The places in each of the rows that break one of the rules, and the violations in sentences."""
    found: dict[int, tuple[list[tuple[int, int]], list[str]]] = {row: ([], []) for row in rows}
    for one in results:
        some = one.violations.filter(pl.col("index").is_in(list(rows)))
        for index, text, start, end, expected in some.select("index", "found", "start", "end", "expected").iter_rows():
            places, notes = found[index]
            notes.append(explain(one.check, text, expected))
            if start is not None and end is not None:
                places.append((start, end))
    return found
