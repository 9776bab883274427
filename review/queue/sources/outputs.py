"""Test pairs where the output of the tuned model keeps every rule and is unlike the reference."""

from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from rapidfuzz import fuzz, process

from ....core import damage, open_stored, read_stored_table, stored_line
from ....evaluate.results import Results
from .entries import as_entries, entries_of

_UNLIKE = 0.6  # share of the letters that two texts have in the same order, below which they are unlike
_MOST, _FEWEST = 0.2, 20  # share of the tested pairs at most, of few pairs this many: free texts are all unlike
_SCHEMA = {
    "id": pl.String, "variant": pl.String, "sample": pl.Int64, "output": pl.String, "acceptable": pl.Boolean
}  # fmt: skip
_LINE_FEED = 10
_KIND = "evaluate/outputs.jsonl"


class Outputs:
    """The outputs that a run was evaluated on, each known by the number of its line."""

    def __init__(self, run: Path) -> None:
        self.file = run / "evaluate" / "outputs.jsonl"

    def at(self, line: int) -> str:
        """The output of a line, counted from 0. Raises: DataError if there is none by now."""
        try:
            with open_stored(self.file, _KIND) as lines:
                lines.seek(self._starts[line])
                return stored_line(lines.readline(), _KIND, path=self.file, number=line + 1)["output"] or ""
        except (OSError, IndexError, ValueError):
            raise damage(self.file, _KIND, "it changed meanwhile") from None

    def of(self, variant: str) -> pl.DataFrame:
        """The first output of a variant for each pair: `id, output, acceptable, line`."""
        table = read_stored_table(self.file, _KIND, _SCHEMA)
        first = (pl.col("variant") == variant) & (pl.col("sample").fill_null(0) == 0)
        return table.with_row_index("line").filter(first)

    @cached_property
    def _starts(self) -> np.ndarray:
        """The byte at which each line begins."""
        ends = np.flatnonzero(np.memmap(self.file, dtype=np.uint8, mode="r") == _LINE_FEED)
        return np.concatenate(([0], ends + 1))


def unlike(run: Path, results: Results | None, test: pl.DataFrame, outputs: Outputs) -> pl.DataFrame:
    """Test pairs (`row, id, output, reference_ok`) with a good reference and another output that is acceptable.

    The least similar come first. Only the candidate's outputs count. Pairs that were given for the evaluation alone are
    not in the data, so nothing can be decided about them.
    """
    compared = None if results is None else results.comparison
    candidate = None if compared is None else compared.candidate
    if candidate is None or (run / "evaluate" / "pairs.jsonl").is_file():
        return entries_of([])
    good = outputs.of(candidate).filter(pl.col("acceptable") & (pl.col("output") != ""))
    tested = test.join(good.select("id", "line", given="output"), on="id", maintain_order="left")
    texts = (tested.select(_plain(pl.col(name))).to_series().to_list() for name in ("output", "given"))
    similarity = process.cpdist(*texts, scorer=fuzz.ratio, dtype=np.float32, workers=1) / 100
    apart = tested.with_columns(score=pl.Series(similarity, dtype=pl.Float64))
    apart = apart.filter("reference_ok", pl.col("score") < _UNLIKE).sort("score", "row")
    apart = apart.head(max(_FEWEST, int(_MOST * len(tested))))
    return as_entries(
        apart.select(
            "row", "id", "score", key=pl.col("row").cast(pl.String), file=pl.lit("test"), other="row", other_id="id",
            other_file=pl.lit("test"), other_line="line",
            evidence=pl.Series([_evidence(candidate, score) for score in apart["score"]], dtype=pl.String),
        )
    )  # fmt: skip


def _evidence(candidate: str, similarity: float) -> str:
    return f'The output of "{candidate}" keeps every rule; its similarity to the reference is {similarity:.2f}.'


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
