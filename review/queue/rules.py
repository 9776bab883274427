"""What the rules of a run's style say about single pairs: the broken places, the sentences, the repair."""

import json
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar

import polars as pl

from ...core import ConfigError
from ...curate import FAULTS, find_faults, repair_outputs, usable_repairs
from ...project import Run
from ...style import (
    Columns,
    StyleSchema,
    check_columns,
    explain,
    open_fields,
    pair_columns,
    read_style,
    with_row_values,
)
from .items import Repair, Spans
from .marks import mark_broken, mark_differences

Found = TypeVar("Found")

_MOST_ROWS = 200_000  # whose values are read; of more, the ledger alone tells what contradicts the request
_KEPT = 512  # pairs whose result is remembered: those around the one that is read


@dataclass(frozen=True)
class Broken:
    """An output with its broken places marked, and each `must` rule that it breaks: its id, and how in a sentence."""

    output: Spans
    rules: tuple[str, ...]
    notes: tuple[str, ...]


class Made(NamedTuple):
    """A repair: the output after it, the rules by which it was made, and what it changed in a sentence."""

    text: str
    rules: tuple[str, ...]
    sentence: str


class _Fault(NamedTuple):
    """A broken rule: its id, how in a sentence, and the place if there is one."""

    rule: str
    note: str
    start: int | None
    end: int | None


class Rules:
    """The rules of a style, and the repairs that they allow. Without a style nothing is broken.

    repairing: whether rejected rows may have a repair. `habits` are rules of quality that too many outputs break to count.
    Checking one pair takes nearly as long as checking fifty, so those
    that are read next are asked for together.
    """

    def __init__(
        self, style: StyleSchema | None, *, unsafe: bool = False, repairing: bool = True, habits: Collection[str] = ()
    ) -> None:
        self.repairing = repairing
        self._unsafe = unsafe
        self._habits = habits
        self._use(style)

    @classmethod
    def of_run(cls, run: Run) -> "Rules":
        """The rules that a run was curated by: those of its project or style file; without either its ledger says what is broken.

        Checks for other values of a field wait for `complete`.
        """
        stated = run.curation.get("fix") or {}
        style = _style(run)
        if style is not None and open_fields(style):
            known = tuple(check for check in style.checks if check.kind != "contradicts" or check.parameters.values)
            style = replace(style, checks=known)
        # A run that repairs outputs has tried it with every row that it rejects.
        fix = stated.get("fix")
        quality = run.curation.get("quality") or {}
        habits = [rule for rule, found in quality.items() if found["level"] == "should"]
        return cls(style, unsafe=fix == "unsafe", repairing=fix == "off", habits=habits)

    def must(self, named: Sequence[str]) -> tuple[str, ...]:
        """The `must` rules among those named; all of them if none is, as when the style has changed since."""
        return tuple(rule for rule in named if rule in self._must) or tuple(named)

    def complete(self, run: Run) -> None:
        """Add the checks that look for the values which all pairs have; takes seconds for many pairs."""
        style = _style(run)
        if style is not None and open_fields(style) and run.curation.get("rows_read", 0) <= _MOST_ROWS:
            columns = [part.select("output", "input", "fields") for part in (run.train, run.validation, run.test)]
            self._use(with_row_values(style, pair_columns(pl.concat(columns))))

    def _use(self, style: StyleSchema | None) -> None:
        checks = style.checks if style is not None else ()
        self._style = style if style is not None and checks else None
        self._must = {check.id: check for check in checks if check.level == "must"}
        self._broken: Known[Broken] = Known(self.checked)
        self._repairs: Known[Repair | None] = Known(self._repair)

    def broken(self, pairs: Sequence[Mapping[str, Any]]) -> list[Broken]:
        """What each pair (`input, fields, output`) breaks."""
        return self._broken.of(pairs)

    def repairs(self, pairs: Sequence[Mapping[str, Any]]) -> list[Repair | None]:
        """The repair of each pair; None if its output breaks a `must` rule afterwards as well, or nothing changes."""
        return self._repairs.of(pairs)

    def repaired(self, pairs: Sequence[Mapping[str, Any]]) -> list[Made | None]:
        """As `repairs`, without remembering them or marking what changes."""
        if self._style is None or not pairs:
            return [None] * len(pairs)
        every = pl.int_range(len(pairs), dtype=pl.UInt32, eager=True)
        done = repair_outputs(_columns(pairs), self._style, every, fix="unsafe" if self._unsafe else "safe")
        found = usable_repairs(done, self._habits).select("index", "output", "rules", "evidence").iter_rows()
        made = {n: Made(text, tuple(rules), f"Repaired: {evidence}.") for n, text, rules, evidence in found}
        return [made.get(n) for n in range(len(pairs))]

    def checked(self, pairs: Sequence[Mapping[str, Any]]) -> list[Broken]:
        """As `broken`, without remembering it."""
        if not pairs:
            return []
        columns = _columns(pairs)
        by_row: dict[int, list[_Fault]] = {n: [] for n in range(len(pairs))}
        for n, *fault in (*self._faults(columns), *self._violations(columns)):
            by_row[n].append(_Fault(*fault))
        return [_broken(pair["output"], by_row[n]) for n, pair in enumerate(pairs)]

    def _faults(self, columns: Columns) -> Iterator[tuple[Any, ...]]:
        """Outputs that are bad in any style: position, rule, sentence, start, end."""
        _, found = find_faults(columns, self._style)
        for n, rule, start, end, evidence in found.iter_rows():
            if FAULTS.get(rule) == "must" and rule not in self._habits:
                yield n, rule.partition(":")[2], evidence, start, end

    def _violations(self, columns: Columns) -> Iterator[tuple[Any, ...]]:
        """What breaks a `must` rule of the style, as `_faults`."""
        if self._style is not None:
            found = check_columns(columns, self._style).violations.filter(pl.col("check").is_in(list(self._must)))
            for n, rule, text, start, end, expected in found.iter_rows():
                yield n, rule, explain(self._must[rule], text, expected), start, end

    def _repair(self, pairs: Sequence[Mapping[str, Any]]) -> list[Repair | None]:
        found = zip(pairs, self.repaired(pairs), strict=True)
        return [None if made is None else change(pair["output"], made.text, made.rules) for pair, made in found]


def _broken(text: str, faults: Sequence[_Fault]) -> Broken:
    places = [(fault.start, fault.end) for fault in faults if fault.start is not None and fault.end is not None]
    rules, notes = (tuple(dict.fromkeys(of)) for of in ((f.rule for f in faults), (f.note for f in faults)))
    return Broken(mark_broken(text, places), rules, notes)


class Known(Generic[Found]):
    """Results for pairs that were asked for before; those that were not are found in one go."""

    def __init__(self, find: Callable[[Sequence[Mapping[str, Any]]], list[Found]]) -> None:
        self._find = find
        self._known: OrderedDict[tuple[str, str], Found] = OrderedDict()
        self._lock = Lock()  # the next ones are prepared in another thread

    def of(self, pairs: Sequence[Mapping[str, Any]]) -> list[Found]:
        """The result for each pair."""
        keys = [(pair["output"], json.dumps([pair["input"], pair["fields"]])) for pair in pairs]
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in found}
        found |= dict(zip(new, self._find([*new.values()]), strict=True))
        with self._lock:
            for key in keys:
                self._known[key] = found[key]
                self._known.move_to_end(key)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return [found[key] for key in keys]


def change(before: str, after: str, rules: Sequence[str]) -> Repair:
    """A repair with the words marked that it changes."""
    return Repair(*mark_differences(before, after), after, tuple(rules))


def _style(run: Run) -> StyleSchema | None:
    """The style of the run's project, or the file that a run of a file was curated with, if it is still there."""
    try:
        return run.project.style
    except ConfigError:
        file = (run.facts.get("curated") or {}).get("style")
    try:
        return None if file is None else read_style(run.folder / file)
    except ConfigError:
        return None


def _columns(pairs: Sequence[Mapping[str, Any]]) -> Columns:
    texts = [
        (
            pair["output"],
            pair["input"],
            None if pair["fields"] is None else json.dumps(pair["fields"], ensure_ascii=False),
        )
        for pair in pairs
    ]
    return pair_columns(
        pl.DataFrame(texts, schema=dict.fromkeys(("output", "input", "fields"), pl.String), orient="row")
    )
