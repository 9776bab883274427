"""Texts that were changed: outputs repaired by rules, and test references that people edited."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ....core import unbroken as say
from ....curate import Curation, EditedReference, RepairedRow, RepairOffer, Repairs
from ...stored import StoredRun
from ...words import capital, named, short
from .certificate import differing
from .dropped import ID
from .style import SENTENCE, rule_words, rules_of

_MOST = 50  # references that the page lists
_WHO, _WHY = 60, 200  # characters
_NAMED = 6  # rules in the sentence on repairs


# --- edited references ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EditedRow:
    """An edited reference: row and id, who edited it, on which day and why, both texts with the differences marked."""

    row: int
    id: str
    who: str
    day: str
    why: str
    before: Markup
    after: Markup


def edited_sentence(data: Curation) -> str:
    """How many test references people edited, and who; empty if there are none."""
    n = _edited(data)
    if not n:
        return ""
    by = Counter(found.who or "someone unnamed" for found in _references(data))
    people = ", ".join(f"{short(name, _WHO)} ({say.count(times)})" for name, times in by.most_common(3))
    more = f" and {say.count(len(by) - 3, 'other')}" if len(by) > 3 else ""
    of = say.count(data.splits.test if data.splits else None)
    were = "reference was" if n == 1 else "references were"
    return (
        f"{say.count(n)} of the {of} test {were} edited by people: {people}{more}. Where an output had been seen before, the "
        "edit favours what was seen."
    )


def edited_values(data: Curation | None, *, texts: bool) -> dict[str, Any]:
    """What the pages show about edited references; without `texts` only which and by whom."""
    if data is None:
        return {"sentence": "", "rows": [], "rest": ""}
    return {
        "sentence": edited_sentence(data), "rows": edited_references(data, texts=texts), "rest": edited_rest(data),
    }  # fmt: skip


def edited_references(data: Curation, *, texts: bool) -> list[EditedRow]:
    """The edited references by row, at most fifty; without `texts` only which and by whom."""
    return [_reference(found, texts=texts) for found in _references(data)[:_MOST]]


def edited_rest(data: Curation) -> str:
    """A sentence on those that are not listed; empty if all are."""
    more = _edited(data) - min(_MOST, len(_references(data)))
    return (
        f"{say.count(more)} more; the tables of tuneworth export RUN --format csv have all of them." if more > 0 else ""
    )


def _reference(found: EditedReference, *, texts: bool) -> EditedRow:
    before, after = differing(found.before, found.after) if texts else (Markup(""), Markup(""))
    why = short(found.why, _WHY) if texts else ""
    return EditedRow(found.row, short(found.id, ID), short(found.who, _WHO), found.when[:10], why, before, after)


def _edited(data: Curation) -> int:
    return data.overrides.edited.test if data.overrides and data.overrides.edited else 0


def _references(data: Curation) -> Sequence[EditedReference]:
    return data.overrides.references if data.overrides else ()


# --- repairs ----------------------------------------------------------------------------------------------------------


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


def fix_sentence(data: Curation) -> str:
    """How many rows are kept because of a repair, or would be; empty if there are none."""
    found = data.fix
    if found is None:
        return ""
    if rows := found.rows:
        how = "" if found.fix == "safe" else ", also by leaving something out"
        kept = "1 row is kept with its output" if rows == 1 else f"{say.count(rows)} rows are kept with their outputs"
        return f"{kept} repaired{how}: {_by_rule(found)}."
    offer = found.offer
    if offer is None or not offer.rows:
        return ""
    sampled = offer.tried < offer.failing
    about, estimated = ("about ", f" (estimated from {say.count(offer.tried)} of them)") if sampled else ("", "")
    of = f"{about}{say.count(offer.rows)} of the {say.count(data.outcomes.invalid, 'invalid row')}"
    return f"With --fix safe, {of} would be kept{estimated}: {_by_rule(offer)}."


def _by_rule(found: Repairs | RepairOffer) -> str:
    rules = [f"{rule} {say.count(n)}" for rule, n in found.rules.items()]
    more = len(rules) - _NAMED
    return ", ".join(rules) if more < 2 else f"{', '.join(rules[:_NAMED])} and {more} more rules"


def fixed_rules(data: Curation, *, texts: bool) -> list[FixedRule]:
    """The rules that repaired outputs, or could, the most frequent first, with examples of what changes.

    Without `texts`, only row numbers and ids are shown.
    """
    found = data.fix if data.fix is None or data.fix.rows else data.fix.offer
    if found is None:
        return []
    return [
        FixedRule(
            short(rule_words(f"style:{rule}", rules_of(data)), SENTENCE),
            say.count(found.rules[rule]),
            tuple(_repaired(example, texts=texts) for example in shown),
        )
        for rule, shown in found.examples.items()
    ]


def _repaired(example: RepairedRow, *, texts: bool) -> FixedRow:
    before, after = differing(example.before, example.after) if texts else (Markup(""), Markup(""))
    return FixedRow(example.row, short(example.id or "", ID), before, after)


def repair_lines(run: StoredRun) -> list[str]:
    """For each compared variant with repaired outputs, a sentence with its acceptable share before and after."""
    lines = []
    for name in run.compared:
        raw = run.results.quality[name].raw
        if raw and raw.share is not None and raw.changed:
            origin = run.origins(name)[0] if run.way(name) == "repair" else name
            lines.append(
                f"{capital(named(origin))} is {run.good} in {say.percent(raw.share)} of cases as it answers, and in "
                f"{say.percent(run.acceptable(name))} after repair, which changed {say.count(raw.changed, 'output')}."
            )
    return lines


def before_repair(line: Mapping[str, Any], limit: int) -> Markup:
    """The first characters of a variant's output as it came, the differences marked; empty if it was not changed."""
    raw, output = line.get("raw"), line.get("output")
    return Markup("") if raw is None else differing(str(raw)[:limit], str(output or "")[:limit])[0]
