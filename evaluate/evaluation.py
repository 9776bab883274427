"""An evaluation from outputs to results: scores, shares, comparison, money, risks, verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from ..core import as_json
from ..style import StyleSchema, check_outputs, check_table, measure_discrimination
from .measures import measure_variants, money_of
from .money.account import Money
from .money.inputs.settings import RoiSettings
from .outputs.table import Raw
from .risks.overfitting import Outcomes
from .risks.risks import assess_risks
from .rivals.contest import Contest, enter
from .rivals.standing import costs_of_requests, rival_rows, strongest_rival, untrained_names
from .scores.groups import grouped_requests, groups_of
from .scores.quality import (
    SHARES,
    Similarity,
    compare_variants,
    quality_of_all,
    scored_rows,
    share_of,
    similarities_of,
    speed_of,
    tokens_of,
)  # fmt: skip
from .scores.score import Scores
from .settings import EvaluateSettings
from .variants import describe
from .verdict.rules import decide

__all__ = ["Evaluated", "RunContext", "evaluate_outputs"]

SCHEMA = "tuneworth/results/1"


@dataclass(frozen=True)
class Evaluated:
    """`results`: the content of results.json; `outputs`: one row per pair and variant, scored; `raws`: the variants as
    given, without those that were derived from them; `money`: that of the results, None without one."""

    results: dict[str, Any]
    outputs: pl.DataFrame
    raws: Sequence[Raw]
    money: Money | None


@dataclass(frozen=True)
class RunContext:
    """Results of earlier stages that the evaluation includes; any may be None.

    `left_out` are the rivals that were not measured, each with the reason; `on_train` are the candidate's outcomes on
    train pairs; `forgetting` compares its general abilities with those of its base model. `identifiers`
    are the fields that do not make a request another one.
    """

    data: Mapping[str, Any] | None = None
    training: Mapping[str, Any] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    train: pl.DataFrame | None = None
    validity: Sequence[Mapping[str, str]] = ()
    left_out: Sequence[tuple[str, str]] = ()
    on_train: Outcomes | None = None
    forgetting: Mapping[str, Any] | None = None
    learning_curve: Mapping[str, Any] | None = None
    identifiers: Sequence[str] = ()
    project: str = ""
    created: str = ""


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
    results = _results(scored, written, raw, context)
    results["requests"] = requests._asdict()
    names = untrained_names(list(contest.raws.values()), candidate=contest.candidate, baseline=baseline)
    money = None
    if contest.candidate in contest.scores and names:
        money = _compare(results, scored, names, roi, context, baseline=baseline, margin=margin)
        facts_margin = None if settings is None else settings.facts_margin
        results["verdict"] = decide(results, margin=margin, facts_margin=facts_margin)
    outputs = pl.concat([s.table for s in contest.scores.values()], how="diagonal")
    return Evaluated(results, outputs, raw, money)


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

    def against(self, first: str, second: str) -> dict[str, Any]:
        """The comparison of the second variant with the first."""
        return compare_variants(
            self.contest.scores, self.rows, self.groups, self.style, baseline=first, candidate=second,
            similarity=self.similarity, seed=self.seed,
        )  # fmt: skip


def _results(scored: _Scored, written: pl.DataFrame, given: Sequence[Raw], context: RunContext) -> dict[str, Any]:
    """The results of each variant by itself; what compares them is still empty."""
    raws, scores, rows, seed = scored.contest.raws, scored.contest.scores, scored.rows, scored.seed
    return {
        "schema": SCHEMA,
        "project": context.project,
        "created": context.created,
        "verdict": None,
        "quality": quality_of_all(
            raws, scores, scored.pairs, rows, scored.groups, scored.style, references=scored.references,
            similarity=scored.similarity, seed=seed,
        ),
        "reference": _reference(written, scored.groups, seed=seed),
        "comparison": None,
        "rivals": [],
        "tokens": {name: _tokens(r, scores[name], rows) for name, r in raws.items()},
        "seconds": {name: _speed(scores[name], rows) for name in raws},
        "money": None,
        "style": _style(scored.style, scored.pairs, given, seed=seed),
        "variants": {name: _described(r) for name, r in raws.items()},
        **_stated(context),
        "risks": [],
        "gates": None,
        "verdicts": [],
    }  # fmt: skip


def _compare(
    results: dict[str, Any], scored: _Scored, names: Sequence[str], roi: RoiSettings | None, context: RunContext, *,
    baseline: str | None, margin: float,
) -> Money | None:  # fmt: skip
    """Add what compares the candidate with the ways without training: comparison, money, rivals and risks."""
    raws, scores, candidate = scored.contest.raws, scored.contest.scores, scored.contest.candidate
    measured = measure_variants(raws, scores, scored.rows, roi)
    costs = costs_of_requests(roi, names, measured, baseline=baseline)
    shares = {name: results["quality"][name]["acceptable"]["share"] for name in names}
    rival = strongest_rival(shares, costs, margin=margin, preferred=baseline) or names[0]
    results["comparison"] = scored.against(rival, candidate)
    if (guided := _guided(raws, names, baseline)) is not None:
        results["guide_comparison"] = scored.against("plain", guided)
    money = None
    if roi is not None:
        money = money_of(
            roi, measured, scored.rows, scored.groups, context.training, baseline=rival, candidate=candidate,
            seed=scored.seed,
        )  # fmt: skip
        results["money"] = money.to_json()
    results["rivals"] = rival_rows(
        names, raws, scores, scored.rows, scored.groups, candidate=candidate, strongest=rival, today=_today(names, baseline),
        money=results["money"], margin=margin, left_out=context.left_out, seed=scored.seed,
    )  # fmt: skip
    results["risks"] = _risks(
        results, scored.pairs["input"], scored.references, scored.groups, scores, roi, context, candidate, scored.seed
    )
    return money


def _described(raw: Raw) -> dict[str, Any]:
    return describe(
        raw.variant,
        model=raw.model,
        guide_tokens=raw.guide_tokens,
        settings=raw.settings,
        refused=raw.refused,
        doubt=raw.doubt,
    )


def _stated(context: RunContext) -> dict[str, Any]:
    """The values that the results include unchanged."""
    return {
        "data": context.data,
        "training": context.training,
        "provenance": dict(context.provenance),
        "validity": list(context.validity),
        "learning_curve": context.learning_curve,
    }


def _today(names: Sequence[str], baseline: str | None) -> str | None:
    """The untrained variant in use today: the stated baseline, else `prompted`; None if neither was scored."""
    return next((name for name in (baseline, "prompted") if name in names), None)


def _guided(raws: Mapping[str, Raw], names: Sequence[str], baseline: str | None) -> str | None:
    """The variant whose guide `plain` shows the effect of: the one in use today, else the first with a guide."""
    if "plain" not in raws:
        return None
    models = [name for name in names if raws[name].variant.way == "model" and name != "plain"]
    return baseline if baseline in models else next(iter(models), None)


def _tokens(raw: Raw, scores: Scores, rows: np.ndarray) -> dict[str, float | None]:
    return tokens_of(scores.table, np.repeat(rows, scores.samples), raw.fixed_tokens)


def _speed(scores: Scores, rows: np.ndarray) -> dict[str, float | None]:
    return speed_of(scores.table, np.repeat(rows, scores.samples))


def _risks(
    results: dict[str, Any], inputs: pl.Series, references: pl.Series, groups: np.ndarray | None, scores: Mapping[str, Scores],
    roi: RoiSettings | None, context: RunContext, candidate: str, seed: int,
) -> list[dict[str, Any]]:  # fmt: skip
    train_outputs = None if context.train is None else context.train["output"].to_list()
    return assess_risks(
        results,
        # The first sample of each pair, in the order of the pairs.
        candidate_outputs=scores[candidate]
        .table["output"]
        .fill_null("")
        .gather_every(scores[candidate].samples)
        .to_list(),
        # A reference that breaks the rules is no standard for copies.
        references=references.to_list(),
        inputs=inputs.to_list(),
        train_outputs=train_outputs,
        groups=groups,
        train_groups=None if context.train is None else groups_of(context.train),
        acceptable=scores[candidate].items["acceptable"].to_numpy(),
        acceptable_on_train=context.on_train,
        forgetting=context.forgetting,
        roi=roi,
        seed=seed,
    )


def _written(pairs: pl.DataFrame, style: StyleSchema, raw: Sequence[Raw]) -> pl.DataFrame:
    """The three shares of the human references by the same rules, and whether each reference exists; null if not.

    The first available tokenizer of a variant counts the tokens.
    """
    shares = check_outputs(pairs, style, count_tokens=_counter(raw)).shares()
    exists = (pairs["output"].fill_null("").str.strip_chars() != "").alias("exists")
    return shares.select(pl.when(exists).then(pl.all()).name.keep(), exists)


def _reference(written: pl.DataFrame, groups: np.ndarray | None, *, seed: int) -> dict[str, Any] | None:
    """The shares of the references; None if no reference could be scored."""
    rows = written["acceptable"].is_not_null().to_numpy()
    if not rows.any():
        return None
    reference: dict[str, Any] = {"n": int(rows.sum())}
    for name in SHARES:
        values = written[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()[rows]
        reference[name] = share_of(values, None if groups is None else groups[rows], seed=seed)
    return reference


def _style(style: StyleSchema, pairs: pl.DataFrame, raw: Sequence[Raw], *, seed: int) -> dict[str, Any]:
    """The schema, its checks by id, and how well it tells the references from answers to other requests."""
    checks = {row.pop("id"): row for row in check_table(style)}
    found = measure_discrimination(pairs, style, count_tokens=_counter(raw), seed=seed)
    return {
        "name": style.name, "about": style.about, "reviewed": style.reviewed, "checks": checks,
        "discrimination": None if found is None else as_json(found),
    }  # fmt: skip


def _counter(raw: Sequence[Raw]) -> Callable[[Sequence[str]], Sequence[int]] | None:
    """The first available tokenizer of a variant."""
    return next((r.count_tokens for r in raw if r.count_tokens), None)
