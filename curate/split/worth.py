"""What a way of grouping rows leaves to test on: leakage is weighed against the number of independent test rows."""

import numpy as np
import polars as pl

from ..gate import FEWEST_GROUPS
from ..match.corpus import Corpus
from ..match.relations import Relations
from ..settings import CurateSettings
from .assign import SPLITS, effective_size, split_components
from .ties import tie_rows

ENOUGH_ROWS = 20  # independent test rows; with fewer groups the design effect is poorly known (docs/verdict.md)
_KEPT = 0.75  # of the independent rows, where they are too few as it is: the fewer rows show then what they show


def independent_test_rows(
    corpus: Corpus, rows: np.ndarray, groups: np.ndarray, relations: Relations, *, settings: CurateSettings
) -> float:
    """The effective size of the test split, if these rows were split anew; `groups` as in `tie_rows`."""
    component = tie_rows(corpus, rows, groups, relations, settings=settings).component
    free, strata = np.full(len(rows), -1), pl.repeat(None, len(rows), dtype=pl.String, eager=True)
    side = split_components(component, np.arange(len(rows)), strata, free, shares=settings.split)
    return effective_size(component[side == SPLITS.index("test")])


def group_numbers(values: pl.Series) -> np.ndarray:
    """The number of each row's group, -1 for none."""
    return values.rank("dense").fill_null(0).to_numpy().astype(np.int64) - 1


def worth_tying(after: float, before: float) -> bool:
    """Whether so many independent test rows, of those there were `before`, are enough or hardly fewer."""
    return after >= min(ENOUGH_ROWS, _KEPT * before)


def too_few_rows(after: float) -> str:
    """A clause about so many independent test rows; empty if they are enough."""
    if after >= ENOUGH_ROWS:
        return ""
    few = f"few for a verdict, which is uncertain below {ENOUGH_ROWS}"
    few = f"fewer than the {FEWEST_GROUPS} that a verdict needs" if after < FEWEST_GROUPS else few
    return f"about {max(1, round(after))} independent test rows, {few}"
