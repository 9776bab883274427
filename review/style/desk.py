"""The style at the desk: what its rules find in a run, what an edit of one would change, and the edited file saved."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from threading import RLock, Thread
from typing import Any, NamedTuple

import numpy as np

from ...core import ConfigError, DataError, TuneworthError, as_json
from ...curate import read_overrides
from ...project import Run, decisions_file
from ...style import Check, StyleSchema, check_table, frequent_values, parse_style
from .file import Source, read_source, style_file, write_source
from .results import BREAKS, DISCOURAGED, KEEPS, Applied, RuleResults, broken_places, states
from .rows import MOST_ROWS, StyleRows, read_style_rows
from .text import WORDINGS, StyleEdit, edited_style, fields_with_wordings, lists_of, numbers_of

_PATIENT = 0.4  # seconds, for the rules of before and of after each: a person sees the answer within one
_MOST_VALUES = 20  # of a field, for which a list of wordings is offered: more are names rather than a vocabulary
_AT_A_TIME = 0.2  # seconds of counting in the background, between which others may try


@dataclass(frozen=True)
class RowChange:
    """A row that edits change: its output as (text, mark), and what it is before and after.

    The mark "broken" is on the places that break an edited rule after the edits, else on those that broke one before;
    `notes` say so in sentences. before, after: `breaks` a must rule, `unscored` by one, `discouraged` (breaks a should
    rule), `keeps` all.
    """

    id: str
    split: str
    output: tuple[tuple[str, str], ...]
    before: str
    after: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Tried:
    """What edits would change.

    breaks_now, keeps_now: rows that would break a must rule now, and rows that no longer would. discouraged_now,
    preferred_now: of the rows that break no must rule, those that would break a should rule now, and that no longer
    would. checks: how many outputs break each edited check before and after. rows: a page of the `changed` rows.
    checked: the rows that were tried; fewer than `total` where they are a sample.
    """

    stamp: str
    diff: str
    breaks_now: int
    keeps_now: int
    discouraged_now: int
    preferred_now: int
    checks: Mapping[str, tuple[int, int]]
    changed: int
    rows: tuple[RowChange, ...]
    checked: int
    total: int

    def to_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


class Saved(NamedTuple):
    """The style file that was written, and its stamp now."""

    path: Path
    stamp: str


class StyleDesk:
    """The style of a run, tried on the run's outputs, which are read once. Safe to use from several threads.

    Raises: ConfigError if no style file is known for the run, or it is not valid.
    """

    def __init__(self, run: Run, *, allow_code: bool = False, most_rows: int = MOST_ROWS) -> None:
        self.path, self._allow_code = style_file(run, allow_code=allow_code)
        self._run, self._most, self._lock = run, most_rows, RLock()
        self.ready = False  # whether all rules were applied once
        self._warming: Thread | None = None
        self._problem: TuneworthError | None = None
        self._style(self._source())

    def warm(self) -> Thread:
        """Read the outputs and apply all rules in the background, once; an error comes up where results are asked for."""
        with self._lock:
            if self._warming is None:
                self._warming = Thread(target=self._warmed, name="style desk", daemon=True)
                self._warming.start()
            return self._warming

    def _warmed(self) -> None:
        try:
            while not self.ready:  # a person who tries something in between need not wait for all
                self._count(self._style(self._source()), seconds=_AT_A_TIME)
        except TuneworthError as error:
            self._problem = error
        except OSError as error:
            self._problem = DataError(f"{error.filename or self._run.folder}: {error.strerror or error}")

    def _count(self, style: StyleSchema, *, seconds: float | None = None) -> dict[str, Applied]:
        found = self._results.of(style, seconds=seconds)
        self.ready = self.ready or all(one.rows == len(self._rows.ids) for one in found.values())
        return found

    # --- what there is ------------------------------------------------------------------------------------------------

    def rules(self, *, wait: bool = True) -> list[dict[str, Any]]:
        """Each check of the file as it is now: id, kind, level, about, sentence, fail, share, discrimination, numbers, lists.

        fail: the outputs that break it before any repair; share: of the rows that are checked. Without `wait`, both are
        None until they are counted in the background.
        """
        style = self._style(self._source())
        if not wait and not self.ready:
            self.warm()
            if self._problem is not None:
                raise self._problem
        found = self._count(style) if wait or self.ready else {}
        discrimination, rows = self._discrimination(), len(self._rows.ids) if found else 0
        return [
            {
                **entry,
                "fail": found[check.id].fails(rows) if found else None,
                "share": found[check.id].fails(rows) / max(rows, 1) if found else None,
                "discrimination": discrimination.get(check.id),
                "numbers": [{"name": name, "value": value} for name, value in numbers_of(check).items()],
                "lists": [{"name": name, "values": list(values)} for name, values in self._lists(check, found)],
            }
            for check, entry in zip(style.checks, check_table(style), strict=True)
        ]

    def _lists(self, check: Check, found: Mapping[str, Applied]) -> list[tuple[str, Sequence[str]]]:
        """The lists of a check; once the rows are read, also of the frequent values that have no wordings yet."""
        lists = lists_of(check)
        for name in fields_with_wordings(check) if found else ():
            items = self._rows.columns.field_items(name)["item"]
            for value in frequent_values(items)[:_MOST_VALUES]:
                lists.setdefault(f"{WORDINGS}: {name}: {value}", ())
        return list(lists.items())

    @property
    def coverage(self) -> tuple[int, int]:
        """How many rows the rules are tried on, and how many the run has: fewer of a large run, drawn by a fixed seed."""
        return len(self._rows.ids), self._rows.total

    def _discrimination(self) -> Mapping[str, Any]:
        """What each must rule accepts: as the evaluation measured it on the test pairs, else as the curation did on all."""
        results, curated = self._run.results, self._run.curation.get("style") or {}
        if results is not None and results.style is not None and results.style.discrimination is not None:
            return as_json(results.style.discrimination.by_check)
        return (curated.get("discrimination") or {}).get("by_check") or {}

    # --- what edits change --------------------------------------------------------------------------------------------

    def tried(
        self, edits: Sequence[StyleEdit], *, start: int = 0, limit: int = 50, seconds: float | None = _PATIENT
    ) -> Tried:
        """What the edits would change, without writing: only the checks that differ are applied again.

        Where that takes more than these seconds, it is found on the rows reached by then, a sample of all; the same edits
        tried again go on from there. None: on all rows.

        Raises: ConfigError, in a sentence, if an edit does not fit.
        """
        source = self._source()
        style = self._style(source)
        text, edited = edited_style(source.text, edits, style=style, path=self.path, allow_code=self._allow_code)
        old, new = self._count(style, seconds=seconds), self._count(edited, seconds=seconds)
        rows = min(one.rows for one in (*old.values(), *new.values()))
        was, now = states(style, old, rows), states(edited, new, rows)
        levels = {check.id: check.level for check in style.checks}
        ids = [
            check.id
            for check in edited.checks
            if new[check.id].check != old[check.id].check or levels[check.id] != check.level
        ]
        places = np.flatnonzero(was != now)
        places = places[np.argsort(self._rows.numbers[places])]
        return Tried(
            source.stamp, _diff(source.text, text, self.path.name),
            breaks_now=int(((was != BREAKS) & (now == BREAKS)).sum()),
            keeps_now=int(((was == BREAKS) & (now != BREAKS)).sum()),
            discouraged_now=int(((was == KEEPS) & (now == DISCOURAGED)).sum()),
            preferred_now=int(((was == DISCOURAGED) & (now == KEEPS)).sum()),
            checks={id_: (old[id_].fails(rows), new[id_].fails(rows)) for id_ in ids},
            changed=len(places),
            rows=self._changes(places[start : start + limit].tolist(), was, now, [old[i] for i in ids], [new[i] for i in ids]),
            checked=rows, total=self._rows.total,
        )  # fmt: skip

    def _changes(
        self, rows: Sequence[int], was: np.ndarray, now: np.ndarray, old: Sequence[Applied], new: Sequence[Applied]
    ) -> tuple[RowChange, ...]:
        before, after = broken_places(old, rows), broken_places(new, rows)
        found = []
        for row in rows:
            places, notes = after[row] if after[row][1] else before[row]
            output = _marked(self._rows.columns.output[row], places)
            found.append(
                RowChange(
                    self._rows.ids[row], self._rows.splits[row], output, str(was[row]), str(now[row]), tuple(notes)
                )
            )
        return tuple(found)

    def save(self, edits: Sequence[StyleEdit], stamp: str) -> Saved:
        """Write the style file with the edits: all of it or nothing.

        Raises: ConfigError if the file is no longer the one with this stamp, or an edit does not fit; RunBroken if the disk
        refuses.
        """

        def edited(source: Source) -> str:
            if source.stamp != stamp:
                raise ConfigError(
                    f"{self.path} has changed since you looked at it; look at the changes again, then save"
                )
            return edited_style(source.text, edits, path=self.path, allow_code=self._allow_code)[0]

        return Saved(self.path, write_source(self.path, edited).stamp)

    def _source(self) -> Source:
        return read_source(self.path)

    def _style(self, source: Source) -> StyleSchema:
        return parse_style(source.text, where=str(self.path), path=self.path, allow_code=self._allow_code)

    @property
    def _rows(self) -> StyleRows:
        with self._lock:
            return self._read

    @property
    def _results(self) -> RuleResults:
        with self._lock:
            return self._kept

    @cached_property
    def _read(self) -> StyleRows:
        given = {one.id: one.text for one in read_overrides(decisions_file(self._run.folder))}
        texts = {id_: text for id_, text in given.items() if text is not None}
        return read_style_rows(self._run.folder, given=texts, most=self._most)

    @cached_property
    def _kept(self) -> RuleResults:
        return RuleResults(self._read.columns)


def _diff(before: str, after: str, name: str) -> str:
    """The unified diff; empty if nothing changed."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name} (edited)", lineterm="")
    return "\n".join(lines)


def _marked(text: str, places: Sequence[tuple[int, int]]) -> tuple[tuple[str, str], ...]:
    """The text in pieces, those within one of the places marked "broken"."""
    pieces, at = [], 0
    for start, end in sorted(places):
        if (start := max(start, at)) < end:
            pieces += [(text[at:start], ""), (text[start:end], "broken")]
            at = end
    return tuple(piece for piece in (*pieces, (text[at:], "")) if piece[0])
