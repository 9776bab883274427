"""One variant of a run as it was judged: its requests, its outputs with their scores, and the rules behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

__all__ = ["Judged", "Outcomes", "outcomes_of", "shared_rules"]

Line = Mapping[str, Any]
Rules = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Judged:
    """A variant of the run `name`.

    `pairs` are its tested pairs (columns `id, input, fields, system, group, component`), `lines` the scored outputs of
    each by id, the samples in order, as in outputs.jsonl. `rules` are the checks by id, each with `level`, `about` and
    `sentence`; those in `unscored` could not be checked on some outputs. `results` and `facts` are the contents of
    results.json and run.json.
    """

    name: str
    variant: str
    pairs: pl.DataFrame
    lines: Mapping[str, Sequence[Line]]
    rules: Rules
    results: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    unscored: frozenset[str] = frozenset()

    @property
    def musts(self) -> set[str]:
        """The rules that decide what is acceptable."""
        return {name for name, rule in self.rules.items() if rule.get("level") == "must"}

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
    return [name for name, rule in after.items() if name in before and _same(before[name], rule)]


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(key) == other.get(key) for key in ("kind", "level", "about", "sentence"))


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
    broken = [side.rules.get(check, {"level": "must"}) for check in broken_by(side, line, counted)]
    musts = [rule for rule in broken if rule.get("level") == "must"]
    return float(not any(share == "acceptable" or rule.get("about") in ("facts", None) for rule in musts))


def broken_by(side: Judged, line: Line, counted: set[str]) -> set[str]:
    """The rules among `counted` that an output breaks, and what it did instead of answering."""
    checks = {str(found.get("check")) for found in line.get("violations") or []}
    return {check for check in checks if check in counted or check not in side.rules}
