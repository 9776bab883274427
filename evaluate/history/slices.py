"""Which parts of the shared requests moved: by group, by the value of a field, by the length of the request."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ...style import field_text
from ..statistics.paired import compare, holm, significant

__all__ = ["LEAST_ROWS", "Slice", "moved_slices", "slices_of"]

# With fewer, the exact test reaches p < 0.05 after correction only if nearly every request changed in the same direction.
LEAST_ROWS = 20
LENGTHS = ("short", "middle", "long")


@dataclass(frozen=True)
class Slice:
    """Some of the requests: `kind` is group, field or length; `field` names the field, and `value` is None without it.

    `rows` are their positions, in order; `also` are other slices of the very same requests.
    """

    kind: str
    field: str | None
    value: str | None
    rows: tuple[int, ...]
    also: tuple[tuple[str | None, str | None], ...] = ()


def slices_of(before: pl.DataFrame, after: pl.DataFrame) -> tuple[list[Slice], int]:
    """The slices of at least 20 requests, and how many are smaller; both tables hold the same requests in order.

    A slice of all requests says nothing new and is not among them; of slices of the same requests, the first stands for
    the others.
    """
    members: dict[tuple[str, str | None, str | None], list[int]] = defaultdict(list)
    for at, labels in enumerate(_labels(before, after)):
        for label in labels:
            members[label].append(at)
    large = {label: tuple(rows) for label, rows in members.items() if LEAST_ROWS <= len(rows) < len(after)}
    same: dict[tuple[int, ...], list[tuple[str, str | None, str | None]]] = defaultdict(list)
    for label, rows in large.items():
        same[rows].append(label)
    found = [Slice(*first, rows, tuple(label[1:] for label in more)) for rows, (first, *more) in same.items()]
    return found, sum(len(rows) < LEAST_ROWS for rows in members.values())


def _labels(before: pl.DataFrame, after: pl.DataFrame) -> Iterator[list[tuple[str, str | None, str | None]]]:
    """The slices that each request is in."""
    fields = [_fields(text) for text in after["fields"]]
    names = list(dict.fromkeys(name for row in fields for name in row))
    lengths = _thirds(after["input"].fill_null("").str.len_chars().to_numpy())
    for groups, row, length in zip(zip(before["group"], after["group"], strict=True), fields, lengths, strict=True):
        stated = {group for group in groups if group is not None}
        labels: list[tuple[str, str | None, str | None]] = [("group", None, g) for g in stated if len(stated) == 1]
        labels += [("field", name, row.get(name)) for name in names]
        yield labels + ([] if length is None else [("length", None, length)])


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
) -> list[dict[str, Any]]:  # fmt: skip
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
        {
            "kind": one.kind, "field": one.field, "value": one.value,
            "also": [{"field": field, "value": value} for field, value in one.also],
            "n": found.n, "groups": found.groups,
            "before": float(before[kept].mean()), "after": float(after[kept].mean()),
            "difference": found.to_json()["difference"], "p_value": found.p_value, "p_holm": p,
            "moved": _direction(found.difference) if significant(found.low, found.high, p) else None,
        }
        for one, (kept, found), p in zip(rows, compared, adjusted, strict=True)
    ]  # fmt: skip
    return sorted(listed, key=lambda row: (row["moved"] is None, row["p_value"], -abs(row["difference"]["value"])))


def _direction(difference: float | None) -> str:
    return "better" if (difference or 0) > 0 else "worse"
