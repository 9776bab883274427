"""The rows that were dropped: the funnel from the rows read to the splits, and each rule with its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from ...core import unbroken as say
from ..charts.figure import Figure, render_figure
from ..charts.funnel import FunnelStep, funnel_chart, funnel_table, funnel_words
from ..stored import StoredCuration, ledger_place, read_texts
from ..words import capital, short

__all__ = [
    "Example",
    "Left",
    "funnel_figure",
    "funnel_steps",
    "left_rest",
    "left_rows",
    "rule_words",
    "sentences_of",
]

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


@dataclass(frozen=True)
class Example:
    """A dropped row: its position, its evidence, its output, and the row kept instead, if any."""

    row: int
    id: str
    evidence: str
    output: str
    other_id: str
    other_output: str


@dataclass(frozen=True)
class Left:
    """The rows dropped by one rule."""

    rule: str
    words: str
    outcome: str
    rows: str
    share: str
    examples: tuple[Example, ...]


def left_rows(run: StoredCuration, *, texts: bool) -> list[Left]:
    """The rules that dropped rows, the most frequent first, each with the first rows that it dropped.

    At most thirty; `left_rest` summarizes the others. Without `texts`, nothing that the data say is shown, only the
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
    """The rules beyond those shown in one sentence; empty if all are shown."""
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
    return capital(plain)


def sentences_of(data: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The checks of the style by id, as the summary holds them."""
    return (data.get("style") or {}).get("checks") or {}


SPLITS = {"train": "Train: to learn from", "validation": "Validation: to stop in time", "test": "Test: to measure with"}
READING = ("unreadable", "empty_input", "empty_output", "tool_call")
DRAWN_RULES = 6  # drawn by name; the table of reasons below names more
WORDS = 64  # characters of a rule next to its bar


def funnel_figure(data: Mapping[str, Any]) -> Markup:
    """The chart; empty if the number of rows read is unknown."""
    steps = funnel_steps(data)
    if not steps:
        return Markup("")
    figure = Figure(
        "From the rows read to the splits", funnel_words(steps), ("Step", "Rows", "Of those read"), funnel_table(steps)
    )
    return render_figure(figure, funnel_chart(steps))


def funnel_steps(data: Mapping[str, Any]) -> list[FunnelStep]:
    """The steps in the order of curating; a step that dropped nothing is omitted.

    Outcomes are counted once for each row, so the steps end at the kept rows whatever the rules add up to.
    """
    read, outcomes = data.get("rows_read") or 0, data.get("outcomes") or {}
    if not read:
        return []
    rules = data.get("rules") or {}
    invalid = outcomes.get("invalid") or 0
    unread = [(rule_words(name, {}), rules[name]) for name in READING if rules.get(name)]
    unread = unread if sum(n for _, n in unread) <= invalid else []  # a person may have overridden it
    broken = invalid - sum(n for _, n in unread)
    found = [
        ("Could be read as pairs", unread),
        (
            "Each said once",
            [
                ("Repeats another row", outcomes.get("duplicate") or 0),
                ("Contradicts another row", outcomes.get("conflict") or 0),
                ("Waits for a person to look", outcomes.get("quarantined") or 0),
            ],
        ),
        ("On one side of the split", [("Would stand on both sides", outcomes.get("leaked") or 0)]),
    ]
    steps, left = [FunnelStep("Rows read", read)], read
    for name, lost in found:
        gone = sum(n for _, n in lost)
        if gone:
            left -= gone
            steps.append(FunnelStep(name, left, tuple(lost)))
    splits = data.get("splits") or {}
    parts = tuple((words, splits[key]) for key, words in SPLITS.items() if splits.get(key) is not None)
    kept = outcomes.get("kept") or 0
    return [*steps, FunnelStep("Kept", kept, tuple(_broken(broken, rules, data)), parts)]


def _broken(broken: int, rules: Mapping[str, int], data: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The rules that dropped the other invalid rows; the most frequent are named."""
    if not broken:
        return []
    sentences = sentences_of(data)
    named = [(name, n) for name, n in rules.items() if name.startswith(("style:", "quality:")) and n]
    named.sort(key=lambda item: (-item[1], item[0]))
    if not named or sum(n for _, n in named) > broken:
        return [("Breaks a rule that must hold", broken)]
    found = [(short(rule_words(name, sentences, brief=True), WORDS), n) for name, n in named[:DRAWN_RULES]]
    rest = named[DRAWN_RULES:]
    if rest:
        found.append((f"{len(rest):,} other rule{'s' * (len(rest) > 1)}", sum(n for _, n in rest)))
    decided = broken - sum(n for _, n in named)
    return [*found, ("A person decided so", decided)] if decided else found
