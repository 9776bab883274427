"""The dropped rows: the funnel from the rows read to the splits, and each rule with examples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from ....core import unbroken as say
from ...charts.figure import Figure, render_figure
from ...charts.funnel import FunnelStep, funnel_chart, funnel_table, funnel_words
from ...stored import StoredCuration, ledger_place, read_texts
from ...words import capital, short

__all__ = [
    "DroppedRule",
    "Example",
    "dropped_rest",
    "dropped_rows",
    "funnel_figure",
    "funnel_steps",
    "rule_words",
    "sentences_of",
]

RULES = {
    "exact_duplicate": "Repeats the input and output of another row",
    "near_duplicate": "Nearly repeats the input and output of another row, with the same facts",
    "conflict": "Has the same input as another row but a different output",
    "unreadable": "Cannot be read as a pair",
    "empty_input": "Has an empty input",
    "empty_output": "Has an empty output",
    "tool_call": "Calls tools",
    "leaked": "Would be on both sides of the split",
    "override": "Dropped by a manual decision",
    "quality:refusal": "Refuses the task",
    "quality:remains": "Contains remains of an assistant's answer or of a prompt",
    "quality:mojibake": "Contains damaged characters",
    "quality:placeholder": "Contains an unfilled placeholder",
    "quality:echo": "Repeats a line of the request",
    "quality:phrase": "Contains a typical assistant phrase",
    "quality:fence": "Contains a code fence",
    "quality:truncated": "Seems to be truncated",
    "quality:length": "Is much longer or shorter than the others",
    "quality:canned": "Is the same output for many inputs",
}
MOST_RULES = 30  # rows of the table; a style may have thousands of rules, all of which are in the ledger
ID, SENTENCE = 120, 400  # characters of an id, of a rule


@dataclass(frozen=True)
class Example:
    """A dropped row: its number, id, evidence and output, and the row kept instead, if any."""

    row: int
    id: str
    evidence: str
    output: str
    other_id: str
    other_output: str


@dataclass(frozen=True)
class DroppedRule:
    """One rule with the rows that it dropped."""

    rule: str
    words: str
    outcome: str
    rows: str
    share: str
    examples: tuple[Example, ...]


def dropped_rows(run: StoredCuration, *, texts: bool) -> list[DroppedRule]:
    """The rules that dropped rows, the most frequent first, each with the first rows that it dropped.

    At most thirty; `dropped_rest` summarizes the others. Without `texts`, only row numbers and ids are shown.
    """
    counts = _counts(run).head(MOST_RULES)
    shown = {
        (outcome, rule): _first(run.dropped, outcome, rule)
        for outcome, rule in counts.select("outcome", "rule").iter_rows()
    }
    ids = {row[name] for rows in shown.values() for row in rows for name in ("id", "other_id") if row[name]}
    pairs = read_texts(run.path, ids) if texts else {}
    read = max(1, int(run.summary.get("rows_read") or 1))
    return [
        DroppedRule(
            rule=rule or "",
            words=short(rule_words(rule, sentences_of(run.summary)), SENTENCE),
            outcome=outcome,
            rows=say.count(n),
            share=say.percent(n / read),
            examples=tuple(_example(row, pairs, texts=texts) for row in shown[outcome, rule]),
        )
        for outcome, rule, n in counts.iter_rows()
    ]


def dropped_rest(run: StoredCuration) -> str:
    """A sentence on the rules that are not shown; empty if all are shown."""
    rest = _counts(run)[MOST_RULES:]
    if not len(rest):
        return ""
    rules = f"{say.count(len(rest))} more rule{'s' * (len(rest) > 1)}"
    return (
        f"{rules} dropped {say.count(sum(rest['n'].to_list()))} rows in total; {ledger_place(run.path)} lists them all."
    )


def _counts(run: StoredCuration) -> pl.DataFrame:
    rules = run.dropped.group_by("outcome", "rule").agg(pl.first("n"))
    return rules.sort("n", "rule", "outcome", descending=[True, False, False])


def _first(dropped: pl.DataFrame, outcome: str, rule: str | None) -> list[dict[str, Any]]:
    same = pl.col("rule").is_null() if rule is None else pl.col("rule") == rule
    return dropped.filter((pl.col("outcome") == outcome) & same).to_dicts()


def _example(row: Mapping[str, Any], pairs: Mapping[str, tuple[str, str]], *, texts: bool) -> Example:
    dropped, kept = pairs.get(row["id"] or "", ("", "")), pairs.get(row["other_id"] or "", ("", ""))
    evidence = str(row["evidence"] or "") if texts else ""
    return Example(
        row["row"], short(row["id"] or "", ID), short(evidence), short(dropped[1]),
        short(row["other_id"] or "", ID), short(kept[1]),
    )  # fmt: skip


def rule_words(rule: str | None, sentences: Mapping[str, Mapping[str, Any]], *, brief: bool = False) -> str:
    """A rule of the ledger in words; `sentences` are the checks of the style by id.

    `brief` omits that it is a style rule.
    """
    if rule is None:
        return "No rule recorded"
    if rule.startswith("style:"):
        name = rule.removeprefix("style:")
        sentence = (sentences.get(name) or {}).get("sentence")
        if brief:
            return f"Breaks “{(sentence or name).rstrip('.')}”"
        return f"Breaks a style rule: {sentence}" if sentence else f"Breaks the style rule “{name}”"
    plain = RULES.get(rule) or rule.removeprefix("quality:").replace("_", " ").replace("-", " ")
    return capital(plain)


def sentences_of(data: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The checks of the style by id, as in the summary."""
    return (data.get("style") or {}).get("checks") or {}


SPLITS = {
    "train": "Training pairs",
    "validation": "Validation pairs, to decide when to stop",
    "test": "Test pairs, to measure the result",
}
READING = ("unreadable", "empty_input", "empty_output", "tool_call")
DRAWN_RULES = 6  # drawn by name; the table below names more
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

    Each row has one outcome, so the steps end at the kept rows even if the rules do not add up.
    """
    read, outcomes = data.get("rows_read") or 0, data.get("outcomes") or {}
    if not read:
        return []
    rules = data.get("rules") or {}
    invalid = outcomes.get("invalid") or 0
    unread = [(rule_words(name, {}), rules[name]) for name in READING if rules.get(name)]
    unread = unread if sum(n for _, n in unread) <= invalid else []  # unless manual decisions changed the outcome
    broken = invalid - sum(n for _, n in unread)
    found = [
        ("Readable as pairs", unread),
        (
            "Without repeats and conflicts",
            [
                ("Repeats another row", outcomes.get("duplicate") or 0),
                ("Contradicts another row", outcomes.get("conflict") or 0),
                ("Waits for a manual decision", outcomes.get("quarantined") or 0),
                (RULES["override"], outcomes.get("decided") or 0),
            ],
        ),
        ("On one side of the split", [("Would be on both sides", outcomes.get("leaked") or 0)]),
    ]
    steps, remaining = [FunnelStep("Rows read", read)], read
    for name, lost in found:
        gone = sum(n for _, n in lost)
        if gone:
            remaining -= gone
            steps.append(FunnelStep(name, remaining, tuple(lost)))
    splits = data.get("splits") or {}
    parts = tuple((words, splits[key]) for key, words in SPLITS.items() if splits.get(key) is not None)
    kept = outcomes.get("kept") or 0
    return [*steps, FunnelStep("Kept", kept, tuple(_broken(broken, rules, data)), parts)]


def _broken(broken: int, rules: Mapping[str, int], data: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The rules that dropped the other invalid rows, with the most frequent by name."""
    if not broken:
        return []
    sentences = sentences_of(data)
    named = [(name, n) for name, n in rules.items() if name.startswith(("style:", "quality:")) and n]
    named.sort(key=lambda item: (-item[1], item[0]))
    if not named or sum(n for _, n in named) > broken:
        return [("Breaks a must rule", broken)]
    found = [(short(rule_words(name, sentences, brief=True), WORDS), n) for name, n in named[:DRAWN_RULES]]
    rest = named[DRAWN_RULES:]
    if rest:
        found.append((f"{len(rest):,} other rule{'s' * (len(rest) > 1)}", sum(n for _, n in rest)))
    decided = broken - sum(n for _, n in named)
    return [*found, (RULES["override"], decided)] if decided else found
