"""Applies manual decisions about single rows: rows to drop at once, rows to keep whatever the rules say."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from ..core import ConfigError, DataError, nearest, say, write_whole
from .check import Checked
from .match import Corpus, Edges, Outcomes, Relations, settle
from .read import RawPairs
from .settings import CurateSettings
from .split import SPLITS

__all__ = [
    "DECISIONS",
    "Decided",
    "Override",
    "add_override",
    "decide",
    "despite_decision",
    "preferred_first",
    "read_overrides",
    "settle_decided",
    "without_failures",
]


Decision = Literal["keep", "drop", "train", "validation", "test"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)


@dataclass(frozen=True, kw_only=True)
class Override:
    """A decision about the row with this id.

    keep: kept whatever the rules say. drop: dropped. train, validation, test: kept in that split.
    """

    id: str
    decision: Decision
    who: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS:
            raise ConfigError(f'decision "{self.decision}" is not known; {nearest(self.decision, list(DECISIONS))}')

    def __str__(self) -> str:
        by = f" by {self.who}" if self.who else ""
        return f"Decided{by}: {self.decision}" + (f" ({self.why})" if self.why else "")


def read_overrides(path: Path) -> tuple[Override, ...]:
    """The decisions of a file, in its order; empty if there is no such file.

    Raises:
        DataError: naming every line that is not a decision, and what is wrong with it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None
    found, problems = [], []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(_override(line))
            except (ConfigError, ValueError, RecursionError) as error:
                problems.append(f"line {number}: {error}")
    if problems:
        raise DataError.of(problems, where=str(path))
    return tuple(found)


def add_override(path: Path, override: Override) -> None:
    """Append a decision to the file, which is created if missing.

    Raises:
        DataError: the file holds an invalid line.
    """
    read_overrides(path)
    before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    before += "\n" if before and not before.endswith("\n") else ""
    write_whole(path, before + json.dumps(asdict(override), ensure_ascii=False) + "\n")


def _override(line: str) -> Override:
    try:
        value = json.loads(line)
    except ValueError:
        raise ValueError('is not JSON; expected {"id": ..., "decision": ..., "who": ..., "why": ...}') from None
    if not isinstance(value, Mapping):
        raise ValueError('expected an object with "id" and "decision"')
    _complain(_problems(value))
    # An id that was written as a number in the data is text everywhere else.
    return Override(**{name: str(value[name]) for name in _KEYS if value.get(name) is not None})  # type: ignore[arg-type]


_KEYS = ("id", "decision", "who", "why")


def _problems(value: Mapping[str, Any]) -> list[str]:
    missing = [f'"{name}" is missing' for name in ("id", "decision") if value.get(name) in (None, "")]
    unknown = [f'unknown key "{name}"; {nearest(name, list(_KEYS))}' for name in value if name not in _KEYS]
    wrong = [
        f'"{name}" must be a text, found {json.dumps(value[name], ensure_ascii=False)[:60]}'
        for name in _KEYS
        if isinstance(value.get(name), dict | list | bool)
    ]
    return [*missing, *unknown, *wrong]


def _complain(problems: Sequence[str]) -> None:
    if problems:
        raise ValueError("; ".join(problems))


RULE = "override"
_NAMED = 5  # unmatched ids that a warning shows


@dataclass(frozen=True)
class Decided:
    """stays, side, evidence: one entry per pair, in the order of the table; side is -1 if no split was chosen.

    dropped: the pairs dropped by decision, as read. applied: the number of rows with a decision.
    """

    stays: np.ndarray
    side: np.ndarray
    evidence: np.ndarray
    dropped: pl.DataFrame
    applied: int
    unmatched: tuple[str, ...]
    warnings: tuple[dict[str, str], ...]

    @property
    def summary(self) -> dict[str, Any]:
        """The entry about decisions in curate/summary.json."""
        return {"applied": self.applied, "unmatched": list(self.unmatched)}


def decide(raw: RawPairs, overrides: Sequence[Override]) -> tuple[RawPairs, Decided]:
    """The pairs without those dropped by decision, which then count as rejected; and the decisions applied."""
    last = {override.id: override for override in overrides}
    places = {name: place for place, name in enumerate(raw.pairs["id"].to_list())} if last else {}
    mine = {places[name]: override for name, override in last.items() if name in places}
    gone = sorted(place for place, override in mine.items() if override.decision == "drop")
    leave = np.zeros(len(raw.pairs), bool)
    leave[gone] = True
    evidence = np.full(len(raw.pairs), None, object)
    side = np.full(len(raw.pairs), -1)
    for place, override in mine.items():
        evidence[place] = str(override)
        side[place] = SPLITS.index(override.decision) if override.decision in SPLITS else -1
    stays = np.array([text is not None for text in evidence], bool) & ~leave
    rejected = set(raw.rejected["id"].drop_nulls().to_list()) if last else set()
    unread = [name for name in last if name not in places and name in rejected]
    unmatched = tuple(name for name in last if name not in places and name not in rejected)
    decided = Decided(
        stays[~leave],
        side[~leave],
        evidence[~leave],
        raw.pairs.filter(pl.Series(leave)),
        len(mine),
        unmatched,
        tuple(_warnings(overrides, last, unmatched, unread, list(places))),
    )
    return (_rejecting(raw, leave, evidence) if gone else raw), decided


def _rejecting(raw: RawPairs, leave: np.ndarray, evidence: np.ndarray) -> RawPairs:
    out = raw.pairs.filter(pl.Series(leave)).select(
        "row",
        "id",
        outcome=pl.lit("invalid"),
        rule=pl.lit(RULE),
        evidence=pl.Series(evidence[leave].tolist(), dtype=pl.String),
    )
    rejected = pl.concat([raw.rejected, out.cast(raw.rejected.schema)]).sort("row")
    return replace(raw, pairs=raw.pairs.filter(pl.Series(~leave)), rejected=rejected)


def _warnings(
    overrides: Sequence[Override],
    last: dict[str, Override],
    unmatched: Sequence[str],
    unread: Sequence[str],
    ids: Sequence[str],
) -> list[dict[str, str]]:
    found = []
    for name in sorted({o.id for o in overrides if o.decision != last[o.id].decision}):
        text = f'overrides.jsonl decides twice about "{name}"; the last line counts: {last[name].decision}'
        found.append({"code": "override_repeated", "text": text})
    for name in unread:
        if last[name].decision != "drop":
            text = f'overrides.jsonl: "{name}" cannot be read as a pair, so it cannot be kept; mend the row itself'
            found.append({"code": "override_unread", "text": text})
    if unmatched:
        shown = ", ".join(_with_nearest(name, ids) for name in unmatched[:_NAMED])
        more = f" and {len(unmatched) - _NAMED:,} more" if len(unmatched) > _NAMED else ""
        n = len(unmatched)
        text = f"overrides.jsonl names {say.count(n, 'id')} that no row has: {shown}{more}"
        found.append({"code": "override_unmatched", "text": text})
    return found


def _with_nearest(name: str, ids: Sequence[str]) -> str:
    # Comparing with a million ids takes seconds; ids with the same beginning are close enough.
    close = get_close_matches(name, [i for i in ids if i[:2] == name[:2]][:20_000], n=1, cutoff=0.6)
    return f'"{name}"' + (f' (did you mean "{close[0]}"?)' if close else "")


def without_failures(checked: Checked, decided: Decided) -> Checked:
    """The checks' verdict, where a row kept by decision breaks no rule: its output counts as a good reference."""
    if not decided.stays.any():
        return checked
    return replace(checked, must=np.where(decided.stays, 0, checked.must))


def preferred_first(rank: np.ndarray, decided: Decided, stands: np.ndarray, named: np.ndarray) -> np.ndarray:
    """The order of preference: rows kept by decision first, then those already in a split.

    Among the latter, test precedes validation and train, so that copies do not thin out the test set. Among copies in
    one split, the one placed by its own id (`named`) comes first: a new copy does not replace it.
    """
    order = np.lexsort((rank, ~named, -stands, ~decided.stays))
    preferred = np.empty(len(rank), np.int64)
    preferred[order] = np.arange(len(rank))
    return preferred


def settle_decided(
    corpus: Corpus, relations: Relations, rank: np.ndarray, decided: Decided, *, settings: CurateSettings
) -> Outcomes:
    """The outcomes before the split, where rows kept by decision are kept and resolve their own conflicts.

    Such a row is never a duplicate of another one, and pairs that contradict it are conflicts that name it.
    """
    if not decided.stays.any():
        return settle(corpus, relations, rank, settings=settings)
    firm = np.zeros(int(relations.item.max()) + 1, bool)
    firm[relations.item[decided.stays]] = True
    duplicates, conflicts = relations.duplicates, relations.conflicts
    one, both = _ends(firm, conflicts)
    lost = _take(conflicts, one) if settings.conflicts == "quarantine" else _take(conflicts, one & False)
    gone = np.zeros(len(firm), bool)
    gone[lost.left] = gone[lost.right] = True
    gone &= ~firm
    kept_apart = _ends(firm, duplicates)[1] | gone[duplicates.left] | gone[duplicates.right]
    settled_elsewhere = both | one if settings.conflicts == "quarantine" else both
    left = replace(relations, duplicates=_take(duplicates, ~kept_apart), conflicts=_take(conflicts, ~settled_elsewhere))
    outcomes = settle(corpus, left, rank, settings=settings)
    outcomes = _contradicting(outcomes, corpus.pairs["id"], relations.item, rank, lost, firm)
    stays = np.flatnonzero(decided.stays)
    return outcomes.mark(stays, "kept", rule=RULE, evidence=decided.evidence[stays])


def _contradicting(
    outcomes: Outcomes, ids: pl.Series, item: np.ndarray, rank: np.ndarray, lost: Edges, firm: np.ndarray
) -> Outcomes:
    """Rows whose item contradicts one kept by decision: conflicts that name the most similar such row."""
    if not len(lost.left):
        return outcomes
    best = np.full(len(firm), -1)
    order = np.argsort(-rank, kind="stable")
    best[item[order]] = order
    keeper = best[np.where(firm[lost.left], lost.left, lost.right)]
    loser = np.where(firm[lost.left], lost.right, lost.left)
    similarity = np.minimum(lost.inputs, lost.outputs)
    by_likeness = np.lexsort((rank[keeper], -similarity, loser))
    _, first = np.unique(loser[by_likeness], return_index=True)
    chosen = by_likeness[first]
    against = np.full(len(firm), -1)
    against[loser[chosen]] = chosen
    rows = np.flatnonzero(against[item] >= 0)
    edge = against[item[rows]]
    names = ids.gather(keeper[edge])
    said = [f'The input of "{name}" with another answer; "{name}" is kept by decision.' for name in names]
    return outcomes.mark(
        rows, "conflict", rule="conflict", evidence=said, other=keeper[edge], similarity=similarity[edge]
    )


def _ends(firm: np.ndarray, edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    """Edges with one end kept by decision, and edges with both."""
    left, right = firm[edges.left], firm[edges.right]
    return left != right, left & right


def _take(edges: Edges, which: np.ndarray) -> Edges:
    return Edges(edges.left[which], edges.right[which], edges.inputs[which], edges.outputs[which])


def despite_decision(outcomes: Outcomes, decided: Decided) -> Outcomes:
    """Adds to the evidence where a row is dropped although a decision keeps it (it would leak)."""
    rows = np.flatnonzero(decided.stays & ~outcomes.kept)
    said = [f"{outcomes.evidence[row]} {decided.evidence[row]}; leaking comes first." for row in rows.tolist()]
    column = outcomes.evidence.copy()
    column[rows] = said
    return replace(outcomes, evidence=column)
