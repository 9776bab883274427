"""The second half of curation: computes outcomes and splits from numbers; texts are fetched only for evidence."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from ..core import Clock
from .decisions import despite_decision, preferred_first, settle_decided
from .match import Canned, Corpus, Outcomes, Relations, find_canned, rank_rows, relate
from .paraphrases import Meaning, load_embedding
from .prepare import Prepared
from .read import (
    salted,
)
from .settings import CurateSettings
from .split import (
    LOOK_FIRST,
    Answers,
    Crossing,
    PinnedSplits,
    Placed,
    certify,
    drop_failing,
    drop_followers,
    find_answers,
    find_remedy,
    given_sides,
    place_rows,
    split_notes,
)

__all__ = ["Arranged", "Resolved", "arrange", "resolve", "without_crossing"]

BeforeCertificate = Callable[[pl.DataFrame, Outcomes], None]


@dataclass(frozen=True)
class Resolved:
    """table: the pair table with `split` (null unless kept), `placed` (also where a rule then dropped the row), `component`
    (the tied set, null if alone), `reference_ok` and `fixed` (the rules of a repaired output, else null); kept: those of its
    rows that are kept.

    rank: the order of preference. meaning: the entry of the summary. notes: sentences about the split; cautions: warnings
    about it.
    """

    table: pl.DataFrame
    kept: pl.DataFrame
    outcomes: Outcomes
    placed: Placed
    relations: Relations
    rank: np.ndarray
    canned: Canned
    certificate: dict[str, Any]
    meaning: dict[str, Any] | None
    notes: list[str]
    cautions: list[dict[str, str]]


@dataclass(frozen=True)
class Arranged:
    """The outcome and the split of each row, before the certificate is searched; table, kept, outcomes, placed, relations and
    rank as in `Resolved`.

    stated, pinned: the side that the data or a decision state for each row, and that of splits.jsonl, -1 for none. meaning:
    the embedded inputs, if they are asked for.
    """

    table: pl.DataFrame
    kept: pl.DataFrame
    outcomes: Outcomes
    placed: Placed
    relations: Relations
    rank: np.ndarray
    stated: np.ndarray
    pinned: np.ndarray
    meaning: Meaning | None


def resolve(
    ready: Prepared,
    *,
    settings: CurateSettings,
    pinned: PinnedSplits,
    seed: int,
    clock: Clock,
    check: BeforeCertificate,
) -> Resolved:
    """Relations, duplicates, conflicts, splits, dropped rows, and the certificate, for all rows.

    `check` receives the kept rows and all outcomes before the search for the certificate, and may raise.
    """
    corpus = ready.corpus
    found = arrange(ready, settings=settings, pinned=pinned, seed=seed, clock=clock, check=check)
    notes, cautions = split_notes(
        corpus.pairs, found.placed, found.relations, given=_first_given(found.stated, found.pinned), pinned=found.pinned,
        dates=ready.dates, settings=settings,
    )  # fmt: skip
    clock.lap("split")

    certificate, crossing, answers = _certified(corpus, found, settings)
    if len(crossing.train) and found.relations.method.name == "candidates":
        found = without_crossing(found, crossing, ready)
        check(found.kept, found.outcomes)
        certificate, _, answers = _certified(corpus, found, settings)
    kept, rows = found.kept, np.flatnonzero(found.outcomes.kept)
    many = sum(certificate["answers_in_test"].values()) > LOOK_FIRST * int((kept["split"] == "test").sum())
    remedy = (
        find_remedy(corpus, rows, answers, found.relations, settings=settings, given=found.stated) if many else None
    )
    certificate["answers_remedy"] = remedy
    clock.lap("certificate")
    near = None
    if found.meaning is not None:
        near = found.meaning.across(rows, kept["id"], kept["split"]) | {"tied": found.placed.ties.meaning}
        clock.lap("meaning")
    return Resolved(
        found.table, kept, found.outcomes, found.placed, found.relations, found.rank, find_canned(corpus), certificate, near,
        notes, cautions,
    )  # fmt: skip


def arrange(
    ready: Prepared,
    *,
    settings: CurateSettings,
    pinned: PinnedSplits,
    seed: int,
    clock: Clock,
    check: BeforeCertificate,
) -> Arranged:
    """Relations, duplicates, conflicts, splits and dropped rows; `check` as in `resolve`."""
    corpus, decided = ready.corpus, ready.decided
    before = pinned.sides(corpus.content, ready.ids)
    stated = _first_given(decided.side, given_sides(corpus.pairs["split"]))
    current = _first_given(stated, before)
    rank = rank_rows(corpus, ready.checked, keep=settings.keep)
    rank = preferred_first(rank, decided, current, pinned.named(ready.ids))
    relations = relate(
        corpus, threshold=settings.near_duplicate, rank=rank, method=settings.method,
        droppable=_may_leak(corpus.pairs, current),
    )  # fmt: skip
    clock.lap("join")

    settled = settle_decided(corpus, relations, rank, decided, settings=settings)
    clock.lap("duplicates")

    meaning, relations = _meaning(corpus, np.flatnonzero(settled.kept), relations, settings, clock)
    placed = place_rows(
        corpus, settled, relations, current, pinned.hints(corpus.content),
        keys=_numbered(salted(corpus.content, seed)), stratum=ready.stratum, dates=ready.dates, settings=settings,
    )  # fmt: skip
    table, kept, outcomes = _divided(corpus.pairs, placed, _final_outcomes(placed.outcomes, placed, ready), ready)
    check(kept, outcomes)
    return Arranged(table, kept, outcomes, placed, relations, rank, stated, before, meaning)


def without_crossing(found: Arranged, crossing: Crossing, ready: Prepared) -> Arranged:
    """Without the train rows that an exact search finds too similar to a held-out row and the candidates missed."""
    final = _final_outcomes(found.placed.outcomes, found.placed, ready)
    final = _final_outcomes(_drop_crossing(final, crossing, found.table), found.placed, ready)
    table, kept, outcomes = _divided(ready.corpus.pairs, found.placed, final, ready)
    return replace(found, table=table, kept=kept, outcomes=outcomes)


def _meaning(
    corpus: Corpus, rows: np.ndarray, relations: Relations, settings: CurateSettings, clock: Clock
) -> tuple[Meaning | None, Relations]:
    """The embedded inputs of these rows, if that is asked for, and the relations with the rows to be tied by them."""
    if not settings.meaning:
        return None, relations
    meaning = Meaning(corpus, rows, load_embedding(settings.meaning), similar=settings.near_duplicate)
    if settings.tie_meaning:
        at = None if settings.tie_meaning is True else settings.tie_meaning
        relations = replace(relations, meaning=meaning.ties(at))
    clock.lap("meaning")
    return meaning, relations


def _certified(corpus: Corpus, found: Arranged, settings: CurateSettings) -> tuple[dict[str, Any], Crossing, Answers]:
    kept, rows = found.kept, np.flatnonzero(found.outcomes.kept)
    ties, threshold = found.placed.ties, settings.near_duplicate
    certificate, crossing = certify(corpus, kept, rows, threshold=threshold, siblings_tied_from=ties.siblings_tied_from)
    answers = find_answers(corpus, kept, rows, threshold=threshold)
    tied = {"outputs_tied": ties.outputs, "outputs_untied": dict(zip(("outputs", "rows"), ties.untied, strict=True))}
    return certificate | tied | answers.to_json(kept["split"]), crossing, answers


def _drop_crossing(outcomes: Outcomes, crossing: Crossing, table: pl.DataFrame) -> Outcomes:
    """Drop train rows that the exact search finds too similar to a held-out row and the candidates missed."""
    rows, first = np.unique(crossing.train, return_index=True)
    others = crossing.held[first]
    names = table.select("id", "split")[others.tolist()].rows()
    evidence = [
        f'Similar, with the same facts, to "{name}" of {split}: missed by the candidates, found by the certificate.'
        for name, split in names
    ]
    return outcomes.mark(
        rows, "leaked", rule="leaked", evidence=evidence, other=others, similarity=crossing.similarity[first]
    )


def _final_outcomes(outcomes: Outcomes, placed: Placed, ready: Prepared) -> Outcomes:
    """The outcomes after failing outputs are dropped from train and validation, and duplicates of dropped rows with them."""
    outcomes = drop_failing(outcomes, placed.side, ready.checked)
    return drop_followers(outcomes, ready.checked, ready.ids)


def _divided(
    pairs: pl.DataFrame, placed: Placed, outcomes: Outcomes, ready: Prepared
) -> tuple[pl.DataFrame, pl.DataFrame, Outcomes]:
    """All pairs with their split and whether the output is a good reference; the kept ones; the outcomes.

    The evidence says what was repaired in a row, and that a row is dropped although a decision keeps it.
    """
    checked, outcomes = ready.checked, despite_decision(outcomes, ready.decided)
    splits = placed.splits(outcomes.kept)
    fixed = checked.repairable & splits.is_in(["train", "validation"]).fill_null(False).to_numpy()
    repairs = checked.repairs.filter(pl.Series(fixed).gather(checked.repairs["index"]))
    outcomes = outcomes.mark(
        repairs["index"].to_numpy(), "kept", rule=None, evidence=("Repaired: " + repairs["evidence"] + ".").to_list()
    )
    rows = pl.int_range(len(pairs), dtype=pl.UInt32, eager=True).to_frame("index")
    table = pairs.with_columns(
        split=splits,
        placed=placed.splits(placed.outcomes.kept),
        component=placed.tied_sets(pairs["id"]),
        reference_ok=pl.Series((checked.must == 0) | fixed),
        fixed=rows.join(repairs.select("index", "rules"), on="index", how="left", maintain_order="left")["rules"],
    )
    return table, table.filter(pl.Series(outcomes.kept)), outcomes


def _first_given(*sides: np.ndarray) -> np.ndarray:
    """Each row's side from the first array that has one; -1 if none does."""
    first = np.full(len(sides[0]), -1)
    for side in sides:
        first = np.where(first < 0, side, first)
    return first


def _may_leak(pairs: pl.DataFrame, current: np.ndarray) -> np.ndarray:
    """Rows that may be dropped for leaking: those with a given split and, if there are any, rows of groups."""
    placed = current >= 0
    return (placed | pairs["group"].is_not_null().to_numpy()) & placed.any()


def _numbered(keys: pl.Series) -> np.ndarray:
    """Numbers in the order of the keys."""
    return keys.rank("dense").to_numpy().astype(np.int64)
