"""Which rows stay where several say the same: stars, so that a row leaves only for a row that is kept."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from .checked import Checked
from .facts import text_facts
from .relations import Edges, Relations
from .settings import CurateSettings

__all__ = ["Outcomes", "rank_rows", "settle"]

Star = tuple[int, float, float]  # the other item, similarity of inputs, of outputs


@dataclass(frozen=True)
class Outcomes:
    """One entry per row. other: the row that a duplicate repeats or a conflict stands against, -1 for none."""

    outcome: np.ndarray
    rule: np.ndarray
    evidence: np.ndarray
    other: np.ndarray
    similarity: np.ndarray

    @classmethod
    def all_kept(cls, n: int) -> "Outcomes":
        """Every row kept, nothing to say about any."""
        return cls(np.full(n, "kept", object), np.full(n, None), np.full(n, None), np.full(n, -1), np.full(n, np.nan))

    @property
    def kept(self) -> np.ndarray:
        """Which rows are kept."""
        return self.outcome == "kept"

    def mark(
        self,
        rows: np.ndarray,
        outcome: str,
        *,
        rule: object,
        evidence: object,
        other: object = -1,
        similarity: object = np.nan,
    ) -> "Outcomes":
        """The outcomes with these rows set; the values are one for all rows or one for each."""
        changed = {}
        for name, value in {
            "outcome": outcome, "rule": rule, "evidence": evidence, "other": other, "similarity": similarity
        }.items():  # fmt: skip
            column = getattr(self, name).copy()
            column[rows] = value
            changed[name] = column
        return replace(self, **changed)


def rank_rows(pairs: pl.DataFrame, checked: Checked, hashes: Sequence[tuple[str, str]], *, keep: str) -> np.ndarray:
    """The place of each row in the order in which rows are preferred, from 0.

    Whatever `keep` says, an output that breaks a `must` rule never displaces one that breaks none. Equal rows are
    ordered by the hash of their content, so that the order of the file decides nothing unless it is asked to.
    """
    breaks = (checked.must > 0).astype(np.int64)
    first = pairs["row"].to_numpy().astype(np.int64)
    content = np.argsort(np.argsort(_order(hashes), kind="stable"), kind="stable")
    keys = {
        "best style": (first, content, checked.should, checked.must),
        "first": (first, breaks),
        "longest": (first, content, -pairs["output"].str.len_chars().to_numpy().astype(np.int64), breaks),
    }[keep]
    rank = np.empty(len(first), np.int64)
    rank[np.lexsort(keys)] = np.arange(len(first))
    return rank


def _order(hashes: Sequence[tuple[str, str]]) -> np.ndarray:
    numbers = {value: place for place, value in enumerate(sorted(set(hashes)))}
    return np.array([numbers[value] for value in hashes], np.int64)


def settle(
    pairs: pl.DataFrame,
    normalised: Sequence[tuple[str, str]],
    relations: Relations,
    rank: np.ndarray,
    *,
    settings: CurateSettings,
) -> Outcomes:
    """The outcome of each row before the split: kept, duplicate or conflict; `normalised` are input and output."""
    outcomes = Outcomes.all_kept(len(rank))
    if not len(rank):
        return outcomes
    items = int(relations.item.max()) + 1
    best = _best_rows(relations.item, rank, items)
    duplicates = _neighbours(relations.duplicates)
    conflicts = _neighbours(relations.conflicts)
    kept = np.ones(items, bool)
    decided: dict[int, tuple[str, Star]] = {}
    if settings.conflicts == "quarantine":
        for item, others in conflicts.items():
            kept[item] = False
            decided[item] = ("conflict", _closest(others, best, rank))
    against = conflicts if settings.conflicts == "keep best" else {}
    for item in sorted(duplicates.keys() | against.keys(), key=lambda item: rank[best[item]]):
        # Only neighbours that come before in rank can have been kept for good when this one is looked at.
        before = {other for other, *_ in (*duplicates.get(item, ()), *against.get(item, ())) if kept[other]}
        if kept[item] and any(rank[best[other]] < rank[best[item]] for other in before):
            kept[item] = False
    for item in (duplicates.keys() | against.keys()) - decided.keys():
        if not kept[item]:
            stars = [star for star in duplicates.get(item, ()) if kept[star[0]]]
            against_kept = [star for star in against.get(item, ()) if kept[star[0]]]
            kind = "duplicate" if stars else "conflict"
            decided[item] = (kind, _closest(stars or against_kept, best, rank))
    return _as_rows(pairs, normalised, relations.item, outcomes, best, decided)


def _best_rows(item: np.ndarray, rank: np.ndarray, items: int) -> np.ndarray:
    best = np.full(items, -1)
    order = np.argsort(-rank, kind="stable")
    best[item[order]] = order  # the last write, which is the best rank, stays
    return best


def _neighbours(edges: Edges) -> dict[int, list[Star]]:
    found: dict[int, list[Star]] = defaultdict(list)
    for a, b, inputs, outputs in zip(
        edges.left.tolist(), edges.right.tolist(), edges.inputs.tolist(), edges.outputs.tolist(), strict=True
    ):
        found[a].append((b, inputs, outputs))
        found[b].append((a, inputs, outputs))
    return dict(found)


def _closest(stars: Sequence[Star], best: np.ndarray, rank: np.ndarray) -> Star:
    """The most similar; of several the one that ranks first."""
    return min(stars, key=lambda star: (-min(star[1:]), rank[best[star[0]]]))


def _as_rows(
    pairs: pl.DataFrame,
    normalised: Sequence[tuple[str, str]],
    item: np.ndarray,
    outcomes: Outcomes,
    best: np.ndarray,
    decided: dict[int, tuple[str, Star]],
) -> Outcomes:
    ids, texts = pairs["id"].to_list(), pairs["output"].to_list()
    left = np.isin(item, list(decided))
    copies = np.flatnonzero((best[item] != np.arange(len(item))) & ~left)
    others = best[item[copies]]
    said = [_say_copy(ids[other]) for other in others]
    outcomes = outcomes.mark(copies, "duplicate", rule="exact_duplicate", evidence=said, other=others, similarity=1.0)
    for kind in ("duplicate", "conflict"):
        rows = [row for row in np.flatnonzero(left).tolist() if decided[item[row]][0] == kind]
        if not rows:
            continue
        rules, said, others, similarity = [], [], [], []
        for row in rows:
            star = decided[item[row]][1]
            other = int(best[star[0]])
            exact = kind == "duplicate" and normalised[row] == normalised[other]
            rules.append("exact_duplicate" if exact else "near_duplicate" if kind == "duplicate" else "conflict")
            said.append(_say_copy(ids[other]) if exact else _say(kind, ids[other], star, texts[row], texts[other]))
            others.append(other)
            similarity.append(min(star[1:]))
        outcomes = outcomes.mark(np.array(rows), kind, rule=rules, evidence=said, other=others, similarity=similarity)
    return outcomes


def _say_copy(other: str) -> str:
    return f'Input and output are those of "{other}", but for case, spacing and identifiers.'


def _say(kind: str, other: str, star: Star, output: str, other_output: str) -> str:
    _, inputs, outputs = star
    if kind == "duplicate":
        return f'Repeats "{other}": input {inputs:.2f} and output {outputs:.2f} alike, with the same facts.'
    given = "The same input" if inputs == 1 else f"Nearly the same input ({inputs:.2f} alike, same facts)"
    own, others = text_facts(output), text_facts(other_output)
    apart = (sorted(own - others), sorted(others - own))
    left, right = (_short(", ".join(facts)) or "nothing" for facts in apart)
    return f'{given} as "{other}" with another answer: {left} against {right}.'


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 120 else flat[:117] + "…"
