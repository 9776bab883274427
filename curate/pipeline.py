"""Curating from pairs to splits, step by step."""

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..style.errors import DataError
from ..style.fields import render_fields
from ..style.schema import StyleSchema
from .certificate import certify
from .checked import Checked, check_rows
from .duplicates import Outcomes, rank_rows, settle
from .ledger import build_ledger
from .normalise import content_hash, normalise
from .placed import given_sides, leaked_rows, pull_to_given
from .read import RawPairs, read_frame
from .relations import Relations, relate
from .settings import CurateSettings
from .split import SPLITS, split_components
from .strata import check_identifiers, strata
from .summary import summarise
from .ties import Ties, tie_rows

__all__ = ["Curated", "curate"]


@dataclass(frozen=True)
class Curated:
    """kept: the pair table that goes on. set_aside: the pairs that left, with outcome and rule.

    ledger: one row per row read. summary: counts, certificate, warnings, as curate/summary.json holds them.
    """

    kept: pl.DataFrame
    set_aside: pl.DataFrame
    ledger: pl.DataFrame
    summary: dict[str, Any]


def curate(
    raw: Any,
    style: StyleSchema | None = None,
    *,
    settings: CurateSettings | None = None,
    identifiers: Collection[str] = (),
    seed: int = 0,
) -> Curated:
    """Clean pairs, leak-proof splits, and a ledger that says what became of every row.

    `raw` is what `read_pairs` returns, or a polars or pandas DataFrame, a `datasets.Dataset`, a list of dictionaries.
    `identifiers` are input fields that name an item and say nothing about it. `seed` changes which components of one
    size are placed first, nothing else.

    Raises:
        ConfigError: an identifier or the field to stratify by is in no pair.
        DataError: no pair is left to train on.
    """
    raw = raw if isinstance(raw, RawPairs) else read_frame(raw)
    settings = settings or CurateSettings()
    clock = _Clock({"read": raw.seconds})
    pairs = raw.pairs
    check_identifiers(pairs, list(identifiers))
    inputs, outputs = _comparable(pairs, identifiers), [normalise(text) for text in pairs["output"]]
    content = [content_hash(*texts) for texts in zip(inputs, outputs, strict=True)]
    stratum = strata(pairs, settings.stratify)
    clock.lap("normalise")
    checked = check_rows(pairs, style)
    clock.lap("check")
    relations = relate(pairs, inputs, outputs, threshold=settings.near_duplicate, identifiers=identifiers)
    clock.lap("join")
    rank = rank_rows(pairs, checked, _hashes(pairs, content), keep=settings.keep)
    settled = settle(pairs, list(zip(inputs, outputs, strict=True)), relations, rank, settings=settings)
    clock.lap("duplicates")
    outcomes, side, ties = _place(pairs, settled, outputs, relations, _salted(content, seed), stratum, settings)
    placed = np.where(outcomes.kept, side, -1)
    outcomes = _failing_leave(pairs, outcomes, side, checked)
    outcomes = _follow(outcomes, checked, pairs["id"].to_list())
    clock.lap("split")
    splits = [SPLITS[s] if keep else None for s, keep in zip(side.tolist(), outcomes.kept.tolist(), strict=True)]
    table = pairs.with_columns(split=pl.Series(splits, dtype=pl.String), reference_ok=pl.Series(checked.must == 0))
    kept = table.filter(pl.Series(outcomes.kept))
    _some_train(kept, raw, outcomes)
    certificate = certify(
        kept,
        _chosen(inputs, outcomes.kept),
        _chosen(outputs, outcomes.kept),
        threshold=settings.near_duplicate,
        identifiers=identifiers,
        siblings_tied_from=ties.siblings_tied_from,
    )
    clock.lap("certificate")
    ledger = build_ledger(raw, outcomes, splits, content)
    summary = summarise(
        raw, kept, ledger, style, settings=settings, checked=checked, relations=relations, ties=ties, placed=placed,
        certificate=certificate, distinct_outputs=len(set(outputs)), seconds=clock.seconds,
    )  # fmt: skip
    return Curated(kept, _set_aside(table, outcomes), ledger, summary)


class _Clock:
    """Seconds per step: each lap gets the time since the last one."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step] = now - self._last
        self._last = now


def _comparable(pairs: pl.DataFrame, identifiers: Collection[str]) -> list[str]:
    """The normalised inputs without their identifiers."""
    if not identifiers:
        return [normalise(text) for text in pairs["input"]]
    return [
        normalise(text if fields is None else render_fields(json.loads(fields), leave_out=list(identifiers)))
        for text, fields in pairs.select("input", "fields").rows()
    ]


def _hashes(pairs: pl.DataFrame, content: Sequence[str]) -> list[tuple[str, str]]:
    """Two keys per row that do not depend on where it stands: of its normalised content, and of all that it holds."""
    rows = pairs.select("input", "fields", "output", "system", "group", "split", "meta").rows()
    return [(own, content_hash(*row)) for own, row in zip(content, rows, strict=True)]


def _salted(content: Sequence[str], seed: int) -> list[str]:
    return list(content) if seed == 0 else [content_hash(own, str(seed)) for own in content]


def _chosen(values: Sequence[str], which: np.ndarray) -> list[str]:
    return [value for value, chosen in zip(values, which.tolist(), strict=True) if chosen]


def _at(values: Sequence[Any], rows: np.ndarray) -> list[Any]:
    return [values[int(row)] for row in rows]


def _place(
    pairs: pl.DataFrame,
    outcomes: Outcomes,
    outputs: Sequence[str],
    relations: Relations,
    keys: Sequence[str],
    stratum: Sequence[str | None],
    settings: CurateSettings,
) -> tuple[Outcomes, np.ndarray, Ties]:
    """The outcomes with leaked rows marked, the side of each row (-1 where it is not kept), and the ties."""
    sides = given_sides(pairs["split"].to_list())
    kept = np.flatnonzero(outcomes.kept)
    subject = relations.subject[kept]
    leaked = kept[leaked_rows(subject, sides[kept], relations.same)]
    outcomes = _leave_for_leaking(
        outcomes, leaked, "Alike, with the same facts, to a pair of a split that is held out further."
    )
    kept = np.flatnonzero(outcomes.kept)
    groups = pairs["group"].gather(kept).to_list()
    subject = relations.subject[kept]
    ties = tie_rows(subject, groups, _at(outputs, kept), relations, settings=settings)
    pulled, joins = pull_to_given(ties.component, sides[kept])
    outcomes = _leave_for_leaking(outcomes, kept[joins], "Tied to pairs of two splits, which it would join.")
    stay = ~joins
    side = np.full(len(pairs), -1)
    side[kept[stay]] = split_components(
        ties.component[stay],
        _at(keys, kept[stay]),
        _at(stratum, kept[stay]),
        pulled[stay],
        shares=settings.split,
    )
    return outcomes, side, ties


def _leave_for_leaking(outcomes: Outcomes, rows: np.ndarray, evidence: str) -> Outcomes:
    return outcomes.mark(rows, "leaked", rule="leaked", evidence=evidence)


def _failing_leave(pairs: pl.DataFrame, outcomes: Outcomes, side: np.ndarray, checked: Checked) -> Outcomes:
    """Outputs that break a `must` rule leave train and validation; the test set is not selected on its outputs."""
    test = SPLITS.index("test")
    rows = np.flatnonzero(outcomes.kept & (checked.must > 0) & (side != test))
    return _invalid(outcomes, rows, checked)


def _invalid(outcomes: Outcomes, rows: np.ndarray, checked: Checked) -> Outcomes:
    return outcomes.mark(
        rows, "invalid", rule=[checked.rule[row] for row in rows], evidence=[checked.evidence[row] for row in rows]
    )


def _follow(outcomes: Outcomes, checked: Checked, ids: Sequence[str]) -> Outcomes:
    """Duplicates of rows that left since: they break a rule themselves, or leave with the row that leaked."""
    duplicate = np.flatnonzero(outcomes.outcome == "duplicate")
    lost = duplicate[~outcomes.kept[outcomes.other[duplicate]]]
    breaking = lost[checked.must[lost] > 0]
    outcomes = _invalid(outcomes, breaking, checked)
    leaked = lost[checked.must[lost] == 0]
    others = outcomes.other[leaked]
    return outcomes.mark(
        leaked,
        "leaked",
        rule="leaked",
        evidence=[f'Repeats "{ids[other]}", which left because it would leak.' for other in others],
        other=others,
        similarity=outcomes.similarity[leaked],
    )


def _some_train(kept: pl.DataFrame, raw: RawPairs, outcomes: Outcomes) -> None:
    if (kept["split"] == "train").any():
        return
    reasons = pl.concat([pl.Series(outcomes.rule.tolist(), dtype=pl.String), raw.rejected["rule"]]).drop_nulls()
    counts = reasons.value_counts(sort=True, name="n").head(3)
    said = ", ".join(f"{rule} {n:,}" for rule, n in counts.rows()) or "the split gave train none"
    raise DataError(
        f"no pair is left to train on: {raw.rows_read:,} rows read, {len(kept):,} kept, all of them outside train\n"
        f"Most rows left by: {said}. Mend the data or loosen that rule."
    )


def _set_aside(table: pl.DataFrame, outcomes: Outcomes) -> pl.DataFrame:
    return table.with_columns(
        outcome=pl.Series(outcomes.outcome.tolist(), dtype=pl.String),
        rule=pl.Series(outcomes.rule.tolist(), dtype=pl.String),
    ).filter(pl.Series(~outcomes.kept))
