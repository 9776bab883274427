"""What becomes of every row, decided by numbers; of texts only those are asked for that there is something to say about."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..core import Clock, ConfigError
from ..style import StyleSchema
from .check.facts import identifier_like
from .check.masking import find_personal_places, mask_pairs, personal_counts
from .check.rows import Checked, check_rows
from .decisions import Decided, Override, decide, despite_decision, preferred_first, settle_decided, without_failures
from .match.canned import Canned, find_canned
from .match.corpus import Corpus, TextsInMemory
from .match.duplicates import Outcomes, rank_rows
from .match.relations import Relations, relate
from .read.dates import pair_dates
from .read.normalise import compare_texts, salted
from .read.pairs import RawPairs
from .settings import CurateSettings
from .split.certificate import Crossing, certify
from .split.given import HeldSplits, given_sides
from .split.notes import split_notes
from .split.place import Placed, failing_leave, followers_leave, place_rows
from .split.strata import check_identifiers, column_values, strata

__all__ = [
    "Prepared",
    "Resolved",
    "one_order",
    "prepare",
    "resolve",
]


@dataclass(frozen=True)
class Prepared:
    """raw: what goes on, the rows that people dropped among the rejected. personal: what was found, as the summary says.

    stratum, dates: one entry per pair; dates are None where the split does not go by time. notes: sentences. apart:
    fields that look like identifiers. checked: what is wrong with each output.
    """

    raw: RawPairs
    personal: dict[str, Any]
    decided: Decided
    corpus: Corpus
    checked: Checked
    stratum: pl.Series
    dates: np.ndarray | None
    notes: list[str]
    apart: list[str]

    @property
    def ids(self) -> pl.Series:
        """The id of each pair."""
        return self.raw.pairs["id"]


def prepare(
    raw: RawPairs,
    style: StyleSchema | None,
    *,
    settings: CurateSettings,
    identifiers: Collection[str],
    date: str | None,
    overrides: Sequence[Override],
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None,
    clock: Clock,
) -> Prepared:
    """Mask, apply what people dropped, make the rest comparable, and check it.

    Raises:
        ConfigError: an identifier, the field to stratify by or the date is in no pair, or two of them exclude each other.
    """
    one_order(date, settings)
    places = find_personal_places(raw)
    # Before anything else, so that no value reaches a hash, a message or a file; decisions name masked ids.
    raw = mask_pairs(raw, places) if settings.mask else raw
    clock.lap("personal data")
    raw, decided = decide(raw, overrides)
    check_identifiers(raw.pairs, list(identifiers))
    corpus = TextsInMemory(raw.pairs, compare_texts(raw.pairs, identifiers), identifiers=identifiers)
    stratum = pl.Series("stratum", strata(raw.pairs, settings.stratify), dtype=pl.String)
    dates, notes = None, []
    if date is not None:
        dates, notes = pair_dates(column_values(raw.pairs, date, where="[data] date"), date)
    clock.lap("normalise")
    checked = check_rows(raw.pairs, style, count_tokens=count_tokens)
    clock.lap("check")
    return Prepared(
        raw, personal_counts(places, masked=settings.mask), decided, corpus, without_failures(checked, decided), stratum,
        dates, notes, identifier_like(raw.pairs),
    )  # fmt: skip


def one_order(date: str | None, settings: CurateSettings) -> None:
    """Refuse a split that would go by time and by strata.

    Raises:
        ConfigError: both are asked for.
    """
    if date is not None and settings.stratify is not None:
        raise ConfigError("[data] date and [curate] stratify exclude each other: a split by time takes what is newest")


BeforeCertificate = Callable[[pl.DataFrame, Outcomes], None]


@dataclass(frozen=True)
class Resolved:
    """table: the pair table with `split` (null unless kept) and `reference_ok`; kept: those of its rows that are kept.

    rank: the order in which rows are preferred. notes: sentences about the split; cautions: warnings about it.
    """

    table: pl.DataFrame
    kept: pl.DataFrame
    outcomes: Outcomes
    placed: Placed
    relations: Relations
    rank: np.ndarray
    canned: Canned
    certificate: dict[str, Any]
    notes: list[str]
    cautions: list[dict[str, str]]


def resolve(
    ready: Prepared, *, settings: CurateSettings, held: HeldSplits, seed: int, clock: Clock, check: BeforeCertificate
) -> Resolved:
    """Relations, duplicates, conflicts, splits, who leaves, and the certificate, for all rows.

    `check` sees the kept rows and all outcomes before the search of the certificate begins, and may refuse.
    """
    corpus, decided = ready.corpus, ready.decided
    before = held.sides(corpus.content, ready.ids)
    stands = _first_said(decided.side, given_sides(corpus.pairs["split"]), before)
    relations = relate(
        corpus, threshold=settings.near_duplicate, method=settings.method, may_leave=_may_leak(corpus.pairs, stands)
    )
    clock.lap("join")

    rank = rank_rows(corpus, ready.checked, keep=settings.keep)
    rank = preferred_first(rank, decided, stands, held.named(ready.ids))
    settled = settle_decided(corpus, relations, rank, decided, settings=settings)
    clock.lap("duplicates")

    placed = place_rows(
        corpus, settled, relations, stands, keys=_numbered(salted(corpus.content, seed)), stratum=ready.stratum,
        dates=ready.dates, settings=settings,
    )  # fmt: skip
    left = _all_who_leave(placed.outcomes, placed, ready)
    table, kept, outcomes = _divided(corpus.pairs, placed, left, ready)
    check(kept, outcomes)
    notes, cautions = split_notes(
        corpus.pairs, placed, relations, given=stands, held=before, dates=ready.dates, settings=settings
    )
    clock.lap("split")

    canned = find_canned(corpus)
    certificate, crossing = _certified(corpus, kept, outcomes, placed, settings)
    if len(crossing.train) and relations.method.name == "candidates":
        left = _all_who_leave(_leak(left, crossing, table), placed, ready)
        table, kept, outcomes = _divided(corpus.pairs, placed, left, ready)
        check(kept, outcomes)
        certificate, _ = _certified(corpus, kept, outcomes, placed, settings)
    clock.lap("certificate")
    return Resolved(table, kept, outcomes, placed, relations, rank, canned, certificate, notes, cautions)


def _certified(
    corpus: Corpus, kept: pl.DataFrame, outcomes: Outcomes, placed: Placed, settings: CurateSettings
) -> tuple[dict[str, Any], Crossing]:
    return certify(
        corpus, kept, np.flatnonzero(outcomes.kept), threshold=settings.near_duplicate,
        siblings_tied_from=placed.ties.siblings_tied_from,
    )  # fmt: skip


def _leak(outcomes: Outcomes, crossing: Crossing, table: pl.DataFrame) -> Outcomes:
    """Train rows that the exact search finds too near to a held-out row, which the candidates had missed, leave."""
    rows, first = np.unique(crossing.train, return_index=True)
    others = crossing.held[first]
    names = table.select("id", "split")[others.tolist()].rows()
    said = [
        f'Alike, with the same facts, to "{name}" of {split}: missed by the candidates, found by the certificate.'
        for name, split in names
    ]
    return outcomes.mark(
        rows, "leaked", rule="leaked", evidence=said, other=others, similarity=crossing.similarity[first]
    )


def _all_who_leave(outcomes: Outcomes, placed: Placed, ready: Prepared) -> Outcomes:
    """The outcomes in the end: failing outputs leave train and validation, and duplicates of who left follow."""
    outcomes = failing_leave(outcomes, placed.side, ready.checked)
    return followers_leave(outcomes, ready.checked, ready.ids)


def _divided(
    pairs: pl.DataFrame, placed: Placed, outcomes: Outcomes, ready: Prepared
) -> tuple[pl.DataFrame, pl.DataFrame, Outcomes]:
    """All pairs with their split and whether the output is a good reference; those that are kept; the outcomes in words.

    Where a row leaves although a person keeps it, its evidence says so.
    """
    table = pairs.with_columns(split=placed.splits(outcomes.kept), reference_ok=pl.Series(ready.checked.must == 0))
    return table, table.filter(pl.Series(outcomes.kept)), despite_decision(outcomes, ready.decided)


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


def _numbered(keys: pl.Series) -> np.ndarray:
    """Numbers in the order of the keys."""
    return keys.rank("dense").to_numpy().astype(np.int64)
