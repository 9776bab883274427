"""The check `template`: the whole output is a text with its slots filled."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import polars as pl

from ...core import ConfigError
from ..kind import Kind, Proposal
from ..schema import Check, Columns, Findings, faults
from ..words import quoted, ready_pattern

__all__ = ["TEMPLATE"]

_SLOT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# A slot without a pattern takes any non-empty text within one line.
_ANY = r"[^\n]+"
_SHOWN_CHARACTERS = 40
_PROPOSE_FROM = 400  # outputs from which a template is guessed; all outputs are then checked against it


@dataclass(frozen=True)
class TemplateParameters:
    """The whole output is `text` with each `{slot}` filled: by a match of its pattern in `slots`, or by any text within
    one line. `{{` and `}}` are literal braces. A slot may occur twice and be filled differently.
    """

    text: str
    slots: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [name for name, _ in self.parts if name is not None]
        if not names:
            raise ConfigError(f"the template {quoted(self.text)} has no {{slot}}")
        if unknown := sorted(set(self.slots) - set(names)):
            raise ConfigError(f"slots: {', '.join(map(quoted, unknown))} do not occur in the text as {{name}}")
        for regex in self.slots.values():
            ready_pattern(regex)
        self.whole()

    @cached_property
    def parts(self) -> list[tuple[str | None, str]]:
        """The template in pieces: (slot name, its pattern) or (None, literal text)."""
        parts: list[tuple[str | None, str]] = []
        literal, at = "", 0
        for match in _SLOT.finditer(self.text):
            literal += self.text[at : match.start()]
            at = match.end()
            if match.group() in ("{{", "}}"):
                literal += match.group()[0]
            elif match.group(1):
                parts += [(None, literal)] if literal else []
                parts.append((match.group(1), self.slots.get(match.group(1), _ANY)))
                literal = ""
            else:
                raise ConfigError(
                    f"the template {quoted(self.text)} has a single brace or an empty slot; write {{{{ or }}}}"
                )
        literal += self.text[at:]
        return [*parts, (None, literal)] if literal else parts

    def prefix(self, count: int, *, ignore_case: bool, end: str = "") -> str:
        """The pattern of a text that begins with the first `count` parts."""
        pieces = [re.escape(text) if name is None else f"(?:{text})" for name, text in self.parts[:count]]
        return ready_pattern(rf"\A{''.join(pieces)}{end}", ignore_case=ignore_case)

    def whole(self, *, ignore_case: bool = False) -> str:
        """The pattern of a text that is the whole template."""
        return self.prefix(len(self.parts), ignore_case=ignore_case, end=r"\z")


def _find_template(check: Check, columns: Columns) -> Findings:
    p: TemplateParameters = check.parameters
    text = pl.DataFrame({"text": columns.output}).with_row_index()
    wrong = text.filter(~pl.col("text").str.contains(p.whole(ignore_case=check.ignore_case)))
    # The number of leading parts that a text fits, and where they end: there it departs from the template.
    prefixes = [p.prefix(n, ignore_case=check.ignore_case) for n in range(1, len(p.parts) + 1)]
    progress = wrong.with_columns(
        parts=pl.sum_horizontal([pl.col("text").str.contains(prefix).cast(pl.UInt32) for prefix in prefixes]),
        start=pl.coalesce(
            *(pl.col("text").str.extract(prefix, 0).str.len_chars() for prefix in reversed(prefixes)), pl.lit(0)
        ),
    )
    return Findings(faults([(index, *_fault(p, *rest)) for index, *rest in progress.iter_rows()]))


def _fault(p: TemplateParameters, text: str, count: int, start: int) -> tuple[str | None, int | None, int | None, str]:
    """The span at which a text departs from the template after `count` parts, and the expected text."""
    after = f" after {{{p.parts[count - 1][0]}}}" if count and p.parts[count - 1][0] else ""
    if count == len(p.parts):
        expected = "the end of the text"
    elif (name := p.parts[count][0]) is None:
        # The beginning of the literal that is there belongs to the fitting text.
        literal = p.parts[count][1]
        same = len(_shared([literal, text[start:]]))
        start, expected = (
            start + same,
            quoted(literal[same:]) + (after or f" after {quoted(literal[:same])}" * bool(same)),
        )
    else:
        expected = f"{{{name}}}" + (f" that matches {p.parts[count][1]}" if p.parts[count][1] != _ANY else "") + after
    rest = text[start:]
    end = start + min(len(rest.split("\n")[0]) or len(rest[:1]), _SHOWN_CHARACTERS)
    return (text[start:end], start, end, expected) if end > start else (None, None, None, expected)


def _say_template(check: Check) -> str:
    p: TemplateParameters = check.parameters
    described = [f"{{{name}}} matches `{regex}`" for name, regex in p.slots.items()]
    where = f", where {' and '.join(described)}" if described else ""
    if "\n" in p.text:
        return f"Fill in this template exactly{where}:\n\n{_indented(p.text)}"
    return f"Fill in this template exactly: `{p.text}`{where}."


def _indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.split("\n"))


def _explain_template(check: Check, found: str | None, expected: str) -> str:
    mismatch = f"found {quoted(found)} where the template has" if found is not None else "the text ends before"
    return f"{check.id}: {mismatch} {expected}"


# Words, runs of white space, and single marks: the pieces of a template.
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def _propose_template(columns: Columns) -> list[Proposal]:
    """The words that nearly all outputs have in one order, with slots between them, if there are several."""
    outputs = columns.output.unique(maintain_order=True).sort().to_list()
    outputs = outputs[:: max(len(outputs) // _PROPOSE_FROM, 1)]
    # Texts of many lines are better described by their sections or keys.
    if len(outputs) < 10 or sum("\n" in text for text in outputs) > 0.5 * len(outputs):
        return []
    rows = [_TOKEN.findall(text) for text in outputs if len(text) < 2_000]
    frame = _frame(rows)
    words = [token for token in frame if re.fullmatch(r"[^\W\d_]{2,}", token)]
    if len(words) < 2 and sum(map(len, words)) < 8:
        return []
    if (text := _with_slots(rows, frame, columns)) is None:
        return []
    return [Proposal({"text": text})]


def _frame(rows: list[list[str]]) -> list[str]:
    """The tokens other than white space and numbers that occur exactly once in 9 of 10 rows, in their usual order."""
    once: Counter[str] = Counter()
    for row in rows:
        counts = Counter(row)
        once.update(token for token, n in counts.items() if n == 1 and not token.isspace() and not token.isdigit())
    common = {token for token, n in once.items() if n >= 0.9 * len(rows)}
    orders = Counter(tuple(token for token in row if token in common) for row in rows)
    order, n = min(orders.items(), key=lambda item: (-item[1], item[0])) if orders else ((), 0)
    return list(order) if n >= 0.8 * len(rows) else []


def _with_slots(rows: list[list[str]], frame: list[str], columns: Columns) -> str | None:
    """The template: between two tokens of the frame the constant text, or else a slot with its constant margins."""
    fitting = [gaps for row in rows if (gaps := _gaps(row, frame)) is not None]
    if len(fitting) < 0.8 * len(rows):
        return None
    text, slots = "", 0
    for number, gaps in enumerate(zip(*fitting, strict=True)):
        start = _shared(gaps)
        end = _shared([gap[len(start) :][::-1] for gap in gaps])[::-1]
        # Margins are white space and marks: a letter that all values happen to share is part of the value.
        start, end = re.match(r"[\W_]*", start).group(), re.search(r"[\W_]*\Z", end).group()  # type: ignore[union-attr]
        if len(set(gaps)) == 1:
            text += _escaped(gaps[0])
        elif any(len(gap) <= len(start) + len(end) or "\n" in gap[len(start) : len(gap) - len(end)] for gap in gaps):
            return None
        else:
            slots += 1
            text += f"{_escaped(start)}{{part {slots}}}{_escaped(end)}"
        text += _escaped(frame[number]) if number < len(frame) else ""
    return text if slots else None


def _gaps(row: list[str], frame: list[str]) -> list[str] | None:
    """The texts before, between and after the frame's tokens; None if a row does not have each once and in order."""
    places = [row.index(token) if row.count(token) == 1 else -1 for token in frame]
    if -1 in places or places != sorted(places):
        return None
    edges = [-1, *places, len(row)]
    return ["".join(row[a + 1 : b]) for a, b in pairwise(edges)]


def _shared(texts: Sequence[str]) -> str:
    """The beginning that all texts share."""
    low, high = min(texts), max(texts)
    length = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[:length]


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


TEMPLATE = Kind(
    "template", "form", TemplateParameters, _find_template, _say_template, _propose_template, _explain_template
)
