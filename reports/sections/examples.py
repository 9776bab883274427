"""The examples side by side: which rows are shown and why, each with its violations at their place."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ...core import sha256_file
from ...core import unbroken as say
from ...evaluate import discordant_clause
from ...style import field_text
from ..page import Section
from ..stored import StoredRun
from ..words import capital, named, quoted
from .marks import clip, mark_text, placed_numbers
from .quality import samples_of

__all__ = [
    "Example",
    "Examples",
    "Note",
    "Shown",
    "choose_examples",
    "chosen_by",
    "kind_words",
    "lead",
    "printed",
    "section",
]

MOST_ROWS = 200
PRINTED_ROWS = 8
# The rows that are printed and shown first keep more of their texts if space is short.
FIRST_ROWS_KEEP = 8
MOST_NOTES = 12
SHORT = 400
OTHERS_LIMIT = 600  # of variants that are not compared: they are collapsed
# The candidate's losses first: a sceptic looks for them.
KINDS = ("lost", "won", "neither", "unscored", "both")


@dataclass(frozen=True)
class Note:
    """A violation as listed under an output, its count, and whether the output is marked."""

    check: str
    text: str
    times: int
    placed: bool


@dataclass(frozen=True)
class Shown:
    """One output as the page shows it, with a list of its violations, or in short the checks that it breaks.

    `anchor` is the prefix of the ids of its marks and notes.
    """

    name: str
    acceptable: bool | None
    text: Markup
    left_off: int
    notes: tuple[Note, ...]
    more_notes: int
    breaks: tuple[str, ...]
    anchor: str


@dataclass(frozen=True)
class Example:
    """One request with the outputs of both sides, those of the other variants, and the reference."""

    id: str
    request: tuple[tuple[str, str], ...]  # (field, value); one unnamed field for a plain text
    sides: tuple[Shown, ...]
    others: tuple[Shown, ...]
    reference: str
    reference_ok: bool
    kind: str  # one of KINDS
    checks: tuple[str, ...]
    group: str | None


@dataclass(frozen=True)
class Examples:
    """The chosen rows, how many there are in all, how many differ, and the checks and groups to filter by.

    `groups` are those of at least two shown rows. `outputs_hash` tells the run that a person's judgements are about.
    `others_shown` is the number of rows that show the outputs of variants not compared; None means all.
    """

    rows: tuple[Example, ...]
    total: int
    differing: int
    checks: tuple[str, ...]
    groups: tuple[str, ...]
    outputs_hash: str
    others_shown: int | None = None

    def numbers_of(self, row: Example) -> str:
        """The places of the row's checks in `checks`, as one word each: what the page's filter reads."""
        return " ".join(str(self.checks.index(check)) for check in row.checks)

    def characters(self) -> int:
        """The length of all outputs and references: a lower bound in bytes for any page that shows them."""
        texts = [text for row in self.rows for text in (*(s.text for s in (*row.sides, *row.others)), row.reference)]
        return sum(map(len, texts))

    def kinds(self) -> list[tuple[str, int]]:
        """The kinds that are shown, with how many rows of each."""
        counts = Counter(row.kind for row in self.rows)
        return [(kind, counts[kind]) for kind in KINDS if counts[kind]]


def choose_examples(
    run: StoredRun, *, text_limit: int = 4000, most_rows: int = MOST_ROWS, all_others: bool = True
) -> Examples:
    """At most 200 rows: all on which the two sides differ first, the candidate's losses in front, then the others.

    Within each kind rows are ordered by a hash of the id: reproducible, and not hand-picked.
    Each text is cut after `text_limit` characters, those of the first rows after eight times as many (at most 4,000),
    and says so. Without `all_others` only the first rows show the outputs of variants not compared.
    """
    names = [name for name in (run.baseline, run.candidate) if name is not None]
    ids = [id_ for id_ in run.pairs if any((id_, name) in run.outputs for name in names)]
    kinds = {id_: _kind(run, id_, names) for id_ in ids}
    differing = [id_ for id_ in ids if kinds[id_] in ("lost", "won")]
    chosen = _some(differing, most_rows)
    chosen += _some([id_ for id_ in ids if kinds[id_] not in ("lost", "won")], most_rows - len(chosen))
    chosen.sort(key=lambda id_: KINDS.index(kinds[id_]))
    rows = tuple(
        _example(
            run, id_, names, kinds[id_], _limit(text_limit, place), place, others=all_others or place < PRINTED_ROWS
        )
        for place, id_ in enumerate(chosen)
    )
    some_others = not all_others and len(rows) > PRINTED_ROWS and len(run.variants) > len(names)
    groups = Counter(row.group for row in rows if row.group is not None)
    outputs = run.path / "evaluate" / "outputs.jsonl"
    return Examples(
        rows=rows,
        total=len(ids),
        differing=len(differing),
        checks=tuple(sorted({check for row in rows for check in row.checks})),
        groups=tuple(sorted(group for group, members in groups.items() if members > 1)),
        outputs_hash=_hash(outputs, outputs.stat().st_mtime_ns) if outputs.exists() else "",
        others_shown=PRINTED_ROWS if some_others else None,
    )


def _limit(text_limit: int, place: int) -> int:
    return text_limit if place >= PRINTED_ROWS else max(text_limit, min(FIRST_ROWS_KEEP * text_limit, 4000))


@lru_cache(maxsize=4)
def _hash(path: Path, changed: int) -> str:
    """Cached per state of the file: the rows are chosen repeatedly until their texts fit the page."""
    return sha256_file(path)


def _some(ids: list[str], most: int) -> list[str]:
    return sorted(ids, key=lambda id_: hashlib.sha256(id_.encode("utf-8", "surrogatepass")).digest())[:most]


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


def _request(pair: Mapping[str, Any]) -> list[tuple[str, str]]:
    fields = pair.get("fields")
    if isinstance(fields, Mapping) and fields:
        return [(str(name), text) for name, value in fields.items() if (text := field_text(value))]
    return [("", str(pair.get("input") or ""))]


def _example(run: StoredRun, id_: str, names: list[str], kind: str, limit: int, place: int, *, others: bool) -> Example:
    pair = run.pairs[id_]
    lines = {name: run.outputs.get((id_, name)) for name in [*names, *(run.variants if others else ())]}
    # If space is short, the first rows show what was expected and the others what was broken.
    brief = limit < SHORT
    # The outputs, which are judged, get twice the space of the request and the reference.
    beside = limit // 2 if brief else limit
    sides = {
        name: _shown(name, line, limit, anchor=f"{place}-{number}", brief=brief)
        if name in names
        else _shown(name, line, min(limit, OTHERS_LIMIT), anchor="", brief=True)
        for number, (name, line) in enumerate(lines.items())
        if line is not None or name in names
    }
    broken = {check for name in names for check in _checks(lines[name] or {})}
    group = pair.get("group")
    return Example(
        id=id_,
        request=tuple((name, _clipped(text, beside)) for name, text in _request(pair)),
        sides=tuple(sides.pop(name) for name in names),
        others=tuple(sides.values()),
        reference=_clipped(str(pair.get("output") or ""), beside),
        reference_ok=pair.get("reference_ok") is not False,
        kind=kind,
        checks=tuple(sorted(broken)),
        group=None if group is None else str(group),
    )


def _shown(name: str, line: Mapping[str, Any] | None, limit: int, *, anchor: str, brief: bool) -> Shown:
    if line is None:
        missing = Note("no output", "nothing came back for this request", times=1, placed=False)
        return Shown(name, None, Markup(""), 0, (missing,), 0, (), anchor)
    violations = list(line.get("violations") or [])
    text, left_off = clip(str(line.get("output") or ""), limit)
    if brief:
        marks = mark_text(text, violations)
        return Shown(name, line.get("acceptable"), marks, left_off, (), 0, tuple(_checks(line)), anchor)
    # The same fault in several places is one note; each place carries its number.
    wordings = [(str(found.get("check")), _note(found)) for found in violations]
    times = Counter(wordings)
    listed = {wording: number for number, wording in enumerate(list(times)[:MOST_NOTES], start=1)}
    marked = [found for found, wording in zip(violations, wordings, strict=True) if wording in listed]
    numbers = [listed[wording] for wording in wordings if wording in listed]
    placed = placed_numbers(text, marked, numbers=numbers)
    return Shown(
        name=name, acceptable=line.get("acceptable"), left_off=left_off, breaks=(), anchor=anchor,
        text=mark_text(text, marked, numbers=numbers, anchor=anchor),
        notes=tuple(Note(*wording, times[wording], number in placed) for wording, number in listed.items()),
        more_notes=len(times) - len(listed),
    )  # fmt: skip


def _checks(line: Mapping[str, Any]) -> list[str]:
    """The checks that an output breaks, each once."""
    return list(dict.fromkeys(str(found.get("check")) for found in line.get("violations") or []))


def _note(violation: Mapping[str, Any]) -> str:
    """What was found and what was expected, in short."""
    found, expected = violation.get("found"), str(violation.get("expected") or "")
    start = f"“{_clipped(str(found), 60)}”" if found else ""
    wanted = f"expected: {_clipped(expected, 200)}" if expected else ""
    return "; ".join(part for part in (start, wanted) if part)


def _clipped(text: str, limit: int) -> str:
    shown, left_off = clip(text, limit)
    return f"{shown} …" if left_off else shown


def section(run: StoredRun, examples: Examples | None) -> Section | None:
    """The section with these rows, where there are any."""
    if examples is None or not examples.rows:
        return None
    words = {kind: kind_words(run, kind) for kind in KINDS}
    shown = {
        "examples": examples,
        "baseline": run.baseline,
        "candidate": run.candidate,
        "created": run.results.get("created") or "",
        "chosen_by": chosen_by(run, examples),
        "printed": printed(examples),
        "printed_rows": PRINTED_ROWS,
        "kind_words": words,
    }
    return Section("examples", "Examples", lead(run), "examples", shown)


def lead(run: StoredRun) -> str:
    """On how many requests the two sides differ, and which of them is acceptable there."""
    comparison = run.results.get("comparison") or {}
    cells = [comparison.get(key) for key in ("both", "only_candidate", "only_baseline", "neither")]
    both, won, lost, neither = (int(cell or 0) for cell in cells)
    total = both + won + lost + neither
    if run.baseline is None or not total:
        return _one_side(run)
    asked, ours, theirs = _times(total, "request"), named(run.candidate), named(run.baseline)
    if both == total:
        return capital(f"{ours} and {theirs} are both acceptable on all {asked}.")
    if neither == total:
        return f"Neither {ours} nor {theirs} is acceptable on any of {asked}."
    if not won + lost:
        return (
            f"The two do equally well on each of {asked}: both are acceptable on {say.count(both)}, "
            f"neither on {say.count(neither)}."
        )
    return f"On {say.count(won + lost)} of {asked} the two differ: {quoted(discordant_clause(run.results))}."


def _one_side(run: StoredRun) -> str:
    scored: Mapping[str, Any] = (run.results.get("quality") or {}).get(run.candidate or "") or {}
    share, n = (scored.get("acceptable") or {}).get("share"), scored.get("n")
    if share is None or not n:
        return "The requests with what was answered to them; none of the answers could be scored."
    return capital(f"{named(run.candidate)} is acceptable on {say.count(round(share * n))} of {_times(n, 'request')}.")


def chosen_by(run: StoredRun, examples: Examples) -> str:
    """Which rows are shown, by what rule, how much of each, and where the others are."""
    shown, total, differing = len(examples.rows), examples.total, examples.differing
    if shown == total:
        rows = f"All {_times(total, 'request')} are shown"
        rows += f", those on which the two differ first ({say.count(differing)})." if run.baseline else "."
    elif run.baseline is None:
        rows = f"{say.count(shown)} of {_times(total, 'request')} are shown, drawn by a fixed shuffle."
    elif differing > shown:
        rows = (
            f"{say.count(shown)} of {_times(total, 'request')} are shown: of the {say.count(differing)} on which the "
            "two differ as many as fit, drawn by a fixed shuffle."
        )
    else:
        rows = (
            f"{say.count(shown)} of {_times(total, 'request')} are shown: all {say.count(differing)} on which the two "
            "differ, then others drawn by a fixed shuffle."
        )
    if samples_of(run) > 1:
        rows += f" Of the {say.count(samples_of(run))} outputs of a request, the first is shown."
    if examples.others_shown is not None:
        rows += f" What else was tried stands on the first {say.count(examples.others_shown)}, as room is short."
    picked = "" if shown == total else " Nobody picked them."
    return f"{rows}{picked} All outputs are in evaluate/outputs.jsonl."


def printed(examples: Examples) -> str:
    """How many rows the printed page shows; empty if it shows all."""
    most = min(PRINTED_ROWS, len(examples.rows))
    return f"The first {say.count(most)} are printed." if most < len(examples.rows) else ""


def kind_words(run: StoredRun, kind: str) -> str:
    """The outcome of a request on the two sides."""
    return {
        "lost": f"only {run.baseline} acceptable",
        "won": f"only {run.candidate} acceptable",
        "both": "both acceptable",
        "neither": "neither acceptable",
        "unscored": "not scored on both sides",
    }[kind]


def _times(count: float, noun: str) -> str:
    return say.count(count, noun)
