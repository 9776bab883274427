"""An evaluation from outputs to results: scores, shares, comparison, money, risks, verdict."""

from collections.abc import Callable, Mapping, Sequence
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
from .context import RunContext
from .measures import measure_variants, money_of
from .money.inputs.settings import RoiSettings
from .outputs.table import Raw
from .results import (
    SCHEMA,
    Comparison,
    Reference,
    Requests,
    Results,
    Risk,
    Share,
)
from .risks.risks import assess_risks
from .rivals.contest import Contest, enter
from .rivals.standing import costs_of_requests, rival_rows, strongest_rival, untrained_names
from .scores.correctness import correctness_of_all
from .scores.groups import grouped_requests, groups_of
from .scores.quality import (
    Similarity,
    compare_variants,
    quality_of_all,
    scored_rows,
    share_of,
    similarities_of,
    speed_of,
    tokens_of,
)  # fmt: skip
from .scores.right_answers import with_references
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
    scored = _Scored(contest, pairs, scored_rows(contest.scores), groups, style, references, similarity, seed)
    results = _results(scored, written, raw, requests, context)
    names = untrained_names(list(contest.raws.values()), candidate=contest.candidate, baseline=baseline)
    compared = contest.candidate in contest.scores and bool(names)
    if compared:
        results = _compared(results, scored, names, roi, context, baseline=baseline, margin=margin)
    pair = (results.comparison.baseline, results.comparison.candidate) if results.comparison is not None else None
    correctness = correctness_of_all(contest.scores, pairs, scored.rows, groups, style, against=pair)
    results = replace(results, correctness=correctness)
    if compared:
        facts_margin = None if settings is None else settings.facts_margin
        results = replace(results, verdict=decide(results, margin=margin, facts_margin=facts_margin))
    outputs = pl.concat([s.table for s in contest.scores.values()], how="diagonal")
    return Evaluated(results, outputs, raw)


@dataclass(frozen=True)
class _Scored:
    """All variants with their scores; `rows` marks the pairs that were scored for every one of them."""

    contest: Contest
    pairs: pl.DataFrame
    rows: np.ndarray
    groups: np.ndarray | None
    style: StyleSchema
    references: pl.Series
    similarity: Mapping[str, Similarity]
    seed: int

    def against(self, first: str, second: str) -> Comparison:
        """The comparison of the second variant with the first."""
        return compare_variants(
            self.contest.scores, self.rows, self.groups, self.style, baseline=first, candidate=second,
            similarity=self.similarity, seed=self.seed,
        )  # fmt: skip


def _results(
    scored: _Scored, written: pl.DataFrame, given: Sequence[Raw], requests: Requests, context: RunContext
) -> Results:
    """The results of each variant by itself; what compares them is still empty."""
    raws, scores, rows, seed = scored.contest.raws, scored.contest.scores, scored.rows, scored.seed
    outputs = {name: np.repeat(rows, one.samples) for name, one in scores.items()}
    return Results(
        schema=SCHEMA,
        project=context.project,
        created=context.created,
        verdict=None,
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


def _compared(
    results: Results, scored: _Scored, names: Sequence[str], roi: RoiSettings | None, context: RunContext, *,
    baseline: str | None, margin: float,
) -> Results:  # fmt: skip
    """The results with what compares the candidate with the ways without training: comparison, money, rivals and risks."""
    raws, scores, candidate = scored.contest.raws, scored.contest.scores, scored.contest.candidate
    measured = measure_variants(raws, scores, scored.rows, roi)
    costs = costs_of_requests(roi, names, measured, baseline=baseline)
    shares = {name: results.share_of(name) for name in names}
    rival = strongest_rival(shares, costs, margin=margin, preferred=baseline) or names[0]
    guided = _guided(raws, names, baseline)
    money = None
    if roi is not None:
        money = money_of(
            roi, measured, scored.rows, scored.groups, context.training, baseline=rival, candidate=candidate,
            seed=scored.seed,
        )  # fmt: skip
    # The variant in use today: the stated baseline, else `prompted`.
    today = next((name for name in (baseline, "prompted") if name in names), None)
    results = replace(
        results,
        comparison=scored.against(rival, candidate),
        guide_comparison=None if guided is None else scored.against("plain", guided),
        money=money,
        rivals=rival_rows(
            names, raws, scores, scored.rows, scored.groups, candidate=candidate, strongest=rival, today=today,
            money=money, margin=margin, left_out=context.left_out, seed=scored.seed,
        ),
    )  # fmt: skip
    return replace(results, risks=_risks(results, scored, roi, context))


def _guided(raws: Mapping[str, Raw], names: Sequence[str], baseline: str | None) -> str | None:
    """The variant whose guide `plain` shows the effect of: the one in use today, else the first with a guide."""
    if "plain" not in raws:
        return None
    models = [name for name in names if raws[name].variant.way == "model" and name != "plain"]
    return baseline if baseline in models else next(iter(models), None)


def _risks(results: Results, scored: _Scored, roi: RoiSettings | None, context: RunContext) -> list[Risk]:
    ours, train = scored.contest.scores[scored.contest.candidate], context.train
    return assess_risks(
        results,
        # The first sample of each pair, in the order of the pairs.
        candidate_outputs=ours.table["output"].fill_null("").gather_every(ours.samples).to_list(),
        # A reference that breaks the rules is no standard for copies.
        references=scored.references.to_list(),
        inputs=scored.pairs["input"].to_list(),
        train_outputs=None if train is None else train["output"].to_list(),
        groups=scored.groups,
        train_groups=None if train is None else groups_of(train),
        acceptable=ours.items["acceptable"].to_numpy(),
        acceptable_on_train=context.on_train,
        forgetting=context.forgetting,
        roi=roi,
        seed=scored.seed,
    )


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
