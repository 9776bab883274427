"""The check `list`: the marker of a list, how many items it has, and how long they are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..parts import lines_of
from ..schema import FAULT_SCHEMA, Broken, Check, Edit, Explanation, Findings, Fix, Kind, Proposal, faults
from ..words import check_range, how_many, mostly_json, quoted, text_lines

_NUMBERED = re.compile(r"\d+(\D+)")
_ANY_BULLET = r"[-*+•–‣◦▪]"
_ANY_NUMBER = r"\d{1,3}[.)]"
_PROPOSED_MARKERS = ("- ", "* ", "• ", "1. ", "1) ")


@dataclass(frozen=True)
class ListParameters:
    """The list of an output. A `marker` with a number (`1. `) means numbers that count up, or all the same.

    `min` and `max` count items; items indented below another are nested and not counted. `item_max_words` applies to
    every item; a nested item does not count towards the one above it.
    """

    marker: str = "- "
    min: int = 1
    max: int | None = None
    item_max_words: int | None = None

    def __post_init__(self) -> None:
        if not self.marker.strip() or "\n" in self.marker:
            raise ConfigError('"marker" must be the beginning of a line, such as "- " or "1. "')
        check_range(self.min, self.max)
        if self.item_max_words is not None and self.item_max_words < 1:
            raise ConfigError(f'"item_max_words" must be at least 1, found {self.item_max_words}')


def _marker_pattern(marker: str) -> str:
    """The pattern of the wanted marker after the margin; its space may be missing if the item is empty."""
    numbered = _NUMBERED.fullmatch(marker.rstrip())
    sign = rf"\d{{1,9}}{re.escape(numbered.group(1))}" if numbered else re.escape(marker.strip())
    return rf"{sign}(?:[ \t]+|$)" if marker != marker.rstrip() else sign


def _items(texts: pl.Series, marker: str) -> pl.DataFrame:
    """Each item: index, margin, marker as found, text, start (of the marker), own (has the wanted marker), nested, words."""
    mine = _marker_pattern(marker)
    other = _ANY_NUMBER if _NUMBERED.fullmatch(marker.rstrip()) else _ANY_BULLET
    sign = rf"^[ \t]*((?:{mine})|{other}(?:[ \t]+|$))"
    line = pl.col("line")
    lines = text_lines(texts).filter(~pl.col("fenced") & (line.str.strip_chars() != ""))
    # Texts without a list are dropped before anything is counted.
    lines = lines.with_columns(found=line.str.extract(sign), margin=line.str.extract(r"^([ \t]*)").str.len_chars())
    lines = lines.filter(pl.col("found").is_not_null().any().over("index"))
    lines = lines.with_columns(
        item=pl.col("found").is_not_null().cum_sum().over("index"), own=line.str.contains(rf"^[ \t]*(?:{mine})")
    )
    opening = pl.col("margin").first().over("index", "item")
    is_item = pl.col("found").is_not_null()
    words = line.str.count_matches(r"\S+") - pl.when(is_item & (pl.col("found").str.strip_chars() != "")).then(
        1
    ).otherwise(0)
    lines = lines.filter((pl.col("item") > 0) & (is_item | (pl.col("margin") > opening)))
    items = lines.with_columns(words=words.sum().over("index", "item")).filter(is_item)
    lowest = pl.col("margin").filter("own").min().over("index")
    return items.with_columns(
        nested=pl.col("margin") > lowest.fill_null(pl.col("margin").min().over("index")) + 1,
        text=line.str.replace(sign, "").str.strip_chars_end(),
        start=pl.col("start") + pl.col("margin"),
    )


def _find_list(check: Check, columns: Columns) -> Findings:
    p: ListParameters = check.parameters
    items = _items(columns.output, p.marker)
    top = items.filter(pl.col("own") & ~pl.col("nested"))
    parts = [_wrong_markers(items, p), _wrong_counts(top, len(columns.output), items, p), _too_long(items, p)]
    if _NUMBERED.fullmatch(p.marker.rstrip()):
        parts.append(_wrong_numbers(top))
    return Findings(pl.concat(parts).sort("index", pl.col("start"), nulls_last=True, maintain_order=True))


def _wrong_markers(items: pl.DataFrame, p: ListParameters) -> pl.DataFrame:
    """Items of the outermost list with a different marker. Nested lists may have their own."""
    sign = pl.col("found").str.strip_chars()
    wrong = items.filter(~pl.col("own") & ~pl.col("nested"))
    return _as_faults(wrong, sign, pl.col("start"), pl.lit(f"the marker {quoted(p.marker.strip())}"))


def _wrong_counts(top: pl.DataFrame, count: int, items: pl.DataFrame, p: ListParameters) -> pl.DataFrame:
    """Lists with too few or too many items; the span is that of the first excess item."""
    expected = how_many(p.min, p.max, "list items")
    lengths = top.group_by("index").len()
    every = pl.DataFrame({"index": pl.Series(range(count), dtype=pl.UInt32)})
    few = every.join(lengths, on="index", how="left", maintain_order="left").with_columns(pl.col("len").fill_null(0))
    few = few.filter(pl.col("len") < p.min)
    # Items with a wrong marker are reported as such, not as missing.
    marked = items.filter(~pl.col("own") & ~pl.col("nested")).select("index").unique()
    few = few.join(marked, on="index", how="anti", maintain_order="left")
    rows = [(index, f"{n} list items" if n else None, None, None, expected) for index, n in few.iter_rows()]
    if p.max is None:
        return faults(rows)
    first = top.filter(pl.int_range(pl.len()).over("index") == p.max)
    return pl.concat([faults(rows), _as_faults(first, pl.col("text"), _text_start(), pl.lit(expected))])


def _too_long(items: pl.DataFrame, p: ListParameters) -> pl.DataFrame:
    if p.item_max_words is None:
        return faults([])
    long = items.filter(pl.col("own") & (pl.col("words") > p.item_max_words))
    expected = pl.format("at most {} words in an item, not {}", pl.lit(p.item_max_words), pl.col("words"))
    return _as_faults(long, pl.col("text"), _text_start(), expected)


def _wrong_numbers(top: pl.DataFrame) -> pl.DataFrame:
    """Numbers that neither count up by one, nor stay the same, nor restart at 1."""
    number = pl.col("found").str.extract(r"(\d+)").cast(pl.Int64)
    counted = top.with_columns(number=number).with_columns(before=pl.col("number").shift(1).over("index"))
    wanted = (pl.col("before") + 1).fill_null(1)
    wrong = counted.filter(
        (pl.col("number") != 1) & (pl.col("number") != wanted) & (pl.col("number") != pl.col("before")).fill_null(True)
    )
    return _as_faults(wrong, pl.col("found").str.strip_chars(), pl.col("start"), pl.format("the number {}", wanted))


def _text_start() -> pl.Expr:
    return pl.col("start") + pl.col("found").str.len_chars()


def _as_faults(items: pl.DataFrame, found: pl.Expr, start: pl.Expr, expected: pl.Expr) -> pl.DataFrame:
    table = items.select("index", found=found, start=start, end=start + found.str.len_chars(), expected=expected)
    return table.cast(pl.Schema(FAULT_SCHEMA))


def _say_list(check: Check) -> str:
    p: ListParameters = check.parameters
    how = "a numbered list" if _NUMBERED.fullmatch(p.marker.rstrip()) else "a list"
    if p.min == p.max == 1:
        count = " of one item"
    elif p.max is not None or p.min > 1:
        count = f" of {how_many(p.min, p.max, 'items')}"
    else:
        count = ""
    sentence = f"Write {how}{count}, each on a line that begins with `{p.marker.rstrip()} `"
    if not count:
        sentence = f"Write {how}, each item on a line that begins with `{p.marker.rstrip()} `"
    if p.min == 0:
        sentence = f"Where there is {how}, begin each item's line with `{p.marker.rstrip()} `"
        sentence += f" and write {how_many(None, p.max, 'items')}" if p.max else ""
    return sentence + (f"; an item has {how_many(None, p.item_max_words, 'words')}." if p.item_max_words else ".")


def _propose_list(columns: Columns) -> list[Proposal]:
    """The list that most outputs have, with the range of its items."""
    count = len(columns.output)
    if mostly_json(columns.output):
        return []
    best = None
    for marker in _PROPOSED_MARKERS:
        opening = rf"(?m)^{_marker_pattern(marker)}\S"
        holds = columns.output.str.count_matches(opening) >= 2
        if holds.sum() >= max(0.5 * count, 1) and (best is None or holds.sum() > best[1]):
            best = marker, holds.sum()
    if best is None:
        return []
    items = _items(columns.output, best[0]).filter(pl.col("own"))
    sizes = items.filter(~pl.col("nested")).group_by("index").len()["len"]
    low, high = int(sizes.min() or 1), int(sizes.max() or 1)  # type: ignore[arg-type]
    words = int(items["words"].max() or 1)  # type: ignore[arg-type]
    plain = {"marker": best[0]}
    ranged = plain | {"min": low, "max": high}
    short = [Proposal(ranged | {"item_max_words": words})] if words <= 12 else []
    # A range wider than a factor of five means nothing.
    return [*short, *([Proposal(ranged)] if high <= 5 * low else []), Proposal(plain)]


def _fix_list(check: Check, broken: Broken) -> Iterator[Edit]:
    """The marker of each item of the outermost list, its numbers counting up."""
    p: ListParameters = check.parameters
    expected = {fault[3] for fault in broken.faults}
    numbered = _NUMBERED.fullmatch(p.marker.rstrip())
    wrong = f"the marker {quoted(p.marker.strip())}"
    missing = any(found is None for found, *_ in broken.faults)  # all items may have another kind of marker
    if numbered and (missing or any(text == wrong or text.startswith("the number ") for text in expected)):
        yield from (
            Edit(start, end, f"{n}{numbered[1]}") for n, (start, end) in enumerate(_signs(broken.text), start=1)
        )
    elif missing:
        yield from (Edit(start, end, p.marker.strip()) for start, end in _signs(broken.text))
    elif not numbered:
        for found, start, end, text in broken.spans:
            if text == wrong:
                space = " " if p.marker.endswith(" ") and not broken.text[end : end + 1].isspace() else ""
                yield Edit(start, start + len(found), f"{p.marker.strip()}{space}")


_ITEM_SIGN = re.compile(rf"([ \t]*)({_ANY_BULLET}|\d{{1,9}}[^\w\s])(?=[ \t])")


def _signs(text: str) -> list[tuple[int, int]]:
    """The spans of the bullets or numbers of the outermost list."""
    items = [(start, match) for start, _, line in lines_of(text) if (match := _ITEM_SIGN.match(line))]
    lowest = min((len(match[1]) for _, match in items), default=0)
    return [(start + match.start(2), start + match.end(2)) for start, match in items if len(match[1]) <= lowest + 1]


def _cut_list(check: Check, broken: Broken) -> Iterator[Edit]:
    """The items beyond the last allowed one go, if nothing else follows."""
    p: ListParameters = check.parameters
    if p.max is None:
        return
    expected = how_many(p.min, p.max, "list items")
    for _, start, _, text in broken.spans:
        first = broken.text.rfind("\n", 0, start) + 1
        rest = [line for line in broken.text[first:].split("\n") if line.strip()]
        if text == expected and all(line[0] in " \t" or _ITEM_SIGN.match(line) for line in rest):
            yield Edit(len(broken.text[:first].rstrip()), len(broken.text), "")


LIST = Kind(
    "list", "form", ListParameters, _find_list, _say_list, _propose_list,
    Explanation(missing="there is no list, expected {expected}"),
    Fix(
        _fix_list, _cut_list,
        "Safe: replaces other markers, corrects the numbering. Unsafe: removes items beyond the last allowed one.",
    ),
)  # fmt: skip
