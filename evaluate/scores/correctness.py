"""Accuracy and F1 of each variant by class or field, by the rule of the style that compares outputs with references."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ...style import (
    QUERY_RUNS,
    Check,
    Columns,
    LabelNames,
    StyleSchema,
    compare_records,
    labels_of,
    pair_columns,
    record_of,
)
from ..results import Confused, Correctness, ErrorKind, Errors, PartDifference, PartScore, Share, VariantCorrectness
from ..statistics.intervals import share_interval
from ..statistics.paired import compare, holm
from .score import Scores, by_item, failed_whole

METRICS = {
    "label": "labels", "same_fields": "fields", "final_answer": "answer", "same_result": "query", "equals": "text",
    "similar": "text", "python": "text",
}  # fmt: skip
MOST_PARTS = 200  # classes or fields that are listed for a variant
MOST_CELLS = 2_000  # of a confusion matrix
FIRST = 5  # pairs that show a kind of error
FEWEST = 10  # cases with a class or field for which a difference is worth an interval


@dataclass(frozen=True)
class _Parts:
    """What one output has of each class or field: those of the reference, those found, and those that are right."""

    wanted: frozenset[str]
    found: frozenset[str]
    right: frozenset[str]


def correctness_of_all(
    scores: Mapping[str, Scores], pairs: pl.DataFrame, rows: np.ndarray, groups: np.ndarray | None, style: StyleSchema, *,
    against: tuple[str, str] | None,
) -> Correctness | None:  # fmt: skip
    """The correctness of all variants; None if no must rule compares with references, or there are none.

    `pairs` have `references`; `rows` marks the items that count; `against` are baseline and candidate.
    """
    rule = style.deciding_rule
    if rule is None or not len(pairs):
        return None
    references: list[list[str]] = pairs["references"].to_list()
    known = np.array([bool(texts) for texts in references]) & rows
    if not known.any():
        return None
    kept = None if groups is None else groups[known]
    read = _reader(rule, pair_columns(pairs))
    parts = {name: _parts_of(one, references, known, read) for name, one in scores.items()} if read else {}
    return Correctness(
        metric=METRICS[rule.kind],  # type: ignore[arg-type]
        rule=rule.id,
        n=int(known.sum()),
        without_reference=int(rows.sum() - known.sum()),
        several_references=sum(len(texts) > 1 for texts, counts in zip(references, known, strict=True) if counts),
        contradicted=int((pairs["contradicted"].to_numpy() & known).sum()),
        variants={
            name: _variant(one, rule, known, kept, parts.get(name), references) for name, one in scores.items()
        },
        differences=None if against is None or not parts else _differences(parts[against[0]], parts[against[1]], kept),
    )  # fmt: skip


class _Labels:
    """Labels in outputs and references."""

    def __init__(self, rule: Check, columns: Columns) -> None:
        self.names: LabelNames = rule.parameters.names_with(columns)
        self._around = rule.parameters.text_around == "allowed"

    def of_reference(self, text: str) -> list[str]:
        if text.strip() in self.names.labels:
            return [text.strip()]
        return sorted({label for label in self.names.all(text) if label})

    def of_output(self, text: str) -> list[str] | None:
        return labels_of(text, self.names, around=self._around)

    def parts(self, output: str, references: Sequence[str]) -> _Parts:
        found = frozenset(self.of_output(output) or ())
        wanted = max((frozenset(self.of_reference(text)) for text in references), key=lambda each: len(each & found))
        return _Parts(wanted, found, wanted & found)


class _Fields:
    """Fields in outputs and references."""

    def __init__(self, rule: Check) -> None:
        self._rule = rule

    def parts(self, output: str, references: Sequence[str]) -> _Parts:
        given, best = record_of(output) or {}, None
        for text in references:
            if (record := record_of(text)) is None:
                continue
            found = compare_records(given, record, self._rule.parameters, self._rule.wordings)
            if best is None or found.faults < best.faults:
                best = found
        if best is None:
            return _Parts(frozenset(), frozenset(), frozenset())
        same, wrong = frozenset(best.same), frozenset(best.wrong)
        return _Parts(same | wrong | frozenset(best.missing), same | wrong | frozenset(best.extra), same)


def _reader(rule: Check, columns: Columns) -> _Labels | _Fields | None:
    if rule.kind == "label":
        return _Labels(rule, columns)
    return _Fields(rule) if rule.kind == "same_fields" else None


def _outputs(scores: Scores, known: np.ndarray) -> Iterator[tuple[int, list[str]]]:
    """The outputs of each item that counts, with its number."""
    texts, samples = scores.table["output"].fill_null("").to_list(), scores.samples
    return ((item, texts[item * samples : (item + 1) * samples]) for item in np.flatnonzero(known).tolist())


def _parts_of(
    scores: Scores, references: Sequence[Sequence[str]], known: np.ndarray, read: _Labels | _Fields
) -> list[list[_Parts]]:
    """The parts of each output of the items that count."""
    seen: dict[tuple[str, tuple[str, ...]], _Parts] = {}
    found = []
    for item, texts in _outputs(scores, known):
        wanted = tuple(references[item])
        for text in texts:
            if (text, wanted) not in seen:
                seen[text, wanted] = read.parts(text, wanted)
        found.append([seen[text, wanted] for text in texts])
    return found


def _variant(
    scores: Scores, rule: Check, known: np.ndarray, groups: np.ndarray | None, parts: list[list[_Parts]] | None,
    references: Sequence[Sequence[str]],
) -> VariantCorrectness:  # fmt: skip
    right = by_item(scores.table["correct"], scores.samples).mean(axis=1)[known]
    measured = ~np.isnan(right)
    accuracy = _share(right[measured], None if groups is None else groups[measured])
    errors = _errors(scores, rule, known, parts)
    if parts is None:
        return VariantCorrectness(accuracy=accuracy, errors=errors)
    names = {name for each in parts for one in each for name in one.wanted | one.found}
    every = [_part(name, parts, groups) for name in sorted(names)]
    supported = [one.f1 or 0.0 for one in every if one.support]
    listed = sorted(every, key=lambda one: (one.f1 if one.f1 is not None else 1.0, -one.support, one.name))[:MOST_PARTS]
    macro = float(np.mean(supported)) if supported else None
    if rule.kind == "same_fields":
        return VariantCorrectness(accuracy=accuracy, macro_f1=macro, fields=listed, errors=errors)
    return VariantCorrectness(
        accuracy=accuracy, macro_f1=macro, classes=listed, errors=errors, confusion=_confusion(parts)
    )


def _errors(scores: Scores, rule: Check, known: np.ndarray, parts: list[list[_Parts]] | None) -> list[Errors]:
    """The kinds of errors in the outputs of the items that count, the most frequent first."""
    rows = pl.Series(np.repeat(known, scores.samples))
    table, failed = scores.table.filter(rows), failed_whole(scores.table).filter(rows)
    flat: list[_Parts | None] = [None] * len(table) if parts is None else [one for each in parts for one in each]
    found: defaultdict[ErrorKind, list[str]] = defaultdict(list)
    lines = table.select("id", "output", "correct", "violations").iter_rows()
    for (id_, output, correct, violations), whole, part in zip(lines, failed, flat, strict=True):
        if correct is False:
            own = next((one for one in violations if one["check"] == rule.id), None)
            kinds: list[ErrorKind] = ["no answer"] if whole else []
            for kind in _kinds(METRICS[rule.kind], output or "", own, part) if own else kinds:
                found[kind].append(id_)
    ranked = sorted(found.items(), key=lambda each: (-len(each[1]), each[0]))
    return [Errors(kind=kind, n=len(ids), ids=list(dict.fromkeys(ids))[:FIRST]) for kind, ids in ranked]


def _kinds(metric: str, output: str, violation: Mapping[str, Any], part: _Parts | None) -> list[ErrorKind]:
    """What is wrong with an output that breaks the rule."""
    if metric == "labels" and part is not None:
        return ["wrong label" if part.found else "no label"]
    if metric == "fields" and part is not None:
        if record_of(output) is None:
            return ["no record"]
        kinds: dict[ErrorKind, frozenset[str]] = {
            "missing field": part.wanted - part.found, "extra field": part.found - part.wanted,
            "wrong value": (part.wanted & part.found) - part.right,
        }  # fmt: skip
        return [kind for kind, names in kinds.items() if names]
    if metric == "answer":
        return ["no answer" if violation["found"] is None else "other answer"]
    if metric == "query":
        return ["query fails" if violation["expected"].startswith(QUERY_RUNS) else "other result"]
    return ["other text"]


def _part(name: str, parts: list[list[_Parts]], groups: np.ndarray | None) -> PartScore:
    """The scores of one class or field; an item's value is the mean over its outputs."""
    table = np.array(
        [[(name in one.wanted, name in one.found, name in one.right) for one in each] for each in parts], float
    )
    wanted, found, right = (int(table[..., place].sum()) for place in range(3))
    wrong = int((table[..., 0] * table[..., 1] - table[..., 2]).sum())

    def share(place: int) -> Share:
        counts = table[..., place].sum(axis=1)
        has = counts > 0
        return _share(table[has, :, 2].sum(axis=1) / counts[has], None if groups is None else groups[has])

    f1 = 2 * right / (wanted + found) if wanted + found else None
    return PartScore(
        name=name, support=wanted, found=found, right=right, precision=share(1), recall=share(0), f1=f1, wrong=wrong
    )


def _share(values: np.ndarray, groups: np.ndarray | None) -> Share:
    found = share_interval(values, groups)
    return Share(share=found.share, low=found.low, high=found.high)


def _confusion(parts: list[list[_Parts]]) -> list[Confused] | None:
    """The cells of the confusion matrix; None if a reference has several labels."""
    cells: Counter[tuple[str, str | None]] = Counter()
    for one in (one for each in parts for one in each):
        if len(one.wanted) != 1:
            return None
        (wanted,) = one.wanted
        cells[wanted, next(iter(one.found)) if len(one.found) == 1 else None] += 1
    ranked = sorted(cells.items(), key=lambda cell: (-cell[1], cell[0][0], cell[0][1] or ""))
    return [Confused(reference=wanted, output=found, n=n) for (wanted, found), n in ranked[:MOST_CELLS]]


def _differences(
    baseline: list[list[_Parts]], candidate: list[list[_Parts]], groups: np.ndarray | None
) -> list[PartDifference]:
    """The paired differences in recall of the classes or fields that enough references have, the worst first."""
    cases: defaultdict[str, list[int]] = defaultdict(list)
    for item, each in enumerate(candidate):
        for name in each[0].wanted & baseline[item][0].wanted:
            cases[name].append(item)
    found: list[tuple[str, Any]] = []
    for name, items in sorted(cases.items()):
        if len(items) >= FEWEST:
            sides = (
                [np.mean([name in one.right for one in side[item]]) for item in items] for side in (baseline, candidate)
            )
            before, after = map(np.array, sides)
            found.append((name, compare(before, after, None if groups is None else groups[items])))
    adjusted = holm([1.0 if one.p_value is None else one.p_value for _, one in found])
    rows = [
        PartDifference(name=name, n=one.n, value=one.difference, low=one.low, high=one.high, p_holm=p)
        for (name, one), p in zip(found, adjusted, strict=True)
    ]
    return sorted(rows, key=lambda row: (row.high, row.value, row.name))[:MOST_PARTS]
