"""The check `template`: the whole output is a text with its slots filled."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import polars as pl

from ...core import ConfigError
from ..columns import PATTERN_SLOT, Columns, field_names, text_fields
from ..schema import Check, Explanation, Findings, Kind, Proposal, faults
from ..words import checked_pattern, quoted

_SLOT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
# A slot without a pattern takes any non-empty text within one line.
_ANY = r"[^\n]+"
_SHOWN_CHARACTERS = 40
_PROPOSE_FROM = 400  # outputs from which a template is guessed; all outputs are then checked against it


@dataclass(frozen=True)
class TemplateParameters:
    """The whole output is `text` with each `{slot}` filled: by a match of its pattern in `slots`, or by any text within
    one line. `{{` and `}}` are literal braces. A slot may occur twice and be filled differently.

    In the pattern of a slot, `{field}` stands for the value of that input field, taken literally; without the field the
    check does not apply.
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
            checked_pattern(PATTERN_SLOT.sub("x", regex))
        checked_pattern(PATTERN_SLOT.sub("x", self.whole()))

    @property
    def tied(self) -> bool:
        """Whether a slot takes the value of a field."""
        return any(PATTERN_SLOT.search(regex) for regex in self.slots.values())

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
        return rf"{'(?i)' if ignore_case else ''}\A{''.join(pieces)}{end}"

    def whole(self, *, ignore_case: bool = False) -> str:
        """The pattern of a text that is the whole template."""
        return self.prefix(len(self.parts), ignore_case=ignore_case, end=r"\z")


def _find_template(check: Check, columns: Columns) -> Findings:
    p: TemplateParameters = check.parameters
    whole = columns.filled_pattern(p.whole(ignore_case=check.ignore_case)) if p.tied else None
    pattern = p.whole(ignore_case=check.ignore_case) if whole is None else pl.lit(whole)
    text = pl.DataFrame({"text": columns.output}).with_row_index()
    # Null where a field is missing: then there is no template to depart from.
    wrong = text.filter(~pl.col("text").str.contains(pattern))
    # The number of leading parts that a text fits, and where they end: there it departs from the template.
    prefixes: list[str | pl.Expr] = []
    for count in range(1, len(p.parts) + 1):
        prefix = p.prefix(count, ignore_case=check.ignore_case)
        prefixes.append(pl.lit(columns.filled_pattern(prefix).gather(wrong["index"])) if p.tied else prefix)
    progress = wrong.with_columns(
        parts=pl.sum_horizontal([pl.col("text").str.contains(prefix).cast(pl.UInt32) for prefix in prefixes]),
        start=pl.coalesce(
            *(pl.col("text").str.extract(prefix, 0).str.len_chars() for prefix in reversed(prefixes)), pl.lit(0)
        ),
    )
    applicable = None if whole is None else whole.is_not_null()
    return Findings(faults([(index, *_fault(p, *rest)) for index, *rest in progress.iter_rows()]), applicable)


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
        regex = p.parts[count][1]
        matching = "" if regex == _ANY else f" that matches {regex}"
        expected = (
            f"the {field} in the request" if (field := _whole_field(regex)) else f"{{{name}}}{matching}"
        ) + after
    rest = text[start:]
    end = start + min(len(rest.split("\n")[0]) or len(rest[:1]), _SHOWN_CHARACTERS)
    return (text[start:end], start, end, expected) if end > start else (None, None, None, expected)


def _whole_field(regex: str) -> str | None:
    """The field whose value a slot takes as it is."""
    found = PATTERN_SLOT.fullmatch(regex)
    return found.group(1) if found else None


def _say_template(check: Check) -> str:
    p: TemplateParameters = check.parameters
    described = [
        f"{{{name}}} is the {field} in the request"
        if (field := _whole_field(regex))
        else f"{{{name}}} matches `{regex}`"
        for name, regex in p.slots.items()
    ]
    where = f", where {' and '.join(described)}" if described else ""
    if "\n" in p.text:
        indented = p.text.replace("\n", "\n      ")
        return f"Fill in this template exactly{where}:\n\n      {indented}"
    return f"Fill in this template exactly: `{p.text}`{where}."


# Words and numbers with the marks in them (1.6V, DC/DC), runs of white space, and single marks: the pieces of a template.
_TOKEN = re.compile(r"\w+(?:[.,'’/-]\w+)*|\s+|[^\w\s]")


def _propose_template(columns: Columns) -> list[Proposal]:
    """The words that nearly all outputs have in one order, with slots between them, if there are several.

    A slot that nearly always holds the value of a field is tied to it.
    """
    table = pl.DataFrame({"text": columns.output}).with_row_index("row")
    table = table.unique("text", keep="first", maintain_order=True).sort("text")
    table = table.gather_every(max(len(table) // _PROPOSE_FROM, 1))
    # Texts of many lines are better described by their sections or keys.
    if len(table) < 10 or table["text"].str.contains("\n", literal=True).mean() > 0.5:  # type: ignore[operator]
        return []
    table = table.filter(pl.col("text").str.len_chars() < 2_000)
    rows = [_TOKEN.findall(text) for text in table["text"]]
    frame = _frame(rows)
    words = [token for token in frame if re.fullmatch(r"[^\W\d_]{2,}(?:[-/'’][^\W\d_]+)*", token)]
    if len(words) < 2 and sum(map(len, words)) < 8:
        return []
    return _with_slots(rows, frame, columns.changed(table["row"].to_list(), table["text"]))


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


def _with_slots(rows: list[list[str]], frame: list[str], columns: Columns) -> list[Proposal]:
    """The template: between two tokens of the frame the constant text, or else a slot with its constant margins."""
    found = [_gaps(row, frame) for row in rows]
    fitting = [gaps for gaps in found if gaps is not None]
    if len(fitting) < 0.8 * len(rows):
        return []
    fields = {name: columns.field(name).to_list() for name in text_fields(columns)}
    values = {
        name: [v for v, gaps in zip(all_, found, strict=True) if gaps is not None] for name, all_ in fields.items()
    }
    text, plain, parts, tied = "", "", 0, dict[str, None]()
    for number, gaps in enumerate(zip(*fitting, strict=True)):
        start = _shared(gaps)
        end = _shared([gap[len(start) :][::-1] for gap in gaps])[::-1]
        # Margins are white space and marks: a letter that all values happen to share is part of the value.
        start, end = re.match(r"[\W_]*", start).group(), re.search(r"[\W_]*\Z", end).group()  # type: ignore[union-attr]
        if len(set(gaps)) == 1:
            piece = unnamed = _escaped(gaps[0])
        elif any(len(gap) <= len(start) + len(end) or "\n" in gap[len(start) : len(gap) - len(end)] for gap in gaps):
            return []
        else:
            inner = [gap[len(start) : len(gap) - len(end)] for gap in gaps]
            parts += 1
            unnamed = f"{{part {parts}}}"
            filled = _of_fields(inner, values) or unnamed
            tied.update(dict.fromkeys(field_names(filled)) if filled != unnamed else {})
            piece, unnamed = (f"{_escaped(start)}{slot}{_escaped(end)}" for slot in (filled, unnamed))
        token = _escaped(frame[number]) if number < len(frame) else ""
        text, plain = text + piece + token, plain + unnamed + token
    slots = {name: f"{{{name}}}" for name in tied}
    named = [Proposal({"text": text, "slots": slots}, note=f"{', '.join(tied)}: as in the request")] if tied else []
    return [*named, Proposal({"text": plain})] if parts else []


def _of_fields(texts: Sequence[str], values: Mapping[str, Sequence[str | None]]) -> str | None:
    """What nearly all of the texts are made of: `{colour} {thing}`; None if that is not values of fields."""
    names = [name for name, given in values.items() if _recurs_in(texts, name, given)]
    made = Counter(
        _with_names(text, {name: value for name in names if (value := values[name][row])})
        for row, text in enumerate(texts)
    )
    usual, count = made.most_common(1)[0]
    return usual if count >= 0.9 * len(texts) and field_names(usual) else None


def _recurs_in(texts: Sequence[str], name: str, given: Sequence[str | None]) -> bool:
    """Whether the value of a field is in nearly all texts; one with a single value may be there by chance."""
    within = sum(value is not None and value in text for text, value in zip(texts, given, strict=True))
    # The name must be usable in a pattern.
    return within >= 0.9 * len(texts) and len(set(given)) > 1 and bool(PATTERN_SLOT.fullmatch(f"{{{name}}}"))


def _with_names(text: str, given: Mapping[str, str]) -> str:
    """The text with each value replaced by the name of its field, the longest value first."""
    if not given:
        return _escaped(text)
    longest = sorted(given, key=lambda name: (-len(given[name]), name))
    pattern = "|".join(f"({re.escape(given[name])})" for name in longest)
    pieces, at = "", 0
    for match in re.finditer(pattern, text):
        pieces += _escaped(text[at : match.start()]) + f"{{{longest[(match.lastindex or 1) - 1]}}}"
        at = match.end()
    return pieces + _escaped(text[at:])


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
    "template",
    "form",
    TemplateParameters,
    _find_template,
    _say_template,
    _propose_template,
    Explanation('found "{found}" where the template has {expected}', "the text ends before {expected}"),
)
