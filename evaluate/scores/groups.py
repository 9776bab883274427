"""Pairs that share a stated group, a tied set or a request: the groups of the statistics, and the right answers of each."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from ...curate import compared_inputs
from ...style import Check, StyleSchema, check_columns, pair_columns, right_answers
from ..results import Requests
from ..statistics.intervals import Repeating

# One request has one label, record, number or result; of texts, several wordings may be right.
_ONE_ANSWER = frozenset({"label", "same_fields", "final_answer", "same_result"})
LARGEST = 0.2  # as in the split: equal requests join no more than a fifth of the rows


def groups_of(pairs: pl.DataFrame, identifiers: Collection[str] = ()) -> np.ndarray | None:
    """The groups of `grouped_requests`."""
    return grouped_requests(pairs, identifiers)[0]


def grouped_requests(pairs: pl.DataFrame, identifiers: Collection[str] = ()) -> tuple[np.ndarray | None, Requests]:
    """What each pair depends on with others: its group if groups are stated, else the tied set that the split kept together.

    Equal requests join these groups, compared as in curation, without the fields that are `identifiers`: the same request
    again is not another case. Where they would join more than a fifth of the pairs, the groups stay as they are. The
    groups are None if no group is stated and no two of these pairs are tied.
    """
    given, requests = _given(pairs), _requests(pairs, identifiers)
    counts = Counter(requests)
    if len(counts) == len(pairs):
        return _array(given), Requests(n=len(pairs), distinct=len(pairs), largest=1, untied=0)
    roots = joined(len(pairs), [given, requests])
    sizes = np.bincount(roots)[roots]
    # A set is named by the first stated group in it, if there is one, else by its first pair.
    names = {root: f"request of {name}" for root, name in enumerate(pairs["id"])}
    names |= {root: label for root, label in zip(roots[::-1].tolist(), given[::-1], strict=True) if label is not None}
    tied = (sizes > 1) & (sizes <= LARGEST * len(pairs))
    labels = [
        Repeating(names[root], request) if one else label
        for root, request, one, label in zip(roots.tolist(), requests, tied, given, strict=True)
    ]
    found = defaultdict(set)
    for row, (request, label) in enumerate(zip(requests, labels, strict=True)):
        found[request].add(row if label is None else label)
    untied = sum(counts[request] for request, groups in found.items() if len(groups) > 1)
    return _array(labels), Requests(n=len(pairs), distinct=len(counts), largest=max(counts.values()), untied=untied)


def with_references(pairs: pl.DataFrame, style: StyleSchema, identifiers: Collection[str] = ()) -> pl.DataFrame:
    """The pairs with `references`, the right answers of each: its own output, those in a column `references` of the data,
    and those of the other pairs with the same request.

    `contradicted` marks pairs of which another has the same request and another answer, where the rule of the style that
    decides allows one alone and the data lists no others: each keeps its own.
    """
    requests, own = _requests(pairs, identifiers), right_answers(pairs).to_list()
    of_request: defaultdict[Any, dict[str, int]] = defaultdict(dict)  # each answer, with the first row that has it
    several = set()  # requests of which the data lists further answers
    for row, (request, texts) in enumerate(zip(requests, own, strict=True)):
        if len(texts) > 1:
            several.add(request)
        for text in texts:
            of_request[request].setdefault(text, row)
    alone = {request: answers for request, answers in of_request.items() if request not in several}
    contradicted = _contradicted(pairs, alone, style.deciding_rule, style)
    every = [
        texts if request in contradicted else list(dict.fromkeys([*texts, *of_request[request]]))
        for texts, request in zip(own, requests, strict=True)
    ]
    return pairs.with_columns(
        references=pl.Series(every, dtype=pl.List(pl.String)),
        contradicted=pl.Series([request in contradicted for request in requests], dtype=pl.Boolean),
    )


def groups_by_id(pairs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The groups by id for pairs as stored: None where a pair depends on no other."""
    names = ("id", "group", "component", "input", "fields")
    rows = [{name: _stored(pair.get(name)) for name in names} for pair in pairs]
    table = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), strict=False)
    groups = groups_of(table)
    return dict(zip(table["id"], table["group"] if groups is None else groups, strict=True))


def joined(n: int, labelings: Sequence[Sequence[Any] | np.ndarray]) -> np.ndarray:
    """`(n,)`: the first of the rows that each row is joined with, where rows of one label are joined; None joins none."""
    root = list(range(n))

    def find(at: int) -> int:
        while root[at] != at:
            root[at] = root[root[at]]
            at = root[at]
        return at

    for labels in labelings:
        first: dict[Any, int] = {}
        for at, label in enumerate(labels):
            if label is not None and label == label:
                one, other = sorted((find(at), find(first.setdefault(label, at))))
                root[other] = one
    return np.array([find(at) for at in range(n)], dtype=np.int64)


def _array(labels: list[Any]) -> np.ndarray | None:
    return None if all(label is None for label in labels) else np.array(labels, dtype=object)


def _given(pairs: pl.DataFrame) -> list[Any]:
    """The stated groups, or the tied sets of more than one of these pairs."""
    if pairs["group"].is_not_null().any():
        return pairs["group"].to_list()
    tied = pairs["component"] if "component" in pairs.columns else None
    return [None] * len(pairs) if tied is None or not tied.drop_nulls().is_duplicated().any() else tied.to_list()


def _contradicted(
    pairs: pl.DataFrame, answers: Mapping[Any, Mapping[str, int]], rule: Check | None, style: StyleSchema
) -> set[Any]:
    """The requests of which two answers are not the same by the rule: each is compared with the first."""
    if rule is None or rule.kind not in _ONE_ANSWER:
        return set()
    others = [
        (request, row, text, next(iter(texts)))
        for request, texts in answers.items()
        for text, row in list(texts.items())[1:]
    ]
    if not others:
        return set()
    requests, rows, texts, first = map(list, zip(*others, strict=True))
    columns = pair_columns(pairs).changed(rows, pl.Series(texts, dtype=pl.String))
    columns = replace(columns, references=[[text] for text in first])
    status = check_columns(columns, replace(style, checks=(replace(rule, when=None),))).status[rule.id]
    return {request for request, one in zip(requests, status, strict=True) if one == "fail"}


def _requests(pairs: pl.DataFrame, identifiers: Collection[str]) -> list[Any]:
    """The request of each pair for comparison; the number of the row where it is not known."""
    if not {"input", "fields"} <= set(pairs.columns):
        return list(range(len(pairs)))
    known = pairs["input"].is_not_null().to_list()
    texts = compared_inputs(pairs.with_columns(pl.col("input").fill_null("")), identifiers)
    return [text if there else row for row, (text, there) in enumerate(zip(texts, known, strict=True))]


def _stored(value: Any) -> Any:
    return (json.dumps(value) if value else None) if isinstance(value, Mapping) else value
