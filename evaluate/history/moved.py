"""Which rules and which parts of the shared requests moved, paired: parts by group, by the value of a field, by length."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from ...style import field_text
from ..results import Difference
from ..statistics.paired import Comparison, compare, holm, significant
from .judged import Outcomes, Rules
from .records import Direction, MovedRule, MovedSlice, SliceName

# With fewer, the exact test reaches p < 0.05 after correction only if nearly every request changed in the same direction.
LEAST_ROWS = 20
Kind = Literal["group", "field", "length"]
Label = tuple[Kind, str | None, str | None]
LENGTHS = ("short", "middle", "long")


@dataclass(frozen=True)
class Slice:
    """Some of the requests: `kind` is group, field or length; `field` names the field, and `value` is None without it.

    `rows` are their positions, in order; `also` are other slices of the very same requests.
    """

    kind: Kind
    field: str | None
    value: str | None
    rows: tuple[int, ...]
    also: tuple[tuple[str | None, str | None], ...] = ()


def slices_of(before: pl.DataFrame, after: pl.DataFrame) -> tuple[list[Slice], int]:
    """The slices of at least 20 requests, and how many are smaller; both tables hold the same requests in order.

    A slice of all requests says nothing new and is not among them; of slices of the same requests, the first stands for
    the others.
    """
    members: dict[Label, list[int]] = defaultdict(list)
    for at, labels in enumerate(_labels(before, after)):
        for label in labels:
            members[label].append(at)
    large = {label: tuple(rows) for label, rows in members.items() if LEAST_ROWS <= len(rows) < len(after)}
    same: dict[tuple[int, ...], list[Label]] = defaultdict(list)
    for label, rows in large.items():
        same[rows].append(label)
    found = [Slice(*first, rows, tuple(label[1:] for label in more)) for rows, (first, *more) in same.items()]
    return found, sum(len(rows) < LEAST_ROWS for rows in members.values())


def _labels(before: pl.DataFrame, after: pl.DataFrame) -> Iterator[list[Label]]:
    """The slices that each request is in."""
    fields = [_fields(text) for text in after["fields"]]
    names = list(dict.fromkeys(name for row in fields for name in row))
    lengths = _thirds(after["input"].fill_null("").str.len_chars().to_numpy())
    for groups, row, length in zip(zip(before["group"], after["group"], strict=True), fields, lengths, strict=True):
        stated = {group for group in groups if group is not None}
        labels: list[Label] = []
        labels.extend(("group", None, group) for group in stated if len(stated) == 1)
        labels.extend(("field", name, row.get(name)) for name in names)
        labels.extend(("length", None, length) for _ in range(length is not None))
        yield labels


def _fields(text: Any) -> dict[str, str]:
    value = json.loads(text) if isinstance(text, str) else text
    if not isinstance(value, Mapping):
        return {}
    return {str(name): shown for name, part in value.items() if (shown := field_text(part))}


def _thirds(lengths: np.ndarray) -> list[str | None]:
    """Short, middle or long, by thirds of the requests; None for all if the lengths hardly differ."""
    if not len(lengths):
        return []
    low, high = np.quantile(lengths, (1 / 3, 2 / 3))
    if low == high:
        return [None] * len(lengths)
    return [LENGTHS[int(length > low) + int(length > high)] for length in lengths]


def moved_slices(
    slices: Sequence[Slice], before: np.ndarray, after: np.ndarray, groups: np.ndarray | None
) -> list[MovedSlice]:
    """Each slice with its paired difference, `(requests,)` outcomes each, NaN where one was not scored.

    Holm's correction is over all slices of at least 20 scored requests; smaller ones are left out. In a slice that is a
    group, its requests count singly: the question is about this group, not about groups like it.
    """
    scored = ~np.isnan(before) & ~np.isnan(after)
    rows, compared = [], []
    for one in slices:
        kept = np.array([at for at in one.rows if scored[at]], dtype=int)
        if len(kept) >= LEAST_ROWS:
            tied = None if groups is None or one.kind == "group" else groups[kept]
            rows.append(one)
            compared.append((kept, compare(before[kept], after[kept], tied)))
    adjusted = holm([found.p_value if found.p_value is not None else 1.0 for _, found in compared])
    listed = [
        MovedSlice(
            kind=one.kind, field=one.field, value=one.value,
            also=[SliceName(field=field, value=value) for field, value in one.also],
            n=found.n, groups=found.groups, before=float(before[kept].mean()), after=float(after[kept].mean()),
            difference=difference_of(found), p_value=found.p_value, p_holm=p, moved=_direction(found, p),
        )
        for one, (kept, found), p in zip(rows, compared, adjusted, strict=True)
    ]  # fmt: skip
    return sorted(listed, key=lambda row: (row.moved is None, row.p_value or 0.0, -abs(row.difference.value or 0.0)))


def difference_of(found: Comparison) -> Difference:
    """The difference of a comparison with its interval."""
    return Difference(value=found.difference, low=found.low, high=found.high)


def _direction(found: Comparison, p: float | None) -> Direction | None:
    """The direction of a statistically significant change."""
    if not significant(found.low, found.high, p):
        return None
    return "better" if (found.difference or 0) > 0 else "worse"


# --- rules --------------------------------------------------------------------------------------------------------


def moved_rules(
    names: Sequence[str], rules: Rules, before: Outcomes, after: Outcomes, groups: np.ndarray | None
) -> dict[str, MovedRule]:
    """Each rule by id, and what outputs did instead of answering, with the shares of outputs that break it.

    Shares are over the requests scored in both, also those to which a rule does not apply. The `difference` is that of
    keeping the rule, so that a positive one is better, as in results.json. Holm's correction is over the `must` rules;
    `should` rules have the p value of their own.
    """
    scored = ~np.isnan(before.acceptable) & ~np.isnan(after.acceptable)
    tied = None if groups is None else groups[scored]
    failures = sorted({*before.broken, *after.broken} - set(names))
    found = {name: _broken(name, before, after, scored) for name in [*names, *failures]}
    compared = {name: compare(1 - first, 1 - second, tied) for name, (first, second) in found.items()}
    musts = [name for name in found if name not in rules or rules[name].level == "must"]
    p_values = [p if (p := compared[name].p_value) is not None else 1.0 for name in musts]
    adjusted = dict(zip(musts, holm(p_values), strict=True))
    return {name: _row(name, rules, found[name], compared[name], adjusted.get(name)) for name in found}


def _broken(name: str, before: Outcomes, after: Outcomes, scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    none = np.zeros(len(scored))
    return before.broken.get(name, none)[scored], after.broken.get(name, none)[scored]


def _row(
    name: str, rules: Rules, broken: tuple[np.ndarray, np.ndarray], found: Comparison, p_holm: float | None
) -> MovedRule:
    first, second = (float(values.mean()) if len(values) else None for values in broken)
    rule = rules.get(name)
    return MovedRule(
        sentence=name if rule is None else rule.sentence,
        level="must" if rule is None else rule.level,
        about="answer" if rule is None else rule.about,
        broken_before=first, broken_after=second, newly_broken=found.only_baseline, newly_kept=found.only_candidate,
        difference=difference_of(found), n=found.n, p_value=found.p_value, p_holm=p_holm,
        moved=_direction(found, found.p_value if p_holm is None else p_holm),
    )  # fmt: skip
