"""The funnel of a curated run: from the rows read to the splits, what left at each step and why."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from ..charts.figure import Figure, render_figure
from ..charts.funnel import FunnelStep, funnel_chart, funnel_table, funnel_words
from .rows_left import rule_words, sentences_of, short

__all__ = ["funnel_figure", "funnel_steps"]

SPLITS = {"train": "Train: to learn from", "validation": "Validation: to stop in time", "test": "Test: to measure with"}
READING = ("unreadable", "empty_input", "empty_output", "tool_call")
MOST_RULES = 6  # drawn by name; the table of reasons below names more
WORDS = 64  # characters of a rule beside its bar


def funnel_figure(data: Mapping[str, Any]) -> Markup:
    """The chart; nothing where it is not known how many rows were read."""
    steps = funnel_steps(data)
    if not steps:
        return Markup("")
    figure = Figure(
        "From the rows read to the splits", funnel_words(steps), ("Step", "Rows", "Of those read"), funnel_table(steps)
    )
    return render_figure(figure, funnel_chart(steps))


def funnel_steps(data: Mapping[str, Any]) -> list[FunnelStep]:
    """The steps in the order in which curating takes them; a step that took nothing is left out.

    Outcomes are counted once for each row, so the steps end at the kept rows whatever the rules add up to.
    """
    read, outcomes = data.get("rows_read") or 0, data.get("outcomes") or {}
    if not read:
        return []
    rules = data.get("rules") or {}
    invalid = outcomes.get("invalid") or 0
    unread = [(rule_words(name, {}), rules[name]) for name in READING if rules.get(name)]
    unread = unread if sum(n for _, n in unread) <= invalid else []  # a person may have decided otherwise
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
    """The rules that took the other invalid rows, those that took most by name."""
    if not broken:
        return []
    sentences = sentences_of(data)
    named = [(name, n) for name, n in rules.items() if name.startswith(("style:", "quality:")) and n]
    named.sort(key=lambda item: (-item[1], item[0]))
    if not named or sum(n for _, n in named) > broken:
        return [("Breaks a rule that must hold", broken)]
    found = [(short(rule_words(name, sentences, brief=True), WORDS), n) for name, n in named[:MOST_RULES]]
    rest = named[MOST_RULES:]
    if rest:
        found.append((f"{len(rest):,} other rule{'s' * (len(rest) > 1)}", sum(n for _, n in rest)))
    decided = broken - sum(n for _, n in named)
    return [*found, ("A person decided so", decided)] if decided else found
