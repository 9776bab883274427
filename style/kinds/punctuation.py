"""The check `punctuation`: the marks of an output."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from ...core import ConfigError
from ..columns import Columns, regex_places
from ..schema import Broken, Check, Edit, Findings, Fix, Kind, Proposal, ordered_faults
from ..words import ABBREVIATION, mostly_html, mostly_json, quoted

_END_MARKS = ".!?…;:,。！？"
# A full stop after these belongs to the word.
_ABBREVIATED = (
    r"\b(?:Inc|Ltd|Co|Corp|Jr|Sr|etc|approx|incl|excl|max|min|typ|resp|no|vs|p\.m|a\.m|e\.g|i\.e|U\.S|U\.K|usw)\.\z"
)
_SHORT_FORM = re.compile(_ABBREVIATED.replace(r"\z", r"\Z"))
# Quotation marks. Single closing ones are omitted, as they are apostrophes too. A straight one after a digit is an inch.
_QUOTES = {
    "straight": (r'"', 'straight (")'),
    "curly": (r"[“”‘]", "curly (“ ”)"),
    "low": (r"[„“‚]", "low and high („ “)"),
    "angle": (r"[«»‹›]", "angle (« »)"),
}
_ANY_QUOTE = r"[\"“”„‟‘‚«»‹›]"
# Dashes between words: a hyphen between spaces, two hyphens, or a dash. Between digits they are a range or a minus, at
# the beginning of a line a list item.
_ANY_DASH = r"[ ]-[ ]|[ ]--+[ ]|--+|[ ]?[–—―][ ]?"
_DASHES = {
    "hyphen": ("-", 'a hyphen between spaces (" - ")'), "en": ("–", "an en dash (–)"), "em": ("—―", "an em dash (—)"),
}  # fmt: skip
_PROPOSE_FROM = 30  # outputs with such a mark
_MARK_SHARE = 0.01  # share of the outputs: a mark in fewer is not a habit


@dataclass(frozen=True)
class PunctuationParameters:
    """The mark at the `end` (`none`: no mark, except that of an abbreviation), the most `exclamation_marks`, and which
    `quotes` and `dashes` are used, if any (`none`: none at all). A check about quotes or dashes only does not apply to an
    output without any.
    """

    end: str | None = None
    exclamation_marks: int | None = None
    quotes: Literal["straight", "curly", "low", "angle", "none"] | None = None
    dashes: Literal["hyphen", "en", "em", "none"] | None = None

    def __post_init__(self) -> None:
        if self.end is None and self.exclamation_marks is None and self.quotes is None and self.dashes is None:
            raise ConfigError('needs "end", "exclamation_marks", "quotes" or "dashes"')
        if self.end is not None and self.end != "none" and len(self.end) != 1:
            raise ConfigError(f'"end" must be one mark or "none", found {quoted(self.end)}')
        if self.exclamation_marks is not None and self.exclamation_marks < 0:
            raise ConfigError(f'"exclamation_marks" must be 0 or more, found {self.exclamation_marks}')


Rows = list[tuple[int, str | None, int | None, int | None, str]]


def _find_punctuation(check: Check, columns: Columns) -> Findings:
    p: PunctuationParameters = check.parameters
    found: Rows = []
    if p.end is not None:
        found += _wrong_ends(columns.output, p.end)
    if p.exclamation_marks is not None:
        counts = columns.output.str.count_matches("[!！]")
        expected = (
            "no exclamation marks" if p.exclamation_marks == 0 else f"at most {p.exclamation_marks} exclamation marks"
        )
        many = (counts > p.exclamation_marks).arg_true()
        for place, mark, start, end in regex_places(columns.output.gather(many), "[!！]"):
            found.append((many[place], mark, start, end, expected))
    quotes = _quotes(columns.output) if p.quotes else []
    dashes = _dashes(columns.output) if p.dashes else []
    found += [(*quote, _quotes_expected(p)) for quote in quotes if not _is_quote(quote[1], p.quotes or "none")]
    found += [(*dash, _dashes_expected(p)) for dash in dashes if not _is_dash(dash[1], p.dashes or "none")]
    return Findings(ordered_faults(found), _applicable(p, columns, quotes + dashes))


def _applicable(p: PunctuationParameters, columns: Columns, marks: list[tuple[int, str, int, int]]) -> pl.Series | None:
    """Everywhere, except for a check about quotes or dashes only."""
    if p.end is not None or p.exclamation_marks is not None or "none" in (p.quotes, p.dashes):
        return None
    rows = pl.Series("applies", sorted({index for index, *_ in marks}), dtype=pl.UInt32)
    return (
        pl.DataFrame({"text": columns.output})
        .with_row_index()
        .select(applies=pl.col("index").is_in(rows.implode()))["applies"]
    )


def _wrong_ends(outputs: pl.Series, end: str) -> Rows:
    text = outputs.str.strip_chars_end()
    # A closing bracket or quotation mark may follow the mark.
    last = text.str.slice(-1) if end == "none" else text.str.strip_chars_end("\"'”’“»)]").str.slice(-1)
    if end == "none":
        wrong = last.is_in(list(_END_MARKS)) & ~text.str.contains(_ABBREVIATED)
    else:
        wrong = (last != end) & ~((text.str.slice(-1) == end) | (pl.Series([end == "…"]) & text.str.ends_with("...")))
    expected = "no mark at the end" if end == "none" else f"{quoted(end)} at the end"
    rows: Rows = []
    for index in wrong.fill_null(False).arg_true():
        length = len(text[index])
        if length:
            rows.append((index, text[index][-1], length - 1, length, expected))
        else:
            rows.append((index, None, None, None, expected))
    return rows


def _quotes(outputs: pl.Series) -> list[tuple[int, str, int, int]]:
    """Each quotation mark. A straight one after a digit is an inch or a second."""
    texts = outputs.to_list()
    return [
        (index, mark, start, end)
        for index, mark, start, end in regex_places(outputs, _ANY_QUOTE)
        if not (mark == '"' and start and texts[index][start - 1].isdigit())
    ]


def _is_quote(mark: str, wanted: str) -> bool:
    return wanted != "none" and re.fullmatch(_QUOTES[wanted][0], mark) is not None


def _quotes_expected(p: PunctuationParameters) -> str:
    return "no quotation marks" if p.quotes == "none" else f"{_QUOTES[p.quotes or 'curly'][1]} quotation marks"


def _dashes(outputs: pl.Series) -> list[tuple[int, str, int, int]]:
    """Each dash between words, without its spaces."""
    found = []
    texts = outputs.to_list()
    for index, dash, start, end in regex_places(outputs, _ANY_DASH):
        left, right = texts[index][max(start - 1, 0) : start].strip(), texts[index][end : end + 1].strip()
        # At either end of a line it is a list item or a break; right before a word ("--help") an option.
        digits = left.isdigit() + right.isdigit()
        # "n - 2" is a minus, "3–5" a range.
        between = left and right and digits < (1 if dash == " - " else 2) and "-" not in (left, right)
        if between and (dash[0] == " " or left.isalnum() or left in "\"'”’»)"):
            at = start + len(dash) - len(dash.lstrip())
            found.append((index, dash.strip(), at, at + len(dash.strip())))
    return found


def _is_dash(dash: str, wanted: str) -> bool:
    return wanted != "none" and dash in _DASHES[wanted][0]


def _dashes_expected(p: PunctuationParameters) -> str:
    return "no dashes" if p.dashes == "none" else _DASHES[p.dashes or "en"][1]


def _say_punctuation(check: Check) -> str:
    p: PunctuationParameters = check.parameters
    sentences = []
    if p.end == "none":
        sentences.append("Put no full stop or other mark at the end.")
    elif p.end is not None:
        sentences.append(f"End with {quoted(p.end)}.")
    if p.exclamation_marks is not None:
        limit = p.exclamation_marks
        some = f"Use at most {limit} exclamation mark{'s' * (limit > 1)}."
        sentences.append("Use no exclamation marks." if limit == 0 else some)
    if p.quotes is not None:
        sentences.append("Use no quotation marks." if p.quotes == "none" else f"Use {_quotes_expected(p)}.")
    if p.dashes is not None:
        sentences.append(
            "Use no dashes." if p.dashes == "none" else f"For a dash between words use {_dashes_expected(p)}."
        )
    return " ".join(sentences)


def _propose_punctuation(columns: Columns) -> list[Proposal]:
    """The end that most outputs have, and the kind of quotation marks and dashes, if enough outputs have any."""
    outputs = columns.output.filter(columns.output.str.contains(r"\S"))
    if not len(outputs) or mostly_json(outputs):
        return []
    # A mark that the request has too is copied from there, as in a translation.
    marked = columns.output.str.contains("[!！]")
    copied = marked.any() and 2 * (marked & columns.input.str.contains("[!！]")).sum() >= marked.sum()
    return [
        *([] if mostly_html(outputs) else _propose_end(outputs)),
        *_propose_marks(_quotes(outputs), len(outputs), "quotes", list(_QUOTES), _is_quote),
        *_propose_marks(_dashes(outputs), len(outputs), "dashes", list(_DASHES), _is_dash),
        *([] if copied else [Proposal({"exclamation_marks": 0}, style=False)]),
    ]


def _propose_end(outputs: pl.Series) -> list[Proposal]:
    last = outputs.str.strip_chars_end().str.slice(-1)
    marked = last.filter(last.is_in(list(_END_MARKS)))
    if len(marked) < 0.5 * len(outputs):
        # Labels, names, lists and tables have no full stop anyway.
        lines = (outputs.str.count_matches(r"\S+") > 3) & ~outputs.str.contains("\n", literal=True)
        return [Proposal({"end": "none"}, style=lines.sum() > 0.5 * len(outputs))]
    mark = marked.value_counts().sort(["count", marked.name], descending=[True, False]).item(0, 0)
    # Prose of several sentences ends with a full stop anyway.
    prose = outputs.str.count_matches(r"[.!?]\s+\S").median() or 0
    return [Proposal({"end": mark}, style=mark not in ".。" or prose < 1)]  # type: ignore[operator]


def _propose_marks(
    marks: list[tuple[int, str, int, int]], count: int, key: str, kinds: Sequence[str], fits: Callable[[str, str], bool]
) -> list[Proposal]:
    """The kind of mark that most outputs with such marks use exclusively; there are `count` outputs in all."""
    rows: dict[int, set[str]] = {}
    for index, mark, *_ in marks:
        rows.setdefault(index, set()).add(mark)
    if len(rows) < max(_PROPOSE_FROM, _MARK_SHARE * count):
        return []
    counts = {kind: sum(all(fits(mark, kind) for mark in found) for found in rows.values()) for kind in kinds}
    best = max(counts, key=lambda kind: counts[kind])
    # Plain typing produces the keyboard's marks; only the others are a choice.
    chosen = best not in ("straight", "hyphen")
    return [Proposal({key: best}, style=chosen, note=f"{counts[best]} of {len(rows)} outputs with any")]


def _fix_punctuation(check: Check, broken: Broken) -> Iterator[Edit]:
    """The mark at the end, the marks of exclamation beyond the limit, other quotation marks and dashes."""
    p: PunctuationParameters = check.parameters
    marks, prose = 0, broken.prose
    for found, start, end, expected in broken.faults:
        if expected.endswith(" at the end"):
            yield from _fix_end(prose, p.end or "none")
        elif found is None or start is None or end is None:
            continue
        elif expected.startswith(("no exclamation", "at most")):
            marks += 1
            if marks > (p.exclamation_marks or 0):
                yield from _fix_exclamation(prose, start)
        elif p.quotes not in (None, "none") and expected == _quotes_expected(p):
            yield from _fix_quote(prose, start, p.quotes)
        elif p.dashes not in (None, "none") and expected == _dashes_expected(p):
            yield from _fix_dash(prose, start, end, p.dashes)


# A question stays one, and an ellipsis or colon may promise something: these marks alone say nothing.
_PLAIN_ENDS = ".,;。"
_MEANT = re.compile(r"[?？…:]|\.\.")
_SENTENCE = re.compile(r"[.!?。！？]\s+\S")


def _fix_end(text: str, end: str) -> Iterator[Edit]:
    """No mark at the end, or the wanted one in place of a plain one or after the last word."""
    last = len(text.rstrip())
    start = _last_word(text, last) if end == "none" else len(text[:last].rstrip(_PLAIN_ENDS))
    if not start:
        return
    if end == "none":
        # A text of several sentences, one of which ended without its mark, would be neither.
        if not _MEANT.search(text[start:last]) and not _SENTENCE.search(re.sub(ABBREVIATION, "", text[:start])):
            yield Edit(start, last, "")
    elif text[last - 1] == "!" and end == ".":
        yield Edit(len(text[:last].rstrip("!")), last, end)
    elif start < last or text[last - 1] not in _END_MARKS:
        yield Edit(start, last, end)


def _last_word(text: str, end: int) -> int:
    """Where the text ends without its closing marks; the full stop of an abbreviation belongs to it."""
    while (
        end
        and (text[end - 1] in _END_MARKS or text[end - 1].isspace())
        and not _SHORT_FORM.search(text[max(end - 12, 0) : end])
    ):
        end -= 1
    return end


def _fix_exclamation(text: str, start: int) -> Iterator[Edit]:
    """A full stop in place of the mark; nothing after another mark. Within a name (`Yahoo! Mail`) it stays."""
    if text[start - 1 : start] in ("!", "！", "?", "."):
        yield Edit(start, start + 1, "")
    elif re.match(r"[!！]+[\"'”’)]*(?:\Z|\s+(?![a-z]))", text[start : start + 40]):
        yield Edit(len(text[:start].rstrip(" \u00a0\u202f")), start + 1, "." if text[start] == "!" else "。")


_PAIRS = {"straight": '""', "curly": "“”", "low": "„“", "angle": "«»"}
_OPENING, _CLOSING = " \t\n\u00a0([{—–-/", ")]}.,;:!?"


def _fix_quote(text: str, start: int, quotes: str) -> Iterator[Edit]:
    """The wanted mark, opening before a word and closing after one; single marks stay."""
    if text[start] not in '"“”„‟«»':
        return
    before, after = text[start - 1 : start], text[start + 1 : start + 2]
    opens = (not before or before in _OPENING) and bool(after) and not after.isspace() and after not in _CLOSING
    closes = not opens and bool(before) and not before.isspace() and before not in "([{"
    if opens or closes:
        yield Edit(start, start + 1, _PAIRS[quotes][0 if opens else 1])


def _fix_dash(text: str, start: int, end: int, dashes: str) -> Iterator[Edit]:
    """The wanted dash; a hyphen needs spaces around it, or it would join the words."""
    if dashes != "hyphen":
        yield Edit(start, end, "–" if dashes == "en" else "—")
        return
    left, right = text[start - 1 : start] == " ", text[end : end + 1] == " "
    yield Edit(start, end, f"{'' if left else ' '}-{'' if right else ' '}")


PUNCTUATION = Kind(
    "punctuation", "form", PunctuationParameters, _find_punctuation, _say_punctuation, _propose_punctuation,
    fix=Fix(
        _fix_punctuation,
        says="Safe: adds or removes the mark at the end (none is removed from a text of several sentences), turns extra "
        "exclamation marks into full stops, replaces quotation marks and dashes. A question mark, an ellipsis and a colon "
        "are kept.",
    ),
    prose=True,
)  # fmt: skip
