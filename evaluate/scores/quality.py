"""The shares of each variant with their intervals, and the paired comparison of two of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import polars as pl

from ...style import Check, StyleSchema
from ..outputs.table import Raw
from ..results import (
    AloneShare,
    Cause,
    CheckDifference,
    CheckScore,
    Comparison,
    Difference,
    Good,
    OutputLengths,
    Quality,
    RawShare,
    Share,
    Speed,
    Tokens,
    TwoSample,
)
from ..statistics.intervals import share_interval
from ..statistics.paired import Comparison as Paired
from ..statistics.paired import compare, holm
from .causes import causes_of
from .references import item_similarity, lengths_of, similarity_difference, similarity_of, two_sample
from .score import SHARES, Scores, by_item, failed_whole, item_means, pass_all, unstable_share

Similarity = Mapping[str, np.ndarray]  # each score's item means


def scored_rows(scores: Mapping[str, Scores]) -> np.ndarray:
    """A mask of the items that every variant has a score for; only these are compared, so all variants have the same items."""
    masks = [s.items["acceptable"].is_not_null().to_numpy() for s in scores.values()]
    return np.logical_and.reduce(masks) if masks else np.zeros(0, dtype=bool)


def similarities_of(scores: Mapping[str, Scores], references: pl.Series) -> dict[str, Similarity]:
    """Each variant's similarity to the references."""
    return {name: item_similarity(one.table, references, one.samples) for name, one in scores.items()}


def good_word(scores: Iterable[Scores], rows: np.ndarray, style: StyleSchema) -> Good:
    """What the outputs of the items that count (`rows`) are called if they break no must rule.

    They are correct if the references alone decide that: all have one, and no other rule makes a difference. A text that is
    similar to its reference may still be wrong.
    """
    kinds = {check.kind for check in style.checks if check.about == "correctness" and check.level == "must"}
    if kinds <= {"similar"}:
        return "acceptable"
    tables = [one.table.filter(pl.Series(np.repeat(rows, one.samples))) for one in scores]
    decided = [len(table) and table["acceptable"].eq_missing(table["correct"]).all() for table in tables]
    compared = [table["correct"].is_not_null().any() for table in tables]
    return "correct" if decided and all(decided) and any(compared) else "acceptable"


def quality_of_all(
    raws: Mapping[str, Raw], scores: Mapping[str, Scores], pairs: pl.DataFrame, rows: np.ndarray,
    groups: np.ndarray | None, style: StyleSchema, *, references: pl.Series, similarity: Mapping[str, Similarity], seed: int,
) -> dict[str, Quality]:  # fmt: skip
    """Each variant's scores, and the causes behind them."""
    causes = causes_of(raws, scores, pairs)
    return {
        name: quality_of(
            one, rows, groups, style, references=references, similarity=similarity[name], causes=causes[name], seed=seed
        )
        for name, one in scores.items()
    }


def quality_of(
    scores: Scores,
    rows: np.ndarray,
    groups: np.ndarray | None,
    style: StyleSchema,
    *,
    references: pl.Series | None = None,
    similarity: Similarity | None = None,
    causes: Sequence[Cause] = (),
    seed: int,
) -> Quality:
    """One variant's scores.

    `rows` marks the items that count. `references` has each item's good reference output, null if it has none;
    `similarity` each item's mean similarity to it.
    Shares and intervals are over item means; counts (`no_output`, a check's `fail` and `n`) are over outputs.
    """
    table = scores.table.filter(pl.Series(np.repeat(rows, scores.samples)))
    kept = None if groups is None else groups[rows]
    primary = share_interval(scores.items["acceptable"].to_numpy()[rows], kept, seed=seed)
    acceptable, consistent, faithful, correct = (
        share_of(scores.items[name].to_numpy()[rows], kept, seed=seed) for name in SHARES
    )
    outcomes = by_item(table["acceptable"], scores.samples)
    alone = _broken_alone(scores, table, rows, style)
    length, distinguished = _against_references(scores, table, rows, kept, references, seed=seed)
    return Quality(
        n=int(rows.sum()),
        unscored=scores.items["acceptable"].null_count(),
        no_output=int((table["output"].fill_null("").str.strip_chars() == "").sum()),
        causes=causes,
        groups=primary.groups,
        n_effective=primary.n_effective,
        acceptable=acceptable,
        consistent=consistent,
        faithful=faithful,
        correct=None if correct.share is None else correct,
        samples=scores.samples,
        pass_all=pass_all(outcomes),
        unstable=unstable_share(outcomes, kept),
        raw=_raw(table, scores.samples, kept, seed=seed),
        checks={check.id: _check(scores, rows, kept, check, alone.get(check.id), seed=seed) for check in style.checks},
        similarity=None if similarity is None else similarity_of(similarity, rows, groups),
        length=length,
        two_sample=distinguished,
    )


def _raw(table: pl.DataFrame, samples: int, groups: np.ndarray | None, *, seed: int) -> RawShare | None:
    """The acceptable share before repair, and how many outputs were changed; None if none was to be repaired."""
    if "raw_acceptable" not in table.columns:
        return None
    found = share_of(by_item(table["raw_acceptable"], samples).mean(axis=1), groups, seed=seed)
    return RawShare(share=found.share, low=found.low, high=found.high, changed=table["raw"].count())


def share_of(values: np.ndarray, groups: np.ndarray | None, *, seed: int) -> Share:
    """The share of the values that are not NaN."""
    known = ~np.isnan(values)  # an item that fails in form may have facts that could not be checked
    interval = share_interval(values[known], None if groups is None else groups[known], seed=seed)
    return Share(share=interval.share, low=interval.low, high=interval.high)


def _failing(status: pl.Series) -> pl.Series:
    """Whether the check failed; null if it does not apply or could not be scored."""
    return status.replace_strict({"fail": True, "pass": False}, default=None, return_dtype=pl.Boolean)


def _check(
    scores: Scores, rows: np.ndarray, groups: np.ndarray | None, check: Check, alone: pl.Series | None, *, seed: int
) -> CheckScore:
    """How often one check failed among the outputs that it applies to; `alone` marks those that break no other rule."""
    status = scores.status[check.id].filter(pl.Series(np.repeat(rows, scores.samples)))
    failing = _failing(status)
    share = share_of(item_means(failing, scores.samples), groups, seed=seed)
    counts = dict(status.value_counts().iter_rows())
    return CheckScore(
        fail=counts.get("fail", 0),
        share=share.share,
        low=share.low,
        high=share.high,
        n=len(failing) - failing.null_count(),
        not_applicable=counts.get("not applicable", 0),
        unscored=counts.get("unscored", 0),
        level=check.level,
        about=check.about,
        alone=None if alone is None else _alone(alone, scores.samples, groups, seed=seed),
    )


def _broken_alone(scores: Scores, table: pl.DataFrame, rows: np.ndarray, style: StyleSchema) -> dict[str, pl.Series]:
    """By must rule: whether breaking it is all that keeps an output from being acceptable."""
    musts = [check.id for check in style.checks if check.level == "must"]
    if not musts:
        return {}
    status = scores.status.select(musts).filter(pl.Series(np.repeat(rows, scores.samples)))
    broken = [pl.col(rule) == "fail" for rule in musts]
    one = status.select(
        (pl.sum_horizontal(broken) == 1) & ~pl.any_horizontal(pl.col(rule) == "unscored" for rule in musts)
    ).to_series()
    one &= ~failed_whole(table)
    return {rule: one & (status[rule] == "fail") for rule in musts}


def _alone(broken: pl.Series, samples: int, groups: np.ndarray | None, *, seed: int) -> AloneShare:
    """How many outputs break this rule and no other, and the share that would become acceptable if they met it."""
    share = share_of(by_item(broken, samples).mean(axis=1), groups, seed=seed)
    return AloneShare(outputs=int(broken.sum()), share=share.share, low=share.low, high=share.high)


def _against_references(
    scores: Scores, table: pl.DataFrame, rows: np.ndarray, groups: np.ndarray | None, references: pl.Series | None, *,
    seed: int,
) -> tuple[OutputLengths, TwoSample | None]:  # fmt: skip
    """The lengths of the outputs and of human references for the same inputs, and whether the two can be told apart.

    The two-sample test takes the first sample of each item.
    """
    ours = lengths_of(table["output"].drop_nulls())
    if references is None or references.is_null().all():
        return OutputLengths(words=ours.words, characters=ours.characters, references=None), None
    written = references.filter(pl.Series(rows))
    theirs = lengths_of(written.drop_nulls())
    tested = two_sample(table["output"].gather_every(scores.samples), written, groups, seed=seed)
    return OutputLengths(words=ours.words, characters=ours.characters, references=theirs), tested


def compare_variants(
    scores: Mapping[str, Scores],
    rows: np.ndarray,
    groups: np.ndarray | None,
    style: StyleSchema,
    *,
    baseline: str,
    candidate: str,
    similarity: Mapping[str, Similarity] | None = None,
    seed: int,
) -> Comparison:
    """The paired difference in acceptable outputs, and each check's p.

    Each check is compared on the items to which it applies in both variants. Holm's correction is over the `must`
    checks, which decide what is acceptable; `should` checks are information, with unadjusted p values.
    """
    kept = None if groups is None else groups[rows]
    pair = (scores[baseline], scores[candidate])
    outcome = [part.items["acceptable"].to_numpy()[rows] for part in pair]
    checks = {c.id: comparison for c in style.checks if (comparison := _compared(pair, rows, kept, c.id, seed=seed))}
    level: dict[str, Literal["must", "should"]] = {check.id: check.level for check in style.checks}
    family = [check for check in checks if level[check] == "must"]
    adjusted = dict(zip(family, holm([1.0 if (p := checks[c].p_value) is None else p for c in family]), strict=True))
    found = compare(outcome[0], outcome[1], kept, seed=seed)
    return Comparison(
        baseline=baseline,
        candidate=candidate,
        difference=difference_of(found),
        low_one_sided=found.low_one_sided,
        p_value=found.p_value,
        mid_p=found.mid_p,
        method=found.method,
        both=found.both,
        only_candidate=found.only_candidate,
        only_baseline=found.only_baseline,
        neither=found.neither,
        discordant_share=found.discordant_share,
        detectable_difference=found.detectable_difference,
        n=found.n,
        n_effective=found.n_effective,
        groups=found.groups,
        checks={
            check: CheckDifference(
                value=one.difference, low=one.low, high=one.high, n=one.n, p_value=one.p_value,
                p_holm=adjusted.get(check), level=level[check],
            )
            for check, one in checks.items()
        },
        similarity=None
        if similarity is None
        else similarity_difference(similarity[baseline], similarity[candidate], rows, groups),
    )  # fmt: skip


def difference_of(found: Paired) -> Difference:
    """The difference of a comparison with its interval."""
    return Difference(value=found.difference, low=found.low, high=found.high)


def _compared(
    pair: tuple[Scores, Scores], rows: np.ndarray, groups: np.ndarray | None, check: str, *, seed: int
) -> Paired | None:
    """How often both variants passed the check, on the items to which it applies in both; None if there are none."""
    passed = [1 - item_means(_failing(scores.status[check]), scores.samples)[rows] for scores in pair]
    applies = ~np.isnan(passed[0]) & ~np.isnan(passed[1])
    if not applies.any():
        return None
    return compare(passed[0][applies], passed[1][applies], None if groups is None else groups[applies], seed=seed)


def tokens_of(table: pl.DataFrame, rows: np.ndarray, fixed: float | None) -> Tokens:
    """Mean tokens per request: the fixed part of the prompt, the rest of it, the answer; None if unknown.

    `rows` marks the outputs that count. `output` includes reasoning tokens, which are also listed separately.
    """
    names = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    prompt, cached, output, reasoning = table.filter(pl.Series(rows)).select(names).mean().row(0)
    content = prompt - fixed if prompt is not None and fixed is not None else prompt
    return Tokens(fixed=fixed, input=content, output=output, cached=cached, reasoning=reasoning)


def speed_of(table: pl.DataFrame, rows: np.ndarray) -> Speed:
    """Median and 95th percentile of the seconds per output, and outputs per second; None if not measured."""
    seconds = table.filter(pl.Series(rows))["seconds"].drop_nulls()
    if not len(seconds):
        return Speed(p50=None, p95=None, per_second=None)
    total = float(seconds.sum())
    p50, p95 = seconds.quantile(0.5, "linear"), seconds.quantile(0.95, "linear")
    return Speed(p50=p50, p95=p95, per_second=len(seconds) / total if total > 0 else None)
