"""Assigns a split to each kept row: given splits are kept, ties stay together, rows that would leak are dropped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from ..check.rows import Checked
from ..match.corpus import Corpus
from ..match.duplicates import Outcomes
from ..match.join import SimilarPairs
from ..match.relations import Relations
from ..settings import CurateSettings
from .assign import SPLITS, split_by_date, split_components
from .pinned import Bridges, leaked_rows, placed_again, pull_siblings, pull_tied, pull_to_given
from .ties import Ties, output_edges, tie_rows
from .worth import group_numbers


@dataclass(frozen=True)
class Placed:
    """outcomes: with leaked rows marked. side: position in `SPLITS` of each row, -1 if it is not kept.

    rows: the kept rows, in the order used by `ties`.
    """

    outcomes: Outcomes
    side: np.ndarray
    ties: Ties
    rows: np.ndarray

    def components(self) -> np.ndarray:
        """The component of each row, -1 where it was not placed."""
        component = np.full(len(self.side), -1)
        component[self.rows] = self.ties.component
        return component

    def tied_sets(self, ids: pl.Series) -> pl.Series:
        """The tied set of each row, named by its smallest id; null for a row that is tied to no other."""
        placed = pl.DataFrame({"component": self.ties.component, "id": ids.gather(self.rows)})
        name = pl.when(pl.len().over("component") > 1).then(pl.col("id").min().over("component"))
        names = pl.repeat(None, len(self.side), dtype=pl.String, eager=True)
        return names.scatter(self.rows, placed.select(name).to_series())

    def splits(self, kept: np.ndarray) -> pl.Series:
        """The name of each row's split; null if the row is not kept in the end."""
        names = pl.Series([*SPLITS, None], dtype=pl.String)  # -1 is the last
        return names.gather(np.where(kept, self.side, len(SPLITS)))


def assign_rows(
    corpus: Corpus,
    outcomes: Outcomes,
    relations: Relations,
    current: np.ndarray,
    hints: np.ndarray,
    *,
    keys: np.ndarray,
    stratum: Sequence[str | None] | pl.Series,
    dates: np.ndarray | None,
    settings: CurateSettings,
) -> Placed:
    """The split of each kept row.

    `current` is a row's current split, -1 for none; `hints` where a row was placed that a rule then dropped. `keys` (numbers)
    order components of equal size, `stratum` is what the split is stratified by; with a split by time, `dates` put the
    newest into test.
    """
    pairs, ids = corpus.pairs, corpus.pairs["id"]
    order = pairs["id"].rank("ordinal").to_numpy()
    groups = group_numbers(pairs["group"])
    subject, same = relations.subject, relations.same

    rows = np.flatnonzero(outcomes.kept)
    leaks = _at(leaked_rows(subject[rows], current[rows], same, order[rows]), rows)
    outcomes = _mark_leaked(outcomes, leaks, ids, current, relations)

    rows = np.flatnonzero(outcomes.kept)
    sides, bridges = current[rows], Bridges.none()
    if (sides >= 0).any():
        sides, bridges = pull_tied(subject[rows], groups[rows], sides, same, order[rows])
        bridges = _at(bridges, rows)
        joined = current.copy()
        joined[rows] = sides
        outcomes = _mark_leaked(outcomes, bridges, ids, joined, relations)
        rest = ~np.isin(rows, bridges.row)
        rows, sides = rows[rest], sides[rest]

    ties = tie_rows(corpus, rows, groups, relations, settings=settings)
    component = ties.component
    if (sides >= 0).any():
        before = current[rows] if settings.tie_siblings is True else sides
        component, sides, joins = _pull(corpus, rows, groups, relations, ties, before, keys, settings)
        outcomes = outcomes.mark(
            rows[joins], "leaked", rule="leaked", evidence="Tied to pairs of two splits, which it would join."
        )
        ties = replace(ties, component=ties.component[~joins])
        rows, sides, component = rows[~joins], sides[~joins], component[~joins]
    sides = placed_again(component, sides, hints[rows])
    side = np.full(len(pairs), -1)
    if dates is not None:
        side[rows] = split_by_date(component, keys[rows], dates[rows], sides, shares=settings.split)
    else:
        strata = pl.Series("stratum", stratum, dtype=pl.String).gather(rows)
        side[rows] = split_components(component, keys[rows], strata, sides, shares=settings.split)
    return Placed(outcomes, side, ties, rows)


def _pull(
    corpus: Corpus,
    rows: np.ndarray,
    groups: np.ndarray,
    relations: Relations,
    ties: Ties,
    sides: np.ndarray,
    keys: np.ndarray,
    settings: CurateSettings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components, sides, and rows that would still join two sides by what is always tied, such as similar outputs if set.

    What "auto" ties, identical outputs before siblings, is tied as far as the given sides allow.
    """
    always = replace(settings, tie_siblings=settings.tie_siblings is True, tie_outputs=settings.tie_outputs is True)
    firm = tie_rows(corpus, rows, groups, relations, settings=always).component
    sides, joins = pull_to_given(firm, sides)
    start = ties.siblings_tied_from if settings.tie_siblings == "auto" else None
    parts = [_equal_outputs(corpus, rows, ties, keys), _siblings(rows, relations, start, keys)]
    edges = tuple(np.concatenate(ends) for ends in zip(*parts, strict=True))
    component, sides = pull_siblings(firm, ties.component, sides, (edges[0], edges[1]))
    return component, sides, joins


def _equal_outputs(corpus: Corpus, rows: np.ndarray, ties: Ties, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows with one output as pairs of positions in `rows`: that with the smallest key and each of the others, in order."""
    by_key = np.argsort(keys[rows], kind="stable")
    first, others = output_edges(corpus, rows[by_key], ties)
    order = np.lexsort((others, first))
    return by_key[first[order]], by_key[others[order]]


def _siblings(
    rows: np.ndarray, relations: Relations, start: float | None, keys: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Siblings at or above this similarity as pairs of positions in `rows`, the most similar first."""
    if start is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    subject = relations.subject[rows]
    by_key = np.argsort(keys[rows], kind="stable")
    of_subject = np.full(relations.subjects, -1)
    of_subject[subject[by_key[::-1]]] = by_key[::-1]  # the last write, which is the smallest key, wins
    place = np.empty(len(rows), np.int64)
    place[by_key] = np.arange(len(rows))
    found = relations.siblings.take(relations.siblings.at_least(start))
    left, right = of_subject[found.left], of_subject[found.right]
    here = (left >= 0) & (right >= 0)
    left, right, similarity = left[here], right[here], found.similarity[here]
    a, b = place[left], place[right]
    best = np.lexsort((np.maximum(a, b), np.minimum(a, b), -similarity))
    return left[best], right[best]


def _mark_leaked(
    outcomes: Outcomes, leaks: Bridges, ids: pl.Series, sides: np.ndarray, relations: Relations
) -> Outcomes:
    """The rows marked as leaked, each naming the row it is tied to."""
    evidence = []
    for nearer, further in zip(leaks.nearer.tolist(), leaks.further.tolist(), strict=True):
        held = f'"{ids[further]}"{_of(sides[further])}'
        if nearer < 0:
            evidence.append(f"Similar, with the same facts, to {held}, which is held out further.")
        else:
            evidence.append(f'Tied to "{ids[nearer]}"{_of(sides[nearer])} and to {held}, which it would join.')
    similarity = _similarity(relations.same, relations.subject[leaks.row], relations.subject[leaks.further])
    return outcomes.mark(
        leaks.row, "leaked", rule="leaked", evidence=evidence, other=leaks.further, similarity=similarity
    )


def _of(side: Any) -> str:
    return f" of {SPLITS[side]}" if side >= 0 else ""


def _similarity(same: SimilarPairs, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The similarity of similar subjects with the same facts; 1 for one subject, NaN if a group ties them."""
    width = int(max(same.left.max(initial=0), same.right.max(initial=0), a.max(initial=0), b.max(initial=0))) + 1
    key = np.minimum(same.left, same.right) * width + np.maximum(same.left, same.right)
    order = np.argsort(key)
    wanted = np.minimum(a, b) * width + np.maximum(a, b)
    found = np.full(len(a), np.nan)
    if len(key):
        at = order[np.minimum(np.searchsorted(key, wanted, sorter=order), len(key) - 1)]
        found = np.where(key[at] == wanted, same.similarity[at], found)
    return np.where(a == b, 1.0, found)


def _at(found: Bridges, rows: np.ndarray) -> Bridges:
    """Positions among `rows` as positions in the table."""
    every = np.append(rows, -1)
    return Bridges(rows[found.row], every[found.nearer], every[found.further])


def drop_failing(outcomes: Outcomes, side: np.ndarray, checked: Checked) -> Outcomes:
    """Drop unfit outputs that no repair makes fit from train and validation.

    The test is not selected by its outputs.
    """
    failing = checked.unfit & ~checked.repairable
    rows = np.flatnonzero(outcomes.kept & failing & (side != SPLITS.index("test")))
    return _invalid(outcomes, rows, checked)


def drop_followers(outcomes: Outcomes, checked: Checked, ids: pl.Series) -> Outcomes:
    """Mark duplicates of rows that were dropped later: invalid if they are unfit themselves, else leaked."""
    duplicate = np.flatnonzero(outcomes.outcome == "duplicate")
    lost = duplicate[~outcomes.kept[outcomes.other[duplicate]]]
    outcomes = _invalid(outcomes, lost[checked.unfit[lost]], checked)
    leaked = lost[~checked.unfit[lost]]
    others = outcomes.other[leaked]
    evidence = [f'Repeats "{other}", which left because it would leak.' for other in ids.gather(others)]
    similarity = outcomes.similarity[leaked]
    return outcomes.mark(leaked, "leaked", rule="leaked", evidence=evidence, other=others, similarity=similarity)


def _invalid(outcomes: Outcomes, rows: np.ndarray, checked: Checked) -> Outcomes:
    return outcomes.mark(rows, "invalid", rule=checked.rule_of(rows), evidence=checked.evidence_of(rows))
