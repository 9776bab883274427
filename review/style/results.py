"""What each rule finds in the outputs of a run, kept by rule, so that an edit of one applies that one alone again."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock

import numpy as np
import polars as pl

from ...style import (
    Check,
    Columns,
    StyleResults,
    StyleSchema,
    check_columns,
    explain,
    touched_rows,
    with_row_values,
)

# What a row is by the whole style, before any repair: it breaks a must rule; none, but one could not score it; only rules
# that it should follow; no rule.
BREAKS, UNSCORED, DISCOURAGED, KEEPS = "breaks", "unscored", "discouraged", "keeps"
_AT_ONCE = 2_500  # rows: what rules note about more takes hundreds of megabytes, and a person waits for the first ones
_KEPT = 8  # results of one rule with other numbers, so that moving a bound back and forth costs nothing
Files = tuple[tuple[Path, int, int], ...]


@dataclass(frozen=True)
class Applied:
    """A rule applied to the first rows: whether each `failed` or could not be scored, both (rows,) of bool; its violations.

    `files` are those that the rule read, with their time and size.
    """

    check: Check
    files: Files
    failed: np.ndarray
    unscored: np.ndarray
    violations: pl.DataFrame

    @property
    def rows(self) -> int:
        """To how many of the first rows it was applied."""
        return len(self.failed)

    def fails(self, rows: int) -> int:
        """How many of the first rows break it."""
        return int(self.failed[:rows].sum())


class RuleResults:
    """The results of rules on the same rows, in one order; each rule is applied to each row once.

    Safe to use from several threads.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known: dict[str, list[Applied]] = {}
        self._begun: dict[str, list[_Work]] = {}
        self._lock = RLock()

    def of(self, style: StyleSchema, *, seconds: float | None = None) -> dict[str, Applied]:
        """The results of each check of a style, by id: on all rows, or on as many of the first as these seconds allow.

        The next call goes on where this one stopped.
        """
        stop = None if seconds is None else time.monotonic() + seconds
        with self._lock:
            work = [self._work(_rule(check)) for check in with_row_values(style, self._columns).checks]
            while any(one.done < self._rows for one in work):
                first = min(one.done for one in work)
                _advance([one for one in work if one.done == first], first, self._columns)
                if stop is not None and time.monotonic() > stop:
                    break
            return {one.check.id: self._keep(one) for one in work}

    @property
    def _rows(self) -> int:
        return len(self._columns.output)

    def _work(self, check: Check) -> "_Work":
        """What is to be done for a rule: nothing where its results are known; as little as possible if a like one's are."""
        files = _files(check)
        known = [one for one in self._known.get(check.id, ()) if one.files == files]
        for begun in self._begun.get(check.id, ()):
            if (begun.check, begun.files) == (check, files):
                return begun
        work = _Work.of(check, files, self._rows)
        if (same := next((one for one in known if one.check == check), None)) is not None:
            work.old, work.done = same, self._rows
            return work
        for old in known:
            touched = touched_rows(old.check, check, pl.Series(old.failed | old.unscored), self._columns)
            if touched is not None:
                work.old, work.touched = old, touched.to_numpy()
                break
        return work

    def _keep(self, work: "_Work") -> Applied:
        """The results so far; those of all rows are kept, and else the work, to go on with."""
        id_ = work.check.id
        begun = [one for one in self._begun.get(id_, ()) if one is not work]
        self._begun[id_] = [work, *begun][:_KEPT] if work.done < self._rows else begun
        if work.done < self._rows:
            return work.result()
        found = work.old if work.touched is None and work.old is not None else work.result()
        others = [one for one in self._known.get(id_, ()) if (one.check, one.files) != (work.check, work.files)]
        self._known[id_] = [found, *others][:_KEPT]
        return found


@dataclass
class _Work:
    """A rule on its way through the rows; outside of `touched` its results are those of `old`, a form of it that is done."""

    check: Check
    files: Files
    done: int
    failed: np.ndarray
    unscored: np.ndarray
    violations: list[pl.DataFrame]
    old: Applied | None = None
    touched: np.ndarray | None = None

    @classmethod
    def of(cls, check: Check, files: Files, rows: int) -> "_Work":
        """A rule that was applied to no row yet."""
        return cls(check, files, 0, np.zeros(rows, bool), np.zeros(rows, bool), [])

    def places(self, start: int, stop: int) -> np.ndarray:
        """The rows to check between two."""
        rows = np.arange(start, stop)
        return rows if self.touched is None else rows[self.touched[start:stop]]

    def add(self, found: StyleResults | None, places: np.ndarray, start: int, stop: int) -> None:
        """Take over the results of these rows, and those of the others from before."""
        if self.old is not None:
            self.failed[start:stop], self.unscored[start:stop] = (
                self.old.failed[start:stop],
                self.old.unscored[start:stop],
            )
            here = pl.col("index").is_between(start, stop, closed="left")
            self.violations.append(self.old.violations.filter(here & ~pl.col("index").is_in(places.tolist())))
        if found is not None:
            status = found.status[self.check.id]
            self.failed[places], self.unscored[places] = ((status == word).to_numpy() for word in ("fail", "unscored"))
            own = found.violations.filter(pl.col("check") == self.check.id)
            numbers = pl.Series(places, dtype=pl.UInt32)
            self.violations.append(own.with_columns(index=numbers.gather(own["index"])))
        self.done = stop

    def result(self) -> Applied:
        """What is known of the rows so far."""
        table = pl.concat(self.violations).sort("index", maintain_order=True)
        return Applied(
            self.check, self.files, self.failed[: self.done].copy(), self.unscored[: self.done].copy(), table
        )


def _rule(check: Check) -> Check:
    """What decides the results: neither the level, nor the words of the guide, nor repairs."""
    return replace(check, level="must", about="form", say=None, fix=None)


def _files(check: Check) -> Files:
    paths = [path for _, path in StyleSchema("", (check,)).sources if path.is_file()]
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path in paths if (stat := path.stat()))


def _advance(work: Sequence[_Work], start: int, columns: Columns) -> None:
    """Apply rules to the next rows; those that look at the same rows together, as they share what they read."""
    stop = min(start + _AT_ONCE, len(columns.output))
    same: dict[bytes, list[_Work]] = {}
    for one in work:
        same.setdefault(one.places(start, stop).tobytes(), []).append(one)
    for together in same.values():
        places = together[0].places(start, stop)
        found = _checked([one.check for one in together], columns, places) if len(places) else None
        for one in together:
            one.add(found, places, start, stop)


def _checked(checks: Sequence[Check], columns: Columns, places: np.ndarray) -> StyleResults:
    return check_columns(
        columns.changed(places.tolist(), columns.output.gather(places)), StyleSchema("", tuple(checks))
    )


def states(style: StyleSchema, results: Mapping[str, Applied], rows: int) -> np.ndarray:
    """What each of the first rows is by the whole style, as (rows,) of words."""
    must = [results[check.id] for check in style.checks if check.level == "must"]
    should = [results[check.id] for check in style.checks if check.level == "should"]
    masks = [one.failed for one in must], [one.unscored for one in must], [one.failed for one in should]
    return np.select([_any(some, rows) for some in masks], [BREAKS, UNSCORED, DISCOURAGED], KEEPS)


def _any(masks: Sequence[np.ndarray], rows: int) -> np.ndarray:
    return np.logical_or.reduce([mask[:rows] for mask in masks]) if masks else np.zeros(rows, bool)


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
