"""The checks `equals`, `similar` and `final_answer`: the output, or what it ends with, is the reference."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from ...core import ConfigError
from ..answers import Ignored, differing_span, nearest_reference, same_answer
from ..columns import Columns
from ..facts.numbers import numbers_in
from ..schema import Check, Explanation, FaultRow, Findings, Kind, faults
from ..similarity import chrf, edit_similarity, rouge_l, token_f1
from ..words import listed, quoted

_SHOWN = 200  # characters of a reference in a message
_WORDS = {
    "case": "case", "space": "white space", "punctuation": "punctuation", "accents": "accents", "articles": "articles",
    "line_order": "the order of lines",
}  # fmt: skip


def check_tolerance(tolerance: float | None) -> None:
    """Raises: ConfigError if it is no share of a number."""
    if tolerance is not None and not 0 <= tolerance < 1:
        raise ConfigError(f"tolerance is a share of the reference's number, from 0 to below 1; found {tolerance:g}")


def with_references(columns: Columns) -> pl.Series:
    """Which rows have a reference to compare with."""
    if columns.references is None:
        return pl.repeat(False, len(columns.output), dtype=pl.Boolean, eager=True)
    return pl.Series([bool(texts) for texts in columns.references], dtype=pl.Boolean)


def compare_each(columns: Columns, fault: Callable[[str, Sequence[str]], FaultRow | None]) -> Findings:
    """The violations of a rule that compares each output with the references of its row.

    `fault` gets both and returns None, or (_, found, start, end, expected).
    """
    rows: list[FaultRow] = []
    applicable = with_references(columns)
    known: dict[tuple[str, tuple[str, ...]], FaultRow | None] = {}  # labels and short answers recur
    for index in applicable.arg_true():
        output, references = columns.output[index], tuple(columns.right(index))
        if output in references:
            continue
        if (output, references) not in known:
            known[output, references] = fault(output, references)
        if (found := known[output, references]) is not None:
            rows.append((index, *found[1:]))
    return Findings(faults(rows), applicable)


def shown(text: str) -> str:
    """A reference for a message, in quotation marks and shortened."""
    flat = " ".join(text.split())
    return quoted(flat if len(flat) <= _SHOWN else f"{flat[: _SHOWN - 1]}…")


@dataclass(frozen=True)
class EqualsParameters:
    """The output is one of the references, but for what `ignore` names.

    With a `tolerance`, a share of the reference's number, numbers are compared by value and unit in any notation: 0 takes
    `1,000 g` for `1 kg`, 0.01 also 1,005 g.
    """

    ignore: tuple[Ignored, ...] = ()
    tolerance: float | None = None

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)


def _find_equals(check: Check, columns: Columns) -> Findings:
    p: EqualsParameters = check.parameters
    ignore = (*p.ignore, "case") if check.ignore_case else p.ignore

    def fault(output: str, references: Sequence[str]) -> FaultRow | None:
        if any(same_answer(output, one, ignore=ignore, tolerance=p.tolerance) for one in references):
            return None
        nearest = nearest_reference(output, references)
        start, end, wanted = differing_span(output, nearest)
        if start == end or len(wanted) > _SHOWN:
            return 0, None, None, None, shown(nearest)
        return 0, output[start:end], start, end, quoted(wanted) if wanted else "nothing there"

    return compare_each(columns, fault)


def _say_equals(check: Check) -> str:
    p: EqualsParameters = check.parameters
    free = [_WORDS[name] for name in dict.fromkeys((*p.ignore, *(("case",) if check.ignore_case else ())))]
    free += ["the notation of numbers"] if p.tolerance is not None else []
    more = f" {listed(free).capitalize()} {'does' if len(free) == 1 else 'do'} not matter." if free else ""
    return f"Write the right answer and nothing else.{more}"


EQUALS = Kind(
    "equals", "correctness", EqualsParameters, _find_equals, _say_equals,
    explain=Explanation(missing="the right answer is {expected}"),
)  # fmt: skip


Measure = Literal["chrf", "token_f1", "rouge_l", "edit"]
_MEASURES = {"chrf": chrf, "token_f1": token_f1, "rouge_l": rouge_l, "edit": edit_similarity}
_NAMES = {"chrf": "chrF", "token_f1": "F1 of words", "rouge_l": "ROUGE-L", "edit": "edit similarity"}
_LONGEST = 20_000  # characters that are compared; the time of three of the measures grows with the product of both


@dataclass(frozen=True)
class SimilarParameters:
    """The output is at least so similar (`at_least`, from 0 to 1) to one of the references, by `measure`.

    chrf: chrF2 of characters; token_f1: shared words in any order; rouge_l: shared words in order; edit: 1 minus the edit
    distance over the longer length.
    """

    at_least: float
    measure: Measure = "chrf"

    def __post_init__(self) -> None:
        if not 0 < self.at_least <= 1:
            raise ConfigError(f"at_least must be above 0 and at most 1, found {self.at_least:g}")


def _find_similar(check: Check, columns: Columns) -> Findings:
    p: SimilarParameters = check.parameters
    applicable = with_references(columns)
    rows = [(index, text) for index in applicable.arg_true() for text in columns.right(index)]
    best: dict[int, float] = {}
    if rows:
        outputs = [columns.output[index][:_LONGEST] for index, _ in rows]
        scores = _MEASURES[p.measure](outputs, [text[:_LONGEST] for _, text in rows])
        for (index, _), score in zip(rows, scores.tolist(), strict=True):
            best[index] = max(best.get(index, 0.0), score)
    wanted = f"{_NAMES[p.measure]} with the reference of at least {p.at_least:g}"
    low = [
        (index, None, None, None, f"{wanted}, found {score:.2f}") for index, score in best.items() if score < p.at_least
    ]
    return Findings(faults(low), applicable)


def _say_similar(check: Check) -> str:
    return "Say what the right answer says, in much the same words."


SIMILAR = Kind("similar", "correctness", SimilarParameters, _find_similar, _say_similar)


Take = Literal["last_number", "after_marker", "boxed", "letter"]
_LETTER = re.compile(
    r"(?i:\b(?:answer|choice|option|antwort|réponse|respuesta)\b)[^A-Za-z\n]{0,3}(?i:(?:is|:|ist|est|es)\s*)?[^\w\n]{0,4}([A-Z])(?!\w)"
    r"|(?<!\w)\(([A-Z])\)|(?:\A|\n)\s*\**([A-Z])\**\s*(?:[.):]|\Z|\n)"
)


@dataclass(frozen=True)
class FinalAnswerParameters:
    """The answer that the output ends with is that of a reference; what comes before it does not count.

    take: the `last_number`, whose unit counts where the reference's has one too; what stands `after_marker` on its line
    (`marker`, such as `####`); the last `boxed` answer of LaTeX (`\\boxed{42}`); the `letter` of a choice (`B`, `(B)`,
    `The answer is B`). A reference without the marker or box counts as a whole. `ignore` and `tolerance` as for `equals`.
    """

    take: Take
    marker: str | None = None
    ignore: tuple[Ignored, ...] = ()
    tolerance: float | None = None

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)
        if (self.take == "after_marker") != bool(self.marker):
            raise ConfigError('"marker" is needed with take: after_marker, and only there')

    def answer(self, text: str) -> str | None:
        """The answer of a text; None if it has none."""
        found = self.place(text)
        return None if found is None else text[found[0] : found[1]]

    def place(self, text: str) -> tuple[int, int] | None:
        """Where the answer of a text begins and ends."""
        if self.take == "last_number":
            numbers = numbers_in(text)
            return (numbers[-1].start, numbers[-1].end) if numbers else None
        if self.take == "boxed":
            return _boxed(text)
        if self.take == "letter":
            *_, last = (None, *_LETTER.finditer(text))
            return None if last is None else last.span(last.lastindex or 0)
        at = text.rfind(self.marker or "")
        if at < 0:
            return None
        start = at + len(self.marker or "")
        line = text[start:].lstrip()
        start = len(text) - len(line)
        end = start + len(line.split("\n", 1)[0].rstrip(" .\t"))
        return (start, end) if end > start else None


def _boxed(text: str) -> tuple[int, int] | None:
    """The content of the last `\\boxed{...}` whose braces close."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    start += len("\\boxed{")
    depth = 1
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return start, at
    return None


def _find_final_answer(check: Check, columns: Columns) -> Findings:
    p: FinalAnswerParameters = check.parameters
    tolerance = 0.0 if p.tolerance is None and p.take != "letter" else p.tolerance
    ignore: tuple[Ignored, ...] = (*p.ignore, "space", "case") if check.ignore_case else (*p.ignore, "space")

    def fault(output: str, references: Sequence[str]) -> FaultRow | None:
        wanted = [p.answer(text) or text for text in references]
        place = p.place(output)
        if place is None:
            return (
                0,
                None,
                None,
                None,
                f"an answer ({_FORMS[p.take].format(marker=p.marker)}), which is {shown(wanted[0])}",
            )
        given = output[slice(*place)]
        number = p.take == "last_number"
        if any(same_answer(given, one, ignore=ignore, tolerance=tolerance, unit_optional=number) for one in wanted):
            return None
        return 0, given, *place, shown(nearest_reference(given, wanted))

    return compare_each(columns, fault)


_FORMS = {
    "last_number": "a number", "after_marker": "after {marker}", "boxed": "in \\boxed{{}}", "letter": "the letter of a choice",
}  # fmt: skip
_SAY = {
    "last_number": "End with the right number; it is the last one in the text.",
    "after_marker": "End with a line that has {marker} and the right answer after it.",
    "boxed": "Give the right answer at the end in \\boxed{{}}.",
    "letter": "Answer with the letter of the right choice.",
}


def _say_final_answer(check: Check) -> str:
    p: FinalAnswerParameters = check.parameters
    return _SAY[p.take].format(marker=quoted(p.marker or ""))


FINAL_ANSWER = Kind("final_answer", "correctness", FinalAnswerParameters, _find_final_answer, _say_final_answer)
