"""Test references that people edited: how many, which rows, by whom, and what they were before."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ....core import unbroken as say
from ...words import short
from .certificate import differing
from .dropped import ID

__all__ = ["EditedReference", "edited_references", "edited_rest", "edited_sentence", "edited_values"]

_MOST = 50  # references that the page lists
_WHO, _WHY = 60, 200  # characters
Data = Mapping[str, Any]


@dataclass(frozen=True)
class EditedReference:
    """An edited reference: row and id, who edited it, on which day and why, both texts with the differences marked."""

    row: int
    id: str
    who: str
    day: str
    why: str
    before: Markup
    after: Markup


def edited_sentence(data: Data) -> str:
    """How many test references people edited, and who; empty if there are none."""
    n = _count(data)
    if not n:
        return ""
    by = Counter(str(found.get("who") or "someone unnamed") for found in _listed(data))
    people = ", ".join(f"{short(name, _WHO)} ({say.count(times)})" for name, times in by.most_common(3))
    more = f" and {say.count(len(by) - 3, 'other')}" if len(by) > 3 else ""
    of = say.count((data.get("splits") or {}).get("test"))
    were = "reference was" if n == 1 else "references were"
    return (
        f"{say.count(n)} of the {of} test {were} edited by people: {people}{more}. Where an output had been seen before, the "
        "edit favours what was seen."
    )


def edited_values(data: Data, *, texts: bool) -> dict[str, Any]:
    """What the pages show about edited references; without `texts` only which and by whom."""
    return {
        "sentence": edited_sentence(data), "rows": edited_references(data, texts=texts), "rest": edited_rest(data),
    }  # fmt: skip


def edited_references(data: Data, *, texts: bool) -> list[EditedReference]:
    """The edited references by row, at most fifty; without `texts` only which and by whom."""
    return [_reference(found, texts=texts) for found in _listed(data)[:_MOST]]


def edited_rest(data: Data) -> str:
    """A sentence on those that are not listed; empty if all are."""
    more = _count(data) - min(_MOST, len(_listed(data)))
    return (
        f"{say.count(more)} more; the tables of tuneworth export RUN --format csv have all of them." if more > 0 else ""
    )


def _reference(found: Data, *, texts: bool) -> EditedReference:
    before, after = differing(str(found["before"]), str(found["after"])) if texts else (Markup(""), Markup(""))
    who, why = short(str(found.get("who") or ""), _WHO), short(str(found.get("why") or ""), _WHY)
    return EditedReference(
        found["row"],
        short(str(found["id"]), ID),
        who,
        str(found.get("when") or "")[:10],
        why if texts else "",
        before,
        after,
    )


def _count(data: Data) -> int:
    return ((data.get("overrides") or {}).get("edited") or {}).get("test") or 0


def _listed(data: Data) -> list[Data]:
    return (data.get("overrides") or {}).get("references") or []
