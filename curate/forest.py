"""Of very many pairs those that decide which positions are connected, at each similarity."""

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from .join import AlikePairs

__all__ = ["SiblingForest"]

_HELD = 4_000_000  # pairs gathered before the forest is grown
_LEVELS = 16  # similarities at which it is known what is connected


class SiblingForest:
    """A spanning forest of the most similar pairs: whatever similarity one cuts it at, it connects what all pairs do."""

    def __init__(self, positions: int, threshold: float) -> None:
        self._levels = np.linspace(threshold, 1, _LEVELS)
        self._part = np.tile(np.arange(positions), (_LEVELS, 1))
        self._forest = AlikePairs.joined([])
        self._held: list[AlikePairs] = []
        self._count = 0

    def add(self, pairs: AlikePairs) -> None:
        """Takes more pairs in, each once; those whose ends are connected by pairs at least as similar are let go at once."""
        level = np.searchsorted(self._levels, pairs.similarity)
        level = np.minimum(level, _LEVELS - 1)
        pairs = pairs.take(np.flatnonzero(self._part[level, pairs.left] != self._part[level, pairs.right]))
        self._held.append(pairs)
        self._count += len(pairs.left)
        if self._count > _HELD:
            self._grow()

    def pairs(self) -> AlikePairs:
        """The pairs of the forest."""
        self._grow()
        return self._forest

    def _grow(self) -> None:
        every = AlikePairs.joined([self._forest, *self._held])
        self._held, self._count = [], 0
        size = self._part.shape[1]
        order = np.arange(1, len(every.left) + 1)
        weight = 2 - every.similarity  # no weight may be 0
        graph = sparse.csr_matrix((weight, (every.left, every.right)), shape=(size, size))
        place = sparse.csr_matrix((order, (every.left, every.right)), shape=(size, size))
        tree = minimum_spanning_tree(graph).tocoo()
        chosen = np.asarray(place[tree.row, tree.col]).ravel() - 1 if tree.nnz else np.zeros(0, np.int64)
        self._forest = every.take(np.sort(chosen))
        similarity = self._forest.similarity
        for number, level in enumerate(self._levels):
            part = self._forest.take(similarity >= level)
            graph = sparse.coo_matrix((np.ones(len(part.left), np.int8), (part.left, part.right)), shape=(size, size))
            self._part[number] = connected_components(graph, directed=False)[1]
