"""Repaired outputs of curation and of variants: the sentences about them, and what was changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ....core import unbroken as say
from ...stored import StoredRun
from ...words import capital, named, short
from ..order import compared_variants
from .certificate import differing
from .dropped import ID, SENTENCE, rule_words, sentences_of

__all__ = ["FixedRow", "FixedRule", "before_repair", "fix_sentence", "fixed_rules", "repair_lines"]

_NAMED = 6  # rules in the sentence


@dataclass(frozen=True)
class FixedRow:
    """A repaired row: its number and id, and both outputs on one line with the differences marked."""

    row: int
    id: str
    before: Markup
    after: Markup


@dataclass(frozen=True)
class FixedRule:
    """One rule with the rows whose outputs were repaired by it, or could be."""

    words: str
    rows: str
    examples: tuple[FixedRow, ...]


def fix_sentence(data: Mapping[str, Any]) -> str:
    """How many rows are kept because of a repair, or would be; empty if there are none."""
    found = data.get("fix") or {}
    rows, offer = found.get("rows") or 0, found.get("offer") or {}
    if rows:
        how = "" if found.get("fix") == "safe" else ", also by leaving something out"
        kept = "1 row is kept with its output" if rows == 1 else f"{say.count(rows)} rows are kept with their outputs"
        return f"{kept} repaired{how}: {_by_rule(found)}."
    if not offer.get("rows"):
        return ""
    invalid, tried = (data.get("outcomes") or {}).get("invalid") or 0, offer.get("tried") or 0
    sampled = tried < (offer.get("failing") or 0)
    about, estimated = ("about ", f" (estimated from {say.count(tried)} of them)") if sampled else ("", "")
    of = f"{about}{say.count(offer['rows'])} of the {say.count(invalid, 'invalid row')}"
    return f"With --fix safe, {of} would be kept{estimated}: {_by_rule(offer)}."


def _by_rule(found: Mapping[str, Any]) -> str:
    rules = [f"{rule} {say.count(n)}" for rule, n in (found.get("rules") or {}).items()]
    more = len(rules) - _NAMED
    return ", ".join(rules) if more < 2 else f"{', '.join(rules[:_NAMED])} and {more} more rules"


def fixed_rules(data: Mapping[str, Any], *, texts: bool) -> list[FixedRule]:
    """The rules that repaired outputs, or could, the most frequent first, with examples of what changes.

    Without `texts`, only row numbers and ids are shown.
    """
    found = data.get("fix") or {}
    found = found if found.get("rows") else found.get("offer") or {}
    sentences, rules, examples = sentences_of(data), found.get("rules") or {}, found.get("examples") or {}
    return [
        FixedRule(
            short(rule_words(f"style:{rule}", sentences), SENTENCE),
            say.count(rules[rule]),
            tuple(_row(example, texts=texts) for example in shown),
        )
        for rule, shown in examples.items()
    ]


def _row(example: Mapping[str, Any], *, texts: bool) -> FixedRow:
    before, after = differing(example["before"], example["after"]) if texts else (Markup(""), Markup(""))
    return FixedRow(example["row"], short(example["id"] or "", ID), before, after)


def repair_lines(run: StoredRun) -> list[str]:
    """For each compared variant with repaired outputs, a sentence with its acceptable share before and after."""
    lines = []
    for name in compared_variants(run):
        found = run.results["quality"][name]
        raw, share = found.get("raw") or {}, (found.get("acceptable") or {}).get("share")
        if raw.get("share") is not None and raw.get("changed"):
            changed = say.count(raw["changed"], "output")
            origin = run.origins(name)[0] if run.way(name) == "repair" else name
            lines.append(
                f"{capital(named(origin))} is acceptable in {say.percent(raw['share'])} of cases as it answers, and in "
                f"{say.percent(share)} after repair, which changed {changed}."
            )
    return lines


def before_repair(line: Mapping[str, Any], limit: int) -> Markup:
    """The first characters of a variant's output as it came, the differences marked; empty if it was not changed."""
    raw, output = line.get("raw"), line.get("output")
    return Markup("") if raw is None else differing(str(raw)[:limit], str(output or "")[:limit])[0]
