"""The steps of curation after `check`, each from typed values to the next: relate, settle, split, certify.

Decisions are made from the numbers and hashes of all rows; texts are looked up for evidence alone. `curate_parts` in
`curated.py` calls the steps one after another, `what_if.py` repeats them with other decisions.
"""

from dataclasses import dataclass, replace

import msgspec
import numpy as np
import polars as pl

from ..core import DataError, say
from .check_parts import CheckedPairs
from .decisions import despite_decision, preferred_first, settle_decided
from .match import Corpus, Outcomes, Relations, listed_synonyms, rank_rows
from .match import relate as relate_rows
from .mispaired import Mispaired, find_mispaired
from .paraphrases import Meaning, load_embedding
from .read import RawPairs, salted
from .records import Certificate
from .run_files import MISPAIRED, STATED
from .settings import CurateSettings
from .split import (
    LOOK_FIRST,
    SPLITS,
    Answers,
    Crossing,
    PinnedSplits,
    Placed,
    assign_rows,
    drop_failing,
    drop_followers,
    find_answers,
    given_sides,
    grouping_advice,
    make_certificate,
)


@dataclass(frozen=True)
class RelatedPairs:
    """How the rows are related, and where they should go.

    rank: the order of preference. stated, pinned: the side that the data or a decision state for each row, and that of
    splits.jsonl, -1 for none. hints: where a row was placed that a rule then dropped. meaning: the embedded inputs of the
    settled rows, if they are asked for.
    """

    relations: Relations
    rank: np.ndarray
    stated: np.ndarray
    pinned: np.ndarray
    hints: np.ndarray
    meaning: Meaning | None = None

    @property
    def given(self) -> np.ndarray:
        """The side that each row has before the split, -1 for none."""
        return np.where(self.stated < 0, self.pinned, self.stated)


def relate(pairs: CheckedPairs, settings: CurateSettings, *, pinned: PinnedSplits) -> RelatedPairs:
    """Find the rows that are similar, repeat each other or contradict each other."""
    corpus, decided = pairs.corpus, pairs.decided
    by_data = given_sides(corpus.pairs["split"])
    stated = np.where(decided.side < 0, by_data, decided.side)
    before = pinned.sides(corpus.content, pairs.ids)
    given = np.where(stated < 0, before, stated)
    rank = rank_rows(corpus, pairs.checked, keep=settings.keep)
    rank = preferred_first(rank, decided, given, pinned.named(pairs.ids))
    # What may be dropped for leaking: rows with a given side and, if there are any, rows of groups.
    droppable = ((given >= 0) | corpus.pairs["group"].is_not_null().to_numpy()) & (given >= 0).any()
    relations = relate_rows(
        corpus, threshold=settings.near_duplicate, rank=rank, method=settings.method, droppable=droppable,
        synonyms=listed_synonyms(pairs.style),
    )  # fmt: skip
    return RelatedPairs(relations, rank, stated, before, pinned.hints(corpus.content))


def settle(pairs: CheckedPairs, related: RelatedPairs, settings: CurateSettings) -> Outcomes:
    """Decide which of the rows that repeat or contradict each other are kept."""
    return settle_decided(pairs.corpus, related.relations, related.rank, pairs.decided, settings=settings)


def relate_by_meaning(
    pairs: CheckedPairs, related: RelatedPairs, settled: Outcomes, settings: CurateSettings
) -> RelatedPairs:
    """Embed the inputs of the settled rows, and tie those that mean the same, if `settings` ask for it."""
    if not settings.meaning:
        return related
    rows = np.flatnonzero(settled.kept)
    meaning = Meaning(pairs.corpus, rows, load_embedding(settings.meaning), similar=settings.near_duplicate)
    relations = related.relations
    if settings.tie_meaning:
        at = None if settings.tie_meaning is True else settings.tie_meaning
        relations = replace(relations, meaning=meaning.ties(at))
    return replace(related, relations=relations, meaning=meaning)


@dataclass(frozen=True)
class SplitPairs:
    """The rows with their splits.

    table: the pair table with `split` (null unless kept), `placed` (also where a rule then dropped the row), `component`
    (the tied set, null if alone), `reference_ok` and `fixed` (the rules of a repaired output, else null); kept: those of its
    rows that are kept. outcomes: of all rows. placed: before failing outputs were dropped.
    """

    table: pl.DataFrame
    kept: pl.DataFrame
    outcomes: Outcomes
    placed: Placed

    @property
    def rows(self) -> np.ndarray:
        """The positions of the kept rows."""
        return np.flatnonzero(self.outcomes.kept)


def split(
    pairs: CheckedPairs, related: RelatedPairs, settled: Outcomes, settings: CurateSettings, *, seed: int
) -> SplitPairs:
    """Place the settled rows in train, validation and test, and drop those that would leak or break a rule.

    Raises:
        DataError: no pair remains to train on.
    """
    keys = salted(pairs.corpus.content, seed).rank("dense").to_numpy().astype(np.int64)
    placed = assign_rows(
        pairs.corpus, settled, related.relations, related.given, related.hints,
        keys=keys, stratum=pairs.stratum, dates=pairs.dates, settings=settings,
    )  # fmt: skip
    return _divided(pairs, placed, _final(placed.outcomes, placed, pairs))


def without_crossing(divided: SplitPairs, crossing: Crossing, pairs: CheckedPairs) -> SplitPairs:
    """Drop the train rows that an exact search finds too similar to a held-out row and the candidates missed.

    Raises:
        DataError: no pair remains to train on.
    """
    rows, first = np.unique(crossing.train, return_index=True)
    others = crossing.held[first]
    evidence = [
        f'Similar, with the same facts, to "{name}" of {side}: missed by the candidates, found by the certificate.'
        for name, side in divided.table.select("id", "split")[others.tolist()].rows()
    ]
    placed = divided.placed
    outcomes = _final(placed.outcomes, placed, pairs).mark(
        rows, "leaked", rule="leaked", evidence=evidence, other=others, similarity=crossing.similarity[first]
    )
    return _divided(pairs, placed, _final(outcomes, placed, pairs))


def _final(outcomes: Outcomes, placed: Placed, pairs: CheckedPairs) -> Outcomes:
    """The outcomes after failing outputs are dropped from train and validation, and duplicates of dropped rows with them."""
    return drop_followers(drop_failing(outcomes, placed.side, pairs.checked), pairs.checked, pairs.ids)


def _divided(pairs: CheckedPairs, placed: Placed, outcomes: Outcomes) -> SplitPairs:
    """The evidence says what was repaired in a row, and that a row is dropped although a decision keeps it."""
    checked, table, outcomes = pairs.checked, pairs.corpus.pairs, despite_decision(outcomes, pairs.decided)
    splits = placed.splits(outcomes.kept)
    fixed = checked.repairable & splits.is_in(["train", "validation"]).fill_null(False).to_numpy()
    repairs = checked.repairs.filter(pl.Series(fixed).gather(checked.repairs["index"]))
    outcomes = outcomes.mark(
        repairs["index"].to_numpy(), "kept", rule=None, evidence=("Repaired: " + repairs["evidence"] + ".").to_list()
    )
    rows = pl.int_range(len(table), dtype=pl.UInt32, eager=True).to_frame("index")
    table = table.with_columns(
        split=splits,
        placed=placed.splits(placed.outcomes.kept),
        component=placed.tied_sets(table["id"]),
        reference_ok=pl.Series((checked.must == 0) | fixed),
        fixed=rows.join(repairs.select("index", "rules"), on="index", how="left", maintain_order="left")["rules"],
    )
    kept = table.filter(pl.Series(outcomes.kept))
    _require_train(kept, pairs.raw, outcomes)
    return SplitPairs(table, kept, outcomes, placed)


def _require_train(kept: pl.DataFrame, raw: RawPairs, outcomes: Outcomes) -> None:
    """Raise if there is no pair to train on, with the rules that dropped the most rows."""
    if (kept["split"] == "train").any():
        return
    n = raw.rows_read
    if not n:
        raise DataError("the data have no rows, only column names")
    dropped = {name: getattr(outcomes, name)[~outcomes.kept].tolist() for name in ("rule", "evidence")}
    reasons = pl.concat(
        [pl.DataFrame(dropped, schema=dict.fromkeys(dropped, pl.String)), raw.rejected.select("rule", "evidence")]
    ).drop_nulls("rule")
    counts = reasons["rule"].value_counts(sort=True, name="n").head(3).rows()
    rules = ", ".join(f"{rule} {count:,}" for rule, count in counts)
    advice = "Fix the data or relax that rule."
    if counts:
        example = reasons.filter(rule=counts[0][0])["evidence"].drop_nulls().head(1).to_list()
        rules += "".join(f" (for example: {text[:120].rstrip('.')})" for text in example)
    if counts and counts[0][0] == "conflict":
        advice = 'Set [curate] conflicts (--conflicts) to "report" to keep them, or to "keep best" to keep one of each.'
    count = f"{len(kept):,} kept, none of them in train" if len(kept) else "none kept"
    raise DataError(
        f"no pairs to train on: {say.count(n, 'row')} read, {count}\n"
        + (f"Most rows were dropped by: {rules}. {advice}" if rules else "The given split puts none into train.")
    )


@dataclass(frozen=True)
class CertifiedPairs(SplitPairs):
    """The split with its certificate."""

    certificate: Certificate


def certify(
    pairs: CheckedPairs, related: RelatedPairs, divided: SplitPairs, settings: CurateSettings
) -> CertifiedPairs:
    """Search for held-out rows that are similar to train rows; what the candidates of the join missed is dropped.

    Raises:
        DataError: no pair remains to train on.
    """
    certificate, crossing, answers = _search(pairs.corpus, divided, settings)
    if len(crossing.train) and related.relations.method.name == "candidates":
        divided = without_crossing(divided, crossing, pairs)
        certificate, _, answers = _search(pairs.corpus, divided, settings)
    in_test = (divided.kept["split"] == "test").to_numpy()
    share = (answers.verbatim | answers.similar)[in_test].sum() / max(1, in_test.sum())
    if share > LOOK_FIRST:
        advice = grouping_advice(
            pairs.corpus, divided.rows, answers, related.relations, settings=settings, given=related.stated, share=share
        )
        certificate = msgspec.structs.replace(certificate, answers_remedy=advice)
    outcomes = leaked_as_stated(pairs, divided)
    return CertifiedPairs(divided.table, divided.kept, outcomes, divided.placed, certificate)


def leaked_as_stated(pairs: CheckedPairs, divided: SplitPairs) -> Outcomes:
    """The rows dropped from a stated train split since they repeat a row stated for validation or test, marked as leaked.

    They are not only duplicates: a model that was trained on the split as stated knows these held-out rows.
    """
    outcomes, table = divided.outcomes, divided.table
    stated = np.where(pairs.decided.side < 0, given_sides(pairs.corpus.pairs["split"]), -1)
    train, dropped = SPLITS.index("train"), np.isin(outcomes.outcome, ("duplicate", "leaked")) & (outcomes.other >= 0)
    rows = np.flatnonzero(dropped & (stated == train) & (stated[outcomes.other] > train))
    others, similarity = outcomes.other[rows], outcomes.similarity[rows]
    held = zip(table["id"].gather(others), stated[others], strict=True)
    evidence = [f'Stated for train, but repeats "{name}", which is stated for {SPLITS[side]}.' for name, side in held]
    found = zip(evidence, outcomes.outcome[rows], outcomes.evidence[rows], strict=True)
    evidence = [f"{said} {before}" if outcome == "leaked" and before else said for said, outcome, before in found]
    return outcomes.mark(rows, "leaked", rule=STATED, evidence=evidence, other=others, similarity=similarity)


def _search(corpus: Corpus, divided: SplitPairs, settings: CurateSettings) -> tuple[Certificate, Crossing, Answers]:
    kept, rows, threshold = divided.kept, divided.rows, settings.near_duplicate
    answers = find_answers(corpus, kept, rows, threshold=threshold)
    ties = divided.placed.ties
    return *make_certificate(corpus, kept, rows, threshold=threshold, ties=ties, answers=answers), answers


def list_mispaired(
    pairs: CheckedPairs, related: RelatedPairs, certified: CertifiedPairs
) -> tuple[CertifiedPairs, Mispaired]:
    """Name the kept rows whose output fits the request of another row better; those kept by decision are settled."""
    outcomes, ids = certified.outcomes, pairs.ids
    found = find_mispaired(pairs.corpus, related.relations, np.flatnonzero(outcomes.kept))
    found = found.among(~pairs.decided.kept)
    evidence = []
    for row, better in zip(found.rows.tolist(), found.better.tolist(), strict=True):
        fits = (
            "Its output does not fit its request."
            if better < 0
            else f'Its output fits the request of "{ids[better]}" better.'
        )
        evidence.append(f"{outcomes.evidence[row]} {fits}" if outcomes.evidence[row] else fits)
    outcomes = outcomes.mark(
        found.rows, "kept", rule=MISPAIRED, evidence=evidence, other=found.better, similarity=found.probability
    )
    return replace(certified, outcomes=outcomes), found
