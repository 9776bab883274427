"""What a way of grouping rows leaves to test on: leakage is weighed against the number of independent test cases."""

import numpy as np
import polars as pl

from ..gate import FEWEST_GROUPS
from ..match.corpus import Corpus
from ..match.relations import Relations
from ..settings import CurateSettings
from .assign import SPLITS, effective_size, split_components
from .ties import tie_rows

ENOUGH_ROWS = 20  # independent test cases; with fewer groups the design effect is poorly known (docs/verdict.md)
_KEPT = 0.75  # of the independent rows, where they are too few as it is: the fewer rows show then what they show
_OF_OUTPUTS = 1 / 3


def independent_test_rows(
    corpus: Corpus, rows: np.ndarray, groups: np.ndarray, relations: Relations, *, settings: CurateSettings
) -> float:
    """The effective size of the test split, if these rows were split again; `groups` as in `tie_rows`."""
    component = tie_rows(corpus, rows, groups, relations, settings=settings).component
    free, strata = np.full(len(rows), -1), pl.repeat(None, len(rows), dtype=pl.String, eager=True)
    side = split_components(component, np.arange(len(rows)), strata, free, shares=settings.split)
    return effective_size(component[side == SPLITS.index("test")])


def group_numbers(values: pl.Series) -> np.ndarray:
    """The number of each row's group, -1 for none."""
    return values.rank("dense").fill_null(0).to_numpy().astype(np.int64) - 1


def worth_tying(after: float, before: float, *, outputs: bool = False) -> bool:
    """Whether so many independent test cases, of those there were `before`, are enough or hardly fewer.

    Similar `outputs` show less than a group that they belong together, so tying them must not cost most of the rows.
    """
    return after >= min(ENOUGH_ROWS, _KEPT * before) and (not outputs or after >= _OF_OUTPUTS * before)


def rows_left(after: float, before: float | None = None) -> str:
    """So many independent test cases, of those there were `before`, in words; where they are few, it says so."""
    of = "" if before is None else f" of {round(before):,}"
    few = f", few for a verdict, which is uncertain below {ENOUGH_ROWS}" if after < ENOUGH_ROWS else ""
    few = f", fewer than the {FEWEST_GROUPS} that a verdict needs" if after < FEWEST_GROUPS else few
    count = max(1, round(after))
    return f"about {count:,}{of} independent test case{'s' * (bool(of) or count > 1)}{few}"
