"""Warnings to read before using the pairs."""

import json
from collections.abc import Collection, Iterator

import numpy as np
import polars as pl

from ..core import as_json, say
from ..style import StyleSchema
from .check import Checked, personal_words
from .check_parts import CheckedPairs
from .match import Canned, Relations
from .mispaired import Mispaired
from .paraphrases import meaning_sentence
from .read import RawPairs
from .records import Certificate, Paraphrases
from .row_records import PersonalData
from .run_files import STATED
from .settings import CurateSettings
from .split import Ties, answers_in_train, effective_size
from .steps import CertifiedPairs

FEW_PAIRS = 200  # the fewest worth tuning on; a test split of 40 can detect a difference of about 17 points
_FEW_OUTPUTS = 0.25  # distinct outputs per row
_FEW_GROUPS = 20  # with fewer, intervals by group mean little
_FEW = 20  # rows; with fewer, shares mean little
_CANNED = 0.05  # of the rows
_LIGHT = 0.5  # of the test rows
_TRUNCATED = 0.01
_MISPAIRED = 0.005  # of the rows, above what chance explains
_MANY = 1 / 3
_HUGE = 0.2


def find_warnings(
    pairs: CheckedPairs,
    relations: Relations,
    certified: CertifiedPairs,
    ledger: pl.DataFrame,
    canned: Canned,
    *,
    style: StyleSchema | None,
    meaning: Paraphrases | None,
    mispaired: Mispaired | None,
    settings: CurateSettings,
    identifiers: Collection[str],
) -> list[dict[str, str]]:
    """All warnings as code and text."""
    raw, kept, checked, placed = pairs.raw, certified.kept, pairs.checked, certified.placed
    warnings = [
        *_amount(raw, kept),
        *_identifiers(pairs.identifier_like, identifiers),
        *_outputs(raw, canned),
        *_stated(certified),
        *_answers(certified.certificate, kept["split"]),
        *_meaning(meaning, settings),
        *_weight(kept, placed.components()[certified.outcomes.kept]),
        *_rules(raw, style, checked),
        *_unreviewed(kept, style),
        *_quality(raw, checked),
        *_mispaired(mispaired),
        *_conflicts(raw, ledger, settings, relations),
        *_skew(relations),
        *_split(placed.ties, int((placed.outcomes.kept & (placed.side >= 0)).sum())),
        *_groups_across(kept),
        *_personal(pairs.personal),
    ]
    return [{"code": code, "text": text} for code, text in warnings]


def _amount(raw: RawPairs, kept: pl.DataFrame) -> Iterator[tuple[str, str]]:
    groups = raw.pairs["group"].drop_nulls().n_unique()
    if len(kept) < FEW_PAIRS:
        pairs = "pair is" if len(kept) == 1 else "pairs are"
        yield (
            "few_pairs",
            f"Only {len(kept):,} {pairs} kept; a comparison rarely gives a clear result with fewer than {FEW_PAIRS}.",
        )
    if 0 < groups < _FEW_GROUPS:
        yield (
            "few_groups",
            f"Only {say.count(groups, 'group')}: the splits are coarse, and results for new groups are uncertain.",
        )


def _stated(certified: CertifiedPairs) -> Iterator[tuple[str, str]]:
    """Rows stated for train that repeat held-out rows: only a model trained without them can be tested."""
    outcomes = certified.outcomes
    rows = np.flatnonzero(outcomes.rule == STATED)
    if len(rows):
        held = certified.table["split"].gather(np.unique(outcomes.other[rows]))
        yield (
            "stated_split",
            f"{say.count(len(rows), 'row')} stated for train repeat{'s' * (len(rows) == 1)} rows stated for test or validation "
            f"({say.count(int((held == 'test').sum()))} of the {say.count(int((certified.kept['split'] == 'test').sum()))} "
            "test rows) and left train. A model that was trained on them elsewhere is compared without these test rows.",
        )


def _identifiers(like: Collection[str], stated: Collection[str]) -> Iterator[tuple[str, str]]:
    """If a field differs in every row, no two rows have the same facts, and no duplicates are found."""
    fields = [name for name in like if name not in stated]
    if fields:
        names = " and ".join(json.dumps(name, ensure_ascii=False) for name in fields)
        shown = ", ".join(json.dumps(name, ensure_ascii=False) for name in [*sorted(stated), *fields])
        yield (
            "identifier_like",
            f"The input field{'s' * (len(fields) != 1)} {names} differ{'s' * (len(fields) == 1)} in nearly every row, so no two "
            f"rows have the same facts. If it only names the item, set [data] identifiers = [{shown}], or --identifier.",
        )


def _outputs(raw: RawPairs, canned: Canned) -> Iterator[tuple[str, str]]:
    n = len(raw.pairs)
    counts = f"{n:,} rows, {canned.distinct:,} distinct output{'s' * (canned.distinct != 1)}"
    if n >= _FEW and canned.distinct < _FEW_OUTPUTS * n and canned.labels:
        yield (
            "few_outputs",
            f"{counts} of a few words: they look like labels. A plain classifier may do the same at lower cost; "
            "rules about wording mean little here.",
        )
    elif n >= _FEW and canned.distinct < _FEW_OUTPUTS * n:
        yield "few_outputs", f"{counts}: a model can memorise these."
    elif canned.rows > _CANNED * n:
        yield (
            "canned_outputs",
            f"{canned.rows:,} of {n:,} rows have one of {canned.outputs:,} outputs that five or more different inputs "
            "share; summary.json lists the most frequent under canned_outputs.",
        )


def _weight(kept: pl.DataFrame, components: np.ndarray) -> Iterator[tuple[str, str]]:
    """Tied rows are largely redundant: the effective size is closer to the number of components."""
    test = components[(kept["split"] == "test").to_numpy()]
    weight = effective_size(test)
    if len(test) >= _FEW and weight < _LIGHT * len(test):
        yield (
            "few_effective",
            f"The {len(test):,} test rows are in {len(np.unique(test)):,} tied sets and count as about "
            f"{max(1, round(weight)):,} independent rows. Add rows that differ from these to get more certain results.",
        )


def _meaning(found: Paraphrases | None, settings: CurateSettings) -> Iterator[tuple[str, str]]:
    if found is not None and found.close:
        advice = "" if settings.tie_meaning else " [curate] tie_meaning = true keeps such rows on one side."
        yield "near_in_meaning", f"{meaning_sentence(found)} Read them in summary.json.{advice}"
    if settings.tie_meaning is True and found is not None and found.threshold is None:
        yield (
            "meaning_uncalibrated",
            "tie_meaning = true ties nothing: too few requests in other words have the same output to calibrate it. "
            "Read the nearest pairs, and state the cosine from which they mean the same, such as tie_meaning = 0.95.",
        )


def _answers(certificate: Certificate, split: pl.Series) -> Iterator[tuple[str, str]]:
    """So many answers of test in train that the test shows recital; the certificate has what to set against it."""
    if certificate.answers_remedy is not None:
        found = as_json(certificate)
        clause = answers_in_train({"certificate": found, "splits": {"test": int((split == "test").sum())}})
        yield "answers_in_train", f"{clause}: a model can recite them. {certificate.answers_remedy}".strip()


def _quality(raw: RawPairs, checked: Checked) -> Iterator[tuple[str, str]]:
    n = len(raw.pairs)
    for rule in checked.habits:
        rows = checked.quality[rule].rows
        yield (
            "quality_habit",
            f'Rule "{rule}" matches {rows:,} of {n:,} outputs, more than a tenth. It seems a habit of these data, so no row '
            "was dropped for it. If these are faults, add a check of kind clean to the style schema.",
        )
    cut = checked.quality["quality:truncated"].rows if "quality:truncated" in checked.quality else 0
    if cut > max(_TRUNCATED * n, 1):
        yield (
            "many_truncated",
            f"{cut:,} of {n:,} outputs look truncated, and are kept. Check whether they were generated with a token "
            "limit; summary.json shows three under quality.",
        )
    for check, unscored in checked.unscored.items():
        text = f'Check "{check}" could not score {unscored.rows:,} of {n:,} outputs: {unscored.why}.'
        yield "unscored", text


def _mispaired(found: Mispaired | None) -> Iterator[tuple[str, str]]:
    if found is not None and len(found.rows) - found.by_chance >= max(1, _MISPAIRED * found.judged):
        yield "mispaired", f"{found.sentence(found.judged)} They are kept: `tuneworth review` shows them one by one."


def _rules(raw: RawPairs, style: StyleSchema | None, checked: Checked) -> Iterator[tuple[str, str]]:
    must = {c.id for c in style.checks if c.level == "must"} if style else set()
    for check, counts in checked.checks.items():
        if check in must and counts.share > _MANY:
            text = f'{say.percent(counts.share)} of the outputs break style rule "{check}". Check whether the rule is right.'
            yield "rule_rejects_many", text
    for sentence in checked.missing:
        yield "unknown_field", f"Style {sentence}."
    rejected = raw.rejected["rule"].value_counts(name="n").sort("rule")
    for rule, n in rejected.rows():
        if n > _MANY * raw.rows_read:
            yield "rule_rejects_many", f'Rule "{rule}" rejects {n:,} of {raw.rows_read:,} rows.'


def _unreviewed(kept: pl.DataFrame, style: StyleSchema | None) -> Iterator[tuple[str, str]]:
    """Rows that a reviewed style would have dropped."""
    broken = int(((kept["split"] != "test") & ~kept["reference_ok"]).sum())
    if style is not None and not style.reviewed and broken:
        verbs = ("breaks", "is") if broken == 1 else ("break", "are")
        yield (
            "unreviewed_rules",
            f"{say.count(broken, 'row')} of train and validation {verbs[0]} a must rule and {verbs[1]} kept, since the style has "
            "not been reviewed. Read the rules and these rows with `tuneworth review`, then set `reviewed: true` in the style.",
        )


def _conflicts(
    raw: RawPairs, ledger: pl.DataFrame, settings: CurateSettings, relations: Relations
) -> Iterator[tuple[str, str]]:
    n = int((ledger["outcome"] == "conflict").sum())
    if n > _MANY * raw.rows_read:
        options = '"report" keeps them, "keep best" keeps one of each'
        yield "many_conflicts", f"{n:,} of {raw.rows_read:,} rows are conflicts. Under [curate], conflicts = {options}."
    reported = len(np.unique(np.concatenate((relations.conflicts.left, relations.conflicts.right))))
    if settings.conflicts == "report" and reported:
        yield "conflicts_kept", f"{reported:,} pairs with the same input and different answers are kept, as set."


def _skew(relations: Relations) -> Iterator[tuple[str, str]]:
    """Buckets in which not all pairs were compared: the expected recall of candidates does not apply to them."""
    if relations.method.because.startswith("more than"):
        yield (
            "pairs_at_least",
            f"The rows have {relations.method.because}, so that near duplicates were searched among candidates and the counts "
            "of pairs are lower bounds. Provide inputs as fields, or raise near_duplicate.",
        )
    capped, largest = relations.skew.capped, relations.skew.largest
    if capped:
        several = "s" * (capped != 1)
        yield (
            "capped_buckets",
            f"{capped:,} bucket{several} of candidates {'were' if several else 'was'} too large (up to {largest:,} inputs) to "
            "compare all pairs: the inputs follow a template, so near duplicates within one split may be missed. Provide "
            "inputs as fields, or raise near_duplicate; the certificate compares all pairs across the splits.",
        )


def _split(ties: Ties, n: int) -> Iterator[tuple[str, str]]:
    if not n:
        return
    if ties.largest > max(_HUGE * n, 2):
        text = f"{ties.largest:,} of {n:,} pairs must be in one split"
        yield "huge_component", f"{text}; they are connected by {ties.joined_by}."


def _personal(personal: PersonalData) -> Iterator[tuple[str, str]]:
    """Counts and one place, never a value."""
    if not personal.rows:
        return
    counts = personal_words(personal.found)
    n = personal.rows
    rows = say.count(n, "row")
    if personal.masked:
        yield "personal_data_masked", f"{rows} contained personal data ({counts}), which masks replace everywhere."
        return
    first = personal.places[0]
    yield (
        "personal_data",
        f"{rows} {'contain' if n != 1 else 'contains'} personal data ({counts}), the first in row {first.row}, "
        f"{first.where}, characters {(first.start or 0) + 1} to {first.end}. Set [curate] mask = true, or "
        "--mask, to replace it in training, requests, files and reports.",
    )


def _groups_across(kept: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Only a split given by the data can divide a group."""
    sides = kept.drop_nulls("group").group_by("group").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
    if len(sides):
        example = json.dumps(sides["group"].min(), ensure_ascii=False)
        yield "groups_across", f"The given split divides {len(sides):,} groups, for example {example}."
