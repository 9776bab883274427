"""The check `sections`: headings, in order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..parts import lines_of
from ..schema import Broken, Check, Edit, Explanation, Findings, Fix, Kind, Proposal
from ..words import text_lines
from .order import common_succession, in_order, succession_faults

_COLON = ":"  # the marker of headings that are lines which end with it
_PROPOSED_MARKERS = ("# ", "## ", "### ", "**", _COLON)
_COLON_LINE = r"^ {0,3}[^\s:][^:]{0,60}:[ \t]*$"


@dataclass(frozen=True)
class SectionsParameters:
    """The headings of an output, in order: lines that begin with `marker`. `extra` False: no other headings.

    A marker after the heading (`**Title**`, `## Title ##`) is not part of its title. With the marker `:` a heading is a
    line that ends with a colon (`Ingredients:`). Lines in a code block do not count.
    """

    titles: tuple[str, ...]
    marker: str = "## "
    extra: bool = True

    def __post_init__(self) -> None:
        if not self.titles or not all(title.strip() for title in self.titles):
            raise ConfigError('"titles" needs at least one title, and none may be empty')
        if len(set(self.titles)) < len(self.titles):
            raise ConfigError("a title is listed twice")
        if any("\n" in text for text in (*self.titles, self.marker)):
            raise ConfigError("a heading must be one line")
        if not self.marker.strip() and not self.extra:
            raise ConfigError('"extra: false" needs a "marker" that distinguishes headings from other lines')


def _headings(texts: pl.Series, marker: str) -> pl.DataFrame:
    """Index, name, start and end of each heading."""
    opening = _opening(marker)
    wanted = _COLON_LINE if marker.strip() == _COLON else opening
    lines = text_lines(texts).filter(~pl.col("fenced") & pl.col("line").str.contains(wanted))
    title = pl.col("line").str.replace(opening, "").str.strip_chars_end()
    if closing := marker.strip():
        title = title.str.strip_suffix(closing).str.strip_chars_end()
    start = pl.col("start") + pl.col("line").str.extract(f"({opening})").str.len_chars()
    return lines.select("index", start=start, name=title).with_columns(
        end=pl.col("start") + pl.col("name").str.len_chars()
    )


def _opening(marker: str) -> str:
    """A pattern for what is before the title in the line of a heading."""
    return r"^ {0,3}" if marker.strip() == _COLON else rf"^ {{0,3}}{re.escape(marker)}[ \t]*"


def _find_sections(check: Check, columns: Columns) -> Findings:
    p: SectionsParameters = check.parameters
    found = succession_faults(
        _headings(columns.output, p.marker),
        len(columns.output),
        p.titles,
        extra=p.extra,
        ignore_case=check.ignore_case,
        shown=lambda title: _shown(title, p.marker),
    )
    return Findings(found)


def _shown(title: str, marker: str) -> str:
    """The heading as written in a text: a marker of emphasis closes it too."""
    if marker.strip() == _COLON:
        return f"{title}:"
    return f"{marker}{title}{marker}" if marker.strip(" *_") == "" and marker.strip() else f"{marker}{title}"


def _say_sections(check: Check) -> str:
    p: SectionsParameters = check.parameters
    titles = [f"`{_shown(title, p.marker)}`" for title in p.titles]
    if len(titles) == 1:
        return f"Give the text the heading {titles[0]}{'' if p.extra else ' and no other'}."
    others = "" if p.extra else " and no others"
    return f"Use these headings, in this order{others}: {', '.join(titles)}."


def _propose_sections(columns: Columns) -> list[Proposal]:
    proposals = []
    for marker in _PROPOSED_MARKERS:
        if columns.output.str.contains(marker, literal=True).sum() < 0.5 * len(columns.output) or not len(
            columns.output
        ):
            continue
        headings = _headings(columns.output, marker)
        if marker == "**":  # bold words at the beginning of a line are not headings
            ends = pl.Series([len(name) <= 60 for name in headings["name"]], dtype=pl.Boolean)
            headings = headings.filter(ends & (~headings["name"].str.contains("**", literal=True)))
        if (usual := common_succession(headings.filter(pl.col("name") != ""), len(columns.output))) is None:
            continue
        titles, alone = usual
        entry = {"titles": titles} | ({} if marker == "## " else {"marker": marker})
        proposals += [Proposal({**entry, "extra": False})] if alone else []
        proposals.append(Proposal(entry))
    return proposals


_AROUND_TITLE = " \t#*_:=-"


def _fix_sections(check: Check, broken: Broken) -> Iterator[Edit]:
    """Headings written as the rule asks; once all are there, the sections in its order."""
    p: SectionsParameters = check.parameters
    text, lines = broken.text, [*lines_of(broken.text)]
    opening = re.compile(_opening(p.marker))
    wanted = re.compile(_COLON_LINE) if p.marker.strip() == _COLON else opening
    heads = [(start, _title(opening.sub("", line, count=1), p)) for start, _, line in lines if wanted.match(line)]
    names = [name for _, name in heads]
    if missing := [title for title in p.titles if title not in names]:
        yield from _written_titles(lines, missing, p)
    else:
        yield from in_order(text, heads, p.titles)


def _title(line: str, p: SectionsParameters) -> str:
    title = line.rstrip()
    return title.removesuffix(p.marker.strip()).rstrip() if p.marker.strip() else title


def _written_titles(lines: list[tuple[int, int, str]], missing: list[str], p: SectionsParameters) -> Iterator[Edit]:
    """The heading in place of a line that holds its title alone, with another marker or in another case."""
    wanted = {title.strip(_AROUND_TITLE).casefold(): title for title in missing}
    for start, end, line in lines:
        title = wanted.pop(line.strip(_AROUND_TITLE).casefold(), None)
        if title is not None:
            yield Edit(start, end, _shown(title, p.marker))


SECTIONS = Kind(
    "sections", "form", SectionsParameters, _find_sections, _say_sections, _propose_sections,
    Explanation('found the heading "{found}" where {expected} is expected', "the heading {expected} is missing"),
    Fix(_fix_sections, says="Safe: corrects the marker and case of headings and puts the sections in order."),
)  # fmt: skip
