"""A kind of check: everything it can do, in one value."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from .columns import Columns
from .protected import cuts
from .schema import About, Check, Findings, Level

__all__ = ["Broken", "Edit", "Fault", "Fix", "Kind", "Proposal", "explain_plainly", "whole_terms"]


@dataclass(frozen=True)
class Proposal:
    """A check suggested by examples: an entry as written in `style.yaml`, without kind and level.

    `style` is False if the check holds for most texts of any style (no leftovers of a prompt): it accompanies other
    rules but does not make a style by itself. `note`: the finding in the examples, for the comment next to the check.
    `most`: the highest level that it may get, whatever the evidence.
    """

    entry: Mapping[str, Any]
    style: bool = True
    note: str = ""
    most: Level = "must"


def explain_plainly(check: Check, found: str | None, expected: str) -> str:
    """One violation in a sentence: which rule, what was found, what was expected."""
    return (
        f'{check.id}: found "{found}", expected {expected}' if found is not None else f"{check.id}: expected {expected}"
    )


def propose_nothing(columns: Columns) -> Sequence[Proposal]:
    """No proposals, for a kind that examples cannot suggest."""
    return ()


class Edit(NamedTuple):
    """A replacement of the text from `start` to `end` (code points, end excluded)."""

    start: int
    end: int
    text: str


Fault = tuple[str | None, int | None, int | None, str]


class Broken(NamedTuple):
    """An output that breaks a check, with its violations (found, start, end, expected).

    For a check that is limited to pieces, the piece is the text, and `columns` hold the pieces.
    """

    text: str
    faults: Sequence[Fault]
    columns: Columns
    row: int

    @property
    def prose(self) -> str:
        """The text with signs of the same length in place of its protected spans but part numbers."""
        return self.columns.protected.prose(self.row)

    @property
    def request(self) -> str:
        """The input as text."""
        return self.columns.input[self.row]

    @property
    def fields(self) -> Mapping[str, Any]:
        """The input's fields; empty if it is plain text."""
        return self.columns.fields[self.row]

    @property
    def spans(self) -> list[tuple[str, int, int, str]]:
        """The violations that have a place in the text: found, start, end, expected."""
        return [
            (found, start, end, expected)
            for found, start, end, expected in self.faults
            if found is not None and start is not None and end is not None
        ]


Edits = Callable[[Check, Broken], Iterable[Edit]]


@dataclass(frozen=True)
class Fix:
    """How a kind repairs an output that breaks it; a function that cannot repair it returns no edits.

    safe: the meaning of the text cannot change. unsafe: something that it says goes. The caller makes no edit that
    breaks another rule, and no safe one that changes a fact. says: what both do, for the reference of the kinds.
    spans: the kinds of protected spans that they may change, each as a whole.
    """

    safe: Edits | None = None
    unsafe: Edits | None = None
    says: str = ""
    spans: Collection[str] = ()

    @property
    def possible(self) -> tuple[str, ...]:
        """The values of the key `fix` that have an effect on the kind."""
        return tuple(name for name in ("safe", "unsafe") if getattr(self, name) is not None)


@dataclass(frozen=True)
class Kind:
    """A kind's name, default subject, the frozen dataclass of its parameters, and its functions.

    find: violations in a whole column. say: the rule as a sentence of a style guide. propose: checks of this kind that
    the outputs of examples may follow, strictest first; the caller counts how many do. explain: one violation in a
    sentence. fix: how an output that breaks it is repaired, if it can be. loosens: the lists of which a longer one accepts
    all that a shorter one does. looked_for: those whose texts matter only where they occur in an output or a request.
    "wordings" are those of the style. prose: it does not look at protected spans.
    """

    name: str
    about: About
    parameters: type
    find: Callable[[Check, Columns], Findings]
    say: Callable[[Check], str]
    propose: Callable[[Columns], Sequence[Proposal]] = propose_nothing
    explain: Callable[[Check, str | None, str], str] = explain_plainly
    fix: Fix = Fix()
    loosens: frozenset[str] = frozenset()
    looked_for: frozenset[str] = frozenset()
    prose: bool = False

    def look(self, check: Check, columns: Columns) -> Findings:
        """The violations in a whole column, for a check of prose those in prose."""
        return in_prose(self.find, check, columns) if self.prose else self.find(check, columns)


Place = tuple[int, str, int, int]  # row, text found, start, end


def in_prose(find: Callable[[Check, Columns], Findings], check: Check, columns: Columns) -> Findings:
    """What a check finds in prose: texts that break it and may have protected spans are checked again without them."""
    findings = find(check, columns)
    marked = columns.protected.marked(findings.violations["index"].unique().sort())
    prose = pl.Series("output", [columns.protected.prose(row) for row in marked], dtype=pl.String)
    other = prose != columns.output.gather(marked)
    rows, prose = marked.filter(other), prose.filter(other)
    if not len(rows):
        return findings
    again = find(check, columns.changed(rows.to_list(), prose))
    texts = columns.output.gather(rows).to_list()
    places = again.violations.select("index", "found", "start", "end").iter_rows()
    found = [text if start is None else texts[index][start:end] for index, text, start, end in places]
    moved = again.violations.with_columns(
        index=rows.gather(again.violations["index"]), found=pl.Series(found, dtype=pl.String)
    )
    others = findings.violations.filter(~pl.col("index").is_in(rows.implode()))
    applicable = findings.applicable
    if applicable is not None and again.applicable is not None:
        applicable = applicable.clone().scatter(rows, again.applicable)
    return Findings(pl.concat([others, moved]).sort("index", maintain_order=True), applicable, findings.unscored)


def whole_terms(columns: Columns, places: Sequence[Place], pattern: str) -> Sequence[Place]:
    """The places of terms (matches of `pattern`) without those within a protected span; a term that is all of one counts."""
    rows = pl.Series([*dict.fromkeys([place[0] for place in places])], dtype=pl.UInt32)
    # Within a part number, one of these marks is next to the term.
    joined = rows.filter(columns.output.gather(rows).str.contains(rf"[_.+/-](?:{pattern})|(?:{pattern})[_.+/-]"))
    doubtful = {*columns.protected.marked(rows), *joined}
    return [place for place in places if place[0] not in doubtful or not cuts(columns.protected[place[0]], *place[2:])]
