"""An evaluation from outputs to results: scores, shares, comparison, money, risks, verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from msgspec.structs import replace

from ..core import from_json
from ..style import (
    RuleInUse,
    StyleInUse,
    StyleSchema,
    check_outputs,
    check_table,
    measure_discrimination,
    measure_near_misses,
)
from .compared import Scored, compare_with_rivals
from .context import RunContext
from .integrity.find import find_integrity, without_copied
from .money.inputs.settings import RoiSettings
from .outputs.table import Raw
from .results import (
    SCHEMA,
    Reference,
    Requests,
    Results,
    Share,
)
from .rivals.contest import enter
from .rivals.standing import untrained_names
from .scores.correctness import correctness_of_all
from .scores.groups import grouped_requests, with_references
from .scores.quality import (
    good_word,
    quality_of_all,
    scored_rows,
    share_of,
    similarities_of,
    speed_of,
    tokens_of,
)  # fmt: skip
from .settings import EvaluateSettings
from .verdict.rules import decide


@dataclass(frozen=True)
class Evaluated:
    """`results`: the content of results.json; `outputs`: one row per pair and variant, scored; `raws`: the variants as
    given, without those that were derived from them."""

    results: Results
    outputs: pl.DataFrame
    raws: Sequence[Raw]


def evaluate_outputs(
    pairs: pl.DataFrame,
    raw: Sequence[Raw],
    style: StyleSchema,
    *,
    candidate: str,
    margin: float,
    baseline: str | None = None,
    settings: EvaluateSettings | None = None,
    roi: RoiSettings | None = None,
    context: RunContext | None = None,
    seed: int = 0,
) -> Evaluated:
    """Score, compare and judge the outputs of variants on the same `pairs` (a pair table).

    The variants that need no call are added first, as far as the `settings` allow rivals (none without settings). A pair
    that could not be scored for one variant is dropped for all. The candidate, after repair if that helps it, is compared
    with every variant that needs no training; `comparison` is the one with the strongest. A stated `baseline` is the
    variant in use today: it counts as untrained, and comes first among equals. Without a candidate or a rival there is no
    comparison, no money and no verdict. Pure: the same input gives the same results.
    """
    context = context or RunContext()
    pairs, raw, leaked = without_copied(pairs, raw, context, candidate)
    pairs = with_references(pairs, style, context.identifiers)
    contest = enter(
        pairs, raw, style, candidate=candidate, baseline=baseline, settings=settings,
        train=context.train, seed=seed,
    )  # fmt: skip
    written = _written(pairs, style, raw)
    good = pairs["reference_ok"] & written["acceptable"].fill_null(written["exists"])
    references = pairs.select(pl.when(good).then("output"))["output"]
    similarity = similarities_of(contest.scores, references)
    groups, requests = grouped_requests(pairs, context.identifiers)
    scored = Scored(contest, pairs, scored_rows(contest.scores), groups, style, references, similarity, seed)
    integrity = [*(leaked or context.leaked), *find_integrity(contest.raws, contest.scores, pairs, context.train)]
    results = replace(_results(scored, written, raw, requests, context), integrity=integrity)
    names = untrained_names(list(contest.raws.values()), candidate=contest.candidate, baseline=baseline)
    compared = contest.candidate in contest.scores and bool(names)
    if compared:
        results = compare_with_rivals(results, scored, names, roi, context, baseline=baseline, margin=margin)
    pair = (results.comparison.baseline, results.comparison.candidate) if results.comparison is not None else None
    correctness = correctness_of_all(contest.scores, pairs, scored.rows, groups, style, against=pair)
    results = replace(results, correctness=correctness)
    if compared:
        facts_margin = None if settings is None else settings.facts_margin
        results = replace(results, verdict=decide(results, margin=margin, facts_margin=facts_margin))
    outputs = pl.concat([s.table for s in contest.scores.values()], how="diagonal")
    return Evaluated(results, outputs, raw)


def _results(
    scored: Scored, written: pl.DataFrame, given: Sequence[Raw], requests: Requests, context: RunContext
) -> Results:
    """The results of each variant by itself; what compares them is still empty."""
    raws, scores, rows, seed = scored.contest.raws, scored.contest.scores, scored.rows, scored.seed
    outputs = {name: np.repeat(rows, one.samples) for name, one in scores.items()}
    return Results(
        schema=SCHEMA,
        project=context.project,
        created=context.created,
        verdict=None,
        good=good_word(scores.values(), rows, scored.style),
        quality=quality_of_all(
            raws, scores, scored.pairs, rows, scored.groups, scored.style, references=scored.references,
            similarity=scored.similarity, seed=seed,
        ),
        reference=_reference(written, scored.groups, seed=seed),
        requests=requests,
        comparison=None,
        rivals=[],
        tokens={name: tokens_of(scores[name].table, outputs[name], raw.fixed_tokens) for name, raw in raws.items()},
        seconds={name: speed_of(scores[name].table, outputs[name]) for name in raws},
        money=None,
        risks=[],
        data=context.data,
        training=context.training,
        learning_curve=context.learning_curve,
        style=_style(scored.style, scored.pairs, given, seed=seed),
        variants={name: raw.record for name, raw in raws.items()},
        validity=list(context.validity),
        gates=None,
        verdicts=[],
        provenance=context.provenance,
    )  # fmt: skip


def _written(pairs: pl.DataFrame, style: StyleSchema, raw: Sequence[Raw]) -> pl.DataFrame:
    """The three shares of the human references by the same rules, and whether each reference exists; null if not.

    The first available tokenizer of a variant counts the tokens.
    """
    shares = check_outputs(pairs, style, count_tokens=_counter(raw)).shares()
    exists = (pairs["output"].fill_null("").str.strip_chars() != "").alias("exists")
    return shares.select(pl.when(exists).then(pl.all()).name.keep(), exists)


def _reference(written: pl.DataFrame, groups: np.ndarray | None, *, seed: int) -> Reference | None:
    """The shares of the references; None if no reference could be scored."""
    rows = written["acceptable"].is_not_null().to_numpy()
    if not rows.any():
        return None

    def share(name: str) -> Share:
        values = written[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()[rows]
        return share_of(values, None if groups is None else groups[rows], seed=seed)

    return Reference(
        n=int(rows.sum()), acceptable=share("acceptable"), consistent=share("consistent"), faithful=share("faithful")
    )


def _style(style: StyleSchema, pairs: pl.DataFrame, raw: Sequence[Raw], *, seed: int) -> StyleInUse:
    """The schema, its checks by id, and how well it tells the references from answers to other requests."""
    checks = {row["id"]: from_json(row, RuleInUse) for row in check_table(style)}
    found = measure_discrimination(pairs, style, count_tokens=_counter(raw), seed=seed)
    near = measure_near_misses(pairs, style, count_tokens=_counter(raw), seed=seed)
    return StyleInUse(
        name=style.name,
        about=style.about,
        reviewed=style.reviewed,
        checks=checks,
        discrimination=found,
        near_misses=near,
    )


def _counter(raw: Sequence[Raw]) -> Callable[[Sequence[str]], Sequence[int]] | None:
    """The first available tokenizer of a variant."""
    return next((r.count_tokens for r in raw if r.count_tokens), None)
