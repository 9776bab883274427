"""Two judged runs compared on the requests and the rules that they share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...style import decided_by
from ..results import Good, Results, Share, Verdict
from ..statistics.intervals import share_interval
from ..statistics.paired import Comparison, compare, significant
from .cost import changed_cost, mean_tokens
from .judged import (
    Judged,
    Line,
    Outcomes,
    SharedRequests,
    broken_by,
    outcomes_of,
    shared_groups,
    shared_requests,
    shared_rules,
)
from .moved import LEAST_ROWS, difference_of, moved_rules, moved_slices, slices_of
from .records import (
    BothSamples,
    BothShares,
    BothTokens,
    BothVerdicts,
    ChangedContext,
    ChangedFigure,
    ChangedRequest,
    ComparedStyles,
    ComparedVariants,
    MeanTokens,
    RunComparison,
    RunVerdict,
    SharedCounts,
)


@dataclass(frozen=True)
class ChangedRow:
    """A shared request on which the runs differ: its line of the JSON, its pair, and an output of each run.

    `before` and `after` are the samples that show the change: of a request that no longer works, one that worked and one
    that does not.
    """

    entry: ChangedRequest
    pair: Mapping[str, Any]
    before: Line
    after: Line


@dataclass(frozen=True)
class ComparedJudged:
    """`results`: the comparison; `rows`: the requests that no longer work, then those that work now."""

    before: Judged
    after: Judged
    results: RunComparison
    rows: tuple[ChangedRow, ...]


@dataclass(frozen=True)
class _Paired:
    """The shared requests, with the ids of each run in the same order, and their outcomes."""

    shared: SharedRequests
    ids: tuple[list[str], list[str]]
    outcomes: tuple[Outcomes, Outcomes]
    groups: np.ndarray | None
    rules: list[str]

    @property
    def scored(self) -> np.ndarray:
        """A mask of the shared requests that both runs scored."""
        first, second = self.outcomes
        return ~np.isnan(first.acceptable) & ~np.isnan(second.acceptable)


def compare_judged(before: Judged, after: Judged, *, rescored: str | None = None) -> ComparedJudged:
    """The second run compared with the first, on what they share; `rescored` names the style by which both were judged again.

    The shared requests are those with the same content. Where the styles differ, outputs are acceptable by the `must`
    rules that both have. Nothing is random, and the other order gives the mirrored result.
    """
    paired = _paired(before, after)
    kept = paired.scored
    tied = None if paired.groups is None else paired.groups[kept]
    outcomes = [part.acceptable[kept] for part in paired.outcomes]
    found = compare(outcomes[0], outcomes[1], tied)
    rows = _changed_rows(before, after, paired)
    tables = [
        side.pairs[at] for side, at in zip((before, after), (paired.shared.before, paired.shared.after), strict=True)
    ]
    slices, small = slices_of(*tables)
    same = _same_outputs(before, after, paired)
    scored = [_where(part, kept) for part in paired.outcomes]
    ids = tuple([name for name, keep in zip(names, kept, strict=True) if keep] for names in paired.ids)
    moved = moved_slices(slices, paired.outcomes[0].acceptable, paired.outcomes[1].acceptable, paired.groups)
    results = RunComparison(
        before=before.name,
        after=after.name,
        variant=_variants(before, after),
        decided=_decided(found, same=bool(same.all()) and bool(len(same))),
        difference=difference_of(found),
        low_one_sided=found.low_one_sided,
        p_value=found.p_value,
        mid_p=found.mid_p,
        method=found.method,
        both=found.both,
        only_after=found.only_candidate,
        only_before=found.only_baseline,
        neither=found.neither,
        discordant_share=found.discordant_share,
        detectable_difference=found.detectable_difference,
        n=found.n,
        n_effective=found.n_effective,
        groups=found.groups,
        acceptable=BothShares(before=_share(outcomes[0], tied), after=_share(outcomes[1], tied)),
        good=_good(before, after, paired, rescored),
        shared=_counts(before, after, paired, same),
        style=_styles(before, after, paired.rules, rescored),
        rows=[row.entry for row in rows],
        rules=moved_rules(paired.rules, after.rules, *paired.outcomes, paired.groups),
        slices=moved,
        slices_small=small,
        slices_least=LEAST_ROWS,
        tokens=BothTokens(before=_tokens(before, ids[0]), after=_tokens(after, ids[1])),
        cost=changed_cost(before, after, (scored[0], scored[1]), (ids[0], ids[1])),
        verdicts=_verdicts(before, after),
        context=_context(before, after),
    )
    return ComparedJudged(before, after, results, rows)


def _variants(before: Judged, after: Judged) -> ComparedVariants:
    compared = [(side.results.comparison, side.variant) for side in (before, after)]
    return ComparedVariants(
        before=before.variant,
        after=after.variant,
        candidates=all(found is not None and found.candidate == variant for found, variant in compared),
        in_both=[name for name in after.results.quality if name in before.results.quality],
    )


def _paired(before: Judged, after: Judged) -> _Paired:
    answered = [side.pairs["id"].is_in(list(side.lines)).arg_true().to_list() for side in (before, after)]
    pairs = [side.pairs[rows] for side, rows in zip((before, after), answered, strict=True)]
    shared = shared_requests(*pairs)
    tables = pairs[0][shared.before], pairs[1][shared.after]
    ids = tables[0]["id"].to_list(), tables[1]["id"].to_list()
    unscored = before.unscored | after.unscored
    rules = [name for name in shared_rules(before.rules, after.rules) if name not in unscored or _must(after, name)]
    outcomes = tuple(outcomes_of(side, names, rules) for side, names in zip((before, after), ids, strict=True))
    placed = SharedRequests(
        [answered[0][at] for at in shared.before], [answered[1][at] for at in shared.after],
        shared.renumbered, shared.reused, shared.only_before, shared.only_after,
    )  # fmt: skip
    return _Paired(placed, ids, (outcomes[0], outcomes[1]), shared_groups(*tables), rules)


def _must(side: Judged, name: str) -> bool:
    return side.rules[name].level == "must"


def _where(outcomes: Outcomes, kept: np.ndarray) -> Outcomes:
    broken = {name: values[kept] for name, values in outcomes.broken.items()}
    return Outcomes(outcomes.acceptable[kept], outcomes.faithful[kept], broken)


def _tokens(side: Judged, ids: Sequence[str]) -> MeanTokens:
    mean = mean_tokens(side, ids)
    return MeanTokens(input=mean["input_tokens"], output=mean["output_tokens"])


def _decided(
    found: Comparison, *, same: bool
) -> Literal["better", "worse", "no difference shown", "same outputs", "nothing scored"]:
    if not found.n:
        return "nothing scored"
    if significant(found.low, found.high, found.p_value):
        return "better" if (found.difference or 0) > 0 else "worse"
    return "same outputs" if same else "no difference shown"


def _share(values: np.ndarray, groups: np.ndarray | None) -> Share:
    interval = share_interval(values, groups)
    return Share(share=interval.share, low=interval.low, high=interval.high)


def _same_outputs(before: Judged, after: Judged, paired: _Paired) -> np.ndarray:
    """Whether the runs' outputs are the same texts `(shared,)`."""
    pairs = zip(*paired.ids, strict=True)
    return np.array([_texts(before.lines[one]) == _texts(after.lines[other]) for one, other in pairs], dtype=bool)


def _texts(lines: Sequence[Line]) -> list[Any]:
    texts = [line.get("output") for line in lines]
    return texts[:1] if len(set(texts)) == 1 else texts


def _counts(before: Judged, after: Judged, paired: _Paired, same: np.ndarray) -> SharedCounts:
    shared, kept = paired.shared, paired.scored
    samples = [
        max((len(side.lines[name]) for name in names), default=1)
        for side, names in zip((before, after), paired.ids, strict=True)
    ]
    return SharedCounts(
        requests=len(shared.before),
        scored=int(kept.sum()),
        unscored=int((~kept).sum()),
        only_before=shared.only_before,
        only_after=shared.only_after,
        renumbered=shared.renumbered,
        reused_ids=shared.reused,
        same_outputs=int(same.sum()),
        samples=BothSamples(before=samples[0], after=samples[1]),
    )


def _good(before: Judged, after: Judged, paired: _Paired, rescored: str | None) -> Good:
    """What an output is called that counts: by the runs' own words if their rules count, otherwise by the shared rules."""
    both = (before.results.good, after.results.good)
    if rescored is None and set(paired.rules) == set(before.rules) == set(after.rules):
        return "correct" if both == ("correct", "correct") else "acceptable"
    if decided_by(after.rules[name] for name in paired.rules) != ["references"]:
        return "acceptable"
    outputs = [line for side in (before, after) for lines in side.lines.values() for line in lines]
    return "acceptable" if any(line.get("correct") is None for line in outputs) else "correct"


def _styles(before: Judged, after: Judged, rules: Sequence[str], rescored: str | None) -> ComparedStyles:
    """How the runs were judged: by the same rules, by the rules that they share, or again by one style."""
    both = set(before.rules) & set(after.rules)
    changed = sorted(both - set(shared_rules(before.rules, after.rules)))
    first, second = ([name for name in one.rules if name not in both] for one in (before, after))
    files = [_style_files(side) for side in (before, after)]
    return ComparedStyles(
        same=not changed and not first and not second,
        rescored=rescored,
        files_differ=rescored is None and None not in files and files[0] != files[1],
        rules=list(rules),
        changed=changed,
        only_before=first,
        only_after=second,
        unscored=sorted(before.unscored | after.unscored),
    )


def _style_files(side: Judged) -> set[tuple[str | None, str]] | None:
    """The fingerprints of the files that the style was read from; None if the run does not know them."""
    found = {(file.role, str(file.sha256)) for file in side.inputs if (file.role or "").startswith("style")}
    return found or None


def _changed_rows(before: Judged, after: Judged, paired: _Paired) -> tuple[ChangedRow, ...]:
    first, second = (part.acceptable for part in paired.outcomes)
    counted = set(paired.rules)
    rows = []
    for at in np.flatnonzero(paired.scored & (np.abs(second - first) > 1e-9)).tolist():
        ids = paired.ids[0][at], paired.ids[1][at]
        gained = second[at] > first[at]
        lines = _telling(before, ids[0], counted, not gained), _telling(after, ids[1], counted, gained)
        broken = [sorted(broken_by(side, line, counted)) for side, line in zip((before, after), lines, strict=True)]
        entry = ChangedRequest(
            id=ids[1], id_before=ids[0], change="works now" if gained else "no longer works",
            before=float(first[at]), after=float(second[at]), broken_before=broken[0], broken_after=broken[1],
        )  # fmt: skip
        rows.append(ChangedRow(entry, after.pairs.row(paired.shared.after[at], named=True), *lines))
    return tuple(sorted(rows, key=lambda row: row.entry.change == "works now"))


def _telling(side: Judged, name: str, counted: set[str], works: bool) -> Line:
    """The first sample that works, or that does not; the first one if there is none."""
    lines = side.lines[name]
    wanted = [line for line in lines if side.works(line, counted) == works]
    return (wanted or lines)[0]


# --- the verdicts, and what they rest on --------------------------------------------------------------------------


def _verdicts(before: Judged, after: Judged) -> BothVerdicts:
    """Both decisions, and each figure behind them that differs."""
    bases = [_basis(side.results) for side in (before, after)]
    first, second = (
        None if side.results.verdict is None else _verdict(side.results.verdict) for side in (before, after)
    )
    # A run may not know its own settings.
    stated = [
        known for side in (before, after) if (known := (side.facts.get("decided") or {}).get("stated")) is not None
    ]
    settings = _differing(*stated) if len(stated) == 2 else ()
    return BothVerdicts(
        before=first,
        after=second,
        same=(first and first.decision) == (second and second.decision),
        basis=[ChangedFigure(key=key, before=one, after=other) for key, one, other in _differing(*bases)],
        settings=[ChangedFigure(key=key, before=one, after=other) for key, one, other in settings],
    )


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each key with its two values where these differ."""
    for key in dict.fromkeys([*first, *second]):
        if first.get(key) != second.get(key):
            yield key, first.get(key), second.get(key)


def _verdict(verdict: Verdict) -> RunVerdict:
    return RunVerdict(
        decision=verdict.decision,
        what=verdict.what,
        rule=verdict.rule,
        sentence=verdict.sentence,
        reasons=verdict.reasons,
    )


def _basis(results: Results) -> dict[str, Any]:
    """What a verdict rests on, by key; None where the run does not know it."""
    verdict, comparison, money = results.verdict, results.comparison, results.money
    names = (None, None) if comparison is None else (comparison.candidate, comparison.baseline)
    shares = [found.acceptable.share if (found := results.quality.get(name or "")) else None for name in names]
    gap = None if comparison is None or comparison.difference.value is None else comparison.difference
    return {
        "what": verdict and verdict.what,
        "candidate": names[0],
        "strongest": names[1],
        "acceptable_candidate": shares[0],
        "acceptable_strongest": shares[1],
        "difference": gap,
        "n": comparison and comparison.n,
        "saving_per_request": money and money.saving_per_request,
        "requests_per_day": money and money.requests_per_day,
        "investment": money and money.investment,
        "payback_days": money and money.payback_days,
        "npv": money and money.npv,
        "risks_over": sorted(risk.id for risk in results.risks if risk.status == "over"),
        "validity": sorted(problem.text for problem in results.validity),
    }


def _context(before: Judged, after: Judged) -> list[ChangedContext]:
    """What else differs between the runs: files, models, versions and settings of the prompt."""
    found = _differing(_surroundings(before), _surroundings(after))
    return [ChangedContext(what=what, before=one, after=other) for what, one, other in found]


def _surroundings(side: Judged) -> dict[str, Any]:
    provenance, variant = side.results.provenance, side.results.variants.get(side.variant)
    described = ("source", "way", "model", "endpoint", "repair", "guide", "guide_tokens", "few_shot")
    settings = {f"setting: {key}": value for key, value in ((variant and variant.settings) or {}).items()}
    for section in ("data", "curate", "train"):
        stated = (side.facts.get("config") or {}).get(section) or {}
        settings |= {f"setting: {section}.{key}": value for key, value in stated.items()}
    files: dict[str, Any] = {}
    for file in side.inputs:
        role = file.role or file.path
        if role and not role.startswith("outputs of"):
            own = f"file: {role}" if f"file: {role}" not in files else f"file: {role}, {file.path}"
            files[own] = (file.sha256 or "")[:12] or None
    return {
        "variant": side.variant,
        **{key: variant and getattr(variant, key) for key in described},
        **{key: value for key, value in settings.items() if not isinstance(value, dict)},
        **files,
        "seed": provenance and provenance.seed,
        "tuneworth": provenance and provenance.versions.get("tuneworth"),
    }
