"""The data in one line each, for the short report."""

from collections.abc import Mapping
from typing import Any

from ....core import unbroken as say
from ...words import short
from .certificate import certificate
from .dropped import rule_words, sentences_of
from .edited import edited_sentence

__all__ = ["brief_rows", "dropped_line"]

REASON, WARNING = 110, 220  # characters
SPLITS = {"train": "for training", "validation": "for validation", "test": "for the test"}


def brief_rows(
    data: Mapping[str, Any], style: Mapping[str, Any], *, samples: list[str], personal: str, warnings: list[str]
) -> list[tuple[str, str]]:
    """(label, sentence) of the rows, what was dropped and mainly why, the leak check, the style, people, warnings.

    `samples`, `personal` and `warnings` are those of the section on the data; lines without content are omitted.
    """
    splits = [f"{say.count(n)} {SPLITS[name]}" for name, n in (data.get("splits") or {}).items() if name in SPLITS]
    first = "" if not warnings else warnings[0] if len(warnings) == 1 else short(warnings[0], WARNING)
    rows = [
        ("Kept", f"{', '.join(splits)}." if splits else ""),
        ("Dropped", dropped_line(data)),
        ("Leak check", certificate(data)),
        ("Used", " ".join(samples)),
        ("Style", _style_line(style)),
        ("Personal data", personal),
        ("Edited", edited_sentence(data)),
        ("Warnings", first if len(warnings) < 2 else f"{say.count(len(warnings))}; the first: {first}"),
    ]
    return [(label, text) for label, text in rows if text]


def dropped_line(data: Mapping[str, Any]) -> str:
    """How many rows were dropped, and the most frequent reason; empty if none was."""
    dropped = sum(n for name, n in (data.get("outcomes") or {}).items() if name != "kept")
    rules = {name: n for name, n in (data.get("rules") or {}).items() if n}
    if not dropped:
        return ""
    if not rules:
        return f"{say.count(dropped, 'row')}."
    most = max(sorted(rules), key=lambda name: rules[name])
    words = short(rule_words(most, sentences_of(data), brief=True), REASON).rstrip(".")
    words = f"{words[:1].lower()}{words[1:]}"
    if len(rules) == 1:
        return f"{say.count(dropped, 'row')}, all for one reason: {words}."
    return f"{say.count(dropped, 'row')}; the most frequent reason, for {say.count(rules[most])} of them: {words}."


def _style_line(style: Mapping[str, Any]) -> str:
    """How many rules the style has, and whether people reviewed them."""
    if not style.get("checks"):
        return ""
    rules = say.count(len(style["checks"]), "rule")
    if style.get("reviewed") is None:
        return f"{rules}."
    return f"{rules}, {'reviewed by people' if style['reviewed'] else 'inferred from examples and not reviewed'}."
