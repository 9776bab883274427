"""The rows of the examples section: which requests are shown, and their outputs with the violations marked."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from ....style import field_text
from ...stored import StoredRun
from ..curation.changed import before_repair
from .marks import clip, mark_text, placed_numbers

MOST_ROWS = 200
ROWS_WITH_OTHERS = (
    20  # rows that also show the variants that are not compared; those on which the two differ come first
)
# If space is short, the first rows keep this many times as much text.
FIRST_ROWS, FIRST_ROWS_KEEP = 8, 8
MOST_NOTES = 12
SHORT = 400
OTHERS_LIMIT = 300  # characters of the outputs of variants that are not compared, which are collapsed
# The candidate's losses come first, because a sceptic looks for them.
KINDS = ("lost", "won", "neither", "unscored", "both")


_PLAIN = re.compile(r"[A-Za-z0-9._:/+-]{1,80}")


@dataclass(frozen=True)
class Note:
    """A violation listed under an output, its count, and whether it is marked in the text."""

    check: str
    text: str
    times: int
    placed: bool


@dataclass(frozen=True)
class Shown:
    """One output as the page shows it, with its violations, or in brief with the checks that it breaks.

    `name` is the variant's label, `also` are those of others with the very same output; `variants` has the indices of all
    of them in the run's order. `anchor` is the prefix of the ids of its marks and notes. `before` is the output as it came, if it
    was repaired, with the differences marked; `fixed` are the rules by which it was.
    """

    name: str
    also: tuple[str, ...]
    acceptable: bool | None
    text: Markup
    left_off: int
    notes: tuple[Note, ...]
    more_notes: int
    breaks: tuple[str, ...]
    anchor: str
    before: Markup
    fixed: tuple[str, ...]
    variants: str = ""


@dataclass(frozen=True)
class Example:
    """One request with the outputs of both sides, those of the other variants, and the reference."""

    id: str
    request: tuple[tuple[str, str], ...]  # (field, value); plain text is one unnamed field
    sides: tuple[Shown, ...]
    others: tuple[Shown, ...]
    reference: str
    reference_ok: bool
    kind: str  # one of KINDS
    checks: tuple[str, ...]
    group: str | None

    @property
    def anchor(self) -> str:
        """The id of its card."""
        return example_anchor(self.id)


@dataclass(frozen=True)
class Examples:
    """The chosen rows, the total number of rows, how many of them differ, and the checks and groups to filter by.

    `groups` lists the groups with at least two shown rows. `outputs_hash` identifies the run that blind judgements
    belong to. `others_shown` is the number of rows that also show variants that are not compared; None means all.
    `others` are the labels of these variants with their indices in the run's order.
    """

    rows: tuple[Example, ...]
    total: int
    differing: int
    checks: tuple[str, ...]
    groups: tuple[str, ...]
    outputs_hash: str
    others_shown: int | None = None
    others: tuple[tuple[int, str], ...] = ()

    def numbers_of(self, row: Example) -> str:
        """The indices of the row's checks in `checks`, separated by spaces, for the page's filter."""
        return " ".join(str(self.checks.index(check)) for check in row.checks)

    def characters(self) -> int:
        """The length of all outputs and references: a lower bound for the size of the page in bytes."""
        sides = [side for row in self.rows for side in (*row.sides, *row.others)]
        texts = [*(text for side in sides for text in (side.text, side.before)), *(row.reference for row in self.rows)]
        return sum(map(len, texts))

    def kinds(self) -> list[tuple[str, int]]:
        """The kinds of the shown rows, each with its number of rows."""
        counts = Counter(row.kind for row in self.rows)
        return [(kind, counts[kind]) for kind in KINDS if counts[kind]]


def example_anchor(id_: str) -> str:
    """The anchor of a pair's card, the same in every report that shows the pair.

    It is the pair's id, or its hash where the id cannot stand in an address as it is.
    """
    plain = _PLAIN.fullmatch(id_)
    return f"example-{id_ if plain else hashlib.sha256(id_.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def choose_examples(
    run: StoredRun, *, text_limit: int = 4000, most_rows: int = MOST_ROWS, rows_with_others: int = ROWS_WITH_OTHERS
) -> Examples:
    """At most 200 rows: first all on which the two sides differ (the candidate's losses in front), then others.

    Within each kind, rows are ordered by a hash of the id: reproducible and not hand-picked. Each text is cut after
    `text_limit` characters, in the first rows after eight times as many (at most 4,000), and the cut is marked. Only the
    first `rows_with_others` rows show the outputs of variants that are not compared.
    """
    names, ids = shown_names(run), shown_ids(run)
    kinds = kinds_of(run, ids)
    differing = [id_ for id_ in ids if kinds[id_] in ("lost", "won")]
    chosen = by_hash(differing)[:most_rows]
    chosen += by_hash(id_ for id_ in ids if kinds[id_] not in ("lost", "won"))[: most_rows - len(chosen)]
    chosen.sort(key=lambda id_: KINDS.index(kinds[id_]))
    rows = tuple(
        _example(run, id_, names, kinds[id_], _limit(text_limit, index), index, others=index < rows_with_others)
        for index, id_ in enumerate(chosen)
    )
    others = run.others
    some_others = bool(others) and len(rows) > rows_with_others
    groups = Counter(row.group for row in rows if row.group is not None)
    return Examples(
        rows=rows,
        total=len(ids),
        differing=len(differing),
        checks=tuple(sorted({check for row in rows for check in row.checks})),
        groups=tuple(sorted(group for group, members in groups.items() if members > 1)),
        outputs_hash=run.shown_outputs,
        others_shown=rows_with_others if some_others else None,
        others=tuple((run.variants.index(name), run.label(name)) for name in others),
    )


def _limit(text_limit: int, index: int) -> int:
    return text_limit if index >= FIRST_ROWS else max(text_limit, min(FIRST_ROWS_KEEP * text_limit, 4000))


def shown_names(run: StoredRun) -> list[str]:
    """The variants whose outputs an example shows, the baseline first."""
    return [name for name in (run.baseline, run.candidate) if name is not None]


def shown_ids(run: StoredRun) -> list[str]:
    """The pairs with an output of these variants."""
    return [id_ for id_ in run.pairs if any((id_, name) in run.outputs for name in shown_names(run))]


def kinds_of(run: StoredRun, ids: Iterable[str]) -> dict[str, str]:
    """The outcome of each of these pairs, one of `KINDS`."""
    names = shown_names(run)
    return {id_: _kind(run, id_, names) for id_ in ids}


def by_hash(ids: Iterable[str]) -> list[str]:
    """The ids in an order that is the same every time and has nothing to do with their content."""
    return sorted(ids, key=lambda id_: hashlib.sha256(id_.encode("utf-8", "surrogatepass")).digest())


def _kind(run: StoredRun, id_: str, names: list[str]) -> str:
    found = [run.outputs.get((id_, name), {"acceptable": False}).get("acceptable") for name in names]
    if None in found:
        return "unscored"
    good = [bool(value) for value in found]
    if all(good):
        return "both"
    if not any(good):
        return "neither"
    return "won" if good[-1] else "lost"


def request_parts(pair: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(field, value) of each field of a request; a plain text is one unnamed field."""
    fields = pair.get("fields")
    if isinstance(fields, Mapping) and fields:
        return [(str(name), text) for name, value in fields.items() if (text := field_text(value))]
    return [("", str(pair.get("input") or ""))]


def _example(run: StoredRun, id_: str, names: list[str], kind: str, limit: int, index: int, *, others: bool) -> Example:
    pair = run.pairs[id_]
    lines = {name: run.outputs.get((id_, name)) for name in [*names, *(run.others if others else ())]}
    # If space is short, only the first rows list what was expected; the others name the broken checks.
    brief = limit < SHORT
    # The outputs get twice the space of the request and the reference.
    context_limit = limit // 2 if brief else limit
    same = _same_outputs(lines, names)
    sides = {
        name: _shown(run, same[name], line, limit, anchor=f"{index}-{number}", brief=brief)
        if name in names
        else _shown(run, same[name], line, min(limit, OTHERS_LIMIT), anchor="", brief=True)
        for number, (name, line) in enumerate(lines.items())
        if name in same
    }
    broken = {check for name in names for check in _checks(lines[name] or {})}
    group = pair.get("group")
    return Example(
        id=id_,
        request=tuple((name, _clipped(text, context_limit)) for name, text in request_parts(pair)),
        sides=tuple(sides.pop(name) for name in names),
        others=tuple(sides.values()),
        reference=_clipped(str(pair.get("output") or ""), context_limit),
        reference_ok=pair.get("reference_ok") is not False,
        kind=kind,
        checks=tuple(sorted(broken)),
        group=None if group is None else str(group),
    )


def _same_outputs(lines: Mapping[str, Mapping[str, Any] | None], names: list[str]) -> dict[str, list[str]]:
    """The variants to show, each with those that are not compared and gave the same output with the same violations."""
    first: dict[tuple[Any, ...], str] = {}
    same: dict[str, list[str]] = {name: [name] for name in names}
    for name, line in lines.items():
        if line is None:
            continue
        key = (line.get("output"), line.get("acceptable"), tuple(_checks(line)))
        if name in names:
            first.setdefault(key, name)
        elif (shown := first.setdefault(key, name)) == name:
            same[name] = [name]
        else:
            same[shown].append(name)
    return same


def _shown(
    run: StoredRun, names: list[str], line: Mapping[str, Any] | None, limit: int, *, anchor: str, brief: bool
) -> Shown:
    name, *also = map(run.label, names)
    if line is None:
        missing = Note("no output", "this request has no output", times=1, placed=False)
        return Shown(name, (), None, Markup(""), 0, (missing,), 0, (), anchor, Markup(""), ())
    shown = show_output(name, line, limit, anchor=anchor, brief=brief)
    if names[0] not in (run.baseline, run.candidate) and run.way(names[0]) == "repair":
        shown = replace(shown, fixed=())  # its origin is shown too
    variants = " ".join(str(run.variants.index(one)) for one in names if one in run.variants)
    return replace(shown, also=tuple(also), variants=variants)


def show_output(name: str, line: Mapping[str, Any], limit: int, *, anchor: str, brief: bool = False) -> Shown:
    """An output with its violations marked, cut after `limit` characters; `brief` only names the checks that it breaks."""
    violations, fixed = list(line.get("violations") or []), tuple(map(str, line.get("fixed") or ()))
    text, left_off = clip(str(line.get("output") or ""), limit)
    about: dict[str, Any] = {
        "name": name, "also": (), "acceptable": line.get("acceptable"), "left_off": left_off, "anchor": anchor,
        "before": before_repair(line, limit), "fixed": fixed,
    }  # fmt: skip
    if brief:
        marks = mark_text(text, violations)
        return Shown(text=marks, notes=(), more_notes=0, breaks=tuple(_checks(line)), **about)
    # The same violation in several places is one note; each place shows the note's number.
    wordings = [(str(found.get("check")), _note(found)) for found in violations]
    times = Counter(wordings)
    listed = {wording: number for number, wording in enumerate(list(times)[:MOST_NOTES], start=1)}
    marked = [found for found, wording in zip(violations, wordings, strict=True) if wording in listed]
    numbers = [listed[wording] for wording in wordings if wording in listed]
    placed = placed_numbers(text, marked, numbers=numbers)
    return Shown(
        text=mark_text(text, marked, numbers=numbers, anchor=anchor),
        notes=tuple(Note(*wording, times[wording], number in placed) for wording, number in listed.items()),
        more_notes=len(times) - len(listed), breaks=(), **about,
    )  # fmt: skip


def _checks(line: Mapping[str, Any]) -> list[str]:
    """The checks that an output breaks, each once."""
    return list(dict.fromkeys(str(found.get("check")) for found in line.get("violations") or []))


def _note(violation: Mapping[str, Any]) -> str:
    """What was found and what was expected, in brief."""
    found, expected = violation.get("found"), str(violation.get("expected") or "")
    start = f"“{_clipped(str(found), 60)}”" if found else ""
    wanted = f"expected: {_clipped(expected, 200)}" if expected else ""
    return "; ".join(part for part in (start, wanted) if part)


def _clipped(text: str, limit: int) -> str:
    shown, left_off = clip(text, limit)
    return f"{shown} …" if left_off else shown
