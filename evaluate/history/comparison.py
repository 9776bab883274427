"""Two judged runs compared on the requests and the rules that they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..statistics.intervals import share_interval
from ..statistics.paired import Comparison, compare, significant
from .cost import changed_cost, mean_tokens
from .judged import Judged, Line, Outcomes, broken_by, outcomes_of, shared_rules
from .requests import SharedRequests, shared_groups, shared_requests
from .rules import moved_rules
from .slices import LEAST_ROWS, moved_slices, slices_of
from .verdicts import both_verdicts, changed_context

__all__ = ["ChangedRow", "ComparedJudged", "compare_judged"]


@dataclass(frozen=True)
class ChangedRow:
    """A shared request on which the runs differ: its line of the JSON, its pair, and an output of each run.

    `before` and `after` are the samples that show the change: of a request that no longer works, one that worked and one
    that does not.
    """

    entry: Mapping[str, Any]
    pair: Mapping[str, Any]
    before: Line
    after: Line


@dataclass(frozen=True)
class ComparedJudged:
    """`results`: the comparison as plain data; `rows`: the requests that no longer work, then those that work now."""

    before: Judged
    after: Judged
    results: dict[str, Any]
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
    results = {
        "before": before.name,
        "after": after.name,
        "variant": _variants(before, after),
        "decided": _decided(found, same=bool(same.all()) and bool(len(same))),
        **_difference(found),
        "acceptable": {role: _share(values, tied) for role, values in zip(("before", "after"), outcomes, strict=True)},
        "shared": _counts(before, after, paired, same),
        "style": _styles(before, after, paired.rules, rescored),
        "rows": [row.entry for row in rows],
        "rules": moved_rules(paired.rules, after.rules, *paired.outcomes, paired.groups),
        "slices": moved,
        "slices_small": small,
        "slices_least": LEAST_ROWS,
        "tokens": _tokens((before, after), ids),
        "cost": changed_cost(before, after, (scored[0], scored[1]), (ids[0], ids[1])),
        "verdicts": both_verdicts(before, after),
        "context": changed_context(before, after),
    }  # fmt: skip
    return ComparedJudged(before, after, results, rows)


def _variants(before: Judged, after: Judged) -> dict[str, Any]:
    """Which variants are compared, whether each is its run's candidate, and which ones both runs scored."""
    scored = before.results.get("quality") or {}
    candidates = [(side.results.get("comparison") or {}).get("candidate") for side in (before, after)]
    return {
        "before": before.variant,
        "after": after.variant,
        "candidates": candidates == [before.variant, after.variant],
        "in_both": [name for name in after.results.get("quality") or {} if name in scored],
    }


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
    return side.rules[name].get("level") == "must"


def _where(outcomes: Outcomes, kept: np.ndarray) -> Outcomes:
    broken = {name: values[kept] for name, values in outcomes.broken.items()}
    return Outcomes(outcomes.acceptable[kept], outcomes.faithful[kept], broken)


def _tokens(sides: tuple[Judged, Judged], ids: tuple[list[str], ...]) -> dict[str, Any]:
    """Mean tokens per request in each run: `input` is the whole prompt."""
    means = [mean_tokens(side, asked) for side, asked in zip(sides, ids, strict=True)]
    shown = [{"input": mean["input_tokens"], "output": mean["output_tokens"]} for mean in means]
    return dict(zip(("before", "after"), shown, strict=True))


def _difference(found: Comparison) -> dict[str, Any]:
    """The paired difference, second minus first, by the names of a comparison of runs."""
    keys = found.to_json()
    return {
        **{key: keys[key] for key in ("difference", "low_one_sided", "p_value", "mid_p", "method", "both")},
        "only_after": keys["only_candidate"],
        "only_before": keys["only_baseline"],
        **{
            key: keys[key]
            for key in ("neither", "discordant_share", "detectable_difference", "n", "n_effective", "groups")
        },
    }


def _decided(found: Comparison, *, same: bool) -> str:
    """better, worse, same outputs, or no difference shown."""
    if not found.n:
        return "nothing scored"
    if significant(found.low, found.high, found.p_value):
        return "better" if (found.difference or 0) > 0 else "worse"
    return "same outputs" if same else "no difference shown"


def _share(values: np.ndarray, groups: np.ndarray | None) -> dict[str, float | None]:
    interval = share_interval(values, groups)
    return {"share": interval.share, "low": interval.low, "high": interval.high}


def _same_outputs(before: Judged, after: Judged, paired: _Paired) -> np.ndarray:
    """Whether the runs' outputs are the same texts `(shared,)`."""
    pairs = zip(*paired.ids, strict=True)
    return np.array([_texts(before.lines[one]) == _texts(after.lines[other]) for one, other in pairs], dtype=bool)


def _texts(lines: Sequence[Line]) -> list[Any]:
    texts = [line.get("output") for line in lines]
    return texts[:1] if len(set(texts)) == 1 else texts


def _counts(before: Judged, after: Judged, paired: _Paired, same: np.ndarray) -> dict[str, Any]:
    shared, kept = paired.shared, paired.scored
    samples = [
        max((len(side.lines[name]) for name in names), default=1)
        for side, names in zip((before, after), paired.ids, strict=True)
    ]
    return {
        "requests": len(shared.before),
        "scored": int(kept.sum()),
        "unscored": int((~kept).sum()),
        "only_before": shared.only_before,
        "only_after": shared.only_after,
        "renumbered": shared.renumbered,
        "reused_ids": shared.reused,
        "same_outputs": int(same.sum()),
        "samples": {"before": samples[0], "after": samples[1]},
    }  # fmt: skip


def _styles(before: Judged, after: Judged, rules: Sequence[str], rescored: str | None) -> dict[str, Any]:
    """How the runs were judged: by the same rules, by the rules that they share, or again by one style."""
    both = set(before.rules) & set(after.rules)
    changed = sorted(both - set(shared_rules(before.rules, after.rules)))
    first, second = ([name for name in one.rules if name not in both] for one in (before, after))
    files = [_style_files(side) for side in (before, after)]
    return {
        "same": not changed and not first and not second,
        "rescored": rescored,
        "files_differ": rescored is None and None not in files and files[0] != files[1],
        "rules": list(rules),
        "changed": changed,
        "only_before": first,
        "only_after": second,
        "unscored": sorted(before.unscored | after.unscored),
    }


def _style_files(side: Judged) -> set[tuple[str, str]] | None:
    """The fingerprints of the files that the style was read from; None if the run does not know them."""
    known = side.facts.get("inputs") or (side.results.get("provenance") or {}).get("inputs") or []
    found = {
        (str(entry.get("role")), str(entry.get("sha256")))
        for entry in known
        if str(entry.get("role")).startswith("style")
    }
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
        entry = {
            "id": ids[1], "id_before": ids[0], "change": "works now" if gained else "no longer works",
            "before": first[at], "after": second[at], "broken_before": broken[0], "broken_after": broken[1],
        }  # fmt: skip
        rows.append(ChangedRow(entry, after.pairs.row(paired.shared.after[at], named=True), *lines))
    return tuple(sorted(rows, key=lambda row: row.entry["change"] == "works now"))


def _telling(side: Judged, name: str, counted: set[str], works: bool) -> Line:
    """The first sample that works, or that does not; the first one if there is none."""
    lines = side.lines[name]
    wanted = [line for line in lines if side.works(line, counted) == works]
    return (wanted or lines)[0]
