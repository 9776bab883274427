"""The correctness section: how often outputs are right, by class or field, what is taken for what, and each kind of error."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ...core import decimals_beside
from ...core import unbroken as say
from ...evaluate.results import Confused, Correctness, ErrorKind, Errors, PartDifference, PartScore, VariantCorrectness
from ..page import Section
from ..stored import StoredRun
from ..words import capital, named, share_text, short
from .examples.examples import Telling, telling_of

MOST_ROWS = 8  # classes or fields that are shown; the others are folded
MOST_LABELS = 12  # of a matrix; of more labels, the most frequent errors are listed
MOST_ERRORS = 10  # pairs of labels
NAME = 60  # characters of a label
EXPECTED = 120  # characters of what the rule expected
SHADES = (0.5, 0.2, 0.05)  # shares of a row of the matrix from which its cells are darker
CHANCE = 0.05  # significance level, adjusted for the number of classes or fields
TITLES = {
    "labels": ("accuracy", "label"), "fields": ("exact match", "field"), "answer": ("correct answers", ""),
    "query": ("execution accuracy", ""), "text": ("correct outputs", ""),
}  # fmt: skip
KINDS: dict[ErrorKind, str] = {
    "no answer": "No answer", "wrong label": "Another label", "no label": "No label", "wrong value": "Another value",
    "missing field": "A missing field", "extra field": "An extra field", "no record": "No record",
    "other answer": "Another answer", "query fails": "A query that fails", "other result": "A query with other rows",
    "other text": "Another text",
}  # fmt: skip


class Scored(NamedTuple):
    """The scores of one variant for a class or field, with the range of recall."""

    precision: str = "–"
    recall: str = "–"
    span: str = ""
    f1: str = "–"


@dataclass(frozen=True)
class Part:
    """A class or field: how often references have it, the scores of each compared variant, the difference in recall.

    `faults` tells missing, extra and other values of a field apart.
    """

    name: str
    faults: str
    support: str
    scores: list[Scored]
    change: str
    span: str


class Cell(NamedTuple):
    """A cell of the matrix: the number of outputs, how dark it is (0 to 3), whether the two labels are the same."""

    n: str
    shade: int
    right: bool


class MatrixRow(NamedTuple):
    """The outputs for one label of the references, by the label that they name."""

    number: int
    label: str
    cells: list[Cell]


class Mistake(NamedTuple):
    """A label that is taken for another one by a variant."""

    variant: str
    reference: str
    output: str
    n: str


@dataclass(frozen=True)
class KindOfError:
    """How often the compared variants make an error of this kind, and a request that shows it."""

    words: str
    counts: list[str]
    example: Telling | None


def section(run: StoredRun, *, texts: bool) -> Section | None:
    """The section of a run whose outputs a must rule compares with references; without `texts` it names no label."""
    found = run.results.correctness
    if found is None:
        return None
    names = [name for name in run.compared if name in found.variants]
    matrices = _matrices(run, found, names) if texts else []
    decimals = _decimals(found, names)
    errors = _errors(run, found, names, texts=texts)
    shown = {
        "title": capital(TITLES[found.metric][0]),
        "what": capital(TITLES[found.metric][1]),
        "labels": [run.label(name) for name in names],
        "rows": [
            (
                run.label(name),
                share_text(one.accuracy, decimals=decimals),
                "" if one.macro_f1 is None else say.coefficient(one.macro_f1),
            )
            for name, one in found.variants.items()
        ],
        "macro": any(one.macro_f1 is not None for one in found.variants.values()),
        "parts": _parts(run, found, names) if texts or found.metric == "fields" else [],
        "most_rows": MOST_ROWS,
        "matrices": matrices,
        "mistakes": _mistakes(run, found, names) if texts and not matrices else [],
        "errors": errors,
        "errors_finding": "; ".join(f"{row.words.lower()}: {row.counts[-1]}" for row in errors),
        "notes": _notes(found),
    }
    return Section("correctness", "Correctness", _lead(run, found, names), "correctness", shown)


def _decimals(found: Correctness, names: list[str]) -> int:
    """The decimals of the compared variants' accuracies, as on the first screen."""
    return decimals_beside(*(found.variants[name].accuracy.share for name in names)) if len(names) == 2 else 0


def _lead(run: StoredRun, found: Correctness, names: list[str]) -> str:
    """How often each compared variant is right."""
    shares = [(named(name, run.results), found.variants[name].accuracy.share) for name in names]
    said = [f"{who} on {say.percent(share, _decimals(found, names))}" for who, share in shares if share is not None]
    if not said:
        return "No output could be compared with a reference."
    return f"Correct: {', '.join(said)} of {say.count(found.n, 'request')} with a reference."


def _parts(run: StoredRun, found: Correctness, names: list[str]) -> list[Part]:
    """The classes or fields: those with a significant loss first, then by the candidate's F1, the rare ones last."""
    fields = found.metric == "fields"
    scores = {name: {part.name: part for part in _listed(found.variants[name])} for name in names}
    differences = {row.name: row for row in found.differences or ()}
    lost = [name for name, row in differences.items() if row.value < 0 and _significant(row)]
    ranked = [part for name in reversed(names) for part in scores[name]]
    every = dict.fromkeys([*lost, *(part for part in ranked if part in differences), *ranked])
    return [
        Part(
            short(part, NAME),
            "; ".join(_faults(run.label(name), scores[name].get(part)) for name in names) if fields else "",
            say.count(max((scores[name][part].support for name in names if part in scores[name]), default=0)),
            [_scored(scores[name].get(part)) for name in names],
            *_change(differences.get(part)),
        )
        for part in every
    ]


def _listed(scores: VariantCorrectness) -> list[PartScore]:
    return [*(scores.classes or ()), *(scores.fields or ())]


def _scored(part: PartScore | None) -> Scored:
    if part is None:
        return Scored()
    precision, recall = ("–" if one.share is None else say.percent(one.share) for one in (part.precision, part.recall))
    span = "" if part.recall.low is None else say.percent_range(part.recall.low, part.recall.high)
    return Scored(precision, recall, span, "–" if part.f1 is None else say.coefficient(part.f1))


def _faults(name: str, part: PartScore | None) -> str:
    """How often a field is missing, too many, or has another value."""
    if part is None:
        return f"{name}: never"
    counts = {
        "missing": part.support - part.right - part.wrong, "extra": part.found - part.right - part.wrong,
        "other": part.wrong,
    }  # fmt: skip
    return f"{name}: {', '.join(f'{say.count(n)} {what}' for what, n in counts.items() if n) or 'no fault'}"


def _change(row: PartDifference | None) -> tuple[str, str]:
    """The change in recall; its range, and whether it could be chance."""
    if row is None:
        return "", ""
    sure = "significant" if _significant(row) else "could be chance"
    span = say.points_range(row.low, row.high).split(say.gap)[0]
    return say.signed_points(row.value), f"{span}; {sure}"


def _significant(row: PartDifference) -> bool:
    return row.p_holm is not None and row.p_holm < CHANCE


def _matrices(
    run: StoredRun, found: Correctness, names: list[str]
) -> list[tuple[str, list[int | str], list[MatrixRow]]]:
    """For each compared variant, the candidate first: its name, the columns, and the rows; empty with too many labels."""
    cells = {name: found.variants[name].confusion or () for name in reversed(names)}
    labels = sorted(
        {label for each in cells.values() for cell in each for label in (cell.reference, cell.output) if label}
    )
    if not labels or len(labels) > MOST_LABELS:
        return []
    return [(run.label(name), *_matrix(each, labels)) for name, each in cells.items() if each]


def _matrix(cells: Sequence[Confused], labels: list[str]) -> tuple[list[int | str], list[MatrixRow]]:
    """The columns and rows of a confusion matrix; labels are numbered, since names would not fit above narrow columns."""
    counts = {(cell.reference, cell.output): cell.n for cell in cells}
    unnamed = any(cell.output is None for cell in cells)
    outputs: list[str | None] = [*labels, *([None] if unnamed else [])]
    rows = []
    for number, label in enumerate(labels, start=1):
        total = sum(counts.get((label, output), 0) for output in outputs)
        row = []
        for output in outputs:
            n = counts.get((label, output), 0)
            shade = sum(n / total >= share for share in SHADES) if n else 0
            row.append(Cell(say.count(n) if n else "", shade, output == label))
        rows.append(MatrixRow(number, short(label, NAME), row))
    return [*range(1, len(labels) + 1), *(["none"] if unnamed else [])], rows


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


def _errors(run: StoredRun, found: Correctness, names: list[str], *, texts: bool) -> list[KindOfError]:
    """The kinds of errors, the candidate's most frequent first, each with a request that shows it."""
    of: dict[ErrorKind, dict[str, Errors]] = {}
    for name in reversed(names):
        for one in found.variants[name].errors:
            of.setdefault(one.kind, {})[name] = one
    return [
        KindOfError(
            KINDS[kind],
            [say.count(by_name[name].n if name in by_name else 0) for name in names],
            _example(run, found.rule, *next(iter(by_name.items()))) if texts else None,
        )
        for kind, by_name in of.items()
    ]


def _example(run: StoredRun, rule: str, name: str, error: Errors) -> Telling | None:
    """The clearest of the variant's first requests with such an error, with what was expected."""
    ids = [id_ for id_ in error.ids if id_ in run.pairs]
    if not ids:
        return None
    example = telling_of(run, ids)
    broken = run.outputs.get((example.id, name), {}).get("violations") or ()
    expected = [f"expected {short(one['expected'], EXPECTED)}" for one in broken if one["check"] == rule]
    return replace(example, cause="; ".join([KINDS[error.kind], *expected[:1]]))


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
