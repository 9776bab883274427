"""The right answers of each request: its own output, those that the data lists, and those of other pairs with the request."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from ...style import Check, StyleSchema, check_columns, field_text, pair_columns
from .groups import requests_of

# One request has one label, record, number or result; of texts, several wordings may be right.
_ONE_ANSWER = frozenset({"label", "same_fields", "final_answer", "same_result"})


def deciding_rule(style: StyleSchema) -> Check | None:
    """The first must rule that compares outputs with references."""
    return next((check for check in style.checks if check.about == "correctness" and check.level == "must"), None)


def with_references(pairs: pl.DataFrame, style: StyleSchema, identifiers: Collection[str] = ()) -> pl.DataFrame:
    """The pairs with `references`, the right answers of each: its own output, those in a column `references` of the data,
    and those of the other pairs with the same request.

    `contradicted` marks pairs of which another has the same request and another answer, where the rule of the style that
    decides allows one alone and the data lists no others: each keeps its own.
    """
    requests, own = requests_of(pairs, identifiers), []
    of_request: defaultdict[Any, dict[str, int]] = defaultdict(dict)  # each answer, with the first row that has it
    several = set()  # requests of which the data lists further answers
    metas = pairs["meta"].to_list() if "meta" in pairs.columns else [None] * len(pairs)
    for row, (output, meta, request) in enumerate(zip(pairs["output"], metas, requests, strict=True)):
        stated = json.loads(meta).get("references") if meta and '"references"' in meta else None
        texts = map(field_text, [output, *(stated if isinstance(stated, list) else [stated])])
        own.append([text for text in texts if text.strip()])
        if len(own[-1]) > 1:
            several.add(request)
        for text in own[-1]:
            of_request[request].setdefault(text, row)
    alone = {request: answers for request, answers in of_request.items() if request not in several}
    contradicted = _contradicted(pairs, alone, deciding_rule(style), style)
    every = [
        texts if request in contradicted else list(dict.fromkeys([*texts, *of_request[request]]))
        for texts, request in zip(own, requests, strict=True)
    ]
    return pairs.with_columns(
        references=pl.Series(every, dtype=pl.List(pl.String)),
        contradicted=pl.Series([request in contradicted for request in requests], dtype=pl.Boolean),
    )


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
