"""One variant of a run as it was judged: its outputs with their scores, the rules behind them, and its requests.

Two test sets share requests by content, since ids may be renumbered or name another request.
"""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from ...core import completed, from_json
from ...curate import content_hash
from ...style import RuleInUse, field_text
from ..results import InputFile, Results
from ..scores.groups import groups_of, joined

Line = Mapping[str, Any]
Rules = Mapping[str, RuleInUse]


@dataclass(frozen=True)
class Judged:
    """A variant of the run `name`.

    `pairs` are its tested pairs (columns `id, input, fields, system, group, component`), `lines` the scored outputs of
    each by id, the samples in order, as in outputs.jsonl. `rules` are the checks by id; those in `unscored` could not be
    checked on some outputs. `facts` is the content of run.json.
    """

    name: str
    variant: str
    pairs: pl.DataFrame
    lines: Mapping[str, Sequence[Line]]
    rules: Rules
    results: Results
    facts: Mapping[str, Any] = field(default_factory=dict)
    unscored: frozenset[str] = frozenset()

    @property
    def musts(self) -> set[str]:
        """The rules that decide what is acceptable."""
        return {name for name, rule in self.rules.items() if rule.level == "must"}

    @property
    def inputs(self) -> Sequence[InputFile]:
        """The files that the run read."""
        if known := self.facts.get("inputs"):
            return [from_json(completed(entry, InputFile), InputFile) for entry in known]
        provenance = self.results.provenance
        return (provenance.inputs if provenance is not None else None) or ()

    def works(self, line: Line, counted: set[str]) -> bool:
        """Whether an output is acceptable by the `counted` rules."""
        return _share(self, line, counted, "acceptable", whole=self.musts <= counted) == 1


@dataclass(frozen=True)
class Outcomes:
    """What became of some requests, in order: each array is `(requests,)`, the mean over a request's samples.

    `acceptable` and `faithful` are NaN where a sample was not scored. `broken` says by rule how often an output breaks
    it; what an output did instead of answering (empty, refused, cut) is such a rule too.
    """

    acceptable: np.ndarray
    faithful: np.ndarray
    broken: Mapping[str, np.ndarray]


def shared_rules(before: Rules, after: Rules) -> list[str]:
    """The ids of the rules that both have, in the same words and with the same level."""
    return [name for name, rule in after.items() if before.get(name) == rule]


def outcomes_of(side: Judged, ids: Sequence[str], rules: Sequence[str]) -> Outcomes:
    """The outcomes of the requests with these ids, by these of the side's rules.

    With all of its `must` rules, an output is acceptable as the run says; else if it breaks none of those that are left
    and is an answer at all.
    """
    counted = set(rules)
    whole = side.musts <= counted
    acceptable, faithful = np.full(len(ids), np.nan), np.full(len(ids), np.nan)
    broken: dict[str, np.ndarray] = {}
    for place, name in enumerate(ids):
        lines = side.lines[name]
        acceptable[place] = _mean([_share(side, line, counted, "acceptable", whole=whole) for line in lines])
        faithful[place] = _mean([_share(side, line, counted, "faithful", whole=whole) for line in lines])
        for line in lines:
            for check in broken_by(side, line, counted):
                values = broken.setdefault(check, np.zeros(len(ids)))
                values[place] += 1 / len(lines)
    return Outcomes(acceptable, faithful, broken)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _share(side: Judged, line: Line, counted: set[str], share: str, *, whole: bool) -> float:
    """1, 0, or NaN where the output was not scored."""
    stored = line.get(share)
    if stored is None:
        return float("nan")
    if whole or stored:
        return float(bool(stored))
    broken = [side.rules.get(check) for check in broken_by(side, line, counted)]
    musts = [rule for rule in broken if rule is None or rule.level == "must"]
    return float(not any(share == "acceptable" or rule is None or rule.about == "facts" for rule in musts))


def broken_by(side: Judged, line: Line, counted: set[str]) -> set[str]:
    """The rules among `counted` that an output breaks, and what it did instead of answering."""
    checks = {str(found.get("check")) for found in line.get("violations") or []}
    return {check for check in checks if check in counted or check not in side.rules}


# --- which requests two test sets share -----------------------------------------------------------------------------


@dataclass(frozen=True)
class SharedRequests:
    """`before` and `after` are the positions of the shared requests in the two tables, `(shared,)` each.

    `renumbered` of them have another id in each; `reused` ids name different requests. `only_before` and `only_after`
    count the requests of one test set alone.
    """

    before: list[int]
    after: list[int]
    renumbered: int
    reused: list[str]
    only_before: int
    only_after: int


def request_contents(pairs: pl.DataFrame) -> list[str]:
    """A hash of each request as a model gets it: its fields in any order, else its text; and its own system message.

    Runs of whitespace count as one space; letters keep their case, since units differ by it.
    """
    return [content_hash(*_parts(row)) for row in pairs.select("input", "fields", "system").iter_rows(named=True)]


def _parts(row: Mapping[str, Any]) -> list[str | None]:
    fields = json.loads(row["fields"]) if isinstance(row["fields"], str) else row["fields"]
    system = None if row["system"] is None else _plain(row["system"])
    if not isinstance(fields, Mapping) or not fields:
        return [system, "text", _plain(row["input"] or "")]
    named = [(str(name), _plain(text)) for name, value in fields.items() if (text := field_text(value))]
    return [system, "fields", *(part for pair in sorted(named) for part in pair)]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.encode(errors="replace").decode()).split())


def shared_requests(before: pl.DataFrame, after: pl.DataFrame) -> SharedRequests:
    """Match the requests of two tables of pairs: those with the same id and content, then the others by content.

    Where one content has several rows, they are matched in order.
    """
    contents = [request_contents(pairs) for pairs in (before, after)]
    ids = [pairs["id"].to_list() for pairs in (before, after)]
    place = {name: at for at, name in enumerate(ids[0])}
    found = {at: place[name] for at, name in enumerate(ids[1]) if name in place}
    matched = {at: first for at, first in found.items() if contents[0][first] == contents[1][at]}
    free = defaultdict(list)
    taken = set(matched.values())
    for first in reversed(range(len(ids[0]))):
        if first not in taken:
            free[contents[0][first]].append(first)
    renumbered = 0
    for at, content in enumerate(contents[1]):
        if at not in matched and free[content]:
            matched[at] = free[content].pop()
            renumbered += 1
    positions = sorted(matched)
    reused = [ids[1][at] for at, first in found.items() if contents[0][first] != contents[1][at]]
    return SharedRequests(
        [matched[at] for at in positions], positions, renumbered, reused,
        len(ids[0]) - len(matched), len(ids[1]) - len(matched),
    )  # fmt: skip


def shared_groups(before: pl.DataFrame, after: pl.DataFrame) -> np.ndarray | None:
    """What the shared requests depend on, `(shared,)`: tied if either run ties them; None if neither does.

    Both tables hold the shared requests in the same order.
    """
    known = [groups for groups in (groups_of(before), groups_of(after)) if groups is not None]
    return joined(len(before), known) if known else None
