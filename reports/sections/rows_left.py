"""The rows that left: by which rule, how many, with the first of them as examples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ...core import unbroken as say
from ..curated import StoredCuration, ledger_place, read_texts

__all__ = ["Example", "Left", "left_rest", "left_rows", "rule_words", "sentences_of", "short"]

RULES = {
    "exact_duplicate": "Input and output of another row again",
    "near_duplicate": "Nearly the input and output of another row, with the same facts",
    "conflict": "The same input as another row, with another answer",
    "unreadable": "Could not be read as a pair",
    "empty_input": "The input is empty",
    "empty_output": "The output is empty",
    "tool_call": "Calls tools",
    "leaked": "Would stand on both sides of the split",
    "override": "A person decided so",
    "quality:refusal": "Refuses the task",
    "quality:remains": "Holds what an assistant or a prompt left behind",
    "quality:mojibake": "Holds damaged characters",
    "quality:placeholder": "Holds a placeholder that was never filled",
    "quality:echo": "Repeats a line of the request",
    "quality:phrase": "Holds a phrase of an assistant",
    "quality:fence": "Holds a code fence",
    "quality:truncated": "Seems to be cut off",
    "quality:length": "Far longer or shorter than the others",
    "quality:canned": "Answers many inputs with the same words",
}
MOST_RULES = 30  # rows of the table; a style may have thousands of rules, and the ledger has them all
ID, SENTENCE = 120, 400  # characters of an id, of a rule
TEXT = 280  # characters of a text that a row of a table shows


@dataclass(frozen=True)
class Example:
    """A row that left: its place, its evidence, its output, and the kept row beside it, if any."""

    row: int
    id: str
    evidence: str
    output: str
    other_id: str
    other_output: str


@dataclass(frozen=True)
class Left:
    """The rows that left by one rule."""

    rule: str
    words: str
    outcome: str
    rows: str
    share: str
    examples: tuple[Example, ...]


def left_rows(run: StoredCuration, *, texts: bool) -> list[Left]:
    """The rules by which rows left, the most frequent first, each with the first rows that it took.

    At most thirty; `left_rest` tells of the others. Without `texts`, nothing that the data say is shown, only the
    numbers of the rows.
    """
    counts = _counts(run).head(MOST_RULES)
    shown = {
        (outcome, rule): _first(run.left, outcome, rule)
        for outcome, rule in counts.select("outcome", "rule").iter_rows()
    }
    ids = {row[name] for rows in shown.values() for row in rows for name in ("id", "other_id") if row[name]}
    said = read_texts(run.path, ids) if texts else {}
    read = max(1, int(run.summary.get("rows_read") or 1))
    return [
        Left(
            rule=rule or "",
            words=short(rule_words(rule, sentences_of(run.summary)), SENTENCE),
            outcome=outcome,
            rows=say.count(n),
            share=say.percent(n / read),
            examples=tuple(_example(row, said, texts=texts) for row in shown[outcome, rule]),
        )
        for outcome, rule, n in counts.iter_rows()
    ]


def left_rest(run: StoredCuration) -> str:
    """The rules beyond those shown in one sentence; empty where all are shown."""
    rest = _counts(run)[MOST_RULES:]
    if not len(rest):
        return ""
    rules = f"{say.count(len(rest))} more rule{'s' * (len(rest) > 1)}"
    return f"{rules} took {say.count(sum(rest['n'].to_list()))} rows together; all stand in {ledger_place(run.path)}."


def _counts(run: StoredCuration) -> pl.DataFrame:
    rules = run.left.group_by("outcome", "rule").agg(pl.first("n"))
    return rules.sort("n", "rule", "outcome", descending=[True, False, False])


def _first(left: pl.DataFrame, outcome: str, rule: str | None) -> list[dict[str, Any]]:
    same = pl.col("rule").is_null() if rule is None else pl.col("rule") == rule
    return left.filter((pl.col("outcome") == outcome) & same).to_dicts()


def _example(row: Mapping[str, Any], said: Mapping[str, tuple[str, str]], *, texts: bool) -> Example:
    own, other = said.get(row["id"] or "", ("", "")), said.get(row["other_id"] or "", ("", ""))
    evidence = str(row["evidence"] or "") if texts else ""
    return Example(
        row["row"], short(row["id"] or "", ID), short(evidence), short(own[1]),
        short(row["other_id"] or "", ID), short(other[1]),
    )  # fmt: skip


def rule_words(rule: str | None, sentences: Mapping[str, Mapping[str, Any]], *, brief: bool = False) -> str:
    """A rule of the ledger as a person would say it; `sentences` are the checks of the style by id.

    `brief` leaves out that it is a rule of the style.
    """
    if rule is None:
        return "No rule named"
    if rule.startswith("style:"):
        name = rule.removeprefix("style:")
        sentence = (sentences.get(name) or {}).get("sentence")
        if brief:
            return f"Breaks: {sentence or name}"
        return f"Breaks a rule of the style: {sentence}" if sentence else f"Breaks the rule “{name}” of the style"
    plain = RULES.get(rule) or rule.removeprefix("quality:").replace("_", " ").replace("-", " ")
    return plain[:1].upper() + plain[1:]


def short(text: str, most: int = TEXT) -> str:
    """The text on one line, cut where it is long."""
    flat = " ".join(text[: 20 * most].split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def sentences_of(data: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The checks of the style by id, as the summary holds them."""
    return (data.get("style") or {}).get("checks") or {}
