"""Protected spans: the parts of a text that are no prose, such as links, placeholders, markup, code and part numbers."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

import polars as pl

from .facts.numbers import span_facts

# Each kind of span with the texts that show it in the reference.
PROTECTED = {
    "URL": ("https://example.org/a?b=1", "www.example.org", "mailto:a@example.org"),
    "e-mail address": ("dc-dc@example.org",),
    "path": ("/usr/lib", "./src", "docs/style.md", "style.md", "C:\\temp"),
    "code": ("`a = 1`", "```\na = 1\n```"),
    "tag": ('<a href="x">', "</b>", "<!-- a -->"),
    "escape": ("\\n", '\\"', "\\u00e9"),
    "entity": ("&amp;", "&#160;"),
    "placeholder": ("%s", "%(n)d", "{x}", "{{x}}", "${x}", "$1", ":name", "{n, plural, one {# row} other {# rows}}"),
    "literal": ('name="new york"', "city = 'new york'", "IN ('a', 'b')"),
    "part number": ("BQ27441-G1x", "SOT-23", "USB3"),
    "mathematics": ("$x^2$", "\\(x\\)"),
}


class Span(NamedTuple):
    """A protected span: start, end (code points, end excluded), kind."""

    start: int
    end: int
    kind: str


_STRING = r"(?:\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|''|\\.)*+')"
_STRINGS = rf"(?P<span>{_STRING}(?:\s*[,:]\s*{_STRING})*+)"
_INNER = r"\{(?:[^{}]|\{[^{}]*+\})*+\}"
# For each kind: signs without which no text has such a span, and the pattern, whose group `span` is it if there is one.
# All are linear: an attempt that fails has read no further than the next place at which one could begin.
_PATTERNS: Sequence[tuple[str, str, re.Pattern[str]]] = [
    (kind, marks, re.compile(pattern, re.MULTILINE))
    for kind, marks, pattern in (
        ("code", "`~", r"^ {0,3}(?P<fence>```|~~~)(?:(?!^ {0,3}(?P=fence)[`~ \t]*$)[^\n]*+(?:\n|\Z))++"
                                r"(?: {0,3}(?P=fence)[`~]*)?"),
        ("code", "`", r"``[^`\n]++``|(?<!`)`[^`\n]++`(?!`)"),
        ("tag", "<", r"<!--(?:[^<-]|-(?!->)|<(?!!--))*+-->"),
        ("tag", "<", r"<(?:/?[A-Za-z]|!(?!--)|\?)(?:(?:[^<>\"']|\"[^\"<]*+\"|'[^'<]*+')*+>|[^<>]*+>)|<\|[^<>|\s]++\|>"),
        ("URL", ":.", r"(?<![^\W_])(?:[A-Za-z][A-Za-z0-9+.-]{1,15}://|mailto:|tel:(?=[+0-9])|www\.)"
                              r"[^\s<>\"`“”„«»，。、；：！？（）]*[^\s<>\"`“”„«»，。、；：！？（）.,;:!?'’)\]}…*_|]"),
        ("e-mail address", "@", r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++"),
        ("mathematics", "$", r"\$\$[^$]++\$\$|(?<![\\$\w])\$(?![\s$])[^$\n]*[^\s$\\]\$(?![\w$])"),
        ("mathematics", "\\", r"(?<!\\)(?:\\\((?:[^\\]|\\(?![()]))*+\\\)|\\\[(?:[^\\]|\\(?![\[\]]))*+\\\])"),
        ("placeholder", "{", rf"\{{\s*[\w.]++\s*,\s*(?:plural|select|selectordinal)\s*,(?:[^{{}}]|{_INNER})*+\}}"
                                r"|\{\{\{?[^{}]++\}?\}\}|\{%[^{}]*+\}"
                                r"|[$#%@]?\{\s*[\w.$-]*+(?:\[\w*\])?\s*(?:![rsa])?(?:[:,][^{}\n]*+)?\}"),
        ("placeholder", "%", r"(?<![\d%])%(?:\(\w+\)|<\w+>)?(?:\d{1,3}\$)?[-+#0']{0,5}(?:\d{1,3}|\*)?(?:\.(?:\d{1,3}|\*))?"
                                r"(?:hh?|ll?|[Lqjzt])?[sdiufFeEgGxXoObcCrap@n]|%[A-Z][A-Z_]++%"),
        ("placeholder", "$", r"(?<![\w$\\])\$(?:[A-Za-z_]\w*+|\d(?![\d.,]?\d))"),
        ("placeholder", ":", r"(?<![\w:/.)\]}]):[A-Za-z_]\w*+:?(?![\w:])"),
        ("literal", "'\"",
         r"(?:=~?|[<>]=|<>|(?<=[\w)] )[<>]|[\[{]|\w\(|\b(?:LIKE|ILIKE|IN|VALUES|BETWEEN|AND|THEN|ELSE)\b\s*\(?)\s*" + _STRINGS),
        ("escape", "\\", r"\\(?:[\"'\\nrt]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})"),
        ("entity", "&", r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]\w{1,31});"),
        ("path", "/\\", r"(?<![\w/.<:~-])(?:~|\.{1,2})?/[\w.@~-]*[\w@~](?:/[\w.@%+~-]*[\w@~])*+/?"
                              r"|(?<![\w/.~-])\w[\w.-]*+(?:/[\w.-]+)*/[\w-][\w.-]*\.[A-Za-z]\w{0,4}\b"
                              r"|(?<!\w)[A-Za-z]:\\(?:[\w.~-]*\w\\?)*+|\\\\\w(?:[\w.$~-]*\w\\?)*+"),
        ("path", ".", r"(?<![\w.@/-])\w[\w-]*+(?:\.[\w-]++)*?\.[a-z][a-z0-9]{1,5}\b(?![.-]?\w)(?:/[\w.~%+-]*\w)*+/?"),
    )
]  # fmt: skip
# Whether a text may have a span of these kinds: Rust syntax.
_MARKED = (
    r"[`<@$%{\\&]|~~~|://|www\.|mailto:|tel:|(?:^|[^0-9A-Za-z_:]):[A-Za-z_]|[^\s.]\.[a-z][a-z0-9]|/[^\s/]*\.[A-Za-z]"
    r"|(?:^|[^0-9A-Za-z_/.<:~-])(?:~|\.{1,2})?/[^\s/]|[=\[(<>~DNSE]\s*[\"']"
    r"|^\s*(?:SELECT|select|WITH|INSERT|UPDATE|DELETE|CREATE|\[)"
)
# A text that is code as a whole: a statement of SQL, and JSON, in which each quoted text is a literal.
_SQL = re.compile(
    r"\s*(?:SELECT\b.*\b(?i:FROM)\b|select\s+[^\s,]+(?:\s*,\s*[^\s,]+)*+\s+from\b|WITH\b.*\bAS\s*\(|INSERT\s+INTO\b"
    r"|UPDATE\b.*\bSET\b|DELETE\s+FROM\b|CREATE\s+(?:TABLE|VIEW|INDEX)\b)",
    re.DOTALL,
)
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\"{\[\d])")
_LONGEST = 120  # characters of a text that is remembered, and of a word that is read: a longer one is a key or a hash
_LITERAL = re.compile(_STRING)
_WORD = re.compile(r"\w+(?:[.+/-]+\w+)*+")


def protected_spans(text: str) -> Sequence[Span]:
    """The protected spans of a text in order; those that overlap are one."""
    return _short(text) if len(text) <= _LONGEST else _read(text)


def _read(text: str) -> Sequence[Span]:
    return _apart([*_markup(text), *part_numbers(text)])


@lru_cache(maxsize=10_000)  # the texts of edits repeat
def _short(text: str) -> Sequence[Span]:
    return tuple(_read(text))


def _markup(text: str) -> Iterator[Span]:
    """The spans of all kinds but part numbers."""
    signs = set(text)
    for kind, marks, pattern in _PATTERNS:
        if not signs.isdisjoint(marks):
            group = "span" if "span" in pattern.groupindex else 0
            yield from (Span(*match.span(group), kind) for match in pattern.finditer(text))
    if _SQL.match(text):
        yield Span(len(text) - len(text.lstrip()), len(text.rstrip("; \t\r\n")), "code")
    if _JSON.match(text):
        yield from (Span(*match.span(), "literal") for match in _LITERAL.finditer(text))


def part_numbers(text: str) -> Iterator[Span]:
    """The part numbers of a text."""
    for match in _WORD.finditer(text):
        word = match.group()
        if not word.isalpha() and not word.isdigit():
            yield from (Span(match.start() + at, match.start() + end, "part number") for at, end in _codes(word))


@lru_cache(maxsize=100_000)
def _codes(word: str) -> Sequence[tuple[int, int]]:
    """The codes of a word, as `grounded` reads them: `30V` is a number with its unit, and none."""
    if not any(map(str.isdigit, word)):
        return ()
    if len(word) > _LONGEST:
        return ((0, len(word)),)
    return tuple([(fact.start, fact.end) for fact in span_facts(word) if fact.kind == "codes"])


def _apart(spans: list[Span]) -> Sequence[Span]:
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if joined and span.start < joined[-1].end:
            joined[-1] = joined[-1]._replace(end=max(span.end, joined[-1].end))
        else:
            joined.append(span)
    return joined


def touched(spans: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    """The spans that share a character with a place, or have it inside them if it is between two characters."""
    for at in range(bisect_right(spans, start, key=_END), len(spans)):
        if spans[at].start >= end:
            return
        yield spans[at]


_END = attrgetter("end")


def cuts(spans: Sequence[Span], start: int, end: int) -> bool:
    """Whether a place has a part of a span, but not all of it."""
    return any(span.start < start or span.end > end for span in touched(spans, start, end))


class Protected:
    """The protected spans of a column of texts, by row; each text is read once, when it is needed.

    `whole`: the spans of the texts of which these are pieces, with the row and the start of each piece there.
    """

    def __init__(self, texts: pl.Series, whole: "tuple[Protected, pl.Series, pl.Series] | None" = None) -> None:
        self._texts, self._whole = texts, whole
        self._found: dict[int, Sequence[Span]] = {}
        self._plain: set[int] = set()  # rows that are known to have part numbers alone

    def marked(self, rows: pl.Series) -> pl.Series:
        """Those of the rows whose texts may have spans other than part numbers."""
        if self._whole:
            whole, of_rows, _ = self._whole
            places = of_rows.gather(rows)
            return rows.filter(places.is_in(whole.marked(places.unique()).implode()))
        marked = self._texts.gather(rows).str.contains(_MARKED)
        self._plain.update(rows.filter(~marked))
        return rows.filter(marked)

    def __getitem__(self, row: int) -> Sequence[Span]:
        if row not in self._found:
            self._found[row] = self._piece(row) if self._whole else protected_spans(self._texts[row])
        return self._found[row]

    def _piece(self, row: int) -> Sequence[Span]:
        whole, of_rows, starts = self._whole or (self, self._texts, self._texts)
        start, size = starts[row], len(self._texts[row])
        spans = touched(whole[of_rows[row]], start, start + size)
        return [Span(max(span.start - start, 0), min(span.end - start, size), span.kind) for span in spans]

    def prose(self, row: int) -> str:
        """The text of a row with blanks for its tags and signs for words for its other spans but part numbers."""
        pieces, at, text = [], 0, self._texts[row]
        if row in self._plain:
            return text
        for start, end, kind in self[row]:
            if kind != "part number":
                pieces += [text[at:start], (" " if kind == "tag" else _SIGN) * (end - start)]
                at = end
        return "".join([*pieces, text[at:]])


_SIGN = "\u3007"  # a number for patterns, neither a letter nor a digit


def same_spans(before: pl.Series, after: pl.Series) -> pl.Series:
    """Where two texts certainly have the same spans: both have none but part numbers, and these are the same."""
    frame = pl.DataFrame({"before": before, "after": after})
    words = frame.select(pl.all().str.extract_all(_WITH_DIGIT).list.sort())
    marked = frame.select(pl.any_horizontal(pl.all().str.contains(_MARKED))).to_series()
    return (words["before"] == words["after"]) & ~marked


_WITH_DIGIT = r"[^\s,;()]*[0-9][^\s,;()]*"
