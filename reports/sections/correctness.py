"""The correctness section: how often outputs are right, by class or field, and which labels are taken for which."""

from dataclasses import dataclass
from typing import NamedTuple

from ...core import Row, row_text
from ...core import unbroken as say
from ...evaluate.results import Correctness, PartDifference, PartScore, VariantCorrectness
from ..page import Section
from ..stored import StoredRun
from ..words import capital, named, share_text, short

MOST_ROWS = 8  # classes or fields that are shown; the others are folded
MOST_ERRORS = 10  # pairs of labels
NAME = 60  # characters of a label
CHANCE = 0.05  # significance level, adjusted for the number of classes or fields
TITLES = {
    "labels": ("accuracy", "label"), "fields": ("exact match", "field"), "answer": ("right answers", ""),
    "query": ("execution accuracy", ""), "text": ("right outputs", ""),
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A class or field: how often references have it, recall and F1 of each compared variant, the difference."""

    name: str
    support: str
    scores: list[tuple[str, str]]
    change: str
    chance: str


class Mistake(NamedTuple):
    """A label that is taken for another one by a variant."""

    variant: str
    reference: str
    output: str
    n: str


def section(run: StoredRun, *, texts: bool) -> Section | None:
    """The section of a run whose outputs a must rule compares with references; without `texts` it names no label."""
    found = run.results.correctness
    if found is None:
        return None
    names = [name for name in run.compared if name in found.variants]
    parts = _parts(found, names)
    shown = {
        "title": capital(TITLES[found.metric][0]),
        "what": capital(TITLES[found.metric][1]),
        "labels": [run.label(name) for name in names],
        "rows": [
            (run.label(name), share_text(one.accuracy), "" if one.macro_f1 is None else say.coefficient(one.macro_f1))
            for name, one in found.variants.items()
        ],
        "macro": any(one.macro_f1 is not None for one in found.variants.values()),
        "parts": parts if texts or found.metric == "fields" else [],
        "most_rows": MOST_ROWS,
        "mistakes": _mistakes(run, found, names) if texts else [],
        "notes": _notes(found),
    }
    return Section("correctness", "Correctness", _lead(run, found, names), "correctness", shown)


def _lead(run: StoredRun, found: Correctness, names: list[str]) -> str:
    """How often each compared variant is right."""
    shares = [(named(name), found.variants[name].accuracy.share) for name in names]
    said = [f"{who} is right on {say.percent(share)}" for who, share in shares if share is not None]
    if not said:
        return "No output could be compared with a reference."
    return f"{capital(', '.join(said))} of {say.count(found.n, 'request')} with a reference."


def _parts(found: Correctness, names: list[str]) -> list[Part]:
    """The classes or fields, those first in which the candidate is worst."""
    scores = {name: {part.name: part for part in _listed(found.variants[name])} for name in names}
    differences = {row.name: row for row in found.differences or ()}
    every = list(dict.fromkeys([*differences, *(part for name in reversed(names) for part in scores[name])]))
    return [
        Part(
            short(part, NAME),
            say.count(max((scores[name][part].support for name in names if part in scores[name]), default=0)),
            [_recall(scores[name].get(part)) for name in names],
            *_change(differences.get(part)),
        )
        for part in every
    ]


def _listed(scores: VariantCorrectness) -> list[PartScore]:
    return [*(scores.classes or ()), *(scores.fields or ())]


def _recall(part: PartScore | None) -> tuple[str, str]:
    """Recall and F1."""
    if part is None:
        return "", ""
    return share_text(part.recall), "" if part.f1 is None else say.coefficient(part.f1)


def _change(row: PartDifference | None) -> tuple[str, str]:
    if row is None:
        return "", ""
    change = row_text(Row("change", "", row.value, "points", row.low, row.high), say)
    surely = row.p_holm is not None and row.p_holm < CHANCE
    return change, "significant" if surely else "could be chance"


def _mistakes(run: StoredRun, found: Correctness, names: list[str]) -> list[Mistake]:
    """The labels that are taken for another one most often."""
    cells = [
        (cell, name) for name in names for cell in found.variants[name].confusion or () if cell.output != cell.reference
    ]
    cells.sort(key=lambda each: (-each[0].n, each[0].reference, each[1]))
    return [
        Mistake(run.label(name), short(cell.reference, NAME), short(cell.output or "no label", NAME), say.count(cell.n))
        for cell, name in cells[:MOST_ERRORS]
    ]


def _notes(found: Correctness) -> list[str]:
    notes = []
    if found.without_reference:
        rest = say.count(found.without_reference, "request")
        notes.append(
            f"{rest} without a reference {'is' if found.without_reference == 1 else 'are'} judged by the other rules."
        )
    if found.several_references:
        notes.append(
            f"{say.count(found.several_references, 'request')} with several right answers; one of them is enough."
        )
    if found.contradicted:
        rows = say.count(found.contradicted, "request")
        notes.append(
            f"{rows} came again with another answer; each is compared with its own, so no variant can get all right."
        )
    return notes
