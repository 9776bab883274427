"""What the rules of a run's style say about single pairs: the broken places, the sentences, the repair."""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Generic, TypeVar

import polars as pl

from ..core import ConfigError
from ..project import Run
from ..style import Columns, StyleSchema, check_columns, explain, open_fields, pair_columns, repair_columns
from .items import Repair, Spans, plain
from .marks import mark_broken, mark_differences

__all__ = ["Broken", "Rules", "change"]

Found = TypeVar("Found")

_MOST_ROWS = 200_000  # whose values are read; of more, the ledger alone tells what contradicts the request
_KEPT = 512  # pairs whose result is remembered: those around the one that is read


@dataclass(frozen=True)
class Broken:
    """An output with its broken places marked, and each `must` rule that it breaks: its id, and how in a sentence."""

    output: Spans
    rules: tuple[str, ...]
    notes: tuple[str, ...]


class Rules:
    """The rules of a style, and the repairs that they allow. Without a style nothing is broken.

    repairing: whether rejected rows may have a repair. Checking one pair takes nearly as long as checking fifty, so those
    that are read next are asked for together.
    """

    def __init__(self, style: StyleSchema | None, *, unsafe: bool = False, repairing: bool = True) -> None:
        self.repairing = repairing
        self._unsafe = unsafe
        self._use(style)

    @classmethod
    def of_run(cls, run: Run) -> "Rules":
        """The rules that a run was curated by: those of its project. A run from a file alone has only its ledger.

        Checks for other values of a field wait for `complete`.
        """
        stated = run.curation.get("fix") or {}
        style = _style(run)
        if style is not None and open_fields(style):
            known = tuple(check for check in style.checks if check.kind != "contradicts" or check.parameters.values)
            style = replace(style, checks=known)
        # A run that repairs outputs has tried it with every row that it rejects.
        return cls(style, unsafe=stated.get("fix") == "unsafe", repairing=stated.get("fix") == "off")

    def complete(self, run: Run) -> None:
        """Add the checks that look for the values which all pairs have; takes seconds for many pairs."""
        style = _style(run)
        if style is not None and open_fields(style) and run.curation.get("rows_read", 0) <= _MOST_ROWS:
            self._use(run.style)

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

    def repaired(self, pairs: Sequence[Mapping[str, Any]]) -> list[tuple[str, tuple[str, ...]] | None]:
        """For each pair the output after repair and the rules by which it is repaired, without remembering them."""
        if self._style is None or not pairs:
            return [None] * len(pairs)
        done = repair_columns(_columns(pairs), self._style, unsafe=self._unsafe)
        good = self._acceptable(done.results.status)
        rules = done.changes.group_by("index").agg(pl.col("rule").unique(maintain_order=True))
        by_row, texts = dict(rules.iter_rows()), done.texts.to_list()
        return [(texts[n], tuple(by_row[n])) if n in by_row and good[n] else None for n in range(len(pairs))]

    def checked(self, pairs: Sequence[Mapping[str, Any]]) -> list[Broken]:
        """As `broken`, without remembering it."""
        if self._style is None or not pairs:
            return [Broken(plain(pair["output"]), (), ()) for pair in pairs]
        found = check_columns(_columns(pairs), self._style).violations.filter(pl.col("check").is_in(list(self._must)))
        by_row = found.partition_by("index", as_dict=True)
        return [self._of(pair["output"], by_row.get((n,))) for n, pair in enumerate(pairs)]

    def _repair(self, pairs: Sequence[Mapping[str, Any]]) -> list[Repair | None]:
        found = zip(pairs, self.repaired(pairs), strict=True)
        return [None if made is None else change(pair["output"], *made) for pair, made in found]

    def _acceptable(self, status: pl.DataFrame) -> list[bool]:
        if not self._must:
            return [True] * len(status)
        return status.select(~pl.any_horizontal(pl.col(list(self._must)) == "fail")).to_series().to_list()

    def _of(self, text: str, violations: pl.DataFrame | None) -> Broken:
        if violations is None:
            return Broken(plain(text), (), ())
        rows = violations.select("check", "found", "expected", "start", "end").rows()
        notes = (explain(self._must[check], found, expected) for check, found, expected, *_ in rows)
        places = [(start, end) for *_, start, end in rows if start is not None and end is not None]
        rules = dict.fromkeys(check for check, *_ in rows)
        return Broken(mark_broken(text, places), tuple(rules), tuple(dict.fromkeys(notes)))


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
    try:
        return run.project.style
    except ConfigError:  # not in a project
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
