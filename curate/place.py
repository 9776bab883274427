"""Which split each kept row stands in: splits that are given hold, ties are kept together, what would leak leaves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from .compared import Compared
from .duplicates import Outcomes
from .placed import given_sides, leaked_rows, pull_to_given
from .relations import Relations
from .settings import CurateSettings
from .split import SPLITS, split_components
from .ties import Ties, tie_rows

__all__ = ["Placed", "place_rows"]


@dataclass(frozen=True)
class Placed:
    """outcomes: with leaked rows marked. side: position in `SPLITS` of each row, -1 where it is not kept. ties: why."""

    outcomes: Outcomes
    side: np.ndarray
    ties: Ties

    def splits(self, kept: np.ndarray) -> list[str | None]:
        """The name of each row's split; None where the row is not among those kept in the end."""
        names = np.array([*SPLITS, None], object)  # -1 is the last
        return names[np.where(kept, self.side, -1)].tolist()


def place_rows(
    pairs: pl.DataFrame,
    outcomes: Outcomes,
    compared: Compared,
    relations: Relations,
    keys: Sequence[str],
    stratum: Sequence[str | None],
    *,
    settings: CurateSettings,
) -> Placed:
    """The split of each kept row. `keys` order components of one size, `stratum` is what the split is stratified by."""
    sides = given_sides(pairs["split"].to_list())
    kept = np.flatnonzero(outcomes.kept)
    subject = relations.subject[kept]
    leaked = kept[leaked_rows(subject, sides[kept], relations.same)]
    outcomes = _leave(outcomes, leaked, "Alike, with the same facts, to a pair of a split that is held out further.")
    kept = np.flatnonzero(outcomes.kept)
    groups = pairs["group"].gather(kept).to_list()
    ties = tie_rows(relations.subject[kept], groups, _at(compared.outputs, kept), relations, settings=settings)
    pulled, joins = pull_to_given(ties.component, sides[kept])
    outcomes = _leave(outcomes, kept[joins], "Tied to pairs of two splits, which it would join.")
    stay = ~joins
    side = np.full(len(pairs), -1)
    side[kept[stay]] = split_components(
        ties.component[stay],
        _at(keys, kept[stay]),
        _at(stratum, kept[stay]),
        pulled[stay],
        shares=settings.split,
    )
    return Placed(outcomes, side, ties)


def _leave(outcomes: Outcomes, rows: np.ndarray, evidence: str) -> Outcomes:
    return outcomes.mark(rows, "leaked", rule="leaked", evidence=evidence)


def _at(values: Sequence[Any], rows: np.ndarray) -> list[Any]:
    return [values[row] for row in rows.tolist()]
