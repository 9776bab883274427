"""One pair that shows the style: the good example of a guide."""

import polars as pl

from .check import check_outputs
from .schema import StyleSchema

__all__ = ["good_example"]


def good_example(pairs: pl.DataFrame, style: StyleSchema) -> tuple[str, str] | None:
    """Input and output of the pair that breaks no rule, shows as many as possible, and has the median length.

    The order of the rows does not matter. None where every pair breaks a rule.
    """
    status = check_outputs(pairs, style).status
    names = status.columns
    table = pairs.select("input", "output").with_columns(
        good=status.select(g=pl.all_horizontal(pl.col(names).is_in(["pass", "not applicable"])))["g"]
        if names
        else True,
        shows=status.select(n=pl.sum_horizontal(pl.col(names) == "pass"))["n"] if names else 0,
    )
    good = table.filter("good").filter(pl.col("shows") == pl.col("shows").max())
    if not len(good):
        return None
    ranked = good.sort(pl.col("output").str.len_chars(), "output", "input")
    return ranked.select("input", "output").row((len(ranked) - 1) // 2)
