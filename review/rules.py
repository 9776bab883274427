"""What the rules of a run's style say about single pairs: the broken places, the sentences, the repair."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..style import Columns, StyleSchema, check_columns, explain, pair_columns, repair_columns
from .items import Repair, Spans, plain
from .marks import mark_broken, mark_differences

__all__ = ["Broken", "Rules"]

_KEPT = 512  # pairs whose result is remembered: those around the one that is read


@dataclass(frozen=True)
class Broken:
    """An output with its broken places marked, and each `must` rule that it breaks: its id, and how in a sentence."""

    output: Spans
    rules: tuple[str, ...]
    notes: tuple[str, ...]
    repair: Repair | None


class Rules:
    """The rules of a style, and the repairs that they allow. Without a style nothing is broken."""

    def __init__(self, style: StyleSchema | None, *, unsafe: bool = False) -> None:
        checks = style.checks if style is not None else ()
        self._style = style if style is not None and checks else None
        self._unsafe = unsafe
        self._must = {check.id: check for check in checks if check.level == "must"}
        self._known: OrderedDict[tuple[str, str], Broken] = OrderedDict()

    def broken(self, pairs: Sequence[Mapping[str, Any]]) -> list[Broken]:
        """What each pair (`input, fields, output`) breaks; those that were not asked about before in one go."""
        keys = [(pair["output"], json.dumps([pair["input"], pair["fields"]])) for pair in pairs]
        found = {key: self._known[key] for key in keys if key in self._known}
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in found}
        found |= dict(zip(new, self._broken([*new.values()]), strict=True))
        for key in keys:
            self._known[key] = found[key]
            self._known.move_to_end(key)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return [found[key] for key in keys]

    def repairs(self, pairs: Sequence[Mapping[str, Any]]) -> list[tuple[str, tuple[str, ...]] | None]:
        """For each pair the repaired output and the rules by which it was; None if it still breaks a `must` rule."""
        if self._style is None or not pairs:
            return [None] * len(pairs)
        done = repair_columns(_columns(pairs), self._style, unsafe=self._unsafe)
        good = self._acceptable(done.results.status)
        rules = done.changes.group_by("index").agg(pl.col("rule").unique(maintain_order=True))
        by_row = dict(rules.iter_rows())
        texts = done.texts.to_list()
        return [(texts[n], tuple(by_row[n])) if n in by_row and good[n] else None for n in range(len(pairs))]

    def _acceptable(self, status: pl.DataFrame) -> list[bool]:
        if not self._must:
            return [True] * len(status)
        return status.select(~pl.any_horizontal(pl.col(list(self._must)) == "fail")).to_series().to_list()

    def _broken(self, pairs: Sequence[Mapping[str, Any]]) -> list[Broken]:
        if self._style is None or not pairs:
            return [Broken(plain(pair["output"]), (), (), None) for pair in pairs]
        found = check_columns(_columns(pairs), self._style).violations.filter(pl.col("check").is_in(list(self._must)))
        by_row = found.partition_by("index", as_dict=True)
        failing = [n for n in range(len(pairs)) if (n,) in by_row]
        repairs = dict(zip(failing, self.repairs([pairs[n] for n in failing]), strict=True))
        return [self._of(pair["output"], by_row.get((n,)), repairs.get(n)) for n, pair in enumerate(pairs)]

    def _of(self, text: str, violations: pl.DataFrame | None, repaired: tuple[str, tuple[str, ...]] | None) -> Broken:
        if violations is None:
            return Broken(plain(text), (), (), None)
        rows = violations.select("check", "found", "expected", "start", "end").rows()
        notes = (explain(self._must[check], found, expected) for check, found, expected, *_ in rows)
        places = [(start, end) for *_, start, end in rows if start is not None and end is not None]
        repair = None if repaired is None else change(text, *repaired)
        return Broken(
            mark_broken(text, places),
            tuple(dict.fromkeys(check for check, *_ in rows)),
            tuple(dict.fromkeys(notes)),
            repair,
        )


def change(before: str, after: str, rules: Sequence[str]) -> Repair:
    """A repair with the words marked that it changes."""
    return Repair(*mark_differences(before, after), after, tuple(rules))


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
