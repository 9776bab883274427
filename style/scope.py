"""The pieces of an output to which a check may be limited: each sentence, the last line, the first paragraph."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import polars as pl

from .columns import Columns, regex_places
from .protected import Protected
from .schema import Check, Findings, StyleSchema, no_faults
from .words import ABBREVIATION, text_lines

UNITS = ("sentence", "line", "bullet", "paragraph", "item")
_PLACES = {"first": 0, "second": 1, "third": 2, "last": -1}
PART = re.compile(rf"({'|'.join(_PLACES)}) ({'|'.join(UNITS)})")

_CUT, _DOT = "\ufdd0", "\ufdd1"  # noncharacters, which stand in a copy of the text alone
_BULLET, _NUMBER = r"[-*+•–‣◦▪]", r"\d{1,3}[.)]"
_LIST_TAG = r"(?i)</?(?:li|ul|ol)\b[^<>]*>"
_BLOCK_TAG = r"(?i)</?(?:p|div|ul|ol|li|table|tr|td|th|blockquote|br|h[1-6])\b[^<>]*>"
_TAGS_ALONE = r"^\s*(?:<[^<>]*>\s*)+$"
_TAG_NAME = re.compile(r"</?(\w+)")
_SHOWN = 40
_SCHEMA = {"index": pl.UInt32, "start": pl.Int64, "end": pl.Int64}


def scope_phrase(check: Check) -> str:
    """`each sentence of the first paragraph`; empty for a check of the whole output."""
    part = f"the {check.part}" if check.part else ""
    if not check.each:
        return part
    return f"each {check.each} of {part}" if part else f"each {check.each}"


def scoped(find: Callable[[Check, Columns], Findings], check: Check, columns: Columns) -> Findings:
    """The violations of a check in the pieces that it is limited to, with their places in the whole output.

    It applies to an output in which it applies to a piece. A violation without a place names its piece.
    """
    if not (check.each or check.part):
        return find(check, columns)
    pieces = in_pieces(find, check, columns)
    found = pieces.findings
    table = pieces.table.rename({"index": "row", "start": "offset"}).drop("end").with_row_index("index")
    applies = pl.lit(True) if found.applicable is None else pl.lit(found.applicable)
    table = table.with_columns(
        applies=applies, why=pl.lit(None, pl.String) if found.unscored is None else found.unscored
    )
    return Findings(_moved(found.violations, table, check), *_by_row(table, len(columns.output)))


class Pieces(NamedTuple):
    """The pieces that a check is limited to, as outputs with their own violations.

    table: the place of each piece in the whole outputs (index, start, end, text).
    """

    columns: Columns
    findings: Findings
    table: pl.DataFrame


def in_pieces(find: Callable[[Check, Columns], Findings], check: Check, columns: Columns) -> Pieces:
    """What a check finds in its pieces, with places within the pieces."""
    table = pieces_of(columns.output, each=check.each, part=check.part)
    pieces = columns.with_outputs(table["text"], table["index"])
    whole = (columns.protected, table["index"], table["start"])
    pieces.__dict__["protected"] = Protected(table["text"], whole)
    # A kind need not know what to do without any text.
    return Pieces(pieces, find(check, pieces) if len(table) else Findings(no_faults()), table)


def _moved(violations: pl.DataFrame, table: pl.DataFrame, check: Check) -> pl.DataFrame:
    """The violations in pieces as violations of the whole outputs."""
    joined = violations.join(table.filter("applies"), on="index", how="inner", maintain_order="left")
    shown = pl.col("text").str.replace_all(r"\s+", " ")
    shown = pl.when(shown.str.len_chars() > _SHOWN).then(shown.str.head(_SHOWN - 1) + "…").otherwise(shown)
    where = pl.format(' in the {} "{}"', pl.lit(check.each), shown) if check.each else pl.lit(f" in the {check.part}")
    expected = pl.when(pl.col("start").is_null()).then(pl.col("expected") + where).otherwise("expected")
    places = {name: pl.col(name) + pl.col("offset") for name in ("start", "end")}
    return joined.select(pl.col("row").alias("index"), "found", **places, expected=expected)


def _by_row(table: pl.DataFrame, count: int) -> tuple[pl.Series, pl.Series]:
    """Whether the check applies to each output, and why it cannot be scored."""
    rows = pl.DataFrame({"row": pl.Series(range(count), dtype=pl.UInt32)})
    grouped = table.group_by("row").agg(pl.col("applies").any(), pl.col("why").drop_nulls().first())
    joined = rows.join(grouped, on="row", how="left", maintain_order="left")
    return joined["applies"].fill_null(False), joined["why"]


def pieces_of(texts: pl.Series, *, each: str | None = None, part: str | None = None) -> pl.DataFrame:
    """The pieces of a scope, `each` in the `part`: index of the text, start and end in the whole text, text."""
    table = pl.DataFrame({"index": pl.Series(range(len(texts)), dtype=pl.UInt32), "start": 0, "text": texts})
    if part:
        place, unit = part.split(" ")
        parts = _pieces(table["text"], unit)
        number = pl.int_range(pl.len()).over("index")
        wanted = number == (pl.len().over("index") - 1 if place == "last" else _PLACES[place])
        table = parts.filter(wanted)
    if each:
        outer = table.select(pl.col("index").alias("row"), pl.col("start").alias("before")).with_row_index("index")
        inner = _pieces(table["text"], each).join(outer, on="index", how="left", maintain_order="left")
        before = pl.col("before")
        table = inner.select(pl.col("row").alias("index"), pl.col("start") + before, pl.col("end") + before, "text")
    return table


def _pieces(texts: pl.Series, unit: str) -> pl.DataFrame:
    """Every piece of every text without blank margins, in order: index, start, end, text."""
    cut = {"sentence": _sentences, "line": _lines, "bullet": _bullets, "paragraph": _paragraphs, "item": _items}[unit]
    spans = cut(texts).cast(pl.Schema(_SCHEMA)).drop_nulls()  # a null text has no pieces
    whole = texts.to_list()  # a slice of polars reads a text from its start for each of its pieces
    spans = spans.with_columns(
        text=pl.Series([whole[index][start:end] for index, start, end in spans.iter_rows()], dtype=pl.String)
    )
    text = pl.col("text")
    before = text.str.len_chars().cast(pl.Int64) - text.str.strip_chars_start().str.len_chars().cast(pl.Int64)
    trimmed = spans.with_columns(text=text.str.strip_chars(), start=pl.col("start") + before)
    wanted = ~text.str.contains(_TAGS_ALONE) if unit == "sentence" else pl.lit(True)
    trimmed = trimmed.filter((pl.col("text") != "") & wanted).sort("index", "start", maintain_order=True)
    return trimmed.with_columns(end=pl.col("start") + pl.col("text").str.len_chars())


def _cut(texts: pl.Series, marked: pl.Expr) -> pl.DataFrame:
    """The spans between the marks that `marked` puts into the column `text`."""
    plain = texts.str.replace_many([_CUT, _DOT], ["\ufffd", "\ufffd"])
    frame = pl.DataFrame({"text": plain}).with_row_index()
    frame = frame.select("index", piece=marked.str.split(_CUT)).explode("piece")
    size = pl.col("piece").str.len_chars().cast(pl.Int64)
    frame = frame.with_columns(end=size.cum_sum().over("index"))
    return frame.select("index", start=pl.col("end") - size, end="end")


def _sentences(texts: pl.Series) -> pl.DataFrame:
    """A sentence ends at an end mark before white space, at a line end and at a block of HTML."""
    text = pl.col("text").str.replace_all(ABBREVIATION, f"${{1}}{_DOT}")
    text = text.str.replace_all(r"(?m)^([ \t]*\d{1,3})\.", f"${{1}}{_DOT}")  # the number of an item
    text = text.str.replace_all(r"([.!?…]+[\"'”’)]*)(\s)", f"${{1}}{_CUT}${{2}}")
    text = text.str.replace_all("([。！？]+|\n)", f"${{1}}{_CUT}")
    return _cut(texts, text.str.replace_all(f"({_BLOCK_TAG})", f"{_CUT}${{1}}{_CUT}"))


def _lines(texts: pl.Series) -> pl.DataFrame:
    lines = text_lines(texts)
    return lines.select("index", "start", end=pl.col("start") + pl.col("line").str.len_chars().cast(pl.Int64))


def _paragraphs(texts: pl.Series) -> pl.DataFrame:
    """Blocks between blank lines; in HTML, the contents of `<p>`."""
    tagged = texts.str.contains(r"(?i)<p\b")
    blocks = _cut(texts, pl.col("text").str.replace_all(r"(\n[ \t\r]*\n)", f"${{1}}{_CUT}"))
    if not tagged.any():
        return blocks
    blocks = blocks.filter(~pl.col("index").is_in(tagged.arg_true().implode()))
    return pl.concat([blocks.cast(pl.Schema(_SCHEMA)), _tagged(texts, _BLOCK_TAG, ("p",))])


def _bullets(texts: pl.Series) -> pl.DataFrame:
    return pl.concat([_listed(texts, _BULLET), _tagged(texts, _LIST_TAG, ("li",), numbered=False)])


def _items(texts: pl.Series) -> pl.DataFrame:
    return pl.concat([_listed(texts, f"(?:{_BULLET}|{_NUMBER})"), _tagged(texts, _LIST_TAG, ("li",))])


def _listed(texts: pl.Series, marker: str) -> pl.DataFrame:
    """The items of Markdown lists without their markers; indented lines after an item belong to it.

    A text with items of HTML has those alone: a marker inside one is part of its text.
    """
    tagged = texts.str.contains(r"(?i)<li\b")
    texts = pl.select(text=pl.when(tagged).then(pl.lit("")).otherwise(texts))["text"]
    opening = rf"^[ \t]*{marker}[ \t]+"
    if not texts.str.contains(f"(?m){opening}").any():
        return pl.DataFrame(schema=_SCHEMA)
    line = pl.col("line")
    lines = text_lines(texts).filter(~pl.col("fenced"))
    lines = lines.with_columns(item=line.str.contains(opening), inside=line.str.contains(r"^(?:  |\t).*\S"))
    block = (pl.col("item") | ~pl.col("inside")).cum_sum().over("index")
    lines = lines.with_columns(block=block).filter(pl.col("item").first().over("index", "block"))
    marked = line.first().str.extract(f"({opening})").str.len_chars().cast(pl.Int64)
    end = pl.col("start").last() + line.last().str.len_chars().cast(pl.Int64)
    spans = lines.group_by("index", "block", maintain_order=True).agg(start=pl.col("start").first() + marked, end=end)
    return spans.drop("block").cast(pl.Schema(_SCHEMA))


def _tagged(texts: pl.Series, tags: str, names: tuple[str, ...], *, numbered: bool = True) -> pl.DataFrame:
    """The texts after each opening tag of `names` up to the next tag; without `numbered`, none of an ordered list."""
    spans: list[tuple[int, int, int]] = []
    opened: tuple[int, int] | None = None
    ordered = False
    for index, tag, start, end in regex_places(texts, tags):
        if opened is not None:
            spans.append((*opened, start if opened[0] == index else len(texts[opened[0]])))
            opened = None
        name = _name(tag)
        if tag[1] != "/":
            ordered = name == "ol" if name in ("ol", "ul") else ordered
            if name in names and (numbered or not ordered):
                opened = index, end
    if opened is not None:
        spans.append((*opened, len(texts[opened[0]])))
    return pl.DataFrame(spans, schema=_SCHEMA, orient="row")


def _name(tag: str) -> str:
    match = _TAG_NAME.match(tag)
    return match.group(1).lower() if match else ""


def missing_scopes(style: StyleSchema, columns: Columns) -> Iterator[str]:
    """A sentence for each check whose pieces occur in no output: it would pass them all."""
    scopes = {check.id: scope_phrase(check) for check in style.checks if scope_phrase(check)}
    empty = {
        check.id: scopes[check.id]
        for check in style.checks
        if check.id in scopes and pieces_of(columns.output, each=check.each, part=check.part).is_empty()
    }
    return unused_scopes(empty, len(columns.output))


def unused_scopes(scopes: Mapping[str, str], count: int) -> Iterator[str]:
    """A sentence for each check (id -> pieces) that found none of its pieces in `count` outputs."""
    for check, pieces in scopes.items():
        yield f'rule "{check}" looks at {pieces} and applies to none of the {count:,} outputs'
