"""The candidate against the ways without training: comparison, money, rivals, slices and risks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from msgspec.structs import replace

from ..style import StyleSchema
from .context import RunContext
from .measures import measure_variants, money_of
from .money.inputs.settings import RoiSettings
from .outputs.table import Raw
from .results import Comparison, Results, Risk
from .risks.risks import assess_risks
from .rivals.contest import Contest
from .rivals.standing import costs_of_requests, rival_rows, strongest_rival
from .scores.groups import groups_of
from .scores.quality import Similarity, compare_variants
from .slices import slices_of


@dataclass(frozen=True)
class Scored:
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


def compare_with_rivals(
    results: Results, scored: Scored, names: Sequence[str], roi: RoiSettings | None, context: RunContext, *,
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
            good=results.good, seed=scored.seed,
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
    found = slices_of(
        scores, scored.pairs, scored.rows, scored.groups, scored.style, rivals=names, candidate=candidate, margin=margin,
        identifiers=context.identifiers,
    )  # fmt: skip
    return replace(results, slices=found.rows, routing=found.routing, risks=_risks(results, scored, roi, context))


def _guided(raws: Mapping[str, Raw], names: Sequence[str], baseline: str | None) -> str | None:
    """The variant whose guide `plain` shows the effect of: the one in use today, else the first with a guide."""
    if "plain" not in raws:
        return None
    models = [name for name in names if raws[name].variant.way == "model" and name != "plain"]
    return baseline if baseline in models else next(iter(models), None)


def _risks(results: Results, scored: Scored, roi: RoiSettings | None, context: RunContext) -> list[Risk]:
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
