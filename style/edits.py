"""Edits of one output: what the rules suggest, which fit together, and the text that they make."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from operator import attrgetter
from typing import NamedTuple

import polars as pl

from .columns import Columns
from .kinds import KINDS
from .protected import Span, part_numbers, protected_spans, same_spans, touched
from .schema import Broken, Check, Edit, Fault, StyleSchema
from .scope import in_pieces

# Edits that do not all fit together are tried by rule, then in halves, quarters and so on: this many tries at most.
# Of a long output fewer, since each try checks all of it again, and in later steps: thousands of edits of which some do
# not fit together would take thousands of tries.
_MOST_TRIES, _MOST_CHARACTERS, _FIRST_STEPS, _LATER_TRIES = 48, 240_000, 4, 4


class Planned(NamedTuple):
    """An edit of one output with the rank of its rule, which decides between edits that overlap."""

    rank: tuple[int, str]
    start: int
    end: int
    text: str
    rule: str


def planned_edits(
    style: StyleSchema, columns: Columns, violations: pl.DataFrame, *, safe: bool, unsafe: bool
) -> dict[int, list[Planned]]:
    """The edits that the rules suggest for each output: the safe ones, or else the unsafe ones that they allow."""
    planned: dict[int, list[Planned]] = {}
    broken = violations.partition_by("check", as_dict=True)
    rows = violations["index"].unique()
    marked, numeric = (
        set(columns.protected.marked(rows)),
        set(rows.filter(columns.output.gather(rows).str.contains("[0-9]"))),
    )
    for check in style.checks:
        function = _function(check, safe=safe, unsafe=unsafe)
        faults = broken.get((check.id,))
        if function is None or faults is None:
            continue
        rank = _rank(check)
        for index, by, faulty in _broken(check, columns, faults):
            text = faulty.text
            edits = [
                Planned(rank, start + by, end + by, new, check.id)
                for start, end, new in function(check, faulty)
                if text[start:end] != new
            ]
            near = index in numeric and any(_near_digit(text, edit.start - by, edit.end - by) for edit in edits)
            if near or index in marked:
                whole = columns.output[index]
                spans = columns.protected[index] if index in marked else [*part_numbers(whole)]
                edits = _sound(edits, whole, spans, KINDS[check.kind].fix.spans)
            if edits:
                planned.setdefault(index, []).extend(edits)
    return planned


def _near_digit(text: str, start: int, end: int) -> bool:
    """Whether an edit may touch a part number: it replaces a digit, or is within a word."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before in _BLANKS or after in _BLANKS) or any(map(str.isdigit, text[start:end]))


_BLANKS = frozenset(["", " ", "\n"])


Spans = list[tuple[str, str]]  # the text and the kind of each


def _change(text: str, spans: Sequence[Span], edit: Planned) -> tuple[Spans, Spans] | None:
    """The protected spans that an edit replaces, and those of its own text; None if it cuts one."""
    old = []
    for start, end, kind in touched(spans, edit.start, edit.end):
        if start < edit.start or end > edit.end:
            return None
        old.append((text[start:end], kind))
    return old, [(edit.text[start:end], kind) for start, end, kind in protected_spans(edit.text)]


def _equal(changes: Iterable[tuple[Spans, Spans]], own: Collection[str]) -> bool:
    """Whether spans but those of a rule's own kinds are replaced by the same ones: what moves stays the same."""
    old, new = zip(*changes, strict=True)
    return _others(old, own) == _others(new, own)


def _others(spans: Iterable[Spans], own: Collection[str]) -> list[str]:
    return sorted([text for some in spans for text, kind in some if kind not in own])


def _sound(edits: list[Planned], text: str, spans: Sequence[Span], own: Collection[str]) -> list[Planned]:
    """The edits of a rule that cut no protected span and change none but its own kinds."""
    whole = [(edit, change) for edit in edits if (change := _change(text, spans, edit)) is not None]
    if not whole or _equal([change for _, change in whole], own):
        return [edit for edit, _ in whole]
    return [edit for edit, change in whole if _equal([change], own)]


def keep_spans(
    style: StyleSchema, columns: Columns, rows: list[int], edits: Sequence[Sequence[Planned]], after: pl.Series
) -> pl.Series:
    """Where edits of some rows change no protected spans but those of their rules' own kinds, and make no others."""
    kept = same_spans(columns.output.gather(rows), after)
    own = {check.id: KINDS[check.kind].fix.spans for check in style.checks}
    unsure = (~kept).arg_true()
    sure = [_keeps(columns.output[rows[at]], columns.protected[rows[at]], edits[at], after[at], own) for at in unsure]
    return kept.scatter(unsure, sure)


def _keeps(
    text: str, spans: Sequence[Span], edits: Sequence[Planned], after: str, own: Mapping[str, Collection[str]]
) -> bool:
    expected = Counter(text[start:end] for start, end, _ in spans)
    of_rules: dict[str, list[tuple[Spans, Spans]]] = {}
    for edit in edits:
        if (change := _change(text, spans, edit)) is None:
            return False
        of_rules.setdefault(edit.rule, []).append(change)
        expected.subtract(old for old, _ in change[0])
        expected.update(new for new, _ in change[1])
    same = all(_equal(changes, own[rule]) for rule, changes in of_rules.items())
    return same and +expected == Counter(after[start:end] for start, end, _ in protected_spans(after))


def _broken(check: Check, columns: Columns, faults: pl.DataFrame) -> Iterator[tuple[int, int, Broken]]:
    """The outputs that break a check, or the pieces of them that do: row, place in the output, text with violations."""
    if not (check.each or check.part):
        texts = columns.once("texts", columns.output.to_list)
        yield from ((row, 0, Broken(texts[row], found, columns, row)) for row, found in _by_row(faults))
        return
    rows = faults["index"].unique().sort()
    pieces = in_pieces(KINDS[check.kind].look, check, columns.changed(rows.to_list(), columns.output.gather(rows)))
    places = [*zip(rows.gather(pieces.table["index"]), pieces.table["start"], pieces.table["text"], strict=True)]
    applies = pieces.findings.applicable
    for piece, found in _by_row(pieces.findings.violations.sort("index", maintain_order=True)):
        if applies is None or applies[piece]:
            row, start, text = places[piece]
            yield row, start, Broken(text, found, pieces.columns, piece)


def _by_row(faults: pl.DataFrame) -> Iterator[tuple[int, list[Fault]]]:
    """The violations (found, start, end, expected) of each row, which are in order."""
    table = faults.select("index", "found", "start", "end", "expected").iter_rows()
    for row, some in groupby(table, key=lambda fault: fault[0]):
        yield row, [fault[1:] for fault in some]


def _function(check: Check, *, safe: bool, unsafe: bool) -> Callable[[Check, Broken], Iterable[Edit]] | None:
    """The kind's function for safe or unsafe edits, if the check allows them."""
    fix = KINDS[check.kind].fix
    if check.fix == "off":
        return None
    if safe:
        return fix.safe
    return fix.unsafe if check.fix == "unsafe" or (unsafe and check.fix is None) else None


_RANKS = {name: number for number, name in enumerate(KINDS)}


def _rank(check: Check) -> tuple[int, str]:
    """The rank of a rule by what it says, whatever its place in the schema."""
    when = sorted((check.when or {}).items())
    scope = (check.each, check.part)
    return (_RANKS[check.kind], repr((check.parameters, when, check.ignore_case, check.level, check.fix, scope)))


def subsets(edits: Sequence[Planned], length: int, step: int = 0) -> Iterator[tuple[Planned, ...]]:
    """The edits to try in turn: all that do not overlap; then those of each rule; then halves of these, down to one.

    `length` is that of the output in characters, `step` the number of times that it was repaired already.
    """
    allowed = _MOST_CHARACTERS // max(1, length)
    most = max(2, min(_MOST_TRIES, allowed)) if step < _FIRST_STEPS else max(1, min(_LATER_TRIES, allowed // 10))
    everything = _apart(edits)
    yield everything
    if len(edits) == 1:
        return
    halves = [_apart([*of_rule]) for _, of_rule in groupby(sorted(edits), key=lambda edit: edit.rank)]
    tried = {everything}
    while halves:
        for some in halves:
            if some not in tried:
                tried.add(some)
                yield some
                if len(tried) >= most:
                    return
        halves = [half for some in halves for half in _halves(some)]


def _halves(edits: tuple[Planned, ...]) -> Iterator[tuple[Planned, ...]]:
    if len(edits) > 1:
        middle = len(edits) // 2
        yield edits[:middle]
        yield edits[middle:]


def _apart(edits: Sequence[Planned]) -> tuple[Planned, ...]:
    """The edits without those that overlap one of a lower rank, in text order."""
    if len(edits) == 1:
        return tuple(edits)
    ordered = sorted(edits, key=_SPAN)
    if not any(_overlap(one[1:3], other[1:3]) for one, other in pairwise(ordered)):
        return tuple(ordered)
    chosen: list[tuple[int, int]] = []
    kept: list[Planned] = []
    for edit in sorted(edits):
        span = (edit.start, edit.end)
        at = bisect_left(chosen, span)
        near = chosen[max(at - 1, 0) : at + 2]
        if not any(_overlap(span, other) for other in near):
            insort(chosen, span)
            kept.append(edit)
    return tuple(sorted(kept, key=_SPAN))


_SPAN = attrgetter("start", "end")


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two spans share a character, or are the same place."""
    return one == other or (one[0] < other[1] and other[0] < one[1])


def with_edits(text: str, edits: Sequence[Planned]) -> str:
    """The text with the edits made; they are in order and do not overlap."""
    pieces, at = [], 0
    for edit in edits:
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])
