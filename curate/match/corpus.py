"""The texts of all pairs, asked for by row: what deciding about rows needs of them, wherever they lie."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import polars as pl

from ..check.facts import text_facts
from ..read.normalise import Compared, distinct_texts, whole_rows
from .across import SMALL, alike_texts_between
from .candidates import Method, Skew, alike_by, choose_method
from .join import AlikePairs, alike_tiles, alike_tiles_between
from .ngrams import GramSets, gram_sets
from .subjects import input_facts

__all__ = ["AskedMethod", "Corpus", "Join", "TextsInMemory", "first_rows"]

AskedMethod = Literal["auto", "exact", "candidates"]


@dataclass(frozen=True)
class Join:
    """The pairs of alike inputs: how they are found, and the pairs of texts, left before right, each once, in parts.

    skew: how uneven the buckets of candidates were, known once the pairs have been drawn.
    """

    method: Method
    pairs: Callable[[], Iterator[AlikePairs]]
    skew: Callable[[], Skew]


class Corpus(Protocol):
    """The pairs by row: a position in the pair table. Texts are known by numbers; what one says is asked for by rows.

    pairs: the pair table, with `row, id, group, split` at least. content: 128 bits of each normalised pair as hex.
    text, output: the number of each row's normalised input and output, without gaps.
    """

    @property
    def pairs(self) -> pl.DataFrame: ...  # noqa: D102 - the class says it
    @property
    def content(self) -> pl.Series: ...  # noqa: D102
    @property
    def text(self) -> np.ndarray: ...  # noqa: D102
    @property
    def output(self) -> np.ndarray: ...  # noqa: D102

    def inputs(self, rows: np.ndarray) -> list[str]:
        """The normalised inputs of these rows, without identifiers."""
        ...

    def outputs(self, rows: np.ndarray) -> list[str]:
        """The normalised outputs of these rows."""
        ...

    def written(self, rows: np.ndarray) -> list[str]:
        """The outputs of these rows as they are."""
        ...

    def lengths(self) -> np.ndarray:
        """The characters of each row's output."""
        ...

    def whole(self) -> pl.Series:
        """A hash of all that a row holds, for rows that share their content with others; else anything."""
        ...

    def input_facts(self, rows: np.ndarray) -> np.ndarray:
        """A number for each of these rows, equal where the facts of the inputs are; one numbering for all calls."""
        ...

    def output_facts(self, rows: np.ndarray) -> np.ndarray:
        """The same of the outputs."""
        ...

    def join(self, threshold: float, asked: AskedMethod) -> Join:
        """The join of all inputs."""
        ...

    def inputs_between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
        """Every pair of a text in `left` and one in `right` (numbers) that is alike: exact, in parts."""
        ...

    def outputs_between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
        """The same of outputs."""
        ...

    def alike_outputs(self, outputs: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
        """Every pair of these outputs (numbers) that is alike: exact, in parts."""
        ...


class TextsInMemory:
    """All texts in this process."""

    def __init__(self, pairs: pl.DataFrame, compared: Compared, *, identifiers: Collection[str] = ()) -> None:
        self.pairs = pairs
        self.content = pl.Series(compared.content, dtype=pl.String)
        self._compared = compared
        self._identifiers = identifiers
        numbers, self._texts = distinct_texts(compared.inputs)
        self.text = np.asarray(numbers, np.int64)
        numbers, self._distinct_outputs = distinct_texts(compared.outputs)
        self.output = np.asarray(numbers, np.int64)
        self._input_numbers: dict[Any, int] = {}
        self._output_numbers: dict[Any, int] = {}

    def inputs(self, rows: np.ndarray) -> list[str]:
        """See `Corpus`."""
        return _pick(self._compared.inputs, rows)

    def outputs(self, rows: np.ndarray) -> list[str]:
        """See `Corpus`."""
        return _pick(self._compared.outputs, rows)

    def written(self, rows: np.ndarray) -> list[str]:
        """See `Corpus`."""
        return self.pairs["output"].gather(rows).to_list()

    def lengths(self) -> np.ndarray:
        """See `Corpus`."""
        return self.pairs["output"].str.len_chars().to_numpy().astype(np.int64)

    def whole(self) -> pl.Series:
        """See `Corpus`."""
        return whole_rows(self.pairs, self.content)

    def input_facts(self, rows: np.ndarray) -> np.ndarray:
        """See `Corpus`."""
        found = input_facts(self.pairs.select("input", "fields")[rows], leave_out=self._identifiers)
        return _numbered(found, self._input_numbers)

    def output_facts(self, rows: np.ndarray) -> np.ndarray:
        """See `Corpus`."""
        return _numbered([text_facts(text) for text in self.written(rows)], self._output_numbers)

    def join(self, threshold: float, asked: AskedMethod) -> Join:
        """See `Corpus`."""
        method = choose_method(lambda: self._grams, threshold, asked=asked)
        found = [Skew()]
        return Join(
            method,
            lambda: alike_by(method, self._texts, lambda: self._grams, threshold, report=found.append),
            lambda: found[-1],
        )

    def inputs_between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
        """See `Corpus`."""
        # Few texts are numbered once for all thresholds; of many, grams that the join has numbered already are used.
        if "_grams" in vars(self) or sum(map(len, self._texts)) < SMALL:
            return alike_tiles_between(self._grams, left, right, threshold)
        return _between(self._texts, left, right, threshold)

    def outputs_between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
        """See `Corpus`."""
        return _between(self._distinct_outputs, left, right, threshold)

    def alike_outputs(self, outputs: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
        """See `Corpus`."""
        chosen = np.unique(outputs)
        for found in alike_tiles(gram_sets(_pick(self._distinct_outputs, chosen)), threshold):
            yield AlikePairs(chosen[found.left], chosen[found.right], found.shared, found.union)

    @cached_property
    def _grams(self) -> GramSets:
        return gram_sets(self._texts)


def first_rows(numbers: np.ndarray) -> np.ndarray:
    """For each number the first row that bears it."""
    first = np.zeros(int(numbers.max(initial=-1)) + 1, np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # the last write, which is the first row, stays
    return first


def _pick(values: list[str], rows: np.ndarray) -> list[str]:
    return [values[row] for row in rows.tolist()]


def _between(texts: list[str], left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
    own, others = (pl.Series(_pick(texts, numbers), dtype=pl.String) for numbers in (left, right))
    for found in alike_texts_between(own, others, threshold):
        yield AlikePairs(left[found.left], right[found.right], found.shared, found.union)


def _numbered(values: Sequence[Any], known: dict[Any, int]) -> np.ndarray:
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)
