"""The checks `starts_with` and `ends_with`: the text at either end of an output."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns, field_names, text_fields
from ..facts.numbers import span_facts
from ..parts import facts_of, parts_of, without_parts
from ..protected import PROTECTED
from ..schema import Broken, Check, Edit, Findings, Fix, Kind, Proposal, faults
from ..words import explain_slots, one_of

# A habit of most outputs is proposed; the evidence then decides how strict a rule it makes.
_HABIT_SHARE, _FEWEST_ROWS = 0.5, 20
# Case is ignored if this many more outputs then follow the habit.
_FOLDED_SHARE = 0.01
# A fixed text must end nearly all outputs; one of a few words, this share of them.
_COMMON_SHARE, _CHOICE_SHARE, _MOST_CHOICES, _MOST_CHARACTERS = 0.8, 0.95, 6, 200
_MARK_SHARE = 0.05
# Marks that belong to the text before a common end.
_BEFORE_END = " \t\r\n.,;:!?…"
# Outputs with at most this many words are labels, which have no ending of interest.
_LABEL_WORDS = 2


@dataclass(frozen=True)
class AffixParameters:
    """The texts of which one must be at that end; `{field}` stands for the value of an input field."""

    any: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.any or not all(self.any):
            raise ConfigError('"any" needs at least one text, and none may be empty')


def _find_affix(check: Check, columns: Columns, *, at_start: bool) -> Findings:
    p: AffixParameters = check.parameters
    wanted = pl.DataFrame({str(n): columns.filled(text) for n, text in enumerate(p.any)})
    frame = wanted.with_columns(columns.output.alias("output")).with_row_index()
    fold = (lambda e: e.str.to_lowercase()) if check.ignore_case else (lambda e: e)
    output = fold(pl.col("output").str.strip_chars())
    method = output.str.starts_with if at_start else output.str.ends_with
    holds = pl.any_horizontal(method(fold(pl.col(name))).fill_null(False) for name in wanted.columns)
    applicable = frame.select(a=pl.any_horizontal(pl.col(wanted.columns).is_not_null()))["a"]
    # A violation is located at the words at that end of the text, about as many as the longest wanted text has.
    wrong = frame.filter(~holds & applicable)
    rows = []
    for index, *texts, output_text in wrong.select("index", *wanted.columns, "output").iter_rows():
        choices = [text for text in texts if text is not None]
        length = max(map(len, choices))
        start, end = _end_of(output_text, length, at_start=at_start)
        expected = f"{one_of(choices)} at the {'start' if at_start else 'end'}"
        rows.append((index, output_text[start:end], start, end, expected))
    return Findings(faults(rows), applicable)


def _end_of(text: str, length: int, *, at_start: bool) -> tuple[int, int]:
    """The span of about `length` code points at that end of a text: whole words, without blank margins."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    if at_start:
        end = min(first + length, last)
        while end < last and not text[end - 1].isspace() and not text[end].isspace():
            end += 1
        return first, first + len(text[first:end].rstrip())
    start = max(last - length, first)
    while start > first and not text[start - 1].isspace():
        start -= 1
    return start, last


def _say_affix(check: Check, *, verb: str) -> str:
    p: AffixParameters = check.parameters
    if len(p.any) == 1 and (name := p.any[0]) and name.startswith("{") and name.endswith("}"):
        return f"{verb} with the {name[1:-1]}{'' if check.ignore_case else ', exactly as given'}."
    return f"{verb} with {one_of(p.any)}.{explain_slots(p.any)}"


def _propose_affix(columns: Columns, *, at_start: bool) -> Sequence[Proposal]:
    """The value of a field, or a few fixed texts, at that end of most outputs."""
    fields = [*_propose_fields(columns, at_start=at_start)]
    # The values of a field would be proposed as texts too.
    return fields or [*_propose_texts(columns.output, at_start=at_start)]


def _propose_fields(columns: Columns, *, at_start: bool) -> Iterator[Proposal]:
    for name in text_fields(columns):
        values = columns.field(name)
        table = pl.DataFrame({"output": columns.output.str.strip_chars(), "value": values}).drop_nulls()
        # A number may be at an end by chance; a word comes from the field.
        table = table.filter(pl.col("value").str.contains(r"\p{L}"))
        if len(table) < _FEWEST_ROWS or table["value"].n_unique() < 2:
            continue
        written = int(_at_end(table, at_start=at_start).sum())
        folded = int(_at_end(table.select(pl.all().str.to_lowercase()), at_start=at_start).sum())
        if folded < _HABIT_SHARE * len(table):
            continue
        entry = {"any": [f"{{{name}}}"], "when": name}
        if written >= _HABIT_SHARE * len(table):
            yield Proposal(entry)
        if folded > written + _FOLDED_SHARE * len(table):
            yield Proposal({**entry, "ignore_case": True})


def _at_end(table: pl.DataFrame, *, at_start: bool) -> pl.Series:
    """Where the value is at that end of the output and not part of a longer word."""
    output, value = pl.col("output"), pl.col("value")
    size = value.str.len_chars().cast(pl.Int64)
    if at_start:
        next_to, at_end = output.str.slice(size, 1), output.str.starts_with(value)
    else:
        place = output.str.len_chars().cast(pl.Int64) - size - 1
        next_to = pl.when(place >= 0).then(output.str.slice(place.clip(0), 1)).otherwise(pl.lit(""))
        at_end = output.str.ends_with(value)
    return table.select(at_end=at_end & ~next_to.str.contains(r"[\w-]"))["at_end"]


def _propose_texts(outputs: pl.Series, *, at_start: bool) -> Iterator[Proposal]:
    """One text at that end of nearly all outputs, as long as possible; otherwise the few words that occur there."""
    texts = outputs.str.strip_chars().filter(outputs.str.count_matches(r"\S+") > _LABEL_WORDS)
    if len(texts) < max(_FEWEST_ROWS, 0.5 * len(outputs)):
        return
    # The last word of several lines is not a choice of endings.
    if at_start or texts.str.contains("\n", literal=True).mean() < 0.5:  # type: ignore[operator]
        found = texts.str.extract(r"^(\S+)" if at_start else r"(\S+)$").drop_nulls()
        yield from _propose_choice(found.value_counts(sort=True), len(texts))
    if re.search(r"\w", common := _common_text(texts, at_start=at_start)):
        yield Proposal({"any": [common]})
    elif not at_start and (marks := _end_marks(texts)):
        yield Proposal({"any": marks}, style=False)


def _end_marks(texts: pl.Series) -> list[str]:
    """The two or three marks of which one ends nearly all texts; empty if one of them ends most."""
    counts = texts.str.tail(1).rename("mark").value_counts(sort=True).filter(pl.col("mark").is_in(list(".?!")))
    counts = counts.filter(pl.col("count") >= _MARK_SHARE * len(texts))
    enough = counts["count"].sum() >= _CHOICE_SHARE * len(texts)
    return (
        sorted(counts["mark"]) if len(counts) > 1 and enough and counts["count"][0] < _COMMON_SHARE * len(texts) else []
    )


def _common_text(texts: pl.Series, *, at_start: bool) -> str:
    """The longest text of whole words and marks at that end of nearly all texts; empty if there is none."""
    low, high, common = 0, _MOST_CHARACTERS + 1, ""
    while high - low > 1:
        middle = (low + high) // 2
        found = (texts.str.head(middle) if at_start else texts.str.tail(middle)).rename("text")
        text, rows = found.value_counts().sort(["count", "text"], descending=[True, False]).row(0)
        if rows >= _COMMON_SHARE * len(texts):
            low, common = middle, text
        else:
            high = middle
    # The word at the inner edge goes on in some texts, unless all of them break there.
    if common and _edge_is_open(texts, common, at_start=at_start):
        common = re.sub(r"[\w-]+\Z" if at_start else r"\A[\w-]+", "", common)
    return common.rstrip() if at_start else common.lstrip(_BEFORE_END).rstrip()


def _edge_is_open(texts: pl.Series, common: str, *, at_start: bool) -> bool:
    """Whether a word at the inner end of the common text goes on in one of the texts that have it."""
    if not re.match(r"[\w-]", common[-1 if at_start else 0]):
        return False
    size = len(common)
    if at_start:
        following = texts.filter(texts.str.starts_with(common)).str.slice(size, 1)
    else:
        following = texts.filter(texts.str.ends_with(common)).str.tail(size + 1).str.slice(0, 1)
        following = following.filter(texts.filter(texts.str.ends_with(common)).str.len_chars() > size)
    return bool(following.str.contains(r"[\w-]").any())


def _propose_choice(counts: pl.DataFrame, rows: int) -> Iterator[Proposal]:
    """Two to six frequent words of which one is at that end (`feat:`, `fix:`, `docs:`)."""
    frequent = counts.filter(pl.col("count") >= max(5, 0.01 * rows)).head(_MOST_CHOICES).rows()
    words = sorted(word for word, _ in frequent if re.search(r"\w", word))
    if len(words) > 1 and sum(count for _, count in frequent) >= _CHOICE_SHARE * rows and len(words) == len(frequent):
        yield Proposal({"any": words})


# Between a text and a value that is put at its end: nothing after these.
_MARKS = " \t\n.,;:"
_FACT_WORDS = 5  # on average; the text between the commas of prose is longer


def _fix_affix(check: Check, broken: Broken, *, at_start: bool) -> Iterator[Edit]:
    """The wanted text at that end: in the right case, moved there from elsewhere, completed, or added."""
    text, choices = broken.text, _choices(check.parameters, broken, at_start=at_start)
    if not text.strip() or not choices:
        return
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    for value, name in choices:
        size = len(value)
        start, end = (first, first + size) if at_start else (last - size, last)
        if start >= first and end <= last and text[start:end].casefold() == value.casefold():
            yield Edit(start, end, value)  # only its case is wrong
            return
        closed = len(text.rstrip(_MARKS)) if not at_start else last
        if closed < last and closed - size >= first and text[closed - size : closed].casefold() == value.casefold():
            yield Edit(closed - size, last, value)  # a mark follows it
            return
        if moved := _moved(text, value, name, at_start=at_start):
            yield from moved
            return
    if len(choices) == 1 and not _taken(text, choices[0][0], at_start=at_start):
        value, name = choices[0]
        yield from _added(text, value, at_start=at_start, listed=bool(name) and _lists_facts(text))


def _choices(p: AffixParameters, broken: Broken, *, at_start: bool) -> list[tuple[str, str]]:
    """The wanted texts with their fields filled in, and the name of the field that is the whole of one."""
    columns, filled = broken.columns, []
    for wanted in p.any:
        values = columns.once(("filled", wanted), lambda wanted=wanted: columns.filled(wanted).to_list())
        if (value := values[broken.row]) and not value[0 if at_start else -1].isspace():
            name = field_names(wanted)[0] if wanted[0] == "{" and wanted.find("}") == len(wanted) - 1 else ""
            filled.append((value, name))
    return [*dict.fromkeys(filled)]


def _moved(text: str, value: str, name: str, *, at_start: bool) -> list[Edit]:
    """The edits that take a value from its own place between commas to that end."""
    if value.casefold() not in text.casefold():
        return []
    folded = {form.casefold() for form in (value, f"{value} {name}", f"{name} {value}", f"{name}: {value}")}
    parts = facts_of(text)
    own = [n for n, (start, end) in enumerate(parts) if text[start:end].rstrip(".").casefold() in folded]
    if not own or len(own) == len(parts) or "\n" in text.strip():
        return []
    taken = [*without_parts(text, parts, set(own))]
    return [*taken, *_added(text, value, at_start=at_start, listed=True)]


def _added(text: str, value: str, *, at_start: bool, listed: bool) -> Iterator[Edit]:
    """The edit that puts the value at that end; in a list of facts after a comma in place of its last mark, and a
    shortened form is completed."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    parts = facts_of(text)
    if at_start:
        yield Edit(first, first, f"{value}{_joint(value[-1], text, at_start=True)}")
        return
    start, end = parts[-1] if parts else (first, last)
    if end == last and _shortened(text[start:end], value):
        yield Edit(start, end, value)
        return
    marked = len(text[:last].rstrip(_MARKS)) if listed else last
    if marked < last:
        yield Edit(marked, last, f", {value}")
    else:
        yield Edit(last, last, f"{_joint(value[0], text, at_start=False)}{value}")


def _taken(text: str, value: str, *, at_start: bool) -> bool:
    """Whether the fact at that end begins with the value and says more (`DirectFET MX` for `DirectFET`), or is another code
    where one is wanted: there would be two (`SOIC-8-1EP, SOIC-8`)."""
    parts = facts_of(text)
    start, end = parts[0 if at_start else -1] if parts else (0, 0)
    there = text[start:end]
    longer = there.casefold().startswith(f"{value} ".casefold())
    return longer or (_names_code(value) and _names_code(there) and not _shortened(there, value))


def _names_code(fact: str) -> bool:
    """Whether a word of a fact is a code, such as a package, and no number with a unit."""
    return any(found.kind == "codes" for word in fact.split() for found in span_facts(word))


def _lists_facts(text: str) -> bool:
    """Whether a text is one line of short facts between commas, rather than sentences."""
    facts = facts_of(text)
    short = "\n" not in text.strip() and len(text.split()) <= _FACT_WORDS * len(facts)
    return len(facts) > 1 and short and parts_of(text) == facts


def _shortened(text: str, value: str) -> bool:
    """Whether a fact is a value without its end (TO-220 for TO-220-5), or without its marks (SOT23-5 for SOT-23-5)."""
    short, long = text.casefold(), value.casefold()
    plain, whole = re.sub(r"[\W_]", "", short), re.sub(r"[\W_]", "", long)
    begins = long.startswith(short) and not long[len(short) :][:1].isalnum()
    return len(plain) > 1 and (plain == whole or (begins and short != long))


def _joint(edge: str, text: str, *, at_start: bool) -> str:
    """What separates an added text from the rest: nothing before a mark, a space after a sentence, else a comma."""
    if edge in ".:;,!?":
        return " " if at_start else ""
    if not edge.isalnum() and edge not in '(["“„«{':
        return ""
    if "\n" in text.strip():
        return "\n"
    return " " if text.rstrip()[-1] in ".!?…:;,。！？" else ", "


_AFFIX_SAYS = (
    "Safe: adds the text at that end, moves a comma-separated value there, or completes a shortened one. With several "
    "texts to choose from, only moves one that is already there."
)
STARTS_WITH = Kind(
    "starts_with", "form", AffixParameters,
    lambda check, columns: _find_affix(check, columns, at_start=True), lambda check: _say_affix(check, verb="Start"),
    lambda columns: _propose_affix(columns, at_start=True),
    fix=Fix(lambda check, broken: _fix_affix(check, broken, at_start=True), says=_AFFIX_SAYS, spans=PROTECTED),
)  # fmt: skip
ENDS_WITH = Kind(
    "ends_with", "form", AffixParameters,
    lambda check, columns: _find_affix(check, columns, at_start=False), lambda check: _say_affix(check, verb="End"),
    lambda columns: _propose_affix(columns, at_start=False),
    fix=Fix(lambda check, broken: _fix_affix(check, broken, at_start=False), says=_AFFIX_SAYS, spans=PROTECTED),
)  # fmt: skip
