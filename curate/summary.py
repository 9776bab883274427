"""The results of curating as numbers: the content of curate/summary.json."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import polars as pl

from ..core import Fix, from_json
from ..style import (
    SAMPLE,
    Columns,
    Discrimination,
    RuleInUse,
    StyleInUse,
    StyleSchema,
    check_table,
    measure_discrimination,
)  # fmt: skip
from .check import is_label, mask_text, repair_outputs, usable_repairs
from .check_parts import CheckedPairs
from .decisions import edit_warnings, settle_decided, summarise_decisions
from .match import Corpus, Outcomes, Relations, find_canned, first_rows, relate
from .mispaired import Mispaired
from .part import CountTokens, CurateRequest
from .records import (
    Curation,
    EffectiveSplits,
    MispairedRows,
    NearDuplicate,
    Notice,
    Paraphrases,
    RelationCounts,
    SplitCounts,
    ThresholdRow,
)  # fmt: skip
from .records import Outcomes as OutcomeCounts
from .row_records import FoundPlace, QualityFinding, RepairedRow, RepairOffer, Repairs
from .run_files import LEDGER_SCHEMA, MISPAIRED, OUTCOMES
from .settings import CurateSettings
from .split import SPLITS, effective_size, effective_splits, split_notes
from .steps import CertifiedPairs, RelatedPairs
from .warnings import find_warnings


@dataclass(frozen=True)
class Counts:
    """How many rows there are, as summary.json has them: of each outcome, dropped by each rule, in each split."""

    rows_read: int
    outcomes: dict[str, int]
    rules: dict[str, int]
    splits: dict[str, int]

    @classmethod
    def of(cls, outcome: pl.Series, rule: pl.Series, split: pl.Series) -> "Counts":
        """The counts of all rows read, given the outcome, the rule and the split of each."""
        dropped = rule.filter(outcome != "kept").drop_nulls()
        rules = dropped.value_counts(sort=True, name="n").sort("n", dropped.name, descending=[True, False])
        return cls(
            len(outcome),
            {name: int((outcome == name).sum()) for name in OUTCOMES},
            dict(rules.rows()),
            {name: int((split == name).sum()) for name in SPLITS},
        )


def build_ledger(pairs: CheckedPairs, certified: CertifiedPairs) -> pl.DataFrame:
    """One row per row read, in the order of the rows; `file` is added if several files were read."""
    raw, outcomes, table = pairs.raw, certified.outcomes, certified.table
    named = pl.Series("other", outcomes.other.astype(np.int64))
    other = named.set(named < 0, None)
    read = pl.DataFrame(
        {
            "row": raw.pairs["row"],
            "id": raw.pairs["id"],
            "outcome": outcomes.outcome.tolist(),
            "split": table["split"],
            "rule": outcomes.rule.tolist(),
            "evidence": outcomes.evidence.tolist(),
            "other_id": raw.pairs["id"].gather(other),
            "similarity": pl.Series(outcomes.similarity, dtype=pl.Float64).fill_nan(None),
            "content": pairs.corpus.content,
            "placed": table["placed"],
            "fixed": table["fixed"].list.join(", "),
        },
        schema=LEDGER_SCHEMA,
    )
    ledger = pl.concat([read, raw.rejected.cast({"row": pl.UInt32})], how="diagonal").sort("row")
    if len(raw.files) < 2:
        return ledger
    place = np.searchsorted(np.array(raw.first_rows), ledger["row"].to_numpy(), side="right") - 1
    return ledger.with_columns(file=pl.Series([file.name for file in raw.files]).gather(place))


def summarise(
    pairs: CheckedPairs,
    related: RelatedPairs,
    certified: CertifiedPairs,
    ledger: pl.DataFrame,
    request: CurateRequest,
    *,
    meaning: Paraphrases | None,
    mispaired: Mispaired | None,
    thresholds: Sequence[ThresholdRow] | None,
    seconds: Mapping[str, float],
) -> Curation:
    """The summary; `meaning` is what was found about requests in other words, `mispaired` about outputs that fit others."""
    style, settings, identifiers = request.style, request.settings, request.identifiers
    raw, kept, checked, ties = pairs.raw, certified.kept, pairs.checked, certified.placed.ties
    components = certified.placed.components()[certified.outcomes.kept]
    counts = Counts.of(ledger["outcome"], ledger["rule"], ledger["split"])
    discrimination = None if style is None else _discrimination(pairs.corpus, style)
    canned = find_canned(pairs.corpus)
    notes, cautions = split_notes(
        pairs.corpus.pairs, certified.placed, related.relations, given=related.given, pinned=related.pinned,
        dates=pairs.dates, settings=settings,
    )  # fmt: skip
    near = None if meaning is None else msgspec.structs.replace(meaning, tied=ties.meaning)
    warnings = [
        *raw.warnings,
        *cautions,
        *pairs.decided.warnings,
        *edit_warnings(pairs.decided, kept),
        *find_warnings(
            pairs, related.relations, certified, ledger, canned, style=style, meaning=near,
            mispaired=mispaired, settings=settings, identifiers=identifiers,
        ),
    ]  # fmt: skip
    return Curation(
        rows_read=raw.rows_read,
        outcomes=OutcomeCounts(**counts.outcomes),
        splits=SplitCounts(**counts.splits),
        references_failing=SplitCounts.of(kept.filter(~pl.col("reference_ok"))["split"]),
        rules=counts.rules,
        distinct_outputs=canned.distinct,
        canned_outputs=canned.worst,
        groups=raw.pairs["group"].drop_nulls().n_unique() or None,
        near_duplicate=_near_duplicate(related.relations, settings),
        relations=_relations(related.relations),
        largest_component=ties.largest,
        effective_pairs=effective_size(components),
        effective_splits=EffectiveSplits(**effective_splits(components, kept["split"].to_numpy())),
        test_groups=_test_groups(kept, components),
        split_notes=[*pairs.notes, *notes],
        overrides=summarise_decisions(pairs.decided, kept),
        threshold_table=thresholds,
        identifiers=sorted(identifiers),
        certificate=certified.certificate,
        meaning=near,
        style=None if style is None else _style(style, discrimination),
        checks=checked.checks,
        fix=summarise_fixes(pairs, certified, settings=settings, count_tokens=request.token_counter()),
        unscored=checked.unscored,
        quality={**checked.quality, **canned.summary(len(raw.pairs)), **_mispaired_quality(mispaired, ledger)},
        mispaired=None if mispaired is None else _mispaired(mispaired),
        personal_data=pairs.personal,
        shape=raw.shape,
        guide=raw.guide,
        files=[path.name for path in raw.files],
        warnings=from_json(warnings, list[Notice]),
        seconds={step: round(value, 4) for step, value in seconds.items()},
    )


def _test_groups(kept: pl.DataFrame, components: np.ndarray) -> int:
    """The separate cases of the test: stated groups and the rows without one, or sets of tied rows."""
    test = (kept["split"] == "test").to_numpy()
    groups = kept["group"].filter(test)
    if groups.null_count() == len(groups):
        return len(np.unique(components[test]))
    return groups.drop_nulls().n_unique() + groups.null_count()


def _mispaired(found: Mispaired) -> MispairedRows:
    """How mispaired rows were searched, and how many are listed."""
    return MispairedRows(
        rows=len(found.rows), by_chance=found.by_chance, recall=round(found.recall, 6), learned=found.learned,
        judged=found.judged,
    )  # fmt: skip


def _mispaired_quality(found: Mispaired | None, ledger: pl.DataFrame) -> dict[str, QualityFinding]:
    """The entry of the quality rule, with the rows that fit least; empty if none is listed."""
    if found is None or not len(found.rows):
        return {}
    worst = ledger.filter(rule=MISPAIRED).sort("similarity", "row").head(_EXAMPLES)
    places = [
        FoundPlace(row=row, id=id, where="output", start=None, end=None, evidence=evidence)
        for row, id, evidence in worst.select("row", "id", "evidence").iter_rows()
    ]
    n = len(found.rows)
    return {MISPAIRED: QualityFinding(rows=n, share=n / found.judged, level="should", examples=places)}


def _near_duplicate(relations: Relations, settings: CurateSettings) -> NearDuplicate:
    """How similar rows were searched."""
    method, skew = relations.method, relations.skew
    return NearDuplicate(
        threshold=settings.near_duplicate,
        method=method.name,
        expected_recall=round(method.expected_recall, 6),
        because=method.because,
        pairs=relations.similar,
        largest_bucket=skew.largest,
        capped_buckets=skew.capped,
    )


def _relations(relations: Relations) -> RelationCounts:
    return RelationCounts(
        duplicates=len(relations.duplicates.left),
        conflicts=len(relations.conflicts.left),
        alternatives=relations.alternatives,
        siblings=relations.sibling_pairs,
    )


def _style(style: StyleSchema, discrimination: Discrimination | None) -> StyleInUse:
    """The schema by name, each check by id, and what the rules accept."""
    checks = {check["id"]: from_json(check, RuleInUse) for check in check_table(style)}
    return StyleInUse(name=style.name, reviewed=style.reviewed, checks=checks, discrimination=discrimination)


def _discrimination(corpus: Corpus, style: StyleSchema) -> Discrimination | None:
    """What the rules accept, on the pairs that `measure_discrimination` would draw from all of them."""
    rows = corpus.sample.arg_sort()[:SAMPLE].to_numpy().astype(np.int64)
    texts = {"input": corpus.requests(rows), "output": corpus.written(rows), "fields": corpus.fields(rows)}
    return measure_discrimination(pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String)), style)


THRESHOLDS = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_EXCERPT = 160  # characters


def threshold_table(pairs: CheckedPairs, rank: np.ndarray, *, settings: CurateSettings) -> list[ThresholdRow]:
    """For each threshold: rows dropped as near duplicates, conflicts, and the least similar pair with a dropped row.

    Exact copies are the same at every threshold and are not counted. `example` is null if nothing is dropped.
    """
    corpus = pairs.corpus
    relations = relate(corpus, threshold=THRESHOLDS[0], rank=rank)
    label = _labels(relations, corpus)
    table = []
    for threshold in THRESHOLDS:
        outcomes = settle_decided(
            corpus, _raised(relations, label, threshold), rank, pairs.decided,
            settings=replace(settings, near_duplicate=threshold),
        )  # fmt: skip
        near = outcomes.rule == "near_duplicate"
        table.append(
            ThresholdRow(
                threshold=threshold,
                dropped=int(near.sum()),
                conflicts=int((outcomes.outcome == "conflict").sum()),
                example=_borderline(corpus, outcomes, np.flatnonzero(near)),
            )
        )
    return table


def _labels(relations: Relations, corpus: Corpus) -> np.ndarray:
    """Whether each conflict is between two labels, whose outputs need not be similar."""
    example = first_rows(relations.item)
    left, right = (corpus.outputs(example[end]) for end in (relations.conflicts.left, relations.conflicts.right))
    words = corpus.label_words
    return np.array([is_label(a, words) and is_label(b, words) for a, b in zip(left, right, strict=True)], bool)


def _raised(relations: Relations, label: np.ndarray, threshold: float) -> Relations:
    """The relations that a join at the higher threshold would find: similarities are quotients of small integers, so
    comparing them as floats is exact at steps of a twentieth."""
    duplicates, conflicts = relations.duplicates, relations.conflicts
    repeats = (duplicates.inputs >= threshold) & (duplicates.outputs >= threshold)
    conflicting = (conflicts.inputs >= threshold) & (label | (conflicts.outputs >= threshold))
    return replace(relations, duplicates=duplicates.take(repeats), conflicts=conflicts.take(conflicting))


def _borderline(corpus: Corpus, outcomes: Outcomes, rows: np.ndarray) -> dict[str, Any] | None:
    if not len(rows):
        return None
    similarity = outcomes.similarity[rows]
    least = rows[similarity == similarity.min()]
    ids = corpus.pairs["id"]
    row = min(least.tolist(), key=lambda row: ids[row])
    other = int(outcomes.other[row])
    shown = {"id": ids[row], "other_id": ids[other], "similarity": float(similarity.min())}
    both = np.array([row, other])
    for name, texts in (("input", corpus.requests(both)), ("output", corpus.written(both))):
        shown |= {name: _excerpt(texts[0]), f"other_{name}": _excerpt(texts[1])}
    return shown


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


# --- repairs ----------------------------------------------------------------------------------------------------------

_TRIED = 2_000  # rows repaired for an offer: a fraction of a second, and a share that is right within two points
_EXAMPLES = 3  # of each rule
_RULES = 12  # with examples
_LONGEST = 2_000  # characters of a text that is shown


def summarise_fixes(
    pairs: CheckedPairs, certified: CertifiedPairs, *, settings: CurateSettings, count_tokens: CountTokens | None
) -> Repairs | None:
    """What repair brought or, with `fix` off, would bring; None without rules."""
    if pairs.style is None or not pairs.style.checks:
        return None
    repairing = _Repairing(pairs, count_tokens)
    if settings.fix == "off":
        return Repairs(fix="off", rows=0, rules={}, examples={}, offer=_offer(repairing, certified))
    fixed = certified.table["fixed"]
    rules = _counts(fixed.drop_nulls())
    rows = repairing.by_content(fixed.is_not_null().arg_true().to_numpy())
    places = _first_of_each(fixed.gather(rows), rules)
    examples = repairing.examples(repairing.of(rows[places], settings.fix), rules)
    return Repairs(fix=settings.fix, rows=len(rows), rules=rules, examples=examples, offer=None)


def _offer(repairing: "_Repairing", certified: CertifiedPairs) -> RepairOffer:
    """What `fix = "safe"` would keep, estimated from some of the rows if they are many."""
    dropped = certified.placed.outcomes.kept & (certified.outcomes.outcome == "invalid")
    failing = np.flatnonzero(dropped)
    rows = repairing.by_content(failing)[:_TRIED]
    repairs = repairing.of(rows, "safe")
    scale = len(failing) / max(1, len(rows))
    rules = {rule: round(scale * n) for rule, n in _counts(repairs["rules"]).items()}
    return RepairOffer(
        rows=round(scale * len(repairs)),
        rules=rules,
        examples=repairing.examples(repairs, rules),
        failing=len(failing),
        tried=len(rows),
    )


class _Repairing:
    """Rows of all pairs, by position, repaired again for their texts."""

    def __init__(self, pairs: CheckedPairs, count_tokens: CountTokens | None) -> None:
        self._pairs = pairs
        self._count_tokens = count_tokens

    def by_content(self, rows: np.ndarray) -> np.ndarray:
        """The rows in an order that does not depend on how the data are cut into files or parts."""
        order = self._pairs.corpus.in_order
        return order[np.isin(order, rows)]

    def of(self, rows: np.ndarray, fix: Fix) -> pl.DataFrame:
        """The repairs that make an output acceptable: `row` (position), `before, after, rules`."""
        style, corpus = self._pairs.style, self._pairs.corpus
        assert style is not None
        outputs, inputs, fields = (
            pl.Series(texts, dtype=pl.String)
            for texts in (corpus.written(rows), corpus.requests(rows), corpus.fields(rows))
        )
        every = pl.int_range(len(rows), dtype=pl.UInt32, eager=True)
        found = repair_outputs(Columns(outputs, inputs, fields, self._count_tokens), style, every, fix=fix)
        found = usable_repairs(found, self._pairs.checked.habits)
        row = pl.Series(rows, dtype=pl.Int64).gather(found["index"])
        return found.select(row=row, before=outputs.gather(found["index"]), after="output", rules="rules")

    def examples(self, repairs: pl.DataFrame, rules: Iterable[str]) -> dict[str, list[RepairedRow]]:
        """The first repairs by each rule, without personal data."""
        names = self._pairs.raw.pairs.select("row", "id")
        shown: dict[str, list[RepairedRow]] = {rule: [] for rule in [*rules][:_RULES]}
        for row, *texts, of_row in repairs.iter_rows():
            before, after = (mask_text(text[:_LONGEST]) for text in texts)
            for rule in of_row:
                if len(shown.get(rule, range(_EXAMPLES))) < _EXAMPLES:
                    number, id = names.row(row)
                    shown[rule].append(RepairedRow(row=number, id=id, before=before, after=after))
        return shown


def _counts(rules: Iterable[Sequence[str]]) -> dict[str, int]:
    """How many rows each rule changed, the most first."""
    counts = Counter(rule for of_row in rules for rule in of_row)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _first_of_each(rules: Iterable[Sequence[str]], wanted: Iterable[str]) -> list[int]:
    """The positions of the first rows with each of the first rules."""
    missing = dict.fromkeys([*wanted][:_RULES], _EXAMPLES)
    places = []
    for place, of_row in enumerate(rules):
        if not any(missing.values()):
            break
        if any(missing.get(rule) for rule in of_row):
            places.append(place)
            missing.update({rule: missing[rule] - 1 for rule in of_row if missing.get(rule)})
    return places
