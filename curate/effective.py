"""How many independent pairs the rows are worth: rows that are tied say less than as many that are not."""

import numpy as np

from .split import SPLITS

__all__ = ["effective_size", "effective_splits"]


def effective_size(component: np.ndarray) -> float:
    """(sum of n)^2 / sum of n^2 over components of n rows: rows / size-weighted mean size (Kish 1965, section 8.2).

    It is what the rows are worth where tied rows are wholly alike: a lower end. 0 without rows.
    """
    if not len(component):
        return 0.0
    sizes = np.unique(component, return_counts=True)[1].astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def effective_splits(component: np.ndarray, split: np.ndarray) -> dict[str, float]:
    """`effective_size` of each split, from the component and the split's name of each kept row."""
    return {name: effective_size(component[split == name]) for name in SPLITS}
