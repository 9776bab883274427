"""The outcome of `tuneworth serve-check`, for a terminal and as Markdown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ...core import decimals_beside, filled, notebook_page, say
from ...reports import markdown_page, short

Table = list[tuple[str, str, str]]  # what, at judging, served


def served_text(content: Mapping[str, Any]) -> str:
    """The sentence, the figures of both sides, and each cause with what to do about it."""
    rows = [("", "judged", "served"), *served_rows(content)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    blocks = [filled(content["sentence"]), ["", *table], *(_cause_lines(cause) for cause in content["causes"])]
    return "\n".join(line for block in blocks for line in block)


def _cause_lines(cause: Mapping[str, Any]) -> list[str]:
    return ["", *filled(f"{cause['id']}: {cause['says']}"), *filled(cause["advice"])]


def served_markdown(content: Mapping[str, Any]) -> str:
    """The same as Markdown, for an issue or a job's summary."""
    return markdown_page("served.md.j2", folder=Path(__file__).parent, content=content, table=served_rows(content))


def served_html(content: Mapping[str, Any]) -> str:
    """Whether what is served is what was judged, the figures of both, and each cause with what to do about it."""
    table = pl.DataFrame(served_rows(content), schema=["figure", "judged", "served"], orient="row")
    causes = [f"{cause['id']}: {cause['says']} {cause['advice']}" for cause in content["causes"]]
    return notebook_page(content["sentence"], table=table, rows=len(table), notes=causes)


def served_rows(content: Mapping[str, Any]) -> Table:
    """Each figure: what it is, as judged, as served."""
    texts, quality = content["texts"], content["acceptable"]
    rows: Table = [("requests", f"{content['tested']:,} tested", _requests(content))]
    if texts:
        share = f"{say.percent(texts['share'])} ({say.percent_range(texts['low'], texts['high'])})"
        rows.append(("same text", "", f"{texts['same']:,} of {texts['of']:,}, {share}"))
        rows.append(("same next token", "", say.percent(texts["next_token_share"])))
    rows.append(("acceptable", *_acceptable(quality)))
    for name, label in (("prompt", "tokens of a request"), ("output", "tokens of an answer")):
        sides = content["tokens"][name]
        rows.append((label, _mean(sides["recorded"]), _mean(sides["served"])))
    for key, label in (("p50", "seconds, median"), ("p95", "seconds, one in twenty above")):
        seconds = content["seconds"]
        rows.append((label, say.duration(seconds["recorded"][key]), say.duration(seconds["served"][key])))
    return [*rows, ("stop reasons", _finishes(content["finish"]["recorded"]), _finishes(content["finish"]["served"]))]


def _requests(content: Mapping[str, Any]) -> str:
    failed = f", {content['failed']:,} failed" if content["failed"] else ""
    return f"{content['rows']:,} asked{failed}"


def _acceptable(quality: Mapping[str, Any]) -> tuple[str, str]:
    """The share at judging and that of now, with the difference."""
    gap = quality["difference"]
    if gap["value"] is None:
        return say.percent(quality["recorded"]), say.percent(quality["served"])
    decimals = decimals_beside(quality["recorded"], quality["served"])
    span = say.points_range(gap["low"], gap["high"])
    served = f"{say.percent(quality['served'], decimals)} ({say.signed_points(gap['value'], decimals)}; {span})"
    return say.percent(quality["recorded"], decimals), served


def _mean(tokens: float | None) -> str:
    return "not counted" if tokens is None else f"{tokens:,.0f}"


def _finishes(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{short(reason, 20)} {count:,}" for reason, count in list(reasons.items())[:4])
