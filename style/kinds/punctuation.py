"""The check `punctuation`: the marks of an output."""

from dataclasses import dataclass

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults, regex_places
from ..kind import Kind
from ..schema import Check
from ..words import quoted

__all__ = ["PUNCTUATION"]


_END_MARKS = ".!?…;:,"


@dataclass(frozen=True)
class PunctuationParameters:
    """The mark at the end (`none`: no mark), and how many exclamation marks there may be."""

    end: str | None = None
    exclamation_marks: int | None = None

    def __post_init__(self) -> None:
        if self.end is None and self.exclamation_marks is None:
            raise ConfigError('needs "end" or "exclamation_marks"')
        if self.end is not None and self.end != "none" and len(self.end) != 1:
            raise ConfigError(f'"end" is one mark or "none", found {quoted(self.end)}')


def _find_punctuation(check: Check, columns: Columns) -> Findings:
    p: PunctuationParameters = check.parameters
    found = []
    if p.end is not None:
        expected = "no mark at the end" if p.end == "none" else f"{quoted(p.end)} at the end"
        last = columns.output.str.strip_chars().str.slice(-1)
        wrong = last.is_in(list(_END_MARKS)) if p.end == "none" else (last != p.end)
        for index in wrong.fill_null(False).arg_true():
            text = columns.output[index].rstrip()
            found.append(
                (index, text[-1:] or None, len(text) - 1 if text else None, len(text) if text else None, expected)
            )
    if p.exclamation_marks is not None:
        counts = columns.output.str.count_matches("!", literal=True)
        expected = f"at most {p.exclamation_marks} exclamation marks"
        many = (counts > p.exclamation_marks).arg_true()
        for place, mark, start, end in regex_places(columns.output.gather(many), "!"):
            found.append((many[place], mark, start, end, expected))
    return Findings(faults(sorted(found, key=lambda row: row[0])))


def _say_punctuation(check: Check) -> str:
    p: PunctuationParameters = check.parameters
    sentences = []
    if p.end == "none":
        sentences.append("Put no full stop or other mark at the end.")
    elif p.end is not None:
        sentences.append(f"End with {quoted(p.end)}.")
    if p.exclamation_marks is not None:
        limit = p.exclamation_marks
        sentences.append("Use no exclamation marks." if limit == 0 else f"Use at most {limit} exclamation marks.")
    return " ".join(sentences)


PUNCTUATION = Kind("punctuation", "form", PunctuationParameters, _find_punctuation, _say_punctuation)
