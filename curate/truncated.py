"""Outputs that seem to end too early: an open bracket or fence, a word that asks for more, no mark where others have one."""

from collections.abc import Mapping

import polars as pl

__all__ = ["MARKED", "SIGNS", "ending_signs", "endings", "telling_signs"]

SIGNS = (
    "a code fence is not closed",
    "what it opens is not closed",
    "it stops where more must come",
    "it stops without a mark, unlike the others",
)
MARKED = "it ends with a mark"

_LAST = 60  # characters of the end that are shown
_HABIT = 0.05  # an ending that more outputs have is the habit of these data, no accident
_MARKED = 0.95  # outputs with a mark at the end; below it, prose without one is nothing special
_FEW = 20  # outputs; fewer have no habit

_END = pl.col("end")
_OPEN_FENCE = pl.col("output").str.count_matches(r"(?m)^\s*```") % 2 == 1
# The last bracket opens, behind a word or a space as in prose; not the mouth of `:(`.
_OPEN_BRACKET = _END.str.contains(r"(?:\w|\s|\A)[(\[{][^()\[\]{}]*\z") & ~_END.str.contains(r"[:;=]['-]?[(\[{]\s*\z")
_OPEN_OBJECT = _END.str.contains(r'\A\s*(?:\{\s*"|\[\s*[\[{"])') & ~_END.str.contains(r"[}\]][;,.)`]*\z")
_ASKS_FOR_MORE = _END.str.contains(r"(?:\w,|\s[&–—-]|[a-z]{3}-|\b(?:and|or|nor|the|an|und|oder|der|das|et|ou))\z")
_MARK = _END.str.contains(r"[.!?…:;。！？।؟\p{Pe}\p{Pf}\p{So}\"'*_`~|>=-]\z")
# A list, a table, code, a heading or a signature ends without a mark as a matter of course.
_NO_SENTENCE = pl.col("last_line").str.contains(
    r"\A\s*(?:[-*+•–|#>$@}]|\d+[.)]|\s{2}\S|https?://)|[<={}/\\|]|https?://"
) | (pl.col("output").str.contains(r"\n") & (pl.col("last_line").str.count_matches(r"\S+") <= 4))
_SENTENCE = pl.col("last_line").str.count_matches(r"\S+") > 5


def ending_signs(outputs: pl.Series) -> pl.DataFrame:
    """Which signs of being cut off each output shows: a boolean column per sign of `SIGNS`, and `MARKED`.

    Whether a sign tells anything depends on what the other outputs do: `telling_signs`.
    """
    signs = (_OPEN_FENCE, _OPEN_OBJECT | _OPEN_BRACKET, _ASKS_FOR_MORE, _SENTENCE & ~_NO_SENTENCE & ~_MARK)
    frame = _ends(outputs).with_columns(last_line=_END.str.extract(r"([^\n]*)\z", 1))
    return frame.select(*(sign.alias(said) for said, sign in zip(SIGNS, signs, strict=True)), _MARK.alias(MARKED))


def telling_signs(counts: Mapping[str, int], rows: int) -> list[str]:
    """The signs that tell a cut-off output among so many, where `counts` has each sign's outputs and those `MARKED`."""
    *plain, unmarked = SIGNS
    told = [sign for sign in plain if rows < _FEW or counts[sign] / rows <= _HABIT]
    return [*told, unmarked] if rows >= _FEW and counts[MARKED] / rows >= _MARKED else told


def endings(outputs: pl.Series) -> pl.DataFrame:
    """The end of each output as it is shown: found, start, end (code points, end excluded)."""
    length = _END.str.len_chars().cast(pl.Int64)
    return _ends(outputs).select(found=_END.str.tail(_LAST), start=pl.max_horizontal(length - _LAST, 0), end=length)


def _ends(outputs: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"output": outputs.fill_null("")}).with_columns(end=pl.col("output").str.strip_chars_end())
