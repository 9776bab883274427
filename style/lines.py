"""What a whole column of texts is made of: its lines, with their places."""

import polars as pl

__all__ = ["mostly_json", "text_lines"]

# A line that opens or closes a block of code (CommonMark).
_FENCE = r"^ {0,3}(?:```|~~~)"


def text_lines(texts: pl.Series) -> pl.DataFrame:
    """Every line of every text: `index`, `line` (without its end), `start` (code points), `fenced`.

    A line ends at a line feed; a carriage return before it belongs to the end. `fenced` lines are inside a block of
    code, so a `#` or `-` there is no heading and no list item.
    """
    frame = pl.DataFrame({"line": texts.rename("line").str.split("\n")}).with_row_index().explode("line")
    before = (pl.col("line").str.len_chars().cast(pl.Int64) + 1).cum_sum().shift(1, fill_value=0)
    fence = pl.col("line").str.contains(_FENCE)
    frame = frame.with_columns(start=before)  # counted through the column, then from each text's own beginning
    frame = frame.with_columns(start=pl.col("start") - pl.col("start").first().over("index"))
    if frame.select(fence.any()).item():
        frame = frame.with_columns(fenced=fence | (fence.cum_sum().over("index") % 2 == 1))
    else:
        frame = frame.with_columns(fenced=pl.lit(False))
    return frame.with_columns(pl.col("line").str.strip_suffix("\r"))


def mostly_json(texts: pl.Series) -> bool:
    """Whether half of the texts look like JSON: their words, marks and capitals are no style of writing."""
    return bool(len(texts)) and float(texts.str.contains(r"^\s*[\[{]").mean() or 0) >= 0.5  # type: ignore[arg-type]
