"""The examples side by side: which rows are shown, and each with its violations at their place."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...style.fields import field_text
from ..stored import StoredRun
from .marks import clip, mark_text

__all__ = ["Example", "Examples", "Shown", "choose_examples"]

MOST_ROWS = 200


@dataclass(frozen=True)
class Shown:
    """One output as the page shows it."""

    name: str
    role: str
    acceptable: bool | None
    text: Markup
    left_off: int
    notes: tuple[tuple[str, str], ...]  # (check, what was expected), numbered from 1


@dataclass(frozen=True)
class Example:
    """One request with both outputs and the reference."""

    id: str
    request: tuple[tuple[str, str], ...]  # (field, value); one unnamed field for a plain text
    sides: tuple[Shown, ...]
    reference: str
    reference_ok: bool
    kind: str  # "lost", "won", "both", "neither", "unscored"
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Examples:
    """The chosen rows, how many there are in all, how many differ, and the checks to filter by."""

    rows: tuple[Example, ...]
    total: int
    differing: int
    checks: tuple[str, ...]


def choose_examples(run: StoredRun, *, text_limit: int = 4000) -> Examples:
    """At most 200 rows: all on which the two sides differ first, the candidate's losses in front, then the others.

    Within each kind the order is that of a hash of the id, so it is the same each time and nobody picked it.
    Each text is cut after `text_limit` characters, and says so.
    """
    names = [name for name in (run.baseline, run.candidate) if name is not None]
    ids = [id_ for id_ in run.pairs if any((id_, name) in run.outputs for name in names)]
    kinds = {id_: _kind(run, id_, names) for id_ in ids}
    differing = [id_ for id_ in ids if kinds[id_] in ("lost", "won")]
    chosen = _some(differing, MOST_ROWS)
    chosen += _some([id_ for id_ in ids if kinds[id_] not in ("lost", "won")], MOST_ROWS - len(chosen))
    order = {"lost": 0, "won": 1, "neither": 2, "unscored": 3, "both": 4}
    chosen.sort(key=lambda id_: order[kinds[id_]])
    rows = tuple(_example(run, id_, names, kinds[id_], text_limit) for id_ in chosen)
    checks = sorted({check for row in rows for check in row.checks})
    return Examples(rows=rows, total=len(ids), differing=len(differing), checks=tuple(checks))


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


def _example(run: StoredRun, id_: str, names: list[str], kind: str, limit: int) -> Example:
    pair = run.pairs[id_]
    sides = tuple(
        _shown(name, "candidate" if name == run.candidate else "baseline", run.outputs.get((id_, name)), limit)
        for name in names
    )
    return Example(
        id=id_,
        request=tuple((name, _clipped(text, limit)) for name, text in _request(pair)),
        sides=sides,
        reference=_clipped(str(pair.get("output") or ""), limit),
        reference_ok=pair.get("reference_ok") is not False,
        kind=kind,
        checks=tuple(sorted({check for side in sides for check, _ in side.notes})),
    )


def _shown(name: str, role: str, line: Mapping[str, Any] | None, limit: int) -> Shown:
    if line is None:
        return Shown(name, role, None, Markup(""), 0, (("no output", "nothing came back for this request"),))
    violations = list(line.get("violations") or [])
    text, left_off = clip(str(line.get("output") or ""), limit)
    notes = tuple((str(found.get("check")), _note(found)) for found in violations[:12])
    return Shown(name, role, line.get("acceptable"), mark_text(text, violations[:12]), left_off, notes)


def _note(violation: Mapping[str, Any]) -> str:
    """What was found and what was expected, short."""
    found, expected = violation.get("found"), str(violation.get("expected") or "")
    start = f"“{_clipped(str(found), 60)}”" if found else ""
    wanted = f"expected: {_clipped(expected, 200)}" if expected else ""
    return "; ".join(part for part in (start, wanted) if part)


def _clipped(text: str, limit: int) -> str:
    shown, left_off = clip(text, limit)
    return f"{shown} … ({left_off:,} more characters)" if left_off else shown
