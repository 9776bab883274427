"""The dropped rows: the funnel from the rows read to the splits, and each rule with examples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from ....core import unbroken as say
from ....curate import Curation
from ...charts.axes import Figure, render_figure
from ...charts.rows import FunnelStep, funnel_chart, funnel_table, funnel_words
from ...stored import StoredCuration, ledger_place, read_texts
from ...words import short
from .style import RULES, SENTENCE, rule_words, rules_of

MOST_RULES = 30  # rows of the table; a style may have thousands of rules, all of which are in the ledger
ID = 120  # characters of an id


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
    read = max(1, run.summary.rows_read)
    return [
        DroppedRule(
            rule=rule or "",
            words=short(rule_words(rule, rules_of(run.summary)), SENTENCE),
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


SPLITS = ("Training pairs", "Validation pairs, to decide when to stop", "Test pairs, to measure the result")
READING = ("unreadable", "empty_input", "empty_output", "tool_call")
DRAWN_RULES = 6  # drawn by name; the table below names more
WORDS = 64  # characters of a rule next to its bar


def funnel_figure(data: Curation) -> Markup:
    """The chart; empty if the number of rows read is unknown."""
    steps = funnel_steps(data)
    if not steps:
        return Markup("")
    figure = Figure(
        "From the rows read to the splits", funnel_words(steps), ("Step", "Rows", "Of those read"), funnel_table(steps)
    )
    return render_figure(figure, funnel_chart(steps))


def funnel_steps(data: Curation) -> list[FunnelStep]:
    """The steps in the order of curating; a step that dropped nothing is omitted.

    Each row has one outcome, so the steps end at the kept rows even if the rules do not add up.
    """
    read, outcomes = data.rows_read, data.outcomes
    if not read:
        return []
    unread = [(rule_words(name), data.rules[name]) for name in READING if data.rules.get(name)]
    # Manual decisions may have changed the outcome.
    unread = unread if sum(n for _, n in unread) <= outcomes.invalid else []
    broken = outcomes.invalid - sum(n for _, n in unread)
    found = [
        ("Readable as pairs", unread),
        (
            "Without repeats and conflicts",
            [
                ("Repeats another row", outcomes.duplicate),
                ("Contradicts another row", outcomes.conflict),
                ("Waits for a manual decision", outcomes.quarantined),
                (RULES["override"], outcomes.decided or 0),
            ],
        ),
        ("On one side of the split", [("Would be on both sides", outcomes.leaked)]),
    ]
    steps, remaining = [FunnelStep("Rows read", read)], read
    for name, lost in found:
        gone = sum(n for _, n in lost)
        if gone:
            remaining -= gone
            steps.append(FunnelStep(name, remaining, tuple(lost)))
    splits = data.splits
    counts = zip(SPLITS, (splits.train, splits.validation, splits.test), strict=True) if splits else ()
    return [*steps, FunnelStep("Kept", outcomes.kept, tuple(_broken(broken, data)), tuple(counts))]


def _broken(broken: int, data: Curation) -> list[tuple[str, int]]:
    """The rules that dropped the other invalid rows, with the most frequent by name."""
    if not broken:
        return []
    named = [(name, n) for name, n in data.rules.items() if name.startswith(("style:", "quality:")) and n]
    named.sort(key=lambda item: (-item[1], item[0]))
    if not named or sum(n for _, n in named) > broken:
        return [("Breaks a must rule", broken)]
    found = [(short(rule_words(name, rules_of(data), brief=True), WORDS), n) for name, n in named[:DRAWN_RULES]]
    rest = named[DRAWN_RULES:]
    if rest:
        found.append((f"{len(rest):,} other rule{'s' * (len(rest) > 1)}", sum(n for _, n in rest)))
    decided = broken - sum(n for _, n in named)
    return [*found, (RULES["override"], decided)] if decided else found
