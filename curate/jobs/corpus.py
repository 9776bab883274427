"""The texts of all pairs where they lie in parts: numbers here, texts asked for by row."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from ..match.candidates import Method, expected_recall
from ..match.corpus import AskedMethod, Join
from ..match.join import AlikePairs
from .measure import LOOKED_AT, look_up
from .similar import across_in_parts, alike_in_parts
from .tasks import Job, Table, Task

__all__ = ["TextsInParts"]


class TextsInParts:
    """A `Corpus` whose pairs lie in stored tables, one per part, and whose distinct texts lie in buckets.

    `numbers` holds all rows in the order of the parts: row, id, group, split, content, length, and the keys of input and
    output. A text's number is its place among the keys of all buckets, bucket after bucket.
    """

    def __init__(
        self, job: Job, numbers: pl.DataFrame, sizes: Sequence[int], *, buckets: int, identifiers: Collection[str]
    ) -> None:
        self._job = job
        self._buckets = buckets
        self._identifiers = identifiers
        self._starts = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        self.pairs = numbers.select("row", "id", "group", "split")
        self.content = numbers["content"]
        self._lengths = numbers["length"].to_numpy().astype(np.int64)
        self.text, self._text_offsets = self._numbered(numbers["input"], "inputs")
        self.output, self._output_offsets = self._numbered(numbers["output"], "outputs")
        self._known: dict[str, dict[Any, int]] = {"input facts": {}, "output facts": {}}

    def inputs(self, rows: np.ndarray) -> list[str]:
        """See `Corpus`."""
        return self._look_up(rows, "inputs")

    def outputs(self, rows: np.ndarray) -> list[str]:
        """See `Corpus`."""
        return self._look_up(rows, "outputs")

    def written(self, rows: np.ndarray) -> list[str]:
        """See `Corpus`."""
        return self._look_up(rows, "written")

    def lengths(self) -> np.ndarray:
        """See `Corpus`."""
        return self._lengths

    def whole(self) -> pl.Series:
        """See `Corpus`."""
        repeated = self.content.is_duplicated().arg_true()
        found = self._look_up(repeated.to_numpy().astype(np.int64), "whole")
        return pl.repeat("", len(self.content), eager=True).scatter(repeated, found)

    def input_facts(self, rows: np.ndarray) -> np.ndarray:
        """See `Corpus`."""
        return self._facts(rows, "input facts")

    def output_facts(self, rows: np.ndarray) -> np.ndarray:
        """See `Corpus`."""
        return self._facts(rows, "output facts")

    def join(self, threshold: float, asked: AskedMethod) -> Join:
        """See `Corpus`; by candidates, whatever is asked."""
        method = Method("candidates", expected_recall(threshold), "asked for" if asked == "candidates" else "in parts")
        stage = f"alike {threshold:g}"
        found = alike_in_parts(self._job, stage, self._tables("inputs"), self._text_offsets, threshold)
        return Join(method, found.pairs, lambda: found.skew)

    def inputs_between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
        """See `Corpus`."""
        return self._between("inputs", self._text_offsets, left, right, threshold)

    def outputs_between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
        """See `Corpus`."""
        return self._between("outputs", self._output_offsets, left, right, threshold)

    def alike_outputs(self, outputs: np.ndarray, threshold: float) -> Iterator[AlikePairs]:
        """See `Corpus`."""
        for found in self._between("outputs", self._output_offsets, outputs, outputs, threshold):
            yield found.take(np.flatnonzero(found.left < found.right))

    def _between(
        self, name: str, offsets: np.ndarray, left: np.ndarray, right: np.ndarray, threshold: float
    ) -> Iterator[AlikePairs]:
        sides = []
        for numbers in (left, right):
            side = np.zeros(int(offsets[-1]), bool)
            side[numbers] = True
            sides.append(side)
        # The same search has the same name in every run of one job.
        mark = hashlib.sha256(np.packbits(np.concatenate(sides)).tobytes()).hexdigest()[:8]
        stage = f"search {name} {mark}"
        return across_in_parts(self._job, stage, self._tables(name), offsets, sides[0], sides[1], threshold)

    def _tables(self, name: str) -> list[Table]:
        return [Table(f"distinct {name}", bucket, "texts") for bucket in range(self._buckets)]

    def _numbered(self, keys: pl.Series, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The number of each row's text, and the first number of each bucket with the count of all behind them."""
        parts = [self._job.read([table], columns=["key"])["key"] for table in self._tables(name)]
        offsets = np.concatenate(([0], np.cumsum([len(part) for part in parts], dtype=np.int64)))
        known = pl.concat(parts).to_frame("key").with_row_index("number")
        found = keys.to_frame("key").join(known, on="key", how="left", maintain_order="left")
        return found["number"].to_numpy().astype(np.int64), offsets

    def _facts(self, rows: np.ndarray, what: str) -> np.ndarray:
        known = self._known[what]
        return np.array([known.setdefault(key, len(known)) for key in self._look_up(rows, what)], np.int64)

    def _look_up(self, rows: np.ndarray, what: str) -> list[str]:
        """What is asked of these rows, each part asked once."""
        once, place = np.unique(rows, return_inverse=True)
        bounds = np.searchsorted(once, self._starts)
        tasks = [
            Task(
                "look up", part, look_up, {"pairs": [Table("measure", part, "pairs")]},
                parameters={
                    "rows": (once[a:b] - self._starts[part]).tolist(), "what": what, "identifiers": self._identifiers,
                },
                columns=LOOKED_AT[what],
            )
            for part, (a, b) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
            if a < b
        ]  # fmt: skip
        found = [result.tables["found"]["found"] for result in self._job.ask(tasks)]
        return pl.concat(found).gather(place).to_list() if found else []
