"""Curating from pairs to splits, step by step."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from ..style.errors import DataError
from ..style.schema import StyleSchema
from .arguments import check_arguments
from .canned import find_canned
from .certificate import certify
from .checked import Checked, check_rows
from .clock import Clock
from .compared import whole_rows
from .decided import Decided, despite_decision, preferred_first, settle_decided, without_failures
from .duplicates import Outcomes, rank_rows
from .leaving import failing_leave, followers_leave
from .ledger import build_ledger
from .overrides import Override
from .place import Placed, place_rows
from .placed import given_sides
from .prepare import Prepared, prepare
from .read import RawPairs, read_frame
from .relations import relate
from .settings import CurateSettings
from .split import SPLITS
from .split_notes import split_notes
from .splits_file import HeldSplits
from .summary import summarise
from .thresholds import threshold_table

__all__ = ["Curated", "curate"]


@dataclass(frozen=True)
class Curated:
    """What curating gives.

    kept: the pairs that go on, columns `row` (record number), `id, input, fields` (JSON text or null)`, output, system,
    group, split, reference_ok` (whether the output keeps every `must` rule)`, meta` (JSON text or null).
    dropped: the pairs that left, the same columns with `outcome` and `rule`; records that are no pairs have no texts.
    ledger: one row per row read, columns `row, id, outcome, split` (null unless kept)`, rule, evidence, other_id,
    similarity, content` (hash of the normalised pair), and `file` where several were read.
    summary: counts, certificate, warnings, as `curate/summary.json` holds them.
    """

    kept: pl.DataFrame
    dropped: pl.DataFrame
    ledger: pl.DataFrame
    summary: dict[str, Any]

    @property
    def set_aside(self) -> pl.DataFrame:
        """`dropped`, by the name of its file."""
        return self.dropped

    @cached_property
    def splits(self) -> dict[str, pl.DataFrame]:
        """The kept pairs of train, validation and test."""
        return {name: self.kept.filter(pl.col("split") == name) for name in SPLITS}

    def to_pandas(self) -> dict[str, Any]:
        """The tables as pandas DataFrames: kept, dropped, ledger, and each split by its name."""
        tables = {"kept": self.kept, "dropped": self.dropped, "ledger": self.ledger, **self.splits}
        return {name: table.to_pandas() for name, table in tables.items()}


def curate(
    raw: Any,
    style: StyleSchema | None = None,
    *,
    settings: CurateSettings | None = None,
    identifiers: Collection[str] = (),
    date: str | None = None,
    overrides: Sequence[Override] = (),
    held: HeldSplits | None = None,
    with_threshold_table: bool = False,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
    seed: int = 0,
) -> Curated:
    """Clean pairs, leak-proof splits, and a ledger that says what became of every row.

    `raw` is what `read_pairs` returns, or a polars or pandas DataFrame, a `datasets.Dataset`, a list of dictionaries.
    `identifiers` are input fields that name an item and say nothing about it. `date` names the column or field by
    which the newest pairs go to test. `overrides` are what people decided about single rows, `held` where rows were
    placed before (`read_splits`). `count_tokens` counts the tokens of texts, for rules about lengths in tokens; without
    it those cannot be told. `seed` changes which components of one size are placed first, nothing else.

    Raises:
        ConfigError: an identifier, or the field to stratify by or the date, is in no pair.
        DataError: no pair is left to train on.
        TypeError: an argument is of another type.
    """
    check_arguments(style=style, settings=settings, identifiers=identifiers, overrides=overrides, held=held)
    raw = raw if isinstance(raw, RawPairs) else read_frame(raw)
    settings = settings or CurateSettings()
    clock = Clock({"read": raw.seconds})
    ready = prepare(
        raw, settings=settings, identifiers=identifiers, date=date, overrides=overrides, clock=clock
    )  # fmt: skip
    raw, pairs, compared, decided = ready.raw, ready.pairs, ready.compared, ready.decided

    checked = without_failures(check_rows(pairs, style, count_tokens=count_tokens), decided)
    clock.lap("check")

    before = (held or HeldSplits()).sides(compared.content, ready.ids)
    stands = _first_said(decided.side, given_sides(pairs["split"].to_list()), before)
    relations = relate(
        pairs, compared.inputs, compared.outputs, threshold=settings.near_duplicate, identifiers=identifiers,
        method=settings.method, may_leave=_may_leak(pairs, stands),
    )  # fmt: skip
    clock.lap("join")

    rank = rank_rows(pairs, checked, whole_rows(pairs, compared.content), keep=settings.keep)
    rank = preferred_first(rank, decided, stands, (held or HeldSplits()).named(ready.ids))
    settled = settle_decided(pairs, compared.texts, relations, rank, decided, settings=settings)
    clock.lap("duplicates")

    placed = place_rows(
        pairs, settled, compared, relations, stands, keys=compared.salted(seed), stratum=ready.stratum,
        dates=ready.dates, settings=settings,
    )  # fmt: skip
    outcomes = _all_who_leave(placed, checked, ready)
    table, kept = _divided(pairs, placed, outcomes, checked)
    _some_train(kept, raw, outcomes)
    notes, cautions = split_notes(
        pairs, placed, relations, given=stands, held=before, dates=ready.dates, settings=settings
    )
    raw = replace(raw, warnings=(*raw.warnings, *cautions))
    clock.lap("split")

    certificate = certify(
        kept, _chosen(compared.inputs, outcomes.kept), _chosen(compared.outputs, outcomes.kept),
        threshold=settings.near_duplicate, identifiers=identifiers, siblings_tied_from=placed.ties.siblings_tied_from,
        sets=(relations.text[outcomes.kept], relations.grams),
    )  # fmt: skip
    clock.lap("certificate")

    thresholds = None
    if with_threshold_table:
        thresholds = threshold_table(pairs, compared, rank, decided, identifiers=identifiers, settings=settings)
        clock.lap("threshold table")

    ledger = build_ledger(raw, outcomes, table["split"], compared.content)
    summary = summarise(
        raw, kept, ledger, style, settings=settings, checked=checked, relations=relations, ties=placed.ties,
        placed=np.where(placed.outcomes.kept, placed.side, -1), certificate=certificate,
        canned=find_canned(pairs, compared), components=placed.components()[outcomes.kept], personal=ready.personal,
        identifiers=identifiers, decided=decided, split_notes=[*ready.notes, *notes], threshold_table=thresholds,
        seconds=clock.seconds,
    )  # fmt: skip
    return Curated(kept, _dropped(table, outcomes, decided), ledger, summary)


def _all_who_leave(placed: Placed, checked: Checked, ready: Prepared) -> Outcomes:
    """The outcomes in the end: failing outputs leave train and validation, and duplicates of who left follow."""
    outcomes = failing_leave(placed.outcomes, placed.side, checked)
    outcomes = followers_leave(outcomes, checked, ready.ids)
    return despite_decision(outcomes, ready.decided)


def _divided(
    pairs: pl.DataFrame, placed: Placed, outcomes: Outcomes, checked: Checked
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All pairs with their split and whether the output is a good reference, and those of them that are kept."""
    splits = pl.Series(placed.splits(outcomes.kept), dtype=pl.String)
    table = pairs.with_columns(split=splits, reference_ok=pl.Series(checked.must == 0))
    return table, table.filter(pl.Series(outcomes.kept))


def _first_said(*sides: np.ndarray) -> np.ndarray:
    """Each row's side by the first that says one; -1 where none does."""
    said = np.full(len(sides[0]), -1)
    for side in sides:
        said = np.where(said < 0, side, said)
    return said


def _may_leak(pairs: pl.DataFrame, stands: np.ndarray) -> np.ndarray:
    """Rows that may leave for leaking: only where some stand in a split, those that do, and rows of groups."""
    placed = stands >= 0
    return (placed | pairs["group"].is_not_null().to_numpy()) & placed.any()


def _chosen(values: list[str], which: np.ndarray) -> list[str]:
    return [value for value, chosen in zip(values, which.tolist(), strict=True) if chosen]


def _some_train(kept: pl.DataFrame, raw: RawPairs, outcomes: Outcomes) -> None:
    if (kept["split"] == "train").any():
        return
    n = raw.rows_read
    if not n:
        raise DataError("there are no rows: the data hold the names of their columns and nothing else")
    left_here = {name: getattr(outcomes, name)[~outcomes.kept].tolist() for name in ("rule", "evidence")}
    reasons = pl.concat(
        [pl.DataFrame(left_here, schema=dict.fromkeys(left_here, pl.String)), raw.rejected.select("rule", "evidence")]
    ).drop_nulls("rule")
    counts = reasons["rule"].value_counts(sort=True, name="n").head(3).rows()
    said = ", ".join(f"{rule} {count:,}" for rule, count in counts)
    advice = "Mend the data or loosen that rule."
    if counts:
        example = reasons.filter(rule=counts[0][0])["evidence"].drop_nulls().head(1).to_list()
        said += "".join(f" (for example: {text[:120].rstrip('.')})" for text in example)
    if counts and counts[0][0] == "conflict":
        advice = '[curate] conflicts (--conflicts) = "report" keeps them, "keep best" one of each.'
    left = f"{len(kept):,} kept, all of them outside train" if len(kept) else "none kept"
    raise DataError(
        f"no pair is left to train on: {n:,} row{'s' * (n != 1)} read, {left}\n"
        + (f"Most rows left by: {said}. {advice}" if said else "The given split puts none into train.")
    )


def _dropped(table: pl.DataFrame, outcomes: Outcomes, decided: Decided) -> pl.DataFrame:
    left = table.with_columns(
        outcome=pl.Series(outcomes.outcome.tolist(), dtype=pl.String),
        rule=pl.Series(outcomes.rule.tolist(), dtype=pl.String),
    ).filter(pl.Series(~outcomes.kept))
    by_decision = decided.dropped.with_columns(
        pl.lit(None, pl.String).alias("split"), outcome=pl.lit("invalid"), rule=pl.lit("override")
    )
    return pl.concat([left, by_decision.select(left.columns)]).sort("row")
