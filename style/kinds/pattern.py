"""The check `pattern`: a regular expression and how often it occurs."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl

from ...core import ConfigError
from ..columns import PATTERN_SLOT, Columns, regex_places
from ..schema import Check, Explanation, Findings, Kind, Proposal, ordered_faults
from ..words import check_range, checked_pattern, explain_slots, mostly_json, quoted, times


@dataclass(frozen=True)
class PatternParameters:
    """A regular expression (Rust syntax, linear time) and how often it occurs; `whole`: it matches the whole output.

    `{field}` in it stands for the value of that input field, taken literally; without the field it does not apply.
    `from_request`: instead of a number, each text that it matches occurs as often in the output as in the request.
    """

    regex: str
    min: int = 1
    max: int | None = None
    whole: bool = False
    from_request: bool = False

    def __post_init__(self) -> None:
        if self.from_request and (self.whole or self.max is not None or PATTERN_SLOT.search(self.regex)):
            raise ConfigError('"from_request" does not go with "whole", "max" or a {field}')
        checked_pattern(PATTERN_SLOT.sub("x", self.regex))
        check_range(self.min, self.max)


def _find_pattern(check: Check, columns: Columns) -> Findings:
    p: PatternParameters = check.parameters
    if p.from_request:
        return _find_copied(check, columns)
    if PATTERN_SLOT.search(p.regex):
        return _find_filled(check, columns)
    pattern = checked_pattern(p.regex, ignore_case=check.ignore_case, whole=p.whole)
    wrong = _wrong_counts(columns.output, columns.output.str.count_matches(pattern), p)
    too_many = wrong.filter(pl.col("n") > p.min) if p.max is not None else wrong.clear()
    places = [(too_many["index"][place], *found) for place, *found in regex_places(too_many["text"], pattern)]
    return Findings(_as_faults(wrong, places, p))


def _find_copied(check: Check, columns: Columns) -> Findings:
    """The violations of a pattern whose matches are those of the request; it applies where either text has any."""
    pattern = checked_pattern(check.parameters.regex, ignore_case=check.ignore_case)
    given, found = (texts.str.extract_all(pattern).list.len() > 0 for texts in (columns.input, columns.output))
    applicable = given | found
    rows: list[tuple[int, str | None, int | None, int | None, str]] = []
    written: dict[int, list[tuple[str, int, int]]] = {}
    for index, text, start, end in regex_places(columns.output, pattern):
        written.setdefault(index, []).append((text, start, end))
    asked: dict[int, Counter[str]] = {}
    for index, text, *_ in regex_places(columns.input, pattern):
        asked.setdefault(index, Counter())[_same(text, check)] += 1
    for index in applicable.arg_true():
        missing = asked.get(index, Counter())
        for text, start, end in written.get(index, ()):
            missing[_same(text, check)] -= 1
            if missing[_same(text, check)] < 0:
                rows.append((index, text, start, end, "only what the request has, as often"))
        rows += [(index, None, None, None, f"{quoted(text)} as often as in the request") for text in +missing]
    return Findings(ordered_faults(rows), applicable)


def _same(text: str, check: Check) -> str:
    """What two spellings of a match have in common: `…` is `...`."""
    plain = unicodedata.normalize("NFKC", text)
    return plain.casefold() if check.ignore_case else plain


def _wrong_counts(texts: pl.Series, counts: pl.Series, p: PatternParameters) -> pl.DataFrame:
    """The texts in which the pattern occurs too rarely or too often: index, text, n."""
    high = p.max if p.max is not None else 2**31
    return pl.DataFrame({"text": texts, "n": counts}).with_row_index().filter(~pl.col("n").is_between(p.min, high))


def _as_faults(wrong: pl.DataFrame, places: list[Any], p: PatternParameters) -> pl.DataFrame:
    expected = f"the whole text to match {p.regex}" if p.whole else f"{quoted(p.regex)} {times(p.min, p.max)}"
    rows = [(*place, expected) for place in places]
    # Too few occurrences, and empty matches that count, have no span.
    located = {row[0] for row in rows}
    rows += [(index, None, None, None, expected) for index in wrong["index"] if index not in located]
    return ordered_faults(rows)


def _find_filled(check: Check, columns: Columns) -> Findings:
    """The violations of a pattern with slots: each row has its own, with the values of its fields."""
    p: PatternParameters = check.parameters
    regex = rf"\A(?:{p.regex})\z" if p.whole else p.regex
    patterns = columns.filled_pattern(f"(?i){regex}" if check.ignore_case else regex)
    long = (patterns.str.len_bytes() > _LONGEST).fill_null(False)
    table = pl.DataFrame({"text": columns.output, "pattern": patterns}).with_row_index()
    table = table.filter(pl.col("pattern").is_not_null() & ~long)
    counts = table.select(n=pl.col("text").str.count_matches(pl.col("pattern")))["n"]
    wrong = _wrong_counts(table["text"], counts, p)
    wrong = wrong.with_columns(index=table["index"].gather(wrong["index"]))
    places = []
    for index, text, n in wrong.iter_rows():
        if p.max is not None and n > p.min:
            found = regex_places(pl.Series([text]), patterns[index])
            places += [(index, *place) for _, *place in found]
    why = pl.DataFrame({"long": long}).select(pl.when("long").then(pl.lit(_TOO_LONG)))["literal"]
    return Findings(_as_faults(wrong, places, p), patterns.is_not_null(), why)


_LONGEST = 20_000  # bytes; the compiled pattern of a longer one may exceed the engine's limit
_TOO_LONG = "the value of a field is too long for a pattern"


def _say_pattern(check: Check) -> str:
    p: PatternParameters = check.parameters
    slots = explain_slots([f"{{{name}}}" for name in PATTERN_SLOT.findall(p.regex)])
    if p.from_request:
        return f"Keep what matches the pattern `{p.regex}` as in the request, each as often as there."
    if p.whole:
        return f"The whole text matches the pattern `{p.regex}`.{slots}"
    if p.max == 0:
        return f"Nothing matches the pattern `{p.regex}`.{slots}"
    return f"The pattern `{p.regex}` occurs {times(p.min, p.max)}.{slots}"


def _explain_pattern(check: Check, found: str | None, expected: str) -> str:
    return check.say if found is None and check.say else Explanation()(check, found, expected)


# Marks between facts, with their names in a guide.
_SEPARATORS = {
    ", ": "a comma and a space", "; ": "a semicolon and a space", " / ": "a slash between spaces",
    " | ": "a bar between spaces", " · ": "a middle dot between spaces", " – ": "a dash between spaces",
}  # fmt: skip
# No separator is at either end or right after another.
_NO_GAPS = {
    "id": "no-empty-facts", "regex": r"(?:^|[,;|])[ \t]*[,;|]|[,;|][ \t]*$", "min": 0, "max": 0,
    "say": "Leave nothing empty between separators.",
}  # fmt: skip
_FACT_WORDS = 5  # facts are short; the text between the commas of prose is longer
_SHAPE_CHARACTERS = 40


def _propose_pattern(columns: Columns) -> list[Proposal]:
    """A mark that separates the facts of nearly every output, one shape that all outputs have (codes, dates), and what is
    kept as in the request."""
    kept = _propose_kept(columns)
    texts = columns.output.str.strip_chars()
    if not len(texts) or mostly_json(texts):
        return kept
    if shape := _shape(texts):
        return [shape, *kept]
    # Prose has commas too: if sentences end inside, or facts are long, the mark does not separate facts.
    prose = texts.str.contains(r"[.!?]\s+\p{Lu}|\n|\p{Ll}{3}[.!?]\z")
    words = texts.str.count_matches(r"\S+")
    proposals = []
    for mark, name in _SEPARATORS.items():
        counts = texts.str.count_matches(mark, literal=True)
        listed = (counts >= 1) & ~prose & (words <= _FACT_WORDS * (counts + 1))
        if listed.mean() < 0.8:  # type: ignore[operator]
            continue
        kept.append(Proposal(_NO_GAPS, style=False))
        for least in (3, 2, 1):
            say = f"Separate the facts with {name}." if least == 1 else (
                f"Write at least {('two', 'three', 'four')[least - 1]} facts, separated by {name}."
            )  # fmt: skip
            minimum = {} if least == 1 else {"min": least}
            if (counts >= least).mean() >= 0.96:  # type: ignore[operator]
                proposals.append(Proposal({"regex": re.escape(mark).replace(r"\ ", " "), **minimum, "say": say}))
                break
        else:
            regex = re.escape(mark).replace(r"\ ", " ")
            proposals.append(Proposal({"regex": regex, "say": f"Separate the facts with {name}."}))
    return [*proposals, *kept]


# What a translation keeps as it is, by its name in a guide.
_KEPT = {
    "placeholders": r"%(?:\d+\$)?[-+#0]*\d*(?:\.\d+)?l{0,2}[sdiufxc@]|%\(\w+\)[sd]|\$?\{\{?[^{}\s]{0,40}\}?\}",
    "tags": r"</?[A-Za-z][^<>\n]{0,200}>",
    "line breaks": r"\n|\\n",
    "exclamation marks": "[!！]",
    "question marks": "[?？]",
    "ellipses": r"…|\.\.\.",
    "links": r"https?://[^\s<>\"']+",
}
_KEPT_ROWS = 20  # with such a text in the request and in the output


def _propose_kept(columns: Columns) -> list[Proposal]:
    """The texts that the outputs have where the requests have them."""
    proposals = []
    for name, regex in _KEPT.items():
        given, found = columns.input.str.contains(regex), columns.output.str.contains(regex)
        if (given & found).sum() >= _KEPT_ROWS and 2 * (given & found).sum() >= given.sum():
            facts = {"about": "facts"} if name in ("placeholders", "tags", "links") else {}
            say = f"Keep the {name} of the request, and add none."
            entry = {"id": f"keep-{name}".replace(" ", "-"), "regex": regex, "from_request": True, "say": say, **facts}
            proposals.append(Proposal(entry, style=False))
    return proposals


def _shape(texts: pl.Series) -> Proposal | None:
    """The shape of short texts that are codes or dates: runs of digits and of letters, with the marks between them."""
    if texts.str.len_chars().quantile(0.99) > _SHAPE_CHARACTERS:  # type: ignore[operator]
        return None
    frame = pl.DataFrame({"text": texts, "shape": texts})
    for run, sign in ((r"\p{Lu}+", "A"), (r"\p{Ll}+", "a"), (r"\p{Nd}+", "0")):
        frame = frame.with_columns(pl.col("shape").str.replace_all(run, sign))
    shapes = frame["shape"].value_counts().sort(["count", "shape"], descending=[True, False])
    usual, count = shapes.row(0)
    if count < 0.8 * len(texts) or "0" not in usual or len(usual) < 2:
        return None
    classes = {"A": "[A-Z]", "a": "[a-z]", "0": "[0-9]"}
    grouped = "".join(f"({classes[c]}+)" if c in classes else re.escape(c) for c in usual)
    parts = frame.filter(pl.col("shape") == usual)["text"].str.extract_groups(rf"\A{grouped}\z").struct.unnest()
    lengths = parts.select(pl.all().str.len_chars())
    ranges = iter([(lengths[name].min(), lengths[name].max()) for name in lengths.columns])
    regex = "".join(classes[c] + _counted(*next(ranges)) if c in classes else re.escape(c) for c in usual)
    example = frame.filter(pl.col("shape") == usual)["text"].min()
    return Proposal({"regex": regex, "whole": True, "say": f"Write it in the form {quoted(str(example))}."})


def _counted(low: Any, high: Any) -> str:
    """`{4}`, `{1,3}` or `+`."""
    if low is None or low != high:
        return "+" if high is None or high > 9 else f"{{{low},{high}}}"
    return "" if low == 1 else f"{{{low}}}"


PATTERN = Kind("pattern", "form", PatternParameters, _find_pattern, _say_pattern, _propose_pattern, _explain_pattern)
