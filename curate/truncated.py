"""Outputs that seem to end too early: an open bracket or fence, a word that asks for more, no mark where others have one."""

import polars as pl

__all__ = ["truncated_places"]

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


def truncated_places(outputs: pl.Series) -> pl.DataFrame:
    """Outputs that seem cut off: index, found (their end), start, end, why. Judged beside what the other outputs do."""
    frame = pl.DataFrame({"output": outputs.fill_null("")}).with_row_index()
    frame = frame.with_columns(end=pl.col("output").str.strip_chars_end()).with_columns(
        last_line=_END.str.extract(r"([^\n]*)\z", 1)
    )
    signs = {
        "a code fence is not closed": _OPEN_FENCE,
        "what it opens is not closed": _OPEN_OBJECT | _OPEN_BRACKET,
        "it stops where more must come": _ASKS_FOR_MORE,
    }
    flags = frame.select(
        *(sign.alias(why) for why, sign in signs.items()), ends=_MARK, prose=_SENTENCE & ~_NO_SENTENCE & ~_MARK
    )
    kept = [why for why in signs if not _habit(flags[why])]
    prose = flags["prose"]
    if _share(flags["ends"]) >= _MARKED and len(flags) >= _FEW:
        flags = flags.with_columns(prose.alias(said := "it stops without a mark, unlike the others"))
        kept.append(said)
    if not kept:
        return pl.DataFrame(schema=_SCHEMA)
    first = pl.coalesce(pl.when(pl.col(why)).then(pl.lit(why)) for why in kept)
    length = _END.str.len_chars().cast(pl.Int64)
    return frame.with_columns(flags.select(why=first)).filter(pl.col("why").is_not_null()).select(
        "index", found=_END.str.tail(_LAST), start=pl.max_horizontal(length - _LAST, 0), end=length, why="why"
    )  # fmt: skip


_SCHEMA = {"index": pl.UInt32, "found": pl.String, "start": pl.Int64, "end": pl.Int64, "why": pl.String}


def _habit(flag: pl.Series) -> bool:
    return len(flag) >= _FEW and _share(flag) > _HABIT


def _share(flag: pl.Series) -> float:
    return int(flag.sum()) / max(1, len(flag))
