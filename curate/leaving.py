"""Who leaves after the split: outputs that break a rule, except in test, and duplicates of rows that left."""

import numpy as np
import polars as pl

from .checked import Checked
from .duplicates import Outcomes
from .split import SPLITS

__all__ = ["failing_leave", "followers_leave"]


def failing_leave(outcomes: Outcomes, side: np.ndarray, checked: Checked) -> Outcomes:
    """Outputs that break a `must` rule leave train and validation; the test set is not selected on its outputs."""
    rows = np.flatnonzero(outcomes.kept & (checked.must > 0) & (side != SPLITS.index("test")))
    return _invalid(outcomes, rows, checked)


def followers_leave(outcomes: Outcomes, checked: Checked, ids: pl.Series) -> Outcomes:
    """Duplicates of rows that left since: they break a rule themselves, or leave with the row that leaked."""
    duplicate = np.flatnonzero(outcomes.outcome == "duplicate")
    lost = duplicate[~outcomes.kept[outcomes.other[duplicate]]]
    outcomes = _invalid(outcomes, lost[checked.must[lost] > 0], checked)
    leaked = lost[checked.must[lost] == 0]
    others = outcomes.other[leaked]
    said = [f'Repeats "{other}", which left because it would leak.' for other in ids.gather(others)]
    similarity = outcomes.similarity[leaked]
    return outcomes.mark(leaked, "leaked", rule="leaked", evidence=said, other=others, similarity=similarity)


def _invalid(outcomes: Outcomes, rows: np.ndarray, checked: Checked) -> Outcomes:
    return outcomes.mark(rows, "invalid", rule=checked.rule_of(rows), evidence=checked.evidence_of(rows))
